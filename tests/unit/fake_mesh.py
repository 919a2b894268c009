"""Meshes of any size, as `status --json` tells of their nodes."""

from __future__ import annotations

import random
from typing import Any

Nodes = list[dict[str, Any]]


def neighbour(
    name: str | None, address: str, dbm: int | None, metric: int | None, hops: int | None, **more: Any
) -> dict[str, Any]:
    """One node."""
    fields = {"name": name, "address": address, "signal_dbm": dbm, "metric": metric, "hops": hops}
    return fields | {"throughput_mbps": None, "via": None} | more


def mesh(count: int, near: int = 5, seed: int = 7) -> Nodes:
    """`count` nodes, those beyond `near` behind one of the near ones."""
    chance = random.Random(seed)
    nodes = [neighbour(f"near-{n}", f"10.1.{n}.1", -45 - 8 * n, 96 + 60 * n, 1) for n in range(near)]
    return nodes + [
        neighbour(f"byz-{n:06x}", f"10.{2 + n // 250}.{n % 250}.1", None, 200 + chance.randrange(1000),
                  chance.randrange(2, 6), via=f"10.1.{chance.randrange(near)}.1")
        for n in range(near, count)
    ]
