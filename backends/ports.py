"""A wired port of a node: it listens before it serves.

Ten seconds of questions (DHCP, router solicitation): an answer makes it an uplink, on which this node never serves;
with none it becomes a port of the clients' bridge, until another DHCP server or router shows up there. What leads back
to this node by another port of it is never served, nor an uplink: it would be a loop, in which one frame goes round for
ever. (Spanning trees would have each port of phones wait, and obey what strangers say.)
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from byzwizard.backends.interfaces import attribute, index, ip, ipv4, is_up, mac, port_of
from byzwizard.backends.leases import Lease
from byzwizard.backends.listening import Listener
from byzwizard.errors import StepFailed

if TYPE_CHECKING:
    from byzwizard.backends.system import System

BRIDGE = "clients0"
GONE = 120.0  # seconds without any answer after which an uplink is none any more
REFUSED = (60.0, 120.0)  # seconds until a port with a stranger on it is listened to again; two nodes are not to agree
LEARNT = struct.Struct("=6s x ? I 4x")  # struct __fdb_entry of <linux/if_bridge.h>: address, is_local, age
NOARP = 0x80  # IFF_NOARP of <linux/if.h>
TICKS = 100  # of that age in a second (USER_HZ)
State = Literal["empty", "listening", "uplink", "clients", "refused", "held"]


def serving(system: System) -> frozenset[str]:
    """The ports of the clients' bridge."""
    return frozenset(port.name for port in system.path(f"/sys/class/net/{BRIDGE}/brif").glob("*"))


def heard_ago(system: System, address: str | None) -> float | None:
    """Seconds since the clients' bridge last heard that MAC at a port of its own; None when it has not."""
    with contextlib.suppress(FileNotFoundError):
        learnt = system.path(f"/sys/class/net/{BRIDGE}/brforward").read_bytes()
        for found, local, age in LEARNT.iter_unpack(learnt):
            if not local and found.hex(":") == address:
                return float(age) / TICKS
    return None


def mute(system: System, name: str) -> bool:
    """Does the interface answer for none of its addresses?"""
    return bool(int(attribute(system, name, "flags") or "0", 16) & NOARP)


@dataclass
class Port:
    """Times are of the monotonic clock. `held`: somebody else has given the port an address, or a bridge of theirs."""

    name: str
    system: System
    folder: Path  # where the DHCP client's script writes
    subnet: str  # the clients' own, which no uplink may have
    serves: bool = True  # silence makes it a client port; else it is asked on (a radio that joined another network)
    state: State = "empty"
    since: float = 0.0
    lease: Lease | None = None
    stranger: str | None = None  # the MAC of who else gives out addresses; None where a refused port leads back here
    clash: str | None = None  # the network there, where the clients' own is in it: byzwizard.move takes another
    _wait: float = 0.0
    _answered: float = 0.0  # when somebody at an uplink did last
    _serving: frozenset[str] = frozenset()  # the ports of the clients' bridge at the last look
    _listener: Listener | None = field(default=None, repr=False)

    def step(self, now: float) -> bool:
        """Look, and do what follows. True when the state has changed. Raises StepFailed, OSError."""
        before = (self.state, self.lease)
        if index(self.name) is None or not self._carrier():
            if self.state != "empty":
                self.leave()
        elif self.state == "empty":
            self._begin(now)
        elif self.state == "listening":
            self._listen(now)
        elif self.state == "uplink":
            self._renew(now)
        elif self.state == "held":
            self._look()
        elif self.state == "refused" and now - self.since > self._wait:
            self.leave()
            self._begin(now)
        return before != (self.state, self.lease)

    def withdraw(self, stranger: str | None, now: float) -> None:
        """Somebody else serves there, or (None, or our own MAC) this node itself by another port: the port leaves the
        bridge, and is listened to again after a while."""
        self.leave()
        ours = stranger is None or stranger.split()[0] == mac(self.system, BRIDGE)
        self.state, self.since, self.stranger = "refused", now, None if ours else stranger
        self._wait = random.uniform(*REFUSED)
        if index(self.name) is not None:  # computers there shall find this node by the port that serves them alone
            ip(self.system, f"link set dev {self.name} arp off")

    def leave(self) -> None:
        """As the port was found."""
        self._end()
        if index(self.name) is not None:
            self.free()
            if self.state == "uplink" and self.lease:
                with contextlib.suppress(StepFailed):  # it went with the cable
                    ip(self.system, f"addr del {self.lease.address} dev {self.name}")
        self.state, self.lease, self.stranger, self.clash = "empty", None, None, None

    def free(self) -> None:
        """Out of the bridge, and answering for its own addresses again."""
        if port_of(self.system, self.name) == BRIDGE:
            ip(self.system, f"link set dev {self.name} nomaster")
        if mute(self.system, self.name):
            ip(self.system, f"link set dev {self.name} arp on")

    def _carrier(self) -> bool:
        if not is_up(self.system, self.name):
            if self.state == "empty":
                ip(self.system, f"link set dev {self.name} up")
            return False
        return attribute(self.system, self.name, "carrier") == "1"

    def _begin(self, now: float) -> None:
        if port_of(self.system, self.name) not in (None, BRIDGE) or ipv4(self.name) is not None:
            self.state, self.since = "held", now
            self._look()
            return
        self.free()
        self.clash, self._serving = None, serving(self.system)
        self._listener = Listener(self.name, self.system, self.folder, now)
        self.state, self.since = "listening", now

    def _listen(self, now: float) -> None:
        assert self._listener is not None
        before, self._serving = self._serving, serving(self.system)
        if self._serving - before:
            self._listener.longer(now)  # never two at once: whether it leads there is heard when the other one serves
        self._listener.ask(now)
        lease, silent = self._given(self._listener), self.serves and self._listener.silent(now)
        answered = bool(lease or self.clash or self._listener.router_heard())
        if lease is None and (answered or silent) and self._leads_back(now):
            self.withdraw(None, now)
        elif answered:
            self.state, self.since, self._answered, self.stranger = "uplink", now, now, None
            self._take(lease)
        elif silent:
            self._end()
            ip(self.system, f"link set dev {self.name} master {BRIDGE}")
            self.state, self.since = "clients", now

    def _given(self, listener: Listener) -> Lease | None:
        lease = listener.lease()
        self.clash = self._shared_with(lease)
        return None if self.clash else lease  # no address of ours is taken from the clients' own network

    def _shared_with(self, lease: Lease | None) -> str | None:
        """The network of a lease, where the clients' own overlaps it."""
        if lease and ipaddress.IPv4Network(lease.network).overlaps(ipaddress.IPv4Network(self.subnet)):
            return lease.network
        return None

    def _leads_back(self, now: float) -> bool:
        """Has the clients' bridge heard this port's questions, by another port of it?"""
        age = heard_ago(self.system, mac(self.system, self.name))
        return age is not None and age <= now - self.since  # an older one is of where the cable was before

    def _renew(self, now: float) -> None:
        if self._listener is None or self._listener.ended:
            self.leave()  # the DHCP client ended: from the beginning
            return
        lease = self._given(self._listener)
        if lease is None and self.clash is None:
            self._listener.ask(now)
        if lease or self.clash or self._listener.router_heard():
            self._answered = now
        if self.clash and self._leads_back(now):
            self.withdraw(None, now)
        elif now - self._answered > GONE:  # a switch keeps the carrier: who is behind it gets addresses from us
            self.leave()
            self._begin(now)
        elif lease != self.lease:
            self._take(lease)

    def _take(self, lease: Lease | None) -> None:
        former, self.lease = self.lease, lease
        commands = []
        if former and (lease is None or lease.address != former.address):
            commands.append(f"addr del {former.address} dev {self.name}")
        if lease:
            commands.append(f"addr replace {lease.address} brd + dev {self.name}")
            if lease.router:
                commands.append(f"route replace default via {lease.router} dev {self.name} onlink proto dhcp "
                                f"metric {1024 + (index(self.name) or 0) % 1000}")
        if commands:
            ip(self.system, *commands)

    def _look(self) -> None:
        """What somebody else has given the port."""
        address = ipv4(self.name)
        if address is not None and address.startswith("169.254."):  # RFC 3927: made up by themselves, leads nowhere
            self.lease = None
            return
        if address is None and port_of(self.system, self.name) is None:
            self.state, self.lease = "empty", None
            return
        shown = self.system.run("ip", "-4", "route", "show", "default", "dev", self.name).out.split()
        router = shown[shown.index("via") + 1] if "via" in shown else None
        self.lease = Lease(address, router, (), None) if address else None
        self.clash = self._shared_with(self.lease)

    def _end(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
