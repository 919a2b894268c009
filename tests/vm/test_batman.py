"""A line of three over batman-adv: the kernel makes one link of the mesh, and babeld speaks on that alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM, hear

SETUP = 600


def answers(name: str, routing: str = "batman-adv") -> str:
    return (
        f"byzantium: 1\nnode:\n  name: {name}\nmesh:\n  name: relief\n  routing: {routing}\n"
        "  passphrase: cactus orbit velvet plinth ember\naccess_point:\n  enable: false\n"
    )


@pytest.fixture(scope="module")
def line(folder: Path) -> Iterator[VM]:
    """west (the computer itself) hears middle, middle hears east."""
    with VM(folder, radios=3, memory=1536, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        hear(vm, phy0=0b01, phy1=0b11, phy2=0b10)
        for name, phy in (("middle", "phy1"), ("east", "phy2")):
            vm.node(name, phy, answers(name))
        for node in vm.nodes.values():
            node.booted()
        vm.put("/run/west.yaml", answers("west"), 0o600)
        vm.run("byzwizard apply /run/west.yaml", SETUP)
        yield vm


def test_the_ends_reach_each_other_by_name(line: VM) -> None:
    line.wait("ping -c 1 -W 5 east.byzantium.mesh", SETUP, "east to answer west")
    line.nodes["east"].wait("ping -c 1 -W 5 west.byzantium.mesh", SETUP, "west to answer east")
    assert line.run("iw dev mesh0 station dump | grep -c ESTAB").strip() == "1", "west must hear the middle alone"
    assert "bat0" in line.run("ip -4 route show proto babel")
    assert "mesh0" not in line.run("ip -4 route show proto babel")


def test_its_link_is_one_of_whole_frames_without_addresses_of_its_own(line: VM) -> None:
    assert line.run("cat /sys/class/net/mesh0/mtu /sys/class/net/bat0/mtu").split() == ["1532", "1500"]
    assert line.run("ip -o address show mesh0").strip() == ""
    assert "inet6 fe80" in line.run("ip -o address show bat0")
    assert "clients0" not in line.run("ip -o link show bat0")
    assert line.run("batctl meshif bat0 gw_mode").split()[0] == "off"
    line.run("ping -4 -c 1 -W 10 -M do -s 1472 east.byzantium.mesh", SETUP)


def test_status_tells_who_is_near_and_who_is_farther(line: VM) -> None:
    line.wait("byzwizard status --json | grep -q '\"name\": \"east\"'", SETUP, "east to be known")
    found = json.loads(line.sh("byzwizard status --json")[1])
    nodes = {node["name"]: node for node in found["neighbours"]}
    assert found["working"] is True, found["checks"]
    assert nodes["middle"]["hops"] == 1
    assert nodes["middle"]["signal_dbm"] is not None
    assert nodes["east"]["hops"] != 1
    assert nodes["east"]["via"] == nodes["middle"]["address"]
    assert nodes["east"]["signal_dbm"] is None


def test_a_second_apply_changes_nothing_and_babel_takes_its_place_again(line: VM) -> None:
    assert "Nothing to do" in line.run("byzwizard apply /etc/byzantium/answers.yaml")
    line.put("/run/babel.yaml", answers("west", "babel"), 0o600)
    line.run("byzwizard apply /run/babel.yaml", SETUP)
    assert line.sh("ip link show bat0")[0] != 0
    assert "inet6 fe80" in line.run("ip -o address show mesh0")
    line.run("byzwizard undo --yes", SETUP)
    line.wait("ping -c 1 -W 5 east.byzantium.mesh", SETUP, "east to answer again, over batman-adv")
