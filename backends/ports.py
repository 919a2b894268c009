"""A wired port of a node: it listens before it serves.

Ten seconds of questions (DHCP, router solicitation): an answer makes it an uplink, on which this node never serves;
with none it becomes a port of the clients' bridge, until another DHCP server or router shows up there.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from byzwizard.backends.interfaces import attribute, index, ip, ipv4, is_up, port_of
from byzwizard.backends.leases import Lease
from byzwizard.backends.listening import Listener
from byzwizard.errors import StepFailed

if TYPE_CHECKING:
    from byzwizard.backends.system import System

BRIDGE = "clients0"
REFUSED = (60.0, 120.0)  # seconds until a port with a stranger on it is listened to again; two nodes are not to agree
State = Literal["empty", "listening", "uplink", "clients", "refused", "held"]


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
    stranger: str | None = None  # the MAC of who else gives out addresses
    clash: str | None = None  # the network there, where the clients' own is in it: byzwizard.move takes another
    _wait: float = 0.0
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
            self._renew()
        elif self.state == "held":
            self._look()
        elif self.state == "refused" and now - self.since > self._wait:
            self._begin(now)
        return before != (self.state, self.lease)

    def withdraw(self, stranger: str, now: float) -> None:
        """Somebody else serves on this client port: it leaves the bridge, and is listened to again after a while."""
        self._leave_bridge()
        self.state, self.since, self.stranger = "refused", now, stranger
        self._wait = random.uniform(*REFUSED)

    def leave(self) -> None:
        """As the port was found."""
        self._end()
        if index(self.name) is not None:
            self._leave_bridge()
            if self.state == "uplink" and self.lease:
                with contextlib.suppress(StepFailed):  # it went with the cable
                    ip(self.system, f"addr del {self.lease.address} dev {self.name}")
        self.state, self.lease, self.stranger, self.clash = "empty", None, None, None

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
        self._leave_bridge()
        self.clash = None
        self._listener = Listener(self.name, self.system, self.folder, now)
        self.state, self.since = "listening", now

    def _listen(self, now: float) -> None:
        assert self._listener is not None
        self._listener.ask(now)
        lease = self._given(self._listener)
        if lease or self.clash or self._listener.router_heard():
            self.state, self.since, self.stranger = "uplink", now, None
            self._take(lease)
        elif self.serves and self._listener.silent(now):
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

    def _renew(self) -> None:
        if self._listener is None or self._listener.ended:
            self.leave()  # the DHCP client ended: from the beginning
            return
        lease = self._given(self._listener)
        if lease != self.lease:
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

    def _leave_bridge(self) -> None:
        if port_of(self.system, self.name) == BRIDGE:
            ip(self.system, f"link set dev {self.name} nomaster")

    def _end(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
