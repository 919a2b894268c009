"""The console's font: every glyph that the screens use is in it, and a QR code has no gaps."""

import ast
import struct
from pathlib import Path

import pytest

from byzwizard.screens import palette

FONT = Path(palette.__file__).parents[1] / "assets" / "font" / "byzantium.psf"
SCREENS = Path(palette.__file__).parent
ROWS = 16


@pytest.fixture(scope="module")
def font() -> dict[int, tuple[int, bytes]]:
    """Code point to slot and dots."""
    data = FONT.read_bytes()
    assert data[:4] == b"\x36\x04\x02\x10"  # PSF1, 256 glyphs with a table, 16 rows
    found: dict[int, tuple[int, bytes]] = {}
    slot = 0
    for (unit,) in struct.iter_unpack("<H", data[4 + 256 * ROWS :]):
        if unit == 0xFFFF:
            slot += 1
        else:
            assert unit not in found or found[unit][0] == slot, f"{chr(unit)} stands in two slots"
            found[unit] = (slot, data[4 + slot * ROWS : 4 + (slot + 1) * ROWS])
    assert slot == 256
    return found


def test_every_glyph_of_the_screens_is_there(font: dict[int, tuple[int, bytes]]) -> None:
    assert not [glyph for glyph in palette.GLYPHS if ord(glyph) not in font]


def test_every_character_of_the_pages_is_there(font: dict[int, tuple[int, bytes]]) -> None:
    for path in sorted(SCREENS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                missing = {char for char in node.value if ord(char) > 0x7F and ord(char) not in font}
                assert not missing, f"{path.name}: {missing}"


def test_what_is_translated_into_can_be_written(font: dict[int, tuple[int, bytes]]) -> None:
    for char in "äöüÄÖÜßéèêëçàâîïôûùñÑ¡¿áíóúãõÃÕìòåÅøØæÆºª·«»“”„‘’–—…€£§°±×÷":
        assert ord(char) in font, char


def test_blocks_are_whole_and_stand_where_the_ninth_column_is_repeated(font: dict[int, tuple[int, bytes]]) -> None:
    dots = {"█": bytes([0xFF] * 16), "▀": bytes([0xFF] * 8 + [0] * 8), "▄": bytes([0] * 8 + [0xFF] * 8)}
    for char, wanted in dots.items():
        slot, found = font[ord(char)]
        assert found == wanted, char
        assert 0xC0 <= slot <= 0xDF, char
    for char in "▌▐▓░─└┘":
        assert 0xC0 <= font[ord(char)][0] <= 0xDF or char == "┘", char


def test_marks_differ(font: dict[int, tuple[int, bytes]]) -> None:
    marks = "✓✗●○▶◀▲▼!x*>"
    assert len({font[ord(char)][1] for char in marks}) == len(marks)
