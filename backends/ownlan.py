"""The ways behind a port stay this computer's own, whatever the mesh announces: to the network there, and to the
Internet while that answers.

Nodes may believe any 10.x.y.0/24 of each other, and a /24 beats the wider network of an uplink: whoever announces it
would get what is meant for the owner's router or printer. A way out that anybody announces beats the owner's own in the
same way, for babeld writes it with the best of metrics. Rules send this computer's own packets past what babeld
writes. What is only passed on goes by the mesh as before.

IPv4 alone: a kernel that passes packets on takes no way out from router advertisements.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from byzwizard.backends.interfaces import index, ip

if TYPE_CHECKING:
    from byzwizard.backends.leases import Lease
    from byzwizard.backends.system import System

LANS, OUT = "150", "152"  # tables of ip-rule(8), and the preferences below; the table `main` has 32766
LAN, KNOWN, BEYOND = "900", "920", "921"  # byzwizard.island has 910 for its tunnels
MESH = ipaddress.IPv4Network("10.0.0.0/8")
WIDEST = 16  # bits; of a wider network only the router and the name servers are kept, or no mesh would be left

Entry = tuple[str, str]  # "route" or "rule" of ip(8), and the words that name it


def networks(lease: Lease) -> set[str]:
    """What of an uplink's network the mesh could announce as its own."""
    network = ipaddress.IPv4Network(lease.network)
    if not network.overlaps(MESH):
        return set()
    if network.prefixlen >= WIDEST:
        return {str(network)}
    hosts = (lease.router, *lease.dns)
    return {f"{host}/32" for host in hosts if host and ipaddress.IPv4Address(host) in network}


def _lans(uplinks: Iterable[tuple[str, Lease]]) -> Iterable[Entry]:
    for port, lease in uplinks:
        for network in networks(lease):
            yield "route", f"{network} dev {port} table {LANS} metric {index(port) or 0}"
            yield "rule", f"pref {LAN} iif lo to {network} lookup {LANS}"


def _out(ways: Iterable[tuple[str, str]]) -> Iterable[Entry]:
    """What the table `main` knows but ways out comes first. Of several ports the same is taken as without a mesh."""
    for port, router in ways:
        yield "route", f"default via {router} dev {port} onlink table {OUT} metric {index(port) or 0}"
        yield "rule", f"pref {KNOWN} iif lo lookup main suppress_prefixlength 0"
        yield "rule", f"pref {BEYOND} iif lo lookup {OUT}"


class OwnWays:
    """The rules and routes of now. Raises StepFailed where one cannot be set."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._kept: frozenset[Entry] | None = None  # None: not known, from a former run

    def keep(self, uplinks: Iterable[tuple[str, Lease]], leading: Iterable[tuple[str, str]]) -> None:
        """`uplinks` are ports with what they were given, `leading` those behind which the Internet answers, with the
        routers there. Routes are set each time: the kernel drops them with a port's last address, or with the port for
        a moment. What goes does so last: meanwhile nothing strays into the mesh."""
        wanted = frozenset((*_lans(uplinks), *_out(leading)))
        former = self._forget() if self._kept is None else self._kept
        self._kept = None
        added = [f"route replace {words}" for kind, words in sorted(wanted) if kind == "route"]
        added += [f"rule add {words}" for kind, words in sorted(wanted - former) if kind == "rule"]
        if added:
            ip(self._system, *added)
        for kind, words in sorted(former - wanted, reverse=True):  # routes may have gone with the port
            self._system.run("ip", "-4", kind, "del", *words.split(), ok=(0, 1, 2))
        self._kept = wanted

    def _forget(self) -> frozenset[Entry]:
        for preference in (LAN, KNOWN, BEYOND):
            while self._system.run("ip", "-4", "rule", "del", "pref", preference, ok=(0, 1, 2)).status == 0:
                continue
        for table in (LANS, OUT):
            self._system.run("ip", "-4", "route", "flush", "table", table, ok=(0, 1, 2))
        return frozenset()
