"""The meshes and access points that can be heard. All of it was sent by strangers: lengths, types and text are checked,
names are shown with everything that a terminal would act on written out."""

import errno
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from byzwizard import beacon
from byzwizard.backends.printable import printable_bytes
from byzwizard.backends.system import System
from byzwizard.backends.waiting import check_stop
from byzwizard.errors import ByzantiumError, CannotHere, StepFailed
from byzwizard.i18n import _
from byzwizard.keys import LEGACY_CELL
from byzwizard.machine import Hub, Machine, Radio
from byzwizard.values import mesh_name

if TYPE_CHECKING:
    from byzwizard.backends.nl80211 import Heard, Interface

# IEEE 802.11 element ids and capability bits.
SSID, RSN, MESH_CONFIGURATION, MESH_ID, VENDOR = 0, 48, 113, 114, beacon.VENDOR
ESS, AD_HOC, PRIVACY = 0x0001, 0x0002, 0x0010
WPA = bytes.fromhex("0050f201")
OLD_CELL = bytes.fromhex(LEGACY_CELL.replace(":", ""))
MOST = 500  # networks; more is an attack, or a stadium
SCAN_PATIENCE = 60.0  # seconds for one scan; 5 on real cards, more on a simulated radio of a busy machine
BUSY_PATIENCE = 20.0  # seconds for a scan that somebody else has under way
SCANNING_TYPES = {"managed", "mesh point", "ibss", "p2p-client"}

Kind = Literal["mesh", "ibss", "ap"]
Security = Literal["public", "private", "open"]

SUFFIXES: dict[str, Security] = {"~pub": "public", "~prv": "private", "~opn": "open"}


@dataclass(frozen=True)
class Network:
    """One name on one channel, however many stations send it; `signal_dbm` is the strongest. `secured`: one needs a
    passphrase (a public Byzantium mesh is encrypted, and needs none). `security` is told of Byzantium meshes alone,
    `bssid` of the cell of an old Byzantium, which is known by it."""

    kind: Kind
    name: str
    signal_dbm: float | None
    channel: int | None
    secured: bool
    byzantium: bool
    security: Security | None = None
    bssid: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "bssid" or value is not None}


def scan(system: System, machine: Machine, only: str | None = None) -> list[Network]:
    """Listens on every radio that can, or on `only`; needs root. Takes 2 to 10 seconds. Raises CannotHere when no
    radio can listen, StepFailed when all that were tried failed."""
    radios = [radio for radio in machine.radios if radio.interface and (only is None or radio.interface == only)]
    if not radios:
        raise CannotHere(_("There is no radio {name} here.").format(name=only) if only
                         else _("There is no radio here that could listen."), _("`byzwizard inspect` shows them."))
    blocked = [radio for radio in radios if radio.rfkill.hard or radio.rfkill.soft]
    usable = [radio for radio in radios if radio not in blocked]
    if not usable:
        raise CannotHere(_("Wi-Fi is switched off on {names}.").format(
            names=", ".join(radio.interface or "" for radio in blocked)),
            _("Switch it on (a switch, a key, or `rfkill unblock wlan`) and scan again."))
    with ThreadPoolExecutor(max_workers=len(usable), thread_name_prefix="scan") as pool:
        tries = [(radio, pool.submit(listen, system, radio)) for radio in usable]
        networks: list[Network] = []
        faults: list[ByzantiumError] = []
        for _radio, future in tries:
            try:
                networks += future.result()
            except ByzantiumError as fault:
                faults.append(fault)
    if len(faults) == len(tries):
        raise faults[0]
    return strongest(networks)


def listen(system: System, radio: Radio) -> list[Network]:
    return networks_of(hear(system, radio))


def hear(system: System, radio: Radio) -> "list[Heard]":
    """On one radio, on the interface that it has now; one that is down is up for this while."""
    from byzwizard.backends import nl80211

    wiphys, interfaces = nl80211.survey()
    index = next((wiphy.index for wiphy in wiphys if wiphy.name == radio.phy), None)
    interface = _listener([found for found in interfaces if found.wiphy == index])
    if interface is None:
        raise CannotHere(_("{name} serves phones now and cannot listen.").format(name=radio.interface))
    up = _is_up(system, interface.name)
    if not up:
        _command(system, radio, "ip", "link", "set", "dev", interface.name, "up")
    try:
        _trigger(radio, interface.ifindex)
        return nl80211.heard(interface.ifindex)
    finally:
        if not up:
            system.run("ip", "link", "set", "dev", interface.name, "down", ok=range(256))


def _listener(interfaces: "list[Interface]") -> "Interface | None":
    return next((found for found in interfaces if found.kind in SCANNING_TYPES), None)


def _trigger(radio: Radio, ifindex: int) -> None:
    """The empty mesh ID asks every mesh to answer at once (some send a beacon only each second); what firmware does
    not take it scans without. Meshes are on 2.4 and 5 GHz: the many channels of 6 GHz are left out.
    """
    mhz = [channel.mhz for channel in radio.numbered if "disabled" not in channel.flags]
    deadline = time.monotonic() + BUSY_PATIENCE
    code = _scan_once(radio, ifindex, mhz, bytes([MESH_ID, 0]), deadline)
    if code in {errno.EINVAL, errno.EOPNOTSUPP}:
        code = _scan_once(radio, ifindex, mhz, b"", deadline)
    if code in {errno.EPERM, errno.EACCES}:
        raise CannotHere(_("Only root can scan."), _("Run the command with sudo."))
    if code not in {0, errno.EBUSY}:
        raise _failed(radio, os.strerror(code))


def _scan_once(radio: Radio, ifindex: int, mhz: list[int], elements: bytes, deadline: float) -> int:
    """An errno, 0 when it was done. Still busy at the deadline: another program scans without end, and its results do
    as well."""
    from byzwizard.backends import nl80211

    while True:
        try:
            code = nl80211.trigger_scan(ifindex, mhz, elements, SCAN_PATIENCE)
        except TimeoutError:
            raise _failed(radio, _("the scan did not end within {seconds:.0f} s").format(
                seconds=SCAN_PATIENCE)) from None
        if code not in {errno.EBUSY, errno.ECANCELED} or time.monotonic() > deadline:
            return code
        check_stop()
        time.sleep(0.2)


def _failed(radio: Radio, why: str) -> StepFailed:
    return StepFailed(_("{name} could not listen: {why}").format(name=radio.interface, why=why),
                      _("Try again, or `byzwizard inspect` to see what is wrong with it."))


def _command(system: System, radio: Radio, *argv: str) -> None:
    done = system.run(*argv, ok=range(256), timeout=10)
    _explain(radio, done.status, done.err)


def _explain(radio: Radio, status: int, said: str) -> None:
    if status == 0:
        return
    last = (said.strip() or str(status)).splitlines()[-1]
    if "RF-kill" not in last and ("ermitted" in last or "ermission" in last):
        raise CannotHere(_("Only root can scan."), _("Run the command with sudo."))
    raise _failed(radio, printable_bytes(last.encode()))


def _is_up(system: System, name: str) -> bool:
    return bool(int(system.read(f"/sys/class/net/{name}/flags") or "0", 16) & 1)


def networks_of(heard: "Iterable[Heard]") -> list[Network]:
    found: list[Network] = []
    for one in heard:
        if len(found) >= MOST:
            break
        network = network_of(one)
        if network is not None:
            found.append(network)
    return found


def network_of(one: "Heard") -> Network | None:
    """None for what is neither mesh, ad-hoc network nor access point."""
    from byzwizard.backends.nl80211 import channel_number

    elements = dict(reversed(list(elements_of(one.elements))))  # the first of a kind counts
    kind: Kind
    if MESH_ID in elements and not one.capability & (ESS | AD_HOC):
        kind, raw = "mesh", elements[MESH_ID]
    elif one.capability & AD_HOC:
        kind, raw = "ibss", elements.get(SSID, b"")
    elif one.capability & ESS:
        kind, raw = "ap", elements.get(SSID, b"")
    else:
        return None
    secured = RSN in elements or bool(one.capability & PRIVACY) or _has_wpa(one.elements)
    if kind == "mesh":  # byte 4 of the configuration is the authentication: 0 none, 1 SAE, 2 802.1X
        secured = elements.get(MESH_CONFIGURATION, b"")[4:5] not in {b"", b"\0"}
    name, suffix = byzantium_name(raw) if kind != "ap" else (None, "")
    if kind == "ibss" and not secured and one.bssid == OLD_CELL and (old := _mesh_name(raw)) is not None:
        return Network(kind, old, one.signal_dbm, channel_number(one.mhz), False, True, "open", LEGACY_CELL)
    if name is None:
        ours = kind == "ap" and element_of(one) is not None
        return Network(kind, _shown(raw), one.signal_dbm, channel_number(one.mhz), secured, ours)
    return Network(kind, name, one.signal_dbm, channel_number(one.mhz), suffix == "~prv", True,
                   SUFFIXES[suffix])


def element_of(one: "Heard") -> bytes | None:
    """What a Byzantium access point says of itself."""
    return next((content for number, content in elements_of(one.elements)
                 if number == VENDOR and beacon.is_ours(content)), None)


def hub_of(one: "Heard", phy: str) -> Hub | None:
    """A Byzantium access point with a name, as something that a station could join."""
    network, element = network_of(one), element_of(one)
    ssid = next((content for number, content in elements_of(one.elements) if number == SSID), b"")
    if network is None or network.kind != "ap" or element is None or len(ssid) > 32 or not ssid.strip(b"\0"):
        return None
    return Hub(phy=phy, ssid=ssid.hex(), element=element.hex(), mhz=one.mhz, signal_dbm=one.signal_dbm,
               secured=network.secured)


def byzantium_name(raw: bytes) -> tuple[str | None, str]:
    """("relief", "~pub") of b"relief~pub"; (None, "") for what no node of ours would send."""
    suffix = raw[-4:].decode(errors="replace")
    name = _mesh_name(raw[:-4]) if suffix in SUFFIXES else None
    return (name, suffix) if name is not None else (None, "")


def _mesh_name(raw: bytes) -> str | None:
    """None for what could not stand in an answers file."""
    try:
        return mesh_name(raw.decode())
    except ValueError:
        return None


def elements_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each element; stops where one claims more than there is."""
    at = 0
    while at + 2 <= len(data):
        number, length = data[at], data[at + 1]
        content = data[at + 2:at + 2 + length]
        if len(content) < length:
            return
        yield number, content
        at += 2 + length


def strongest(networks: Iterable[Network]) -> list[Network]:
    """One of each name, kind and channel; meshes first, ours before others, strong before weak."""
    best: dict[tuple[object, ...], Network] = {}
    for network in networks:
        key = (network.kind, network.name, network.channel, network.secured, network.byzantium, network.security)
        if key not in best or (network.signal_dbm or -200) > (best[key].signal_dbm or -200):
            best[key] = network
    order = {"mesh": 0, "ibss": 1, "ap": 2}
    return sorted(best.values(), key=lambda one: (
        not one.byzantium, order[one.kind], -(one.signal_dbm or -200), one.name))


def _has_wpa(data: bytes) -> bool:
    return any(number == VENDOR and content.startswith(WPA) for number, content in elements_of(data))


def _shown(raw: bytes) -> str:
    """A hidden network sends no name, or as many zeros."""
    return "" if not raw.strip(b"\0") else printable_bytes(raw[:32], 128)
