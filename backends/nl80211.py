"""What nl80211 tells of radios, through pyroute2. Heavy to import: only imported by the functions that need it.

Only the attributes that are used are decoded, by messages of our own: what a driver or a neighbour puts into others
cannot break the reading. The dump is asked for in pieces (SPLIT_WIPHY_DUMP): modern cards do not fit in one message.
Numbers are of include/uapi/linux/nl80211.h.
"""

import asyncio
import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import AsyncGenericNetlinkSocket

from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.machine import Channel, Combination, Limit

GET_WIPHY, GET_INTERFACE, GET_SCAN, TRIGGER_SCAN, NEW_SCAN_RESULTS, SCAN_ABORTED = 1, 5, 32, 33, 34, 35
ANSWER = 30.0  # seconds for an answer of the kernel; it takes milliseconds

# enum nl80211_iftype in the words of `iw`, small.
TYPES = {1: "ibss", 2: "managed", 3: "ap", 4: "ap/vlan", 5: "wds", 6: "monitor", 7: "mesh point", 8: "p2p-client",
         9: "p2p-go", 10: "p2p-device", 11: "outside context of a bss", 12: "nan"}


class Unreadable(CannotHere):
    """nl80211 is not there (no wireless in this kernel or container), or did not answer."""

    def __init__(self, why: object) -> None:
        super().__init__(_("The radios of this computer cannot be asked: {why}.").format(why=why))


class _Types(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = tuple((number, str(number), "flag") for number in range(1, 64))


class _Limit(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "max", "uint32"), (2, "types", "types"))
    types = _Types


class _Combination(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "limits", "*limit"), (2, "total", "uint32"), (4, "channels", "uint32"))
    limit = _Limit


class _Frequency(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "mhz", "uint32"), (2, "disabled", "flag"), (3, "no-ir", "flag"), (5, "radar", "flag"))


class _Band(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "frequencies", "*frequency"),)
    frequency = _Frequency


class _Bss(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "bssid", "cdata"), (2, "mhz", "uint32"), (5, "capability", "uint16"), (6, "elements", "cdata"),
               (7, "signal_mbm", "int32"), (11, "beacon_elements", "cdata"))


class _Frequencies(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = tuple((number, str(number), "uint32") for number in range(1, 256))


class _Ssids(nla):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "1", "cdata"),)


class _Message(genlmsg):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((1, "wiphy", "uint32"), (2, "wiphy_name", "asciiz"), (3, "ifindex", "uint32"), (4, "ifname", "asciiz"),
               (5, "iftype", "uint32"), (22, "bands", "*band"), (32, "modes", "types"), (38, "mhz", "uint32"),
               (42, "probe_elements", "cdata"), (44, "scan_mhz", "frequencies"), (45, "ssids", "ssids"),
               (47, "bss", "bss"), (120, "combinations", "*combination"), (174, "split", "flag"))
    types = _Types
    band = _Band
    combination = _Combination
    bss = _Bss
    frequencies = _Frequencies
    ssids = _Ssids


@dataclass
class Wiphy:
    """One radio, as its driver describes it."""

    index: int
    name: str
    modes: list[str] = field(default_factory=list)
    combinations: list[Combination] = field(default_factory=list)
    channels: dict[int, Channel] = field(default_factory=dict)  # by MHz


@dataclass(frozen=True)
class Interface:
    """A network interface of a radio; `kind` in the words of `iw`, `mhz` None while it is on no channel."""

    ifindex: int
    name: str
    wiphy: int
    kind: str
    mhz: int | None


@dataclass(frozen=True)
class Heard:
    """One network of a scan, with its elements undecoded: they are whatever somebody sent."""

    bssid: bytes
    mhz: int
    capability: int
    signal_dbm: float | None
    elements: bytes


def wiphys() -> list[Wiphy]:
    """Every radio of this network namespace. Raises Unreadable, as all that ask here."""
    return merge_wiphys(_ask((GET_WIPHY, [["split", True]]))[0])


def interfaces() -> list[Interface]:
    """Every interface of a radio, oldest first."""
    return _interfaces(_ask((GET_INTERFACE, []))[0])


def survey() -> tuple[list[Wiphy], list[Interface]]:
    """Both at once."""
    radios, names = _ask((GET_WIPHY, [["split", True]]), (GET_INTERFACE, []))
    return merge_wiphys(radios), _interfaces(names)


def heard(ifindex: int) -> list[Heard]:
    """What the last scan left in the kernel."""
    return [found for message in _ask((GET_SCAN, [["ifindex", ifindex]]))[0]
            if (found := _heard(message.get_attr("bss"))) is not None]


def _ask(*requests: tuple[int, list[list[Any]]]) -> list[list[Any]]:
    """The messages that answer each dump. One event loop for all: pyroute2's own sockets for callers without one start
    the loop anew for each of the hundreds of messages, which takes four times as long."""
    try:
        return asyncio.run(asyncio.wait_for(_dump(requests), ANSWER))
    except TimeoutError as fault:
        raise Unreadable(_("the kernel did not answer")) from fault
    except (NetlinkError, OSError) as fault:
        raise Unreadable(fault) from fault


def trigger_scan(ifindex: int, mhz: Iterable[int], elements: bytes, seconds: float) -> int:
    """Let an interface listen on these frequencies (all that it may, where there are none), sending probe requests with
    these elements, and wait for the end. 0, or the errno with which the kernel refused; ECANCELED when it was broken
    off. Raises TimeoutError after `seconds`, Unreadable.

    `iw scan` does the same, and hangs for good where its buffer of 8 kB is full when the end is announced.
    """
    try:
        return asyncio.run(asyncio.wait_for(_scan(ifindex, list(mhz), elements), seconds))
    except NetlinkError as fault:
        return int(fault.code)
    except TimeoutError:
        raise
    except OSError as fault:
        raise Unreadable(fault) from fault


async def _scan(ifindex: int, mhz: list[int], elements: bytes) -> int:
    attributes: list[list[Any]] = [["ifindex", ifindex], ["ssids", {"attrs": [["1", b""]]}]]
    if mhz:
        attributes.append(["scan_mhz", {"attrs": [[str(at), one] for at, one in enumerate(mhz, 1)]}])
    if elements:
        attributes.append(["probe_elements", elements])
    asking, hearing = AsyncGenericNetlinkSocket(), AsyncGenericNetlinkSocket()
    try:
        await asking.bind("nl80211", _Message)
        await hearing.bind("nl80211", _Message)
        hearing.add_membership("scan")  # before the scan starts, so that its end is not missed
        message = _Message()
        message["cmd"] = TRIGGER_SCAN
        message["attrs"] = attributes
        async for _acknowledged in await asking.nlm_request(
                message, msg_type=asking.prid, msg_flags=NLM_F_REQUEST | NLM_F_ACK):
            pass
        while True:
            async for event in hearing.get():
                if event.get_attr("ifindex") == ifindex and event["cmd"] in {NEW_SCAN_RESULTS, SCAN_ABORTED}:
                    return 0 if event["cmd"] == NEW_SCAN_RESULTS else errno.ECANCELED
    finally:
        asking.close()
        hearing.close()


async def _dump(requests: tuple[tuple[int, list[list[Any]]], ...]) -> list[list[Any]]:
    socket = AsyncGenericNetlinkSocket()
    socket.module_err_level = "debug"  # it logs to standard error where there is no wireless at all
    try:
        await socket.bind("nl80211", _Message)
        answers = []
        for command, attributes in requests:
            message = _Message()
            message["cmd"] = command
            message["attrs"] = attributes
            answers.append([answer async for answer in await socket.nlm_request(
                message, msg_type=socket.prid, msg_flags=NLM_F_REQUEST | NLM_F_DUMP)])
        return answers
    finally:
        socket.close()


def _interfaces(messages: list[Any]) -> list[Interface]:
    found = []
    for message in messages:
        name, ifindex, wiphy = (message.get_attr(key) for key in ("ifname", "ifindex", "wiphy"))
        if name and ifindex is not None and wiphy is not None:  # a P2P device has no network interface
            kind = kind_name(message.get_attr("iftype") or 0)
            found.append(Interface(ifindex, name, wiphy, kind, message.get_attr("mhz")))
    return sorted(found, key=lambda interface: interface.ifindex)


def kind_name(number: int) -> str:
    return TYPES.get(number, f"type {number}")


def channel_number(mhz: int) -> int | None:
    """IEEE 802.11 channel numbers of the 2.4, 5, 6 and 60 GHz bands; None elsewhere."""
    if mhz == 2484:
        return 14
    if mhz == 5935:
        return 2
    for low, high, base, step in ((2412, 2472, 2407, 5), (4910, 4980, 4000, 5), (5000, 5925, 5000, 5),
                                  (5955, 7115, 5950, 5), (58320, 70200, 56160, 2160)):
        if low <= mhz <= high:
            return (mhz - base) // step
    return None


def merge_wiphys(messages: Iterable[Any]) -> list[Wiphy]:
    """The pieces of a split dump put together again; each piece names its radio."""
    found: dict[int, Wiphy] = {}
    for message in messages:
        index = message.get_attr("wiphy")
        if index is None:
            continue
        wiphy = found.setdefault(index, Wiphy(index, message.get_attr("wiphy_name") or f"phy{index}"))
        wiphy.modes += [mode for mode in _types(message.get_attr("modes")) if mode not in wiphy.modes]
        for combination in message.get_attr("combinations") or ():
            wiphy.combinations.append(_combination(combination))
        for band in message.get_attr("bands") or ():
            for frequency in band.get_attr("frequencies") or ():
                _add_channel(wiphy.channels, frequency)
    return [found[index] for index in sorted(found)]


def _types(value: Any) -> list[str]:
    return [kind_name(int(name)) for name, _set in (value["attrs"] if value else ()) if name.isdigit()]


def _combination(value: Any) -> Combination:
    limits = tuple(Limit(max=limit.get_attr("max") or 0, types=tuple(_types(limit.get_attr("types"))))
                   for limit in value.get_attr("limits") or ())
    return Combination(limits=limits, total=value.get_attr("total") or 0, channels=value.get_attr("channels") or 0)


def _add_channel(channels: dict[int, Channel], frequency: Any) -> None:
    mhz = frequency.get_attr("mhz")
    number = channel_number(mhz) if mhz else None
    if number is not None:
        flags = tuple(flag for flag in ("disabled", "no-ir", "radar") if frequency.get_attr(flag))
        channels[mhz] = Channel(number=number, mhz=mhz, flags=flags)


def _heard(bss: Any) -> Heard | None:
    if bss is None:
        return None
    get: Callable[[str], Any] = bss.get_attr
    mhz, bssid = get("mhz"), get("bssid")
    if not mhz or bssid is None:
        return None
    signal = get("signal_mbm")
    return Heard(bytes(bssid), mhz, get("capability") or 0, None if signal is None else signal / 100,
                 bytes(get("elements") or get("beacon_elements") or b""))
