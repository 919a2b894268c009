"""How often nodes have one clients' network, and how many rounds of the rule it takes until none has: thousands of
nodes with the program's own rule and sequence, seeded. And how often they have one of IPv6, which nobody moves for.

In a round every node looks at the same state and all that have to move do so at once, which is worse than a mesh is:
there some see what others have taken already. A round takes half a minute (tests/net/test_merge.py).
"""

from __future__ import annotations

import base64
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from byzwizard.backends.directory import moves
from byzwizard.resolve import client_prefix, ula_prefixes
from tests.bench.figure import Figure

NETWORKS = 255 * 256  # 10.0.0.0/24 to 10.254.255.0/24
SIXES = 1 << 16  # of IPv6 in one mesh
SIZES, SEEDS = (300, 1000, 3000), 4


@dataclass(frozen=True)
class Merge:
    """Two meshes that met: `clashes` pairs of nodes with one network, of which `expected` by the birthday estimate;
    `moved` nodes that took another, in `rounds`; `left` nodes still without one of their own."""

    nodes: int
    clashes: int
    expected: float
    moved: int
    rounds: int
    left: int


def holders(networks: Mapping[str, str]) -> dict[str, list[str]]:
    """The ids of the nodes of each network."""
    found: dict[str, list[str]] = defaultdict(list)
    for node, network in networks.items():
        found[network].append(node)
    return found


def movers(networks: Mapping[str, str]) -> list[str]:
    """Whoever has a network that another node has too, to which it gives way."""
    return [own for nodes in holders(networks).values() if len(nodes) > 1
            for own in nodes if any(moves(own, other) for other in nodes if other != own)]


def repair(networks: dict[str, str], most: int = 20) -> tuple[int, int]:
    """Rounds of the rule until nobody has to move. The number of rounds and of moves; `networks` is changed."""
    moved = 0
    for number in range(most):
        going = movers(networks)
        if not going:
            return number, moved
        taken = set(networks.values())
        networks.update({node: client_prefix(node, taken) for node in going})
        moved += len(going)
    return most, moved


def merge(nodes: int, seed: int) -> Merge:
    """Two meshes of half the size, each without a clash of its own, meet."""
    source = random.Random(seed)
    ids = ids_of(nodes, source)
    halves = [{node: client_prefix(node, ()) for node in part} for part in (ids[::2], ids[1::2])]
    for half in halves:
        repair(half)
    met = halves[0] | halves[1]
    clashes = sum(len(found) - 1 for found in holders(met).values())
    rounds, moved = repair(met)
    return Merge(nodes, clashes, len(halves[0]) * len(halves[1]) / NETWORKS, moved, rounds, nodes - len(holders(met)))


def ids_of(nodes: int, source: random.Random) -> list[str]:
    return [base64.b32encode(source.randbytes(20)).decode().lower() for _ in range(nodes)]


def same_sixes(nodes: int, seed: int) -> int:
    """Pairs of nodes of one mesh that have one network for IPv6: nobody moves for it, status says so."""
    held = Counter(ula_prefixes("byzantium", node)[1] for node in ids_of(nodes, random.Random(seed)))
    return sum(number * (number - 1) // 2 for number in held.values())


def measure() -> Iterator[Figure]:
    for nodes in SIZES:
        merges = [merge(nodes, seed) for seed in range(SEEDS)]
        clashes, expected = sum(each.clashes for each in merges), sum(each.expected for each in merges)
        yield Figure(f"clashes at {nodes} nodes, to the estimate", clashes / expected, "ratio", 2.0)
        yield Figure(f"rounds until {nodes} nodes differ", max(each.rounds for each in merges), "rounds", 4)
        yield Figure(f"nodes of {nodes} left without a network", max(each.left for each in merges), "nodes", 0)
    nodes = SIZES[-1]
    pairs = sum(same_sixes(nodes, seed) for seed in range(SEEDS)) / SEEDS
    yield Figure(f"pairs of {nodes} nodes with one IPv6 network", pairs, "pairs", 2 * nodes * (nodes - 1) / 2 / SIXES)
