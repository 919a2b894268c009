"""A node that is blocked, on the image's own systemd: it and its phones have no name and no way here, others have."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.net.booted import NEEDS, Lab, Node, laboratory
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]
SOON = 60  # seconds: a document is fetched, its network told, the sets filled every quarter of a minute


@pytest.fixture
def star(tmp_path: Path) -> Iterator[Lab]:
    """b in the middle of a and c."""
    with laboratory(tmp_path) as lab:
        lab.line("abc")
        a, b, c = lab.nodes
        lab.apply(a)
        lab.apply(b, interfaces="eth0, eth1")
        lab.apply(c)
        yield lab


def reaches(lab: Lab, who: Node, whom: Node) -> bool:
    """The phone of the one the other node."""
    return lab.made.run(who.phone, "ping", "-c", "1", "-W", "1", whom.address).returncode == 0


def is_cut_off(lab: Lab, who: Node, whom: Node) -> bool:
    return not reaches(lab, who, whom)


def knows(who: Node, whom: Node) -> bool:
    return who.run("getent", "hosts", f"{whom.id}.byzantium.mesh").returncode == 0


def test_who_is_blocked_gets_nowhere_here_until_it_is_let_in_again(star: Lab) -> None:
    a, b, c = star.nodes
    for one, other in ((a, c), (c, a), (a, b), (b, a)):
        assert within(SOON, partial(reaches, star, one, other)), (one.letter, other.letter)
        assert within(SOON, partial(knows, one, other))

    star.apply(a, f"  blocked: [{c.id}]\n")
    for one, other in ((a, c), (c, a)):
        assert within(SOON, partial(is_cut_off, star, one, other)), (one.letter, other.letter)
    assert within(SOON, lambda: not knows(a, c))
    assert reaches(star, a, b)
    assert reaches(star, c, b)
    assert knows(a, b)
    ula = c.do("sh", "-c", "ip -6 -o address show dev clients0 | grep -o 'fd[0-9a-f:]*' | head -n 1").strip()
    assert a.run("ping", "-c", "1", "-W", "1", ula).returncode == 0, "a itself goes on asking c for its document"
    assert c.run("ping", "-c", "1", "-W", "1", a.address).returncode != 0

    _slow_to_pass_on(a)
    star.apply(a)
    for one, other in ((a, c), (c, a)):
        assert within(SOON, partial(reaches, star, one, other)), (one.letter, other.letter)
    assert within(SOON, partial(knows, a, c))


def _slow_to_pass_on(node: Node) -> None:
    """As on a weak computer: what dnsmasq is told takes longer than until the next name changes, and one is under way.
    The change behind it must not be lost."""
    folder = "/run/systemd/system/byz-names.service.d"
    slow = f"mkdir -p {folder}; printf '[Service]\\nExecStartPost=/usr/bin/sleep 20\\n' >{folder}/slow.conf"
    node.do("sh", "-c", f"{slow}; systemctl daemon-reload; systemctl --no-block start byz-names")
    assert within(5, lambda: node.run("systemctl", "is-active", "byz-names").stdout.strip() == "activating")
