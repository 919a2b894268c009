"""Two meshes that meet and have one clients' network twice: whole nodes by the real apply, with babeld, dnsmasq, nginx,
nftables and tend, in a line a - c - d - b, where a and b are the two and hear nothing of each other's route.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from byzwizard.backends import directory
from byzwizard.resolve import client_prefix
from tests.net.spaces import spaces, within
from tests.net.whole import NEEDS, Lab

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(300),
]
SAME = "10.66.77.0/24"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    tmp_path.chmod(0o755)
    with spaces() as made:
        yield Lab(made, tmp_path)


def test_the_one_with_the_greater_id_takes_another_network_and_nobody_else_notices(lab: Lab) -> None:
    for letter in "acdb":
        lab.spaces[letter] = lab.made.add(letter)
    lab.made.cable(lab.spaces["a"], "eth0", lab.spaces["c"], "eth0")
    lab.made.cable(lab.spaces["d"], "eth1", lab.spaces["b"], "eth0")
    air = lab.made.add("air")  # between c and d: two meshes while it passes nothing on
    lab.made.ip(air, "link add between type bridge forward_delay 0")
    for letter, name in (("c", "eth1"), ("d", "eth0")):
        lab.made.cable(lab.spaces[letter], name, air, f"to-{letter}")
        lab.made.ip(air, f"link set to-{letter} master between")
    a, c = lab.begin("a", "eth0", subnet=SAME), lab.begin("c", "eth0", "eth1")
    d, b = lab.begin("d", "eth0", "eth1"), lab.begin("b", "eth0", subnet=SAME)
    lab.ready(a, c, d, b)
    stays, moves = sorted((a, b), key=lambda node: node.id)
    near_it = c if stays is a else d
    was = {node.letter: node.lease() for node in (a, c, d, b)}
    assert was[a.letter].startswith("10.66.77.")
    assert within(30, lambda: stays.reaches(near_it.address))
    changes = {node.letter: node.carrier_changes() for node in (a, c, d, b)}

    lab.made.ip(air, "link set between up")
    met = time.monotonic()
    assert within(60, lambda: moves.address != "10.66.77.1"), a.log() + b.log()
    assert within(60 - (time.monotonic() - met), lambda: moves.carrier_changes() > changes[moves.letter])
    assert moves.address == client_prefix(moves.id, ()).replace(".0/24", ".1")
    assert client_prefix(moves.id, ()) in (moves.folder / "kept.yaml").read_text()

    new = moves.lease()
    assert new.rpartition(".")[0] == moves.address.rpartition(".")[0]
    for one, other in ((moves, stays), (stays, moves), (c, b), (d, a)):
        assert within(30, partial(one.reaches, other.address))
    print(f"repaired {time.monotonic() - met:.0f} s after the meshes had met")
    assert time.monotonic() - met < 60

    for node in (stays, c, d):
        assert node.carrier_changes() == changes[node.letter], "its phone was not sent away"
        assert node.address.rpartition(".")[0] == was[node.letter].rpartition(".")[0]
    told = [line for line in moves.log().splitlines() if "is taken" in line]
    assert len(told) == 1
    assert stays.id in told[0]
    assert "move ended with 0" in moves.log()
    assert "is taken" not in stays.log() + c.log() + d.log()

    named = f"{moves.address} node-{moves.letter}.{directory.DOMAIN}"
    for node in (stays, c, d):
        assert within(30, partial(node.knows, named))
