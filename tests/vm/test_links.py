"""Mixed hardware comes to one mesh: a node with 802.11s whose access point is a hub, one that has 802.11s alone, one
that can only join, and two with ad-hoc cards. What a simulated radio can, a hardware list takes away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.harness import VM, Node, hear

SETUP = 600
SECRET = "cactus orbit velvet plinth ember"


def answers(name: str, mesh: str = "", more: str = "") -> str:
    return f"byzantium: 1\nnode:\n  name: {name}\nmesh:\n  name: relief\n{mesh}{more}"


def status(where: VM | Node) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(where.sh("byzwizard status --json")[1])
    return found


def apply(where: VM | Node, text: str) -> str:
    where.put("/run/answers.yaml", text, 0o600)
    return where.run("byzwizard apply /run/answers.yaml", SETUP)


@pytest.fixture(scope="module")
def mixed(folder: Path) -> Iterator[VM]:
    """harbour (the computer itself) hears pier (802.11s), cabin (which can only join) and one card of bridge; the other
    card of bridge hears island, which hears nobody else."""
    with VM(folder, radios=6, memory=1792, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        # A bit for each pair: harbour-pier, harbour-cabin, harbour-bridge, bridge-island.
        hear(vm, phy0=0b0111, phy1=0b0001, phy2=0b0010, phy3=0b0100, phy4=0b1000, phy5=0b1000)
        vm.node("pier", "phy1", answers("pier", more="access_point:\n  enable: false\n"))
        for name, phy in (("cabin", "phy2"), ("bridge", "phy3"), ("island", "phy5")):
            vm.node(name, phy)
        vm.run("iw phy phy4 set netns name bridge")
        for node in vm.nodes.values():
            node.booted().run("systemctl stop 'byz-wizard@*'")  # it scans, and a radio does one thing at a time
        apply(vm, answers("harbour"))  # not before its radio is the only one that is left to it
        quiet = "access_point:\n  enable: false\n"  # else each of the two would join the access point of the other
        for name, grade, mesh, more in (
            ("cabin", "E", "", ""), ("bridge", "C", "  interfaces: [wlan3, wlan4]\n", quiet), ("island", "C", "", quiet)
        ):
            vm.nodes[name].at_most(grade)
            apply(vm.nodes[name], answers(name, mesh, more))
        yield vm


def test_each_card_takes_the_part_that_it_can(mixed: VM) -> None:
    """The choice is told by `plan`, and made."""
    nodes = mixed.nodes
    assert "type mesh point" in nodes["pier"].run("iw dev mesh0 info")
    assert "type managed" in nodes["cabin"].run("iw dev mesh0 info")
    assert "type managed" in nodes["bridge"].run("iw dev mesh0 info")
    assert "type IBSS" in nodes["bridge"].run("iw dev mesh1 info")
    assert "type IBSS" in nodes["island"].run("iw dev mesh0 info")
    assert "ssid relief~pub" in nodes["island"].run("iw dev mesh0 info")
    said = nodes["cabin"].run("byzwizard plan /run/answers.yaml", SETUP)
    assert "joins the Byzantium access point “Byzantium”" in said
    assert "not encrypted" in said
    said = nodes["island"].run("byzwizard plan /run/answers.yaml", SETUP)
    assert "No Byzantium access point of this mesh is near." in said


def test_the_ends_of_the_mix_reach_each_other_by_name(mixed: VM) -> None:
    """island -ad-hoc- bridge -station- harbour -802.11s- pier, and cabin at the harbour."""
    nodes = mixed.nodes
    nodes["island"].wait("ping -c 1 -W 5 pier.byzantium.mesh", SETUP, "pier to answer island")
    nodes["pier"].wait("ping -c 1 -W 5 island.byzantium.mesh", SETUP, "island to answer pier")
    nodes["cabin"].wait("ping -c 1 -W 5 island.byzantium.mesh", SETUP, "island to answer cabin")
    nodes["island"].wait("ping -c 1 -W 5 cabin.byzantium.mesh", SETUP, "cabin to answer island")
    mixed.wait("ping -c 1 -W 5 cabin.byzantium.mesh", SETUP, "cabin to answer its hub")


def test_a_station_takes_neither_address_nor_announcements_from_its_hub(mixed: VM) -> None:
    cabin = mixed.nodes["cabin"]
    shown = cabin.run("ip -o address show mesh0").splitlines()
    assert len(shown) == 1
    assert "inet6 fe80" in shown[0]
    assert "mesh0" not in cabin.run("ip route show default; ip -6 route show default proto ra")
    assert "clients0" not in cabin.run("ip -o link show mesh0")


def test_status_says_how_each_is_joined_and_what_is_not_encrypted(mixed: VM) -> None:
    for name, way, plain in (("cabin", "an access point", "mesh0"), ("island", "ad-hoc mode", "mesh0")):
        node = mixed.nodes[name]
        node.wait("byzwizard status --json | grep -q '\"hops\": 1'", SETUP, f"{name} to know a neighbour")
        found = status(node)
        assert found["working"] is True, found["checks"]
        said = " ".join(check["text"] for check in found["checks"])
        assert f"is joined by {way}" in said
        assert f"over {plain} is not encrypted" in said
    mixed.wait("byzwizard status --json | grep -q '\"name\": \"cabin\"'", SETUP, "cabin to be known")
    found = status(mixed)
    near = {node["name"]: node for node in found["neighbours"] if node["hops"] == 1}
    assert {"pier", "cabin", "bridge"} <= set(near)
    assert near["cabin"]["signal_dbm"] is not None
    assert found["clients"] == 0, "nodes are not phones"


def test_a_scan_knows_a_byzantium_access_point_from_others(mixed: VM) -> None:
    found = json.loads(mixed.nodes["cabin"].run("byzwizard scan --json", SETUP))
    assert [one["byzantium"] for one in found if one["kind"] == "ap" and one["name"] == "Byzantium"] == [True]


def test_a_second_apply_changes_nothing(mixed: VM) -> None:
    for name in ("cabin", "bridge", "island"):
        assert "Nothing to do" in mixed.nodes[name].run("byzwizard apply /run/answers.yaml", SETUP)


def test_a_private_hub_lets_in_who_has_the_passphrase_of_the_mesh(mixed: VM) -> None:
    """One passphrase is all that is typed; the air between them is encrypted."""
    secret = f"  passphrase: {SECRET}\n  link: hub\n"
    assert "Done" in apply(mixed, answers("harbour", secret, "access_point:\n  enable: true\n"))
    cabin, bridge = mixed.nodes["cabin"], mixed.nodes["bridge"]
    apply(cabin, answers("cabin", secret))
    apply(bridge, answers("bridge", secret.replace("cactus", "cactuses") + "  interfaces: [wlan3]\n",
                          "access_point:\n  enable: false\n"))
    cabin.wait("ping -c 1 -W 5 harbour.byzantium.mesh", SETUP, "the private hub to answer")
    assert "RSN" in cabin.run("iw dev mesh0 scan dump", SETUP)
    assert "not encrypted" not in cabin.run("byzwizard status")
    assert "Not connected" in bridge.run("iw dev mesh0 link")
    bridge.wait("byzwizard status | grep -q 'waits for a Byzantium access point'", SETUP, "bridge to say that it waits")
    assert mixed.run("iw dev ap0 station dump | grep -c 'authorized:.*yes'").strip() == "1"
