"""A node that is alone, on the image's own systemd: the watch, which has no rights, calls the part that listens."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from byzwizard.alone import STATE
from tests.net.booted import NEEDS, Node, laboratory
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]
SOON = 120  # seconds: a look is taken every five


@pytest.fixture
def hermit(tmp_path: Path) -> Iterator[Node]:
    """Nobody is at the other end of its cable. It has no radio, and is told that what it does depends on others."""
    with laboratory(tmp_path) as lab:
        lab.line("ab")
        node = lab.nodes[0]
        lab.apply(node)
        node.do("sed", "-i", 's/"listens": false/"listens": true/', "/run/byzantium/node.json")
        yield node


def says(node: Node, words: str, *command: str) -> bool:
    return words in node.run(*command).stdout


def test_who_is_alone_says_when_it_listens_and_does(hermit: Node) -> None:
    hermit.do("systemctl", "start", "byz-radio")
    status = ("byzwizard", "status", "--json")
    assert within(SOON, partial(says, hermit, "It listens again within", *status))
    hermit.do("sh", "-c", f"echo '{{\"tries\": 0, \"due\": 0}}' >{STATE}; systemctl restart byz-radio")
    heard = ("journalctl", "-o", "cat", "-u", "byz-listen")
    assert within(SOON, partial(says, hermit, "no other access point of this mesh is heard", *heard))
    assert hermit.do("systemctl", "show", "-P", "Result", "byz-listen").strip() == "success"
    assert '"tries": 1' in hermit.do("cat", STATE)

    hermit.do("systemctl", "stop", "byz-radio")
    assert hermit.run("test", "-e", STATE).returncode != 0, "nothing is told of a watch that has ended"
    assert hermit.run("systemctl", "is-active", "--quiet", "byz-listen.path").returncode != 0
