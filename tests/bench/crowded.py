"""The Node page and the map of a mesh of a thousand nodes, all of whose metrics change with each look: a key until its
frame. Run as a program it is that wizard.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.figure import Figure
from tests.bench.wizard import KEY, Terminal
from tests.unit.fake_desk import STATUS, FakeDesk
from tests.unit.fake_mesh import mesh

NODES = 1000
KEYS = 300
UP, DOWN, PAGE_UP, PAGE_DOWN, END, HOME = (f"\x1b[{code}".encode() for code in ("A", "B", "5~", "6~", "F", "H"))


class Crowded(FakeDesk):
    looks = 0

    def status(self) -> dict[str, Any]:
        self.looks += 1
        return STATUS | {"neighbours": mesh(NODES, near=40, seed=self.looks)}


def took(terminal: Terminal, *codes: bytes) -> list[float]:
    """Milliseconds of each key, the slowest last."""
    return sorted(terminal.key(code) for code in itertools.islice(itertools.cycle(codes), KEYS))


def measure() -> Iterator[Figure]:
    terminal = Terminal("-m", "tests.bench.crowded")
    try:
        terminal.until(b"more: m draws them")
        terminal.quiet(1.5)
        page = took(terminal, DOWN, DOWN, UP, UP)
        os.write(terminal.fd, b"m")
        terminal.until(b"Map of the mesh")
        terminal.quiet(1.5)
        drawn = took(terminal, DOWN, DOWN, PAGE_DOWN, UP, END, PAGE_UP, PAGE_UP, HOME)
    finally:
        terminal.close()
    yield Figure("node-page-of-1000-key-to-frame-p99", page[KEYS * 99 // 100], "ms", KEY)
    yield Figure("map-of-1000-key-to-frame-p99", drawn[KEYS * 99 // 100], "ms", KEY)


if __name__ == "__main__":
    from byzwizard.answers import Answers
    from byzwizard.wizard import run

    sys.exit(run(Crowded(now=Answers()), "node"))
