"""Two meshes that meet and have one clients' network twice: whole nodes by the real apply, with babeld, dnsmasq, nginx,
nftables and tend, in a line a - c - d - b, where a and b are the two and hear nothing of each other's route.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from byzwizard.backends import directory
from byzwizard.identity import Identity
from byzwizard.resolve import client_prefix
from tests.net.spaces import TREE, Spaces, spaces, within

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("babeld", "dnsmasq", "nginx", "nft")),
                       reason="tools are missing"),
    pytest.mark.timeout(300),
]
SAME = "10.66.77.0/24"


@dataclass
class Node:
    """`space` its namespace, `folder` its /run/byzantium, `phone` the namespace of its client."""

    made: Spaces
    letter: str
    space: str
    folder: Path
    phone: str
    process: subprocess.Popen[str]

    @property
    def id(self) -> str:
        return Identity(self.letter.encode() * 32).id

    @property
    def address(self) -> str:
        addresses: list[str] = json.loads((self.folder / "node.json").read_text())["addresses"]
        return addresses[0]

    def lease(self) -> str:
        """The address that the phone is given when it joins; it uses it from then on."""
        done = self.made.run(self.phone, sys.executable, str(HERE / "dhcp_client.py"), "wlan0")
        assert done.returncode == 0, done.stderr
        given = json.loads(done.stdout)
        self.made.ip(self.phone, "addr flush dev wlan0", f"addr add {given['address']}/24 dev wlan0",
                     f"route replace default via {given['router']}")
        address: str = given["address"]
        return address

    def reaches(self, target: str) -> bool:
        return self.made.run(self.phone, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def carrier_changes(self) -> int:
        return int(self.made.run(self.phone, "cat", "/sys/class/net/wlan0/carrier_changes").stdout)

    def log(self) -> str:
        return (self.folder.parent / "log").read_text()

    def through(self) -> bool:
        """Has its apply ended, well or not?"""
        return "applied" in self.log() or self.process.poll() is not None

    def knows(self, line: str) -> bool:
        return line in (self.folder / "names/hosts").read_text()


class Lab:
    def __init__(self, made: Spaces, root: Path) -> None:
        self.made, self.root = made, root
        self.spaces: dict[str, str] = {}

    def begin(self, letter: str, subnet: str, *interfaces: str) -> Node:
        """Start to make a node of the namespace, with a phone on a cable."""
        space, phone = self.spaces[letter], self.made.add(f"phone-{letter}")
        folder = self.root / letter / "run"
        folder.mkdir(parents=True)
        folder.parent.chmod(0o755)
        answers = folder.parent / "answers.yaml"
        answers.write_text(f"byzantium: 1\nnode: {{name: node-{letter}}}\n"
                           f"mesh: {{interfaces: [{', '.join(interfaces)}], subnet: {subnet}}}\n")
        with (folder.parent / "log").open("w") as log:
            process = subprocess.Popen(
                ("ip", "netns", "exec", space, "unshare", "-mupf", "--mount-proc", "--kill-child", sys.executable,
                 "-m", "tests.net.computer", str(folder), letter, str(answers), *interfaces),
                stdout=log, stderr=subprocess.STDOUT, text=True, cwd=TREE)
        self.made.started.append(process)
        return Node(self.made, letter, space, folder, phone, process)

    def ready(self, *nodes: Node) -> None:
        for node in nodes:
            assert within(120, node.through)
            assert "applied" in node.log(), node.log()
            self.made.ip(node.space, f"link add port0 type veth peer name wlan0 netns {node.phone}",
                         "link set port0 master clients0 up")
            self.made.ip(node.phone, "link set wlan0 up")
            (node.folder / "uplink").mkdir(exist_ok=True)
            (node.folder / "uplink/state.json").write_text('{"ports": [{"port": "port0", "state": "clients"}]}')


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
    a, c = lab.begin("a", SAME, "eth0"), lab.begin("c", "auto", "eth0", "eth1")
    d, b = lab.begin("d", "auto", "eth0", "eth1"), lab.begin("b", SAME, "eth0")
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
