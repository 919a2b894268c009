"""The other nodes as `status` shows them: whom we hear, how well, what they are called, and who is farther away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from byzwizard.backends.airing import Station, link_local
from byzwizard.backends.protocol import Beneath, Dump

if TYPE_CHECKING:
    from byzwizard.backends.system import System

NODES = "/run/byzantium/names/nodes.json"
MOST = 1000  # far nodes that are listed; more are somebody's invention


@dataclass(frozen=True)
class Neighbour:
    """`name` is None until the node's document was read; `hops` is 1 for those that we hear, for others what tend
    has counted, None until then. A neighbour whose network is not known yet goes by its link-local address.
    `signal_dbm` is None on a cable. `via` is the address, as it stands here, of the near node through which a far one
    is reached; None where the routing does not tell."""

    name: str | None
    address: str
    signal_dbm: int | None
    metric: int | None
    hops: int | None
    throughput_mbps: float | None = None
    via: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """What tend has learnt of a node: what it is called here, and how far it is."""

    label: str
    hops: int | None


def known(system: System) -> dict[str, Known]:
    """The nodes by their 10.x.y.1, from tend's nodes.json."""
    try:
        nodes = json.loads(system.read(NODES) or "{}").get("nodes", [])
        return {node["address"]: Known(node["label"], node["hops"]) for node in nodes}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _node(prefix: str) -> str:
    return prefix.removesuffix("0/24") + "1"


def behind(stations: Sequence[Station], beneath: Beneath | None) -> list[Station]:
    """The stations as their nodes speak where routing does, each node once, by the best link to it. Left out is whom
    the protocol hears, but cannot say yet which node it is; who is no neighbour of it at all stays as it is."""
    if beneath is None:
        return list(stations)
    found: dict[str, Station] = {}
    for station in sorted(stations, key=_loudest):
        mac = beneath.speakers.get(station.mac, station.mac)
        if mac is not None:
            found.setdefault(mac, replace(station, mac=mac))
    return list(found.values())


def _loudest(heard: Station | Neighbour) -> int:
    return -(heard.signal_dbm if heard.signal_dbm is not None else -200)


def listed(
    stations: Sequence[Station], dump: Dump, names: Mapping[str, Known], beneath: Beneath | None = None
) -> list[Neighbour]:
    """Those we hear first, the strongest first; then the rest of the mesh by its cost. On one link made of many
    (batman-adv) everybody speaks to everybody, and near are those who are so `beneath` it."""
    speaking = {neighbour.address: neighbour for neighbour in dump.neighbours if neighbour.reach}
    one_link, steps = beneath is not None, beneath.steps if beneath else {}
    ends = {link_local(mac) for mac in beneath.speakers.values() if mac} if beneath else speaking.keys()
    # Those of ad-hoc cells and hubs have no peering: they are nodes when they speak as nodes do.
    joined = {station.link_local: station for station in behind(stations, beneath) if station.plink == "ESTAB"
              or (station.plink is None and (one_link or station.link_local in speaking))}
    near: list[Neighbour] = []
    at: dict[str, str] = {}  # link-local address to the one that is shown
    for address in sorted(joined.keys() | (speaking.keys() & ends)):
        way = dump.announced_by(address)
        node = _node(way.prefix) if way else None
        at[address] = node or address
        station = joined.get(address)
        metric = way.metric if way else speaking[address].cost if address in speaking else None
        near.append(Neighbour(_label(names, node), at[address], station.signal_dbm if station else None, metric, 1,
                              station.throughput_mbps if station else None))
    seen = frozenset(at.values())
    far = [Neighbour(_label(names, _node(way.prefix)), _node(way.prefix), None, way.metric,
                     _hops(names, _node(way.prefix), one_link), via=at.get(steps.get(way.via, way.via)))
           for way in dump.ways
           if way.installed and way.prefix.startswith("10.") and way.prefix.endswith(".0/24")
           and _node(way.prefix) not in seen]
    near.sort(key=lambda node: (_loudest(node), node.address))
    far.sort(key=lambda node: (node.name is None, node.metric or 0, node.address))
    far = sorted(far[:MOST], key=lambda node: (node.metric or 0, node.address))
    return near + far


def _label(names: Mapping[str, Known], node: str | None) -> str | None:
    return names[node].label if node is not None and node in names else None


def _hops(names: Mapping[str, Known], node: str, one_link: bool) -> int | None:
    """Of a node that we do not hear. None: not known, for `one_link` hides what lies between."""
    hops = names[node].hops if node in names else None
    return None if one_link and hops == 1 else hops
