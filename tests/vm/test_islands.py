"""Islands: two nodes that do not hear each other, each with the Internet for itself alone, joined by WireGuard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM, Node, hear

pytestmark = pytest.mark.timeout(1800)
SETUP = 600
WORLD = "ip netns exec world "
KNOWN = ("9.9.9.9", "149.112.112.112", "1.1.1.1")
# The Internet: north has a public address there, south is behind a router that lets nobody in.
NAT = "table ip world { chain out { type nat hook postrouting priority srcnat; ip saddr 192.168.8.0/24 masquerade; }; }"
PORTS = {"north": "198.51.100", "south": "192.168.8"}


def answers(name: str, *islands: str) -> str:
    return (
        f"byzantium: 1\nnode: {{name: {name}}}\naccess_point: {{enable: false}}\n"
        f"internet: {{share: never, islands: {json.dumps(islands)}}}\n"
    )


def internet(vm: VM) -> None:
    vm.run("ip netns add world && ip -n world link set lo up")
    vm.run(f"{WORLD}sysctl -qw net.ipv4.ip_forward=1 && {WORLD}nft '{NAT}'")
    for address in KNOWN:
        vm.run(f"ip -n world address add {address}/32 dev lo")
    ranges = ""
    for name, network in PORTS.items():
        vm.run(f"ip link add to-{name} netns world type veth peer name eth0 netns {name}")
        vm.run(f"ip -n world address add {network}.1/24 dev to-{name} && ip -n world link set to-{name} up")
        ranges += f" --dhcp-range={network}.50,{network}.50,255.255.255.0,2m"
    vm.run(
        f"{WORLD}dnsmasq --user=root --pid-file=/run/world.pid --no-resolv --no-hosts --conf-file=/dev/null"
        f" --dhcp-leasefile=/run/world.leases --dhcp-authoritative --address=/north.example.org/198.51.100.50{ranges}"
    )


@pytest.fixture(scope="module")
def keys(folder: Path) -> Iterator[dict[Node, str]]:
    """Both nodes, with what their owners tell each other."""
    with VM(folder, radios=3, memory=1536, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        nodes = [vm.node(name, f"phy{number}", answers(name)) for number, name in enumerate(PORTS, 1)]
        hear(vm, phy0=1, phy1=2, phy2=4)
        internet(vm)
        for node in nodes:
            node.booted(SETUP)
            node.wait(
                "grep -q '\"working\": true' /run/byzantium/uplink/state.json", SETUP, f"{node.name} to be online"
            )
        yield {node: str(node.status()["island_key"]) for node in nodes}


def finds(who: Node, whom: str) -> None:
    who.wait(f"ping -c 1 -W 5 {whom}.byzantium.mesh", SETUP, f"{whom} to answer {who.name} by its name")


def said(node: Node) -> list[str]:
    return [check["text"] for check in node.status()["checks"] if check["id"] == "island"]


def test_two_nodes_that_agree_are_one_mesh(keys: dict[Node, str]) -> None:
    north, south = keys
    south.apply(answers("south", f"{keys[north]}@north.example.org:51820"), SETUP)
    assert said(south) == [f"The island {keys[north]} does not answer."], "north has not agreed yet"
    north.apply(answers("north", keys[south]), SETUP)
    finds(south, "north")
    finds(north, "south")
    for node, other in ((north, south), (south, north)):
        node.wait(f"byzwizard status --json | grep -q 'The island {keys[other]} is joined'", SETUP, "both to be joined")
        assert node.status()["working"]
        assert [near["hops"] for near in node.status()["neighbours"]] == [1]


def test_nothing_is_shared_for_it_and_a_second_apply_changes_nothing(keys: dict[Node, str]) -> None:
    north, south = keys
    for node in (north, south):
        assert node.status()["gateway"] is None
        assert node.run("ip -4 route show proto 150") == "", "what is shared has a way of this kind (gateway.py)"
    events = south.run("byzwizard apply /run/answers.yaml --yes --json").splitlines()
    rows = [json.loads(line) for line in events]
    assert [row["step"] for row in rows if row["event"] == "finish" and row["changed"]] == []


def test_the_key_is_in_no_log_and_no_command_line(keys: dict[Node, str]) -> None:
    for node in keys:
        secret = json.loads(node.run("cat /run/byzantium/island/settings.json"))["key"]
        assert node.run("stat -c %a /run/byzantium/island/settings.json").strip() == "600"
        assert node.sh(f"journalctl -b --no-pager | grep -F '{secret}'")[0] == 1
        assert node.sh(f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -F '{secret[:20]}' | grep -v grep")[0] == 1


def test_who_leaves_is_an_island_again(keys: dict[Node, str]) -> None:
    north, south = keys
    south.apply(answers("south"), SETUP)
    assert south.sh("ip link show island0")[0] == 1
    assert south.sh("ip rule | grep 0x62797c")[0] == 1
    north.wait("! getent hosts south.byzantium.mesh", SETUP, "north to forget south")
    assert north.status()["working"]
