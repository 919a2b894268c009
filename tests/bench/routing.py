"""A hundred nodes on one graph, by our configuration of babeld and by babeld's own times: how long until all have ways to
all, at the start and around links that fell silent, and what that costs each node.

Both crowds run side by side, so that a busy computer slows the one as much as the other.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.net.crowd import Crowd, crowd, to_cut

NODES = 100
LONGEST = 300.0  # seconds
MEASURED = 64.0  # seconds: four updates of babeld's own, eight of ours
TIME, BYTES = 0.7, 2.2


def settle(crowds: tuple[Crowd, Crowd], began: float) -> list[float]:
    """Seconds since `began` until each has all ways."""
    took: list[float] = [0.0, 0.0]
    while not all(took):
        for n, one in enumerate(crowds):
            if not took[n] and one.missing() == 0:
                took[n] = time.monotonic() - began
        if time.monotonic() - began > LONGEST:
            raise TimeoutError(f"ways are missing after {LONGEST:.0f} s: {[one.missing() for one in crowds]}")
        time.sleep(0.2)
    return took


def measure() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        crowd(Path(folder) / "o", NODES) as ours,
        crowd(Path(folder) / "d", NODES) as default,
    ):
        crowds = (ours, default)
        began = time.monotonic()
        ours.start(ours=True)
        default.start(ours=False)
        start = settle(crowds, began)
        before = [one.sent() for one in crowds]
        time.sleep(MEASURED)
        sent = [one.sent() - was for one, was in zip(crowds, before, strict=True)]
        began = time.monotonic()
        for one in crowds:
            one.cut(to_cut(NODES, one.edges))
        heal = settle(crowds, began)
    rates = [round(amount / MEASURED / NODES) for amount in sent]
    print(f"# ours, babeld's own: start {start} s, heal {heal} s, {rates} bytes/s of each node", flush=True)
    yield Figure("100 nodes, all ways at the start / babeld's", start[0] / start[1], "ratio", TIME)
    yield Figure("100 nodes, around cut links / babeld's", heal[0] / heal[1], "ratio", TIME)
    yield Figure("100 nodes, bytes of routing / babeld's", sent[0] / sent[1], "ratio", BYTES)


if __name__ == "__main__":
    for figure in measure():
        print(figure.line(), flush=True)
