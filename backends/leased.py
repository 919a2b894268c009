"""What an AHCP server has leased to this node: a stranger's words, hostile until they are judged here.

ahcpd's script (byzwizard.ahcp) writes down in OFFERED what a server sent, as whoever talks to strangers; another
program with the right to do so looks at it again and puts what is good on `ahcp0`. STATE is what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from byzwizard.backends import interfaces, prefixes
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.system import System

INTERFACE = "ahcp0"
OFFERED = "/run/byzantium/ahcp/offered"
STATE = "/run/byzantium/lease/state.json"
IN_USE = "/proc/net/if_inet6"
MESH4, RESERVED = IPv4Network("10.0.0.0/8"), IPv4Network("10.255.0.0/16")
# RFC 4193 and RFC 4291: what a node may have beside its link-local address.
WIDE6 = (IPv6Network("fc00::/7"), IPv6Network("2000::/3"))

Address = IPv4Address | IPv6Address
REASONS: Mapping[str, Callable[[], str]] = {
    "none": lambda: _("it is no address of a single computer"),
    "outside": lambda: _("it is none of the addresses of a mesh"),
    "reserved": lambda: _("10.255.0.0/16 is for what every node has"),
    "own": lambda: _("it is in this node's own network"),
    "in-use": lambda: _("it is in a network that is in use around this node"),
}


@dataclass(frozen=True)
class Refused:
    """`address` is a stranger's text that was an address, or what stood there cut short; `why` of REASONS."""

    address: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """`taken` are addresses for this node, at most one of each kind."""

    taken: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class Around:
    """The networks that a leased address must not be in: `own` of this node and its mesh, `others` in use near it."""

    own: tuple[IPv4Network | IPv6Network, ...]
    others: tuple[IPv4Network | IPv6Network, ...]


def around(system: System, own: Iterable[str]) -> Around:
    """`own` are the clients' network and the mesh's /48. Networks of uplinks and of other nodes are read here."""
    fours = tuple(map(IPv4Network, sorted(prefixes.in_use(system))))
    sixes = tuple(_linked(system.read(IN_USE) or ""))
    words = tuple(own)
    return Around(tuple(IPv6Network(word) if ":" in word else IPv4Network(word) for word in words), (*fours, *sixes))


def _linked(text: str) -> Iterable[IPv6Network]:
    """From /proc/net/if_inet6: networks of this computer's other interfaces."""
    for line in text.splitlines():
        digits, _index, length, _scope, _flags, name = line.split()
        if name != INTERFACE:
            yield IPv6Network((bytes.fromhex(digits), int(length, 16)), strict=False)


def fault(address: Address, near: Around) -> str | None:
    """Why this node does not take the address, a key of REASONS; None where it does."""
    if isinstance(address, IPv4Address):
        if address in RESERVED:
            return "reserved"
        if address not in MESH4:
            return "outside"
    elif not any(address in network for network in WIDE6):
        return "outside"
    if any(address in network for network in near.own):
        return "own"
    return "in-use" if any(address in network for network in near.others) else None


def judge(offered: str, near: Around) -> Verdict:
    """From the text of OFFERED: addresses with spaces between them, of which the first of each kind counts."""
    taken: dict[int, str] = {}
    refused = []
    for word in offered.split()[:2 * 8]:  # MAX_PREFIX of ahcpd's prefix.h, of each kind
        try:
            address = ip_address(word.replace("%", " "))  # Python would take an interface's name behind it
        except ValueError:
            refused.append(Refused(ascii(word[:45]), "none"))
            continue
        why = fault(address, near)
        if why is not None:
            refused.append(Refused(str(address), why))
        else:
            taken.setdefault(address.version, str(address))
    return Verdict(tuple(taken.values()), tuple(refused))


def put(system: System, wanted: Iterable[str]) -> None:
    """`ahcp0` has these addresses and no others. Raises StepFailed."""
    now, then = set(on_interface(system)), set(wanted)
    commands = [f"addr del {_long(address)} dev {INTERFACE}" for address in sorted(now - then)]
    commands += [f"addr add {_long(address)} dev {INTERFACE}{' nodad' if ':' in address else ''}"
                 for address in sorted(then - now)]
    if commands:
        interfaces.ip(system, *commands)


def _long(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def on_interface(system: System) -> tuple[str, ...]:
    """The addresses that `ahcp0` has, but the link's own."""
    if interfaces.index(INTERFACE) is None:
        return ()
    rows = json.loads(system.run("ip", "-j", "addr", "show", "dev", INTERFACE).out or "[]")
    return tuple(one["local"] for row in rows for one in row.get("addr_info", ()) if one.get("scope") == "global")


def note(system: System, verdict: Verdict) -> None:
    system.write(STATE, json.dumps(asdict(verdict), indent=1) + "\n")


def noted(system: System) -> Verdict:
    """What came of the last offer; nothing where there was none."""
    text = system.read(STATE)
    if text is None:
        return Verdict()
    said = json.loads(text)
    return Verdict(tuple(said["taken"]), tuple(Refused(**one) for one in said["refused"]))
