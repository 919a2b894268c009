"""A hundred nodes on one graph, by our configuration of babeld and by babeld's own times: how long until all have ways
to all, at the start and again when a tenth of the links falls silent, and what routing costs each node."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figure import Figure
from tests.net.crowd import Crowd, crowd, to_cut

NODES = 100
ROUNDS = 3  # tenths of the links, one after the other
LONGEST = 300.0  # seconds
UPDATE = 16.0  # seconds between two of babeld's own
HISTORY = 16 * 4.0  # seconds in which babeld's own hellos fill what a link's cost is told from (RFC 8966, A.1)
MEASURED = 4 * UPDATE  # and eight of ours
TIME, BYTES = 0.7, 2.2


@dataclass(frozen=True)
class Measured:
    """Seconds until all have ways to all, at the start and after each cut; bytes a second that a node sends."""

    start: float
    heal: tuple[float, ...]
    rate: float


def settled(made: Crowd) -> float:
    """Seconds from now until no way is missing."""
    began = time.monotonic()
    while missing := made.missing():
        if time.monotonic() - began > LONGEST:
            raise TimeoutError(f"{missing} ways are missing after {LONGEST:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - began


def run(folder: Path, ours: bool) -> Measured:
    with crowd(folder, NODES) as made:
        made.start(ours)
        start = settled(made)
        time.sleep(HISTORY)  # until then costs fall with each hello, and better ways are told of
        before = made.sent()
        time.sleep(MEASURED)
        rate = (made.sent() - before) / MEASURED / NODES
        heal = []
        for turn in range(ROUNDS):
            left = [edge for edge in made.edges if edge not in made.cut_off]
            made.cut(to_cut(NODES, left, seed=turn))
            heal.append(settled(made))
        return Measured(start, tuple(heal), rate)


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        ours, default = run(Path(folder) / "o", True), run(Path(folder) / "d", False)
    print(f"# ours {ours}", flush=True)
    print(f"# babeld's own {default}", flush=True)
    ratio = statistics.median(ours.heal) / statistics.median(default.heal)
    yield Figure("100 nodes, all ways at the start / babeld's", ours.start / default.start, "ratio", TIME)
    yield Figure("100 nodes, ways around cut links / babeld's", ratio, "ratio", TIME)
    yield Figure("100 nodes, bytes of routing / babeld's", ours.rate / default.rate, "ratio", BYTES)


if __name__ == "__main__":
    for figure in measure():
        print(figure.line(), flush=True)
