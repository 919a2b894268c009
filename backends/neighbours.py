"""The other nodes as `status` shows them: whom we hear, how well, what they are called, and who is farther away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from byzwizard.backends.airing import Station
from byzwizard.backends.protocol import Dump

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


def listed(
    stations: Sequence[Station], dump: Dump, names: Mapping[str, Known], one_link: bool = False,
    steps: Mapping[str, str] = MappingProxyType({}),
) -> list[Neighbour]:
    """Those we hear first, the strongest first; then the rest of the mesh by its cost. On `one_link` made of many
    (batman-adv) everybody speaks to everybody, and near are the stations alone; `steps` are its own next hops."""
    speaking = {neighbour.address: neighbour for neighbour in dump.neighbours if neighbour.reach}
    # Those of ad-hoc cells and hubs have no peering: they are nodes when they speak as nodes do.
    joined = {station.link_local: station for station in stations if station.plink == "ESTAB"
              or (station.plink is None and (one_link or station.link_local in speaking))}
    near: list[Neighbour] = []
    at: dict[str, str] = {}  # link-local address to the one that is shown
    for address in sorted(joined.keys() | (set() if one_link else speaking.keys())):
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
    near.sort(key=lambda node: (-(node.signal_dbm if node.signal_dbm is not None else -200), node.address))
    far.sort(key=lambda node: (node.name is None, node.metric or 0, node.address))
    far = sorted(far[:MOST], key=lambda node: (node.metric or 0, node.address))
    return near + far


def _label(names: Mapping[str, Known], node: str | None) -> str | None:
    return names[node].label if node is not None and node in names else None


def _hops(names: Mapping[str, Known], node: str, one_link: bool) -> int | None:
    """Of a node that we do not hear. None: not known, for `one_link` hides what lies between."""
    hops = names[node].hops if node in names else None
    return None if one_link and hops == 1 else hops
