"""What radios hear of Byzantium access points before it is decided which part they take in the mesh (ladder.py)."""

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import TypeAdapter

from byzwizard.answers import Answers
from byzwizard.backends import interfaces, scan
from byzwizard.backends.links import folders
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Invalid
from byzwizard.i18n import _
from byzwizard.ladder import listeners
from byzwizard.machine import Hub, Machine, Radio

HUBS = TypeAdapter(tuple[Hub, ...])
MOST = 32  # of one radio, the strongest; more is an attack


def listened(system: System, answers: Answers, machine: Machine) -> Machine:
    """The machine with what its radios hear now, where that matters; needs root, takes 2 to 10 seconds. A radio that
    cannot listen (it is switched off, or is an access point already, which it then stays) hears nobody."""
    radios = listeners(answers, machine)
    return machine.model_copy(update={"heard": hubs(system, radios)}) if radios else machine


def hubs(system: System, radios: Sequence[Radio]) -> tuple[Hub, ...]:
    awake, own = [radio for radio in radios if not radio.rfkill.soft], _own(system)
    with ThreadPoolExecutor(max_workers=max(1, len(awake)), thread_name_prefix="hearing") as pool:
        return tuple(hub for found in pool.map(lambda radio: _hubs(system, radio, own), awake) for hub in found)


def written(found: Sequence[Hub]) -> str:
    return HUBS.dump_json(tuple(found)).decode()


def read(text: str) -> tuple[Hub, ...]:
    """What `written` wrote. Raises Invalid."""
    try:
        return HUBS.validate_json(text)
    except ValueError as fault:
        raise Invalid(_("What was heard cannot be read: {why}").format(why=fault)) from fault


def _own(system: System) -> set[str]:
    """The addresses of this node's radios, whose own access points lead nowhere."""
    names = [folder.name for folder in folders(system, "/sys/class/net")]
    return {interfaces.mac(system, name) or "" for name in names if interfaces.phy_of(system, name) is not None}


def _hubs(system: System, radio: Radio, own: Container[str]) -> list[Hub]:
    try:
        heard = scan.hear(system, radio)
    except ByzantiumError:
        return []
    others = (one for one in heard if one.bssid.hex(":") not in own)
    found = [hub for one in others if (hub := scan.hub_of(one, radio.phy)) is not None]
    return sorted(found, key=lambda hub: -(hub.signal_dbm if hub.signal_dbm is not None else -200))[:MOST]
