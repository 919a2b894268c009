"""The stage "firewall": the nftables table byz-filter, deny by default from the mesh and from clients.

It comes first, so that no interface of ours is ever open; other tables are not touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from byzwizard.backends import ahcp, gateway, routing
from byzwizard.backends.tables import LoadTable
from byzwizard.backends.templates import fill
from byzwizard.i18n import _
from byzwizard.plan import Step
from byzwizard.resolve import ula_prefixes

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

TABLE = "byz-filter"
OFFERED = ("offered_mesh", "offered_clients")  # sets of ports, filled by the stage "services"
# What a hub opens to clients: routing, which is keyed, and what comes from networks to which that routing leads back
# over the clients' bridge. Those come from nodes, and are let in as the mesh is.
BACK = 'fib saddr oifname "clients0"'
HUB = {
    "hub_routing": "ip6 saddr fe80::/10 udp dport 6696 accept",
    "hub_stations": f"ip saddr 10.0.0.0/8 ip saddr != {{subnet}} {BACK} goto from_mesh",
    "hub_stations6": f"ip6 saddr {{ula_mesh}} ip6 saddr != {{ula}} {BACK} goto from_mesh",
    "hub_unless": 'fib saddr oifname != "clients0"',
    # A station may be the one that shares the Internet.
    "hub_internet": """oifname "clients0" ip saddr 10.0.0.0/8 ip daddr != {{ {private} }} accept
		iifname "clients0" ip saddr != {{ {private} }} ip daddr 10.0.0.0/8 ip daddr != {subnet} accept
		iifname "clients0" oifname "clients0" ip saddr != {{ {private} }} ct state established,related accept""",
}

# Leased addresses of IPv6 are no part of the mesh's own network. Nothing but the mesh is behind its interfaces.
LEASED6 = """oifname {{ {mesh} }} ip6 saddr {{ fc00::/7, 2000::/3 }} ip6 daddr {{ fc00::/7, 2000::/3 }} accept
		iifname {{ {mesh} }} oifname "clients0" ip6 daddr {ula} ct state established,related accept"""


def ruleset(resolved: Resolved) -> str:
    """The text of our table."""
    spoken, mesh = routing.spoken_by(resolved), resolved.answers.mesh
    values = {
        "routing": spoken.admitted() if spoken else "",
        "mesh": gateway.mesh_interfaces(resolved),
        "mark": gateway.MARK,
        "private": gateway.PRIVATE,
        "subnet": resolved.subnet,
        # The front page; SSH where keys are let in.
        "ports": "80, 22" if resolved.answers.remote.ssh_keys else "80",
        "address": resolved.address,
        "ula": resolved.ula,
        "ula_address": resolved.ula_address,
        "ula_mesh": resolved.ula_mesh,
        "lessors": ahcp.lessors(resolved),
        "leasing": ahcp.admitted(resolved),
        "blocked6": _elements(ula_prefixes(mesh.name, node_id)[1] for node_id in mesh.blocked),
    }
    values["leased6"] = LEASED6.format(**values) if ahcp.asked(resolved) else ""
    values |= {name: rule.format(**values) if resolved.is_hub else "" for name, rule in HUB.items()}
    return fill("filter.nft", hash=hashlib.sha256(repr(values).encode()).hexdigest()[:16], **values)


def _elements(networks: Iterable[str]) -> str:
    listed = ", ".join(sorted(networks))
    return f"elements = {{ {listed} }}" if listed else ""


class FirewallStage:
    name = "firewall"

    @property
    def title(self) -> str:
        return _("Firewall")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (LoadTable(
            id="rules", table=TABLE, rules=ruleset(resolved), network=True, carried=OFFERED,
            text=_("Close this computer to the mesh and to phones, but for what a node has to offer")),)


STAGE = FirewallStage()
