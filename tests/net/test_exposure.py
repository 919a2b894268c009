"""How far each of our units is open to the system if what it runs is taken over: as systemd itself weighs it."""

import re
from collections.abc import Iterator

import pytest

from tests.net.booted import NEEDS, Node, laboratory
from tests.net.spaces import TREE

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
MOST = 2.5
EXCEPTIONS = {
    "byz-listen.service": "it applies the part that its radio takes from now on, as byz-move does",
    "byz-move.service": "it applies what changes of the network and the firewall, as root, with the programs for that",
    "byz-node.service": "it makes the whole node, disks and kernel included, and what it mounts is for all",
    "byz-plugged.service": "it applies what its node lacked until something was plugged in, as byz-move does",
    "byz-ssh.service": "whoever logs in is root of the whole computer",
    "byz-wizard@tty1.service": "it writes sticks, makes the node, and leads to a shell of root",
}
SEED = "/run/live/medium/byzantium/random-seed"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """With all that runs in a container: IPsec needs more of the kernel than there may be."""
    with laboratory(tmp_path_factory.mktemp("exposure")) as found:
        found.line("ab")
        node = found.nodes[0]
        found.apply(node)
        node.do("byzwizard", "enable", *(row["name"] for row in node.services() if row["name"] != "ipsec"))
        yield node


def units() -> list[str]:
    """All of ours; of those for many things, that for one."""
    names = sorted(path.name for path in (TREE / "assets/units").glob("byz-*.service"))
    return [name.replace("@.", "@tty1." if "wizard" in name else "@eth0.") for name in names]


def exposed(node: Node, unit: str) -> float:
    said = node.do("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+) ", said)
    assert found, said
    return float(found[1])


def test_no_unit_is_open_to_the_system_but_those_that_are_the_system(node: Node) -> None:
    found = {unit: exposed(node, unit) for unit in units()}
    print(*(f"{unit} {level}" for unit, level in sorted(found.items(), key=lambda each: -each[1])), sep="\n")
    assert {unit for unit, level in found.items() if level > MOST} == set(EXCEPTIONS)
    running = node.do("systemctl", "list-units", "--plain", "--no-legend", "--type=service", "byz-*").split("\n")
    named = {re.sub("@.*", "@", line.split()[0]) for line in running if line}
    assert named <= {re.sub("@.*", "@", unit) for unit in found}, "none runs that is not weighed"


def test_the_sticks_own_seed_is_stirred_in_within_the_sandbox(node: Node) -> None:
    node.do("sh", "-c", f"mkdir -p {SEED.rpartition('/')[0]} && head -c 512 /dev/zero >{SEED} && chmod 600 {SEED}")
    node.do("systemctl", "start", "byz-seed.service")
    said = node.do("systemctl", "show", "--property=Result,ExecMainStatus,ConditionResult", "byz-seed.service")
    assert set(said.split()) == {"Result=success", "ExecMainStatus=0", "ConditionResult=yes"}
