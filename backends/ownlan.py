"""The way to the network behind a wired port stays this computer's own, whatever the mesh announces inside of it.

Nodes may believe any 10.x.y.0/24 of each other, and a /24 beats the wider network of an uplink: whoever announces it
would get what is meant for the owner's router or printer. A rule sends this computer's own packets there past the
table that babeld writes into. What is only passed on goes by the mesh as before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from byzwizard.backends.interfaces import ip

if TYPE_CHECKING:
    from byzwizard.backends.leases import Lease
    from byzwizard.backends.system import System

TABLE, PREFERENCE = "150", "900"  # of ip-rule(8); the table `main` has 32766
MESH = ipaddress.IPv4Network("10.0.0.0/8")
WIDEST = 16  # bits; of a wider network only the router and the name servers are kept, or no mesh would be left


def networks(lease: Lease) -> set[str]:
    """What of an uplink's network the mesh could announce as its own."""
    network = ipaddress.IPv4Network(lease.network)
    if not network.overlaps(MESH):
        return set()
    if network.prefixlen >= WIDEST:
        return {str(network)}
    hosts = (lease.router, *lease.dns)
    return {f"{host}/32" for host in hosts if host and ipaddress.IPv4Address(host) in network}


class OwnLans:
    """The rules of now. Raises StepFailed where one cannot be set."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._kept: frozenset[tuple[str, str]] | None = None  # None: not known, from a former run

    def keep(self, uplinks: Iterable[tuple[str, Lease]]) -> None:
        """`uplinks` are ports with what they were given."""
        wanted = frozenset((network, port) for port, lease in uplinks for network in networks(lease))
        if wanted == self._kept:
            return
        while self._system.run("ip", "-4", "rule", "del", "pref", PREFERENCE, ok=(0, 1, 2)).status == 0:
            continue
        self._system.run("ip", "-4", "route", "flush", "table", TABLE, ok=(0, 1, 2))
        self._kept = None
        if wanted:
            ip(self._system, *(command for network, port in sorted(wanted) for command in (
                f"route replace {network} dev {port} table {TABLE}",
                f"rule add pref {PREFERENCE} iif lo to {network} lookup {TABLE}")))
        self._kept = wanted
