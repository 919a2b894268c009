"""Translations: each keeps the places and the plurals of its text, and fits what the console can draw."""

import gettext
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parents[2] / "assets" / "locale"
# What the console's font of 256 glyphs can show: Latin 9, and the signs that our pages use.
LETTERS = frozenset(bytes(range(32, 256)).decode("iso8859-15")) | frozenset("\n…“”’✓✗●▶×·–")
LANGUAGES = sorted(LOCALE.glob("*/LC_MESSAGES/byzwizard.po"))


def places(text: str) -> list[str]:
    """{name} and {name:.1f}, and what stands in backticks: commands are not translated."""
    return sorted(re.findall(r"\{[^{}]*\}|`[^`]*`", text))


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parts[-3])
def test_nothing_is_lost_in_translation(path: Path) -> None:
    catalog = read_po(BytesIO(path.read_bytes()), locale=path.parts[-3])
    assert catalog.num_plurals == 2
    for message in catalog:
        if not message.id or not message.string or not any(message.string):
            continue
        assert not message.fuzzy, message.id
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        targets = [message.string] if isinstance(message.string, str) else list(message.string)
        assert len(sources) == len(targets), message.id
        for source, target in zip(sources, targets, strict=True):
            assert places(source) == places(target), source
            assert source[:1].isspace() == target[:1].isspace(), source
            assert source[-1:].isspace() == target[-1:].isspace(), source
            assert source.count("\n") == target.count("\n"), source
            assert set(target) <= LETTERS, set(target) - LETTERS


def test_the_languages_that_were_promised() -> None:
    assert {path.parts[-3] for path in LANGUAGES} >= {"de", "es", "fr"}


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parts[-3])
def test_what_the_program_reads_of_it(path: Path) -> None:
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(path.read_bytes()), locale=path.parts[-3]))
    compiled.seek(0)
    spoken = gettext.GNUTranslations(compiled)
    assert spoken.gettext("Welcome") != "Welcome"
    many = "This node works, with {n} neighbours"
    assert spoken.ngettext("This node works, with {n} neighbour", many, 2) not in {"", many}
