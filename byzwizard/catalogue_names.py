"""The names of services: those of the descriptors in assets/services."""

import difflib
import re
from functools import cache
from pathlib import Path

from byzwizard import values
from byzwizard.i18n import _

_UNIT = re.compile(r"^unit: (byz-[a-z0-9-]+\.service)$", re.MULTILINE)
DESCRIPTORS = Path(__file__).parent / "assets" / "services"
FILES = "/run/byzantium/services"  # a folder for the configuration of each service


@cache
def names() -> tuple[str, ...]:
    """Descriptors belong to the program, so they do not change while it runs."""
    return tuple(sorted(path.stem for path in DESCRIPTORS.glob("*.yaml")))


@cache
def units() -> dict[str, str]:
    """The unit of each service that there is: its line of the descriptor, for a node that runs none and need not read
    the rest."""
    lines = {path.stem: _UNIT.search(path.read_text(encoding="utf-8")) for path in sorted(DESCRIPTORS.glob("*.yaml"))}
    return {name: line[1] for name, line in lines.items() if line}


def known(text: str) -> str:
    """A service that there is. Raises BadValue naming the nearest."""
    values.service_name(text)
    if text in names():
        return text
    near = difflib.get_close_matches(text, names(), 1)
    raise values.BadValue(
        _("There is no service “{name}”.").format(name=text),
        _("Did you mean {text}?").format(text=near[0])
        if near
        else _("There are: {names}.").format(names=", ".join(names())),
    )
