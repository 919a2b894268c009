"""Three nodes on one cable, two of which encrypt what they say to each other: seen on the cable, and nothing breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM, Node

SETUP = 900  # seconds for what three nodes do at once, where everything is emulated
NAMES = ("ann", "bob", "cat")  # cat has it not
WIRE = "/run/wire"
AGREED = "ip xfrm state | grep -q 'proto esp spi 0x0*[1-9a-f]'"  # 0 is one that is asked for


def answers(name: str) -> str:
    chosen = "" if name == "cat" else "services: [ipsec]\n"
    return (f"byzantium: 1\nnode:\n  name: {name}\nmesh:\n  interfaces: [eth0]\n"
            f"access_point:\n  enable: false\ninternet:\n  share: never\n{chosen}")


@pytest.fixture(scope="module")
def vm(folder: Path) -> Iterator[VM]:
    with VM(folder, radios=0, memory=1792, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'; ip link add wire type bridge && ip link set wire up")
        for name in NAMES:
            vm.node(name, None)
            vm.run(f"ip link add to-{name} type veth peer name eth0 netns {name}"
                   f" && ip link set to-{name} master wire up")
        for name in NAMES:
            vm.nodes[name].booted(SETUP).run("systemctl stop 'byz-wizard@*'")
            vm.nodes[name].apply(answers(name), SETUP)
        yield vm


def address(node: Node) -> str:
    found: str = node.facts()["addresses"][0]
    return found


def on_the_cable(vm: VM, command: str, node: Node) -> list[str]:
    """What was on it between the nodes' own addresses while the node did that: a line for each packet."""
    vm.run(f"systemd-run --quiet --unit=wire -p StandardOutput=truncate:{WIRE} tcpdump -nli wire ip net 10.0.0.0/8")
    vm.wait("ss -0 | grep -q wire || journalctl -u wire | grep -q 'listening on'", 60)
    node.run(command)
    vm.run("sleep 2; systemctl stop wire")
    return vm.run(f"cat {WIRE}").splitlines()


def test_two_that_have_it_encrypt_and_the_page_of_the_other_is_there(vm: VM) -> None:
    ann, bob = vm.nodes["ann"], vm.nodes["bob"]
    to = address(bob)
    ann.wait(f"ping -c 1 -W 5 {to}", SETUP, "bob to answer ann")
    ann.wait(AGREED, SETUP, "ann to have agreed with bob")
    asked = f"ping -c 3 -W 5 {to} && busybox wget -qO- http://{to}/"
    both = [re.compile(rf" {re.escape(one)}(?![0-9])") for one in (to, address(ann))]
    seen = [line for line in on_the_cable(vm, asked, ann) if all(one.search(line) for one in both)]
    assert sum("ESP(" in line for line in seen) >= 6, seen
    assert not any("ICMP" in line or ".80:" in line or ".80 " in line for line in seen), seen


def test_with_one_that_has_it_not_all_goes_as_before(vm: VM) -> None:
    ann, cat = vm.nodes["ann"], vm.nodes["cat"]
    for one, other in ((ann, address(cat)), (cat, address(ann))):
        one.wait(f"ping -c 1 -W 5 {other}", SETUP, f"{other} to answer {one.name}")
        said = one.run(f"ping -c 10 -i 0.5 -W 5 {other}; busybox wget -qO- http://{other}/")
        assert " 0% packet loss" in said
        assert "byzantium.mesh" in said
    seen = on_the_cable(vm, f"ping -c 3 -W 5 {address(cat)}", ann)
    assert any("ICMP echo reply" in line for line in seen), seen


def test_one_that_has_it_no_longer_is_spoken_to_as_before(vm: VM) -> None:
    ann, bob = vm.nodes["ann"], vm.nodes["bob"]
    bob.run("byzwizard disable ipsec", SETUP)
    ann.wait(f"ping -c 1 -W 2 {address(bob)}", 60, "bob to answer ann without it")
    assert ann.sh(AGREED)[0] != 0
    bob.run("byzwizard enable ipsec", SETUP)
    ann.wait(f"ping -c 1 -W 2 {address(bob)}", 120, "bob to answer ann")
    bob.wait(AGREED, SETUP, "both to have agreed again")


def test_one_whose_power_fails_is_spoken_to_again(vm: VM) -> None:
    ann, bob = vm.nodes["ann"], vm.nodes["bob"]
    ann.wait(AGREED, SETUP, "ann to have agreed with bob")
    bob.run("systemctl kill -s KILL byz-ipsec && ip xfrm state flush")
    ann.wait(f"ping -c 1 -W 2 {address(bob)}", 90, "bob to answer ann")
