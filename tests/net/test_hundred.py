"""A hundred whole nodes, each of which hears about six others: all have the names of all, and tell who is there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial

import pytest

from byzwizard.backends.directory import DOMAIN
from tests.net.crowd import graph
from tests.net.spaces import spaces, within
from tests.net.whole import NEEDS, Lab, Node

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(2400),
]
NODES = 100
AT_ONCE = 8  # that become nodes; each takes a second or two of a core
PATIENCE = 600  # seconds: this computer is all of them


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    root = tmp_path_factory.mktemp("h")
    root.chmod(0o755)
    with spaces() as made:
        lab = Lab(made, root)
        ports: dict[str, list[str]] = {f"n{number}": [] for number in range(NODES)}
        for name in ports:
            lab.spaces[name] = made.add(name)
        for one, other in graph(NODES):
            here, there = f"n{one}", f"n{other}"
            made.cable(lab.spaces[here], f"to{other}", lab.spaces[there], f"to{one}")
            ports[here].append(f"to{other}")
            ports[there].append(f"to{one}")
        nodes: list[Node] = []
        for at in range(0, NODES, AT_ONCE):
            some = [lab.begin(name, *ports[name]) for name in list(ports)[at : at + AT_ONCE]]
            lab.ready(*some)
            nodes += some
        yield nodes


def unknown(asking: list[Node], wanted: list[Node]) -> int:
    """How many names are missing in their tables of others, all together."""
    tables = [(node, set((node.folder / "names/hosts").read_text().split())) for node in asking]
    return sum(f"{one.id}.{DOMAIN}" not in table for node, table in tables for one in wanted if one is not node)


def told(node: Node) -> dict[str, list[dict[str, object]]]:
    """Its `byzwizard status --json`."""
    answer = node.folder / "status.json"
    answer.unlink(missing_ok=True)
    (node.folder / "asked").write_text("")
    assert within(120, answer.exists), node.log()[-2000:]
    (node.folder / "asked").unlink()
    found: dict[str, list[dict[str, object]]] = json.loads(answer.read_text())
    return found


def test_all_have_the_names_of_all(crowd: list[Node]) -> None:
    began = time.monotonic()
    assert within(PATIENCE, lambda: unknown(crowd, crowd) == 0), unknown(crowd, crowd)
    print(f"{NODES} nodes knew each other {time.monotonic() - began:.0f} s after the last one stood")
    first, last = crowd[0], crowd[-1]
    first.lease()
    assert first.ask(f"node-{last.letter}.{DOMAIN}") == [last.address]
    assert within(60, partial(first.reaches, last.address))


def test_status_tells_of_all(crowd: list[Node]) -> None:
    began = time.monotonic()
    found = told(crowd[0])
    print(f"status of {NODES} nodes took {time.monotonic() - began:.1f} s")
    assert {node["name"] for node in found["neighbours"]} == {f"node-{node.letter}" for node in crowd[1:]}
    near = {f"node-n{one + other}" for one, other in graph(NODES) if 0 in (one, other)}
    assert {node["name"] for node in found["neighbours"] if node["hops"] == 1} == near


def test_who_is_gone_is_forgotten_everywhere(crowd: list[Node]) -> None:
    *others, gone = crowd
    gone.process.kill()
    began = time.monotonic()
    wanted = len(others)
    assert within(PATIENCE, lambda: unknown(others, [gone]) == wanted)
    print(f"forgotten by {wanted} nodes after {time.monotonic() - began:.0f} s")
    assert unknown(others, others) == 0
