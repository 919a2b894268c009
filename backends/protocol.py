"""What all routing protocols have in common: how one is started and ended, and what it tells of neighbours and ways.

Each protocol is one file with a Protocol in it, one line in backends/routing.py and one in byzwizard/routings.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from byzwizard.backends.interfaces import attribute

if TYPE_CHECKING:
    from byzwizard.backends.facts import Facts
    from byzwizard.backends.system import System
    from byzwizard.plan import Step
    from byzwizard.resolve import Resolved

UDP = 17


class NotAnswering(Exception):
    """The daemon is not there, or does not speak as it does."""


@dataclass(frozen=True)
class Neighbour:
    """A node on a link, by its IPv6 link-local address. `reach` is the bit field of the last 16 hellos, `cost` of the
    link (None: infinite), in 256ths of a transmission."""

    address: str
    interface: str
    reach: int
    rxcost: int
    txcost: int
    cost: int | None


@dataclass(frozen=True)
class Way:
    """A route; `refmetric` 0 means that the next hop `via` itself announces the prefix."""

    prefix: str
    installed: bool
    metric: int | None
    refmetric: int
    via: str
    interface: str
    origin: str = ""  # the id of the node that announced it, as its protocol has it


@dataclass(frozen=True)
class Dump:
    neighbours: tuple[Neighbour, ...] = ()
    ways: tuple[Way, ...] = ()
    own: tuple[str, ...] = field(default=())  # prefixes that this node announces
    up: tuple[str, ...] = ()  # interfaces that it speaks on
    cut: bool = False  # there are more ways than these, and than anybody reads

    def announced_by(self, address: str) -> Way | None:
        """The way to the clients' network of the neighbour with this link-local address."""
        return next((way for way in self.ways if way.via == address and way.refmetric == 0
                     and way.prefix.startswith("10.") and way.prefix.endswith(".0/24")), None)


@dataclass(frozen=True)
class Beneath:
    """What lies under the one link that a protocol makes of all mesh links. `speakers`: the MAC that is heard on a mesh
    link to the one by which the same node speaks on the whole; None while that is not known. `steps`: each far node's
    link-local address to that of the neighbour by which it is reached."""

    speakers: Mapping[str, str | None] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)


class Protocol(ABC):
    """How one protocol is driven. `frames` is the kind of Ethernet frames (ETH_P_…) by which it is heard."""

    name: ClassVar[str]  # in byzwizard.routings, and as mesh.routing
    unit: ClassVar[str]
    frames: ClassVar[int]

    @abstractmethod
    def start(self, resolved: Resolved) -> Sequence[Step]:
        """Speak on `resolved.routed`, and announce the clients' network. Pure."""

    @abstractmethod
    def stop(self) -> Sequence[Step]:
        """Nothing is left of it."""

    @abstractmethod
    def admitted(self) -> str:
        """The rules of nftables that let it in from the mesh."""

    @abstractmethod
    def read(self, system: System, timeout: float = 1.0) -> Dump:
        """What it knows now; `timeout` in seconds. Raises NotAnswering."""

    @abstractmethod
    def speaks(self, frame: bytes) -> bool:
        """Is this frame of it? It begins behind its Ethernet header; anybody may have sent it."""

    def amiss(self, system: System, facts: Facts) -> str | None:
        """A sentence where something beside its daemon is not as it should be."""
        return None

    def beneath(self, system: System) -> Beneath | None:
        """None where it speaks on the mesh links themselves."""
        return None


@dataclass(frozen=True)
class Speaking:
    """Does the protocol speak on the links, and announce the clients' network? That a neighbour answers is not waited
    for: there may be none. Nor is a cable that is not plugged in."""

    protocol: Protocol
    links: tuple[str, ...]
    subnet: str

    def __call__(self, system: System) -> bool:
        try:
            now = self.protocol.read(system)
        except NotAnswering:
            return False
        return self.subnet in now.own and all(
            name in now.up or attribute(system, name, "carrier") != "1" for name in self.links)


def udp_port(frame: bytes, header: int, protocol_at: int) -> int | None:
    """Where an IP packet with a header of so many bytes goes to; None where it is no UDP."""
    if len(frame) < header + 8 or frame[protocol_at] != UDP:
        return None
    return int.from_bytes(frame[header + 2:header + 4], "big")
