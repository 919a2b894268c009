"""Is this node working? The checks side by side, and what goes with them, in the shape of `status --json`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from byzwizard import alone
from byzwizard.backends import (
    airing,
    alerting,
    checks,
    clients,
    counters,
    facts,
    filled,
    hostile,
    neighbours,
    offering,
    spoken,
    storecheck,
    uplinks,
)
from byzwizard.backends.checks import Check
from byzwizard.backends.facts import Facts
from byzwizard.backends.protocol import Dump, NotAnswering
from byzwizard.backends.routing import PROTOCOLS
from byzwizard.i18n import _, ngettext

if TYPE_CHECKING:
    from byzwizard.backends.protocol import Protocol
    from byzwizard.backends.system import System

SIDE_BY_SIDE = 8


def read_status(system: System) -> dict[str, Any]:
    """The shape of `status --json`. Looks only, changes nothing; needs root on a node that is set up."""
    known = facts.read(system)
    if known is None:
        kept = storecheck.kept(system)
        found = [*checks.last_change(system), checks.not_a_node(system), *([kept] if kept else [])]
        return _shape(None, found, [], 0)
    wireless = [link.name for link in known.links if link.kind != "wired"]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        stations = pool.submit(lambda: [station for name in wireless for station in airing.stations(system, name)])
        refused = pool.submit(lambda: {mac for name in wireless for mac in airing.refusals(system, name)})
        heard = pool.submit(lambda: {mesh for name in wireless for mesh in airing.meshes_heard(system, name)})
        phones = pool.submit(lambda: [one for name in known.access_points for one in airing.stations(system, name)])
        spoken_here = PROTOCOLS.get(known.routing)
        dump = pool.submit(_told, system, spoken_here)
        below = pool.submit(lambda: spoken_here.beneath(system) if spoken_here else None)
        looks: list[Callable[[], Check | None]] = [
            lambda: checks.radio(system, known),
            lambda: checks.missing(known),
            lambda: checks.mesh(system, known),
            lambda: checks.security(known),
            lambda: checks.access_point(system, known),
            lambda: checks.addresses(system, known),
            lambda: checks.twice(system, known),
            lambda: checks.lease(system, known),
            lambda: checks.routing(system, known, dump.result() is not None),
            lambda: checks.name_server(system, known),
            lambda: checks.leases(system),
            lambda: checks.front_page(system, known),
            lambda: checks.portal(system, known),
            lambda: checks.directory(system),
            lambda: checks.clock(system),
            lambda: checks.firewall(system),
            lambda: storecheck.kept(system),
        ]
        wired = pool.submit(uplinks.look, system)
        chosen = offering.chosen(system)
        states = pool.map(lambda one: offering.state(system, one), chosen)
        own = list(pool.map(lambda look: look(), looks))
        names = neighbours.known(system)
        routes = dump.result() or Dump()
        heard_here = [*stations.result(), *(phones.result() if known.hubs else ())]
        nodes = neighbours.listed(heard_here, routes, names, below.result())
        speaking = neighbours.behind(stations.result(), below.result())
        users = clients.count(system, phones.result(), {each.address for each in routes.neighbours})
        ports, internet = wired.result()
        islands = checks.islands(system)
        services = [offering.row(one, now) for one, now in zip(chosen, states, strict=True)]
        around = [
            *offering.complaints(system, chosen, services),
            *filled.check(system, chosen),
            *([Check("trust", True, trusted)] if (trusted := offering.trusted(system)) else []),
            *company(nodes, nobody(system, known, users)),
            *beside(system, known),
            *refusal(stations.result(), refused.result()),
            *other_kinds(known, heard.result()),
            *silent_links(speaking, dump.result(), known.routing, lambda: spoken.heard(wireless, known.routing)),
            *hostile.look(system, ports, dump.result(), names),
        ]
        parts = [check for check in own if check is not None]
        found = [*checks.last_change(system), *parts, *internet, *islands, *around]
        gateway = uplinks.shared_by(ports, routes, known, names)
        return _shape(known, found, nodes, users, gateway, counters.totals(counters.read(system)),
                  [*services, *offering.of_others(system)], alerting.shown(system))


def _told(system: System, spoken_here: Protocol | None) -> Dump | None:
    try:
        return spoken_here.read(system, checks.PATIENCE) if spoken_here else None
    except NotAnswering:
        return None


def nobody(system: System, known: Facts, users: int) -> str:
    """That nobody is near, and what this node does about it."""
    due = alone.read(system).due if known.listens else None
    if due is None:
        return (_("No other node of this mesh is near. It listens again when no phone is joined any more.")
                if known.listens and users else _("No other node of this mesh is near."))
    n = max(1, math.ceil((due - time.monotonic()) / 60))
    return ngettext("No other node of this mesh is near. It listens again within {n} minute.",
                    "No other node of this mesh is near. It listens again within {n} minutes.", n).format(n=n)


def company(nodes: Sequence[neighbours.Neighbour], alone_text: str) -> list[Check]:
    """Who is near. Nobody is no failure: somebody has to be the first."""
    near = len({node.address for node in nodes if node.hops == 1})  # one may be near over two links
    if near:
        return [Check("neighbours", True, ngettext("{n} node is near.", "{n} nodes are near.", near).format(n=near))]
    return [Check("neighbours", True, alone_text,
                  _("This node works, and waits. Bring another within reach, with the same mesh name, passphrase and "
                    "channel; a higher place or an open door often helps."))]


def beside(system: System, known: Facts) -> list[Check]:
    """Where the node of a cell has heard an access point of its mesh: perhaps another part of it, which cannot hear
    cells. Who does not listen any more never hears that it has gone."""
    names = alone.read_beside(system) if known.listens and alone.in_cell(known) else []
    if not names:
        return []
    return [Check(
        "beside", True,
        _("An access point of this mesh is heard beside the ad-hoc cell: {names}.").format(names=", ".join(names)),
        _("If its node is not in the list of nodes, there are two meshes here. Apply the answers of each node of the "
          "cell again (`byzwizard`): it joins that access point where it hears it. Who does not is left behind."))]


def refusal(stations: Sequence[airing.Station], refused: set[str]) -> list[Check]:
    """Nodes that are near and know another secret: SAE has failed with them, or peering is blocked."""
    joined = {station.mac for station in stations if station.plink == "ESTAB"}
    blocked = {station.mac for station in stations if station.plink == "BLOCKED"}
    n = len((refused | blocked) - joined)
    if not n:
        return []
    return [Check(
        "refused", True,
        ngettext("{n} node near has another secret: it refuses us, and we refuse it.",
                 "{n} nodes near have another secret: they refuse us, and we refuse them.", n).format(n=n),
        _("Compare the mesh's passphrase on both, letter by letter, and correct the wrong one with `byzwizard`."))]


def other_kinds(known: Facts, heard: set[str]) -> list[Check]:
    """A mesh of the same name and another kind is a different mesh on the air; people take them for one."""
    words = {"pub": _("public"), "prv": _("private"), "opn": _("open")}
    kinds = [word for suffix, word in words.items()
             if f"{known.mesh}~{suffix}" in heard and f"{known.mesh}~{suffix}" != known.air_id]
    if not kinds:
        return []
    return [Check(
        "other-mesh", True,
        _("There is another mesh “{mesh}” near, which is {kind}; this node's is {own}.").format(
            mesh=known.mesh, kind=_(" and ").join(kinds), own=words.get(known.air_id.rpartition("~")[2], words["opn"])),
        _("To join that one, run `byzwizard` and choose the same kind, with its passphrase if it has one."))]


def silent_links(stations: Sequence[airing.Station], dump: Dump | None, routing: str,
                 other: Callable[[], str | None]) -> list[Check]:
    """Joined on the air, and not a word of routing for longer than hellos take: another routing key or program.
    `other` listens for a while which routing else is spoken here."""
    if dump is None:
        return []
    speaking = {neighbour.address for neighbour in dump.neighbours if neighbour.reach}
    mute = sum(station.plink == "ESTAB" and (station.connected_s or 0) > 60 and station.link_local not in speaking
               for station in stations)
    mute -= sum(":" not in address for address in speaking)  # known by IPv4 alone as yet: any of the stations
    if mute <= 0:
        return []
    if (found := other()) is not None:
        return [Check(
            "unrouted", True,
            _("A node near is joined and routes by {other}; this one routes by {routing}.").format(
                other=found, routing=routing),
            _("To be in one mesh, all need the same: set mesh.routing to {other} with `byzwizard`, or change the "
              "others.").format(other=found), found)]
    return [Check(
        "unrouted", True,
        ngettext("{n} node near is joined, but its routing is not understood.",
                 "{n} nodes near are joined, but their routing is not understood.", mute).format(n=mute),
        _("Its clock or its version may be another; restart it, or see `journalctl -u {unit}` on both.").format(
            unit=PROTOCOLS[routing].unit.removesuffix(".service")))]


def _shape(known: Facts | None, found: Sequence[Check], nodes: Sequence[neighbours.Neighbour],
           users: int, gateway: dict[str, Any] | None = None,
           traffic: Sequence[dict[str, Any]] = (), services: Sequence[dict[str, Any]] = (),
           alerts: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {
        "status": 1,
        "working": all(check.ok for check in found),
        "public": known is not None and known.kind == "public",
        "node": {
            "name": known.name if known else None,
            "id": known.id if known else None,
            "addresses": list(known.addresses) if known else [],
        },
        "checks": [check.as_json() for check in found],
        "neighbours": [node.as_json() for node in nodes],
        "services": list(services),
        "gateway": gateway,
        "clients": users,
        "traffic": list(traffic),
        "alerts": list(alerts),
        "island_key": known.island_key if known else None,
    }
