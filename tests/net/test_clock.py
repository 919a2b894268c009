"""The nodes of a mesh agree on whose time is theirs: whole nodes in a line, whose chronyd only tells what it would do,
for they have the host's one clock."""

import ipaddress
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from byzwizard.backends import clock
from tests.net.spaces import spaces, within
from tests.net.whole import NEEDS, Lab, Node

CHRONY = Path(__file__).parents[2] / "build" / "chrony" / "usr"  # unpacked by iso/host-setup
PATH = f"{CHRONY / 'sbin'}:{CHRONY / 'bin'}:{os.environ['PATH']}"

pytestmark = [
    *NEEDS,
    pytest.mark.skipif(not shutil.which("chronyd", path=PATH), reason="iso/host-setup could not unpack chrony"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def line(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Node, ...]]:
    monkeypatch.setenv("PATH", PATH)
    root = tmp_path_factory.mktemp("clock")  # short: the path of a socket has 107 characters at most
    root.chmod(0o755)
    with spaces() as made:
        lab = Lab(made, root)
        for letter in "abcd":
            lab.spaces[letter] = made.add(letter)
        for one, other in ("ab", "bc", "cd"):
            made.cable(lab.spaces[one], f"to-{other}", lab.spaces[other], f"to-{one}")
        nodes = (
            lab.begin("a", "to-b"),
            lab.begin("b", "to-a", "to-c"),
            lab.begin("c", "to-b", "to-d"),
            lab.begin("d", "to-c"),
        )
        lab.ready(*nodes)
        yield nodes


def told(node: Node) -> clock.Told | None:
    """None where chronyd does not answer just now."""
    socket = str(node.folder / "clock/chronyd.sock")
    words = [
        node.made.run(node.space, "chronyc", "-n", "-c", "-h", socket, what).stdout for what in ("tracking", "sources")
    ]
    try:
        return clock.parse(*words)
    except (ValueError, IndexError):
        return None


def follows(nodes: tuple[Node, ...], leader: Node) -> bool:
    said = [(node, told(node)) for node in nodes]
    return all(it is not None and it.follows == (None if node is leader else leader.address) for node, it in said)


def test_all_follow_the_node_with_the_lowest_address(line: tuple[Node, ...]) -> None:
    nodes = tuple(sorted(line, key=lambda node: ipaddress.ip_address(node.address)))
    began = time.monotonic()
    assert within(120, partial(follows, nodes, nodes[0])), [told(node) for node in nodes]
    print(f"agreed after {time.monotonic() - began:.0f} s")
    for node in nodes[1:]:
        said = told(node)
        assert said is not None
        assert said.worst is not None
        assert said.worst < 0.5, "they have one clock"
