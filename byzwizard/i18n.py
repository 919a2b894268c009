"""All text for people goes through `_`; the language is chosen once per process."""

import gettext
import os
from collections.abc import Callable
from pathlib import Path

LOCALE = Path(__file__).parent / "assets" / "locale"

_current: gettext.NullTranslations = gettext.NullTranslations()


def use(language: str) -> None:
    """Switch to `language` (ISO 639, as in `node.language`); text without a translation stays English."""
    global _current
    _current = gettext.translation("byzwizard", LOCALE, [language], fallback=True)


def wished() -> str:
    """The language that the environment names (locale(7)); empty where it says nothing."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    said = next(filter(None, map(os.environ.get, names)), "").partition(":")[0].partition(".")[0]
    return "" if said in ("C", "POSIX") else said


def _(text: str) -> str:
    return _current.gettext(text)


def ngettext(one: str, many: str, n: int) -> str:
    return _current.ngettext(one, many, n)


def N_(text: str) -> str:
    """Marks a text that is stored in English and goes through `_` when it is shown."""
    return text


def languages() -> list[str]:
    """Those that there is a translation for, and English."""
    return sorted({"en", *(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/byzwizard.mo"))})


def speaker(language: str) -> Callable[[str], str]:
    """`_` for one language, whatever the process speaks: for pages that go out in several."""
    return gettext.translation("byzwizard", LOCALE, [language], fallback=True).gettext
