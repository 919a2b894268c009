"""The names of services: those of the descriptors in assets/services."""

import difflib
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from byzwizard import values
from byzwizard.i18n import _, languages, speaker

UNIT = r"byz-[a-z0-9-]+\.service"
UNIT_LINE = re.compile(rf"^unit: ({UNIT})$", re.MULTILINE)
TITLE_LINE = re.compile(r"^title: (\S.*)$", re.MULTILINE)
OF_THE_NODE = frozenset(f"byz-{name}.service" for name in (
    "ahcp", "air", "alert", "announce", "babel", "certificate", "clock", "dnsmasq", "gateway", "island", "lease",
    "listen", "move", "names", "node", "offer", "olsr", "plugged", "radio", "seed", "ssh", "tend", "tls", "traffic",
    "web"))
"""Units that are no service's: what is not chosen is stopped."""
DESCRIPTORS = Path(__file__).parent / "assets" / "services"
HOME = "/var/lib/byzantium/services"  # a folder for the data of each service
FILES = "/run/byzantium/services"  # a folder for the configuration of each service


@cache
def names() -> tuple[str, ...]:
    """Descriptors belong to the program, so they do not change while it runs."""
    return tuple(sorted(path.stem for path in DESCRIPTORS.glob("*.yaml")))


def texts() -> dict[str, str]:
    """The descriptors by name, for those who look for one line and need not read the rest; what is no text is none of
    theirs, and one that cannot be read is missing: the catalogue says so."""
    found = {}
    for name in names():
        with suppress(OSError):
            found[name] = (DESCRIPTORS / f"{name}.yaml").read_text(encoding="utf-8", errors="replace")
    return found


@cache
def units() -> dict[str, str]:
    """The unit of each service that there is, also of broken ones."""
    found = {name: _unit(text) for name, text in texts().items()}
    return {name: unit for name, unit in found.items() if unit}


def _unit(text: str) -> str:
    """Its line, as all of ours have it, else as YAML allows it to be written besides; empty where there is none, or one
    of the node."""
    line = UNIT_LINE.search(text)
    unit = line[1] if line else _written_otherwise(text)
    return unit if isinstance(unit, str) and re.fullmatch(UNIT, unit) and unit not in OF_THE_NODE else ""


def _written_otherwise(text: str) -> object:
    from byzwizard import strictyaml

    said = strictyaml.read(text).data
    return said.get("unit") if isinstance(said, dict) else None


def english() -> dict[str, str]:
    """What each is called, of lines as all of ours have them."""
    return {name: line[1] for name, text in texts().items() if (line := TITLE_LINE.search(text))}


def title(name: str) -> str:
    """What it is called in the language of now."""
    return _(english().get(name, name))


@cache
def titles() -> dict[str, dict[tuple[str, str], str]]:
    """By language, what a service is called in it, by its name and by what any node may call it in its own language. Of
    lines as all of ours have them: others have no translation."""
    found = english()
    spoken = {language: speaker(language) for language in languages()}
    return {language: {(name, told(title)): say(title) for name, title in found.items() for told in spoken.values()}
            for language, say in spoken.items()}


def has_home(name: str, folder: str) -> bool:
    """Is this folder the service's own, or below it? What is kept moves into the store, so that no other may be."""
    return re.fullmatch(rf"{HOME}/{re.escape(name)}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", folder) is not None


def known(text: str) -> str:
    """A service that there is. Raises BadValue naming the nearest."""
    if text in names():
        return text
    called = {**{_(title).lower(): name for name, title in english().items()}, **{name: name for name in names()}}
    near = difflib.get_close_matches(text[:64].lower(), called, 1)
    meant = _("Did you mean {text}?").format(text=called[near[0]]) if near else ""
    try:
        values.service_name(text)
    except values.BadValue as fault:
        raise values.BadValue(fault.message, meant or fault.hint) from None
    raise values.BadValue(
        _("There is no service “{name}”.").format(name=text),
        meant or _("There are: {names}.").format(names=", ".join(names())),
    )
