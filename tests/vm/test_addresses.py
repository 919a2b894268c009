"""Two nodes with one clients' network, on simulated radios: one takes another by itself, and its phone joins anew. Then
what else a node does by itself: its clock, and a radio that hears nobody any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.harness import VM, hear
from tests.vm.phone import INSIDE, join

SETUP = 300
SAME = "10.66.77.0/24"


def answers(name: str) -> str:
    return f"byzantium: 1\nnode:\n  name: {name}\nmesh:\n  name: relief\n  subnet: {SAME}\nportal: false\n"


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[VM]:
    """west (the computer itself) and east, which do not hear each other yet."""
    with VM(folder, radios=3, memory=1536, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        hear(vm, phy0=0b001, phy1=0b010, phy2=0b100)
        vm.node("east", "phy1", answers("east"))
        vm.nodes["east"].booted()
        vm.put("/run/west.yaml", answers("west"), 0o600)
        vm.run("byzwizard apply /run/west.yaml", SETUP)
        yield vm


def facts(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_clock_is_looked_after(pair: VM) -> None:
    assert pair.run("systemctl is-active byz-clock byz-radio byz-move.path").split() == ["active"] * 3
    pair.wait("chronyc -h /run/byzantium/clock/chronyd.sock tracking | grep -q 'Stratum *: 10'", 120,
              "chronyd to go by the clock of this computer")
    said = {check["id"]: check for check in facts(pair.sh("byzwizard status --json")[1])["checks"]}
    assert said["clock"]["text"] == "The time is that of this computer; others follow it."
    assert "Operation not permitted" not in pair.run("journalctl -q --no-pager -u byz-clock -u byz-radio")


def test_when_they_meet_one_moves_and_they_reach_each_other(pair: VM) -> None:
    east = pair.nodes["east"]
    ids = {"west": facts(pair.run("cat /run/byzantium/node.json"))["id"],
           "east": facts(east.run("cat /run/byzantium/node.json"))["id"]}
    moves = max(ids, key=lambda name: ids[name])
    mover = pair if moves == "west" else east
    stayer = east if moves == "west" else pair
    bits = (0b101, 0b001) if moves == "west" else (0b001, 0b101)
    hear(pair, phy0=bits[0], phy1=bits[1], phy2=0b100)
    pair.run("ip netns add phone && iw phy phy2 set netns name phone")
    given = join(pair, SETUP)
    assert given["router"] == "10.66.77.1"
    before = mover.run("cat /run/byzantium/node.json")
    assert '"10.66.77.1"' in before
    hear_all = (0b011, 0b001) if moves == "west" else (0b001, 0b011)
    hear(pair, phy0=hear_all[0] | bits[0], phy1=hear_all[1] | bits[1])
    mover.wait("! grep -q 10.66.77.1 /run/byzantium/node.json && systemctl is-active -q byz-dnsmasq", SETUP,
               f"{moves} to take another network")
    assert '"10.66.77.1"' in stayer.run("cat /run/byzantium/node.json")
    other = {"west": "east", "east": "west"}[moves]
    mover.wait(f"ping -c 1 -W 5 {other}.byzantium.mesh", SETUP, "the two to reach each other")
    said = mover.run("journalctl -q --no-pager -o cat -u byz-move")
    assert said.count("is left, because") == 1
    assert ids[other] in said
    assert "subnet: 10.66.77" not in mover.run("cat /etc/byzantium/answers.yaml")
    address = facts(mover.run("cat /run/byzantium/node.json"))["addresses"][0]
    link = "sh -c 'for port in /sys/class/net/wlan*; do iw dev ${port##*/} link; done'"
    pair.wait(f"{INSIDE}{link} | grep -q 'Not connected'", SETUP, "the phone to be sent away for a moment")
    assert join(pair, SETUP)["router"] == address


def test_a_radio_that_hears_nobody_any_more_joins_anew_and_finds_them_again(pair: VM) -> None:
    pair.wait("iw dev mesh0 station dump | grep -q ESTAB", SETUP, "the two to be joined")
    before = pair.run("readlink /run/systemd/units/invocation:byz-mesh@mesh0.service")
    hear(pair, phy0=0b001000)
    pair.wait("journalctl -q -o cat -u byz-radio | grep -q 'mesh0: nobody is heard any more; it joins anew'", SETUP,
              "the radio to join anew")
    pair.wait(f"test \"$(readlink /run/systemd/units/invocation:byz-mesh@mesh0.service)\" != {before.strip()}", 60,
              "wpa_supplicant to be started again")
    hear(pair, phy0=0b000001, phy1=0b000001)
    pair.wait("iw dev mesh0 station dump | grep -q ESTAB", SETUP, "the two to be joined again")
    pair.wait("journalctl -q -o cat -u byz-radio | grep -q 'mesh0: 1 heard again'", 60, "it to be told")
