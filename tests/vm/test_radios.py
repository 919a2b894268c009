"""Several radios in one computer: two that mesh on links of their own, and a third for the phones. Then one that has
left its mesh unasked, and a node of a Byzantium of 2012."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM, hear
from tests.vm.phone import INSIDE, join

SETUP = 600
QUIET = "access_point: {enable: false}\n"
OLD = "ip netns exec old "
OLD_CELL = "02:ca:ff:ee:ba:be"
# As it was then: ad-hoc on channel 5, babeld without a key, a network for phones on the same card.
OLD_NODE = (
    "ip netns add old", "iw phy phy6 set netns name old", OLD + "ip link set lo up",
    OLD + "iw dev wlan6 set type ibss", OLD + "ip link set wlan6 up",
    OLD + f"iw dev wlan6 ibss join Byzantium 2432 fixed-freq {OLD_CELL}",
    OLD + "ip address add 192.168.44.7/16 dev wlan6", OLD + "ip address add 10.44.44.1/32 dev lo",
    OLD + "ip route add 10.44.44.0/24 dev lo proto static",
    # The babeld of today stands for that of then: it is told to announce no way that the other did not know.
    "printf 'redistribute proto 4 metric 128\\ninterface wlan6 v4-via-v6 false\\n' >/run/old.conf",
    OLD + "babeld -D -I /run/old.pid -L /run/old.log -c /run/old.conf wlan6",
)  # fmt: skip


def answers(name: str, mesh: str = "", more: str = QUIET) -> str:
    head = f"byzantium: 1\nnode: {{name: {name}}}\nmesh:\n  name: fairground\n  security: open\n  channel: 6\n"
    return head + mesh + more


@pytest.fixture(scope="module")
def hill(folder: Path) -> Iterator[VM]:
    """The computer itself: dale hears its first radio, glen its second, the phone its third."""
    with VM(folder, radios=7, memory=1792, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        hear(vm, phy0=0b00001, phy1=0b00010, phy2=0b00100, phy3=0b00001, phy4=0b01010, phy5=0b00100, phy6=0b01000)
        vm.node("dale", "phy3", answers("dale"))
        vm.node("glen", "phy4", answers("glen"))
        vm.run("ip netns add phone && iw phy phy5 set netns name phone")
        for command in OLD_NODE:
            vm.run(command)
        for node in vm.nodes.values():
            node.booted().run("systemctl stop 'byz-wizard@*'")
        vm.put("/run/hill.yaml", answers("hill", "  interfaces: [wlan0, wlan1]\n", more=""))
        vm.run("byzwizard apply /run/hill.yaml", SETUP)
        yield vm


def test_two_radios_join_their_neighbours_to_one_mesh(hill: VM) -> None:
    """Open, as cards want it that cannot encrypt: nothing is asked of the air, and status says that it is not."""
    for link in ("mesh0", "mesh1"):
        assert "type mesh point" in hill.run(f"iw dev {link} info")
    dale, glen = hill.nodes["dale"], hill.nodes["glen"]
    dale.wait("ping -c 1 -W 5 glen.byzantium.mesh", SETUP, "glen to answer dale")
    glen.wait("ping -c 1 -W 5 dale.byzantium.mesh", SETUP, "dale to answer glen")
    for link in ("mesh0", "mesh1"):
        assert hill.run(f"iw dev {link} station dump | grep -c ESTAB").strip() == "1"
    assert "nothing on the air is encrypted" in " ".join(hill.sh("byzwizard status")[1].split())


def test_a_phone_comes_in_by_the_third_which_keeps_off_the_channel_of_the_mesh(hill: VM) -> None:
    given = join(hill, SETUP, radio="wlan5")
    hill.run(INSIDE + f"ip route add default via {given['router']}")
    hill.run(f"mkdir -p /etc/netns/phone && echo nameserver {given['dns']} >/etc/netns/phone/resolv.conf")
    hill.wait(INSIDE + "ping -c 1 -W 5 dale.byzantium.mesh", SETUP, "dale to answer the phone")
    assert "channel 6 " in hill.run("iw dev mesh0 info")
    serving = hill.run("for dev in $(ls /sys/class/net | grep ^ap); do iw dev $dev info; done")
    assert "channel 11 " in serving, serving


def test_a_radio_that_left_the_mesh_unasked_joins_again_by_itself(hill: VM) -> None:
    dale = hill.nodes["dale"]
    dale.run("iw dev mesh0 mesh leave")
    dale.wait("journalctl -o cat --no-pager -u byz-radio | grep -q 'nobody is heard any more; it joins anew'", SETUP,
              "dale to see to its radio")  # fmt: skip
    dale.wait("iw dev mesh0 station dump | grep -q ESTAB", SETUP, "dale to have a peer again")
    dale.wait("ping -c 1 -W 5 glen.byzantium.mesh", SETUP, "glen to answer dale again")
    dale.wait("journalctl -o cat --no-pager -u byz-radio | grep -q 'heard again'", SETUP, "dale to say so")


def test_radios_come_back_after_their_daemons_were_killed(hill: VM) -> None:
    hill.run("systemctl kill --signal=KILL 'byz-mesh@*' 'byz-ap@*'")
    for link in ("mesh0", "mesh1"):
        hill.wait(f"iw dev {link} station dump | grep -q ESTAB", SETUP, f"{link} to have a peer again")
    hill.nodes["dale"].wait("ping -c 1 -W 5 glen.byzantium.mesh", SETUP, "glen to answer dale again")
    hill.wait("for dev in $(ls /sys/class/net | grep ^ap); do iw dev $dev info; done | grep -q 'type AP'", SETUP,
              "the access point to be there again")  # fmt: skip


def test_radios_come_back_after_the_key_that_switches_them_was_pressed_twice(hill: VM) -> None:
    switch = "for switch in /sys/class/rfkill/*/soft; do echo {} >$switch; done"
    hill.run(switch.format(1))
    hill.wait("! ip link show mesh0 | grep -q '[<,]UP[,>]'", SETUP, "mesh0 to be down")
    assert "is switched off" in " ".join(hill.sh("byzwizard status")[1].split())
    hill.run(switch.format(0))
    for link in ("mesh0", "mesh1"):
        hill.wait(f"iw dev {link} station dump | grep -q ESTAB", SETUP, f"{link} to have a peer again")
    hill.wait("for dev in $(ls /sys/class/net | grep ^ap); do iw dev $dev info; done | grep -q channel", SETUP,
              "the access point to serve again")  # fmt: skip
    hill.nodes["dale"].wait("ping -c 1 -W 5 glen.byzantium.mesh", SETUP, "glen to answer dale again")


def test_the_preset_meets_a_node_of_the_old_byzantium(hill: VM) -> None:
    glen = hill.nodes["glen"]
    text = (Path(__file__).parents[1] / "answers" / "old-byzantium.yaml").read_text()
    glen.apply(text + QUIET, SETUP)
    shown = glen.run("iw dev mesh0 info")
    assert "type IBSS" in shown
    assert "ssid Byzantium\n" in shown
    assert "channel 5 " in shown
    glen.wait("ping -c 1 -W 5 10.44.44.1", SETUP, "the old node to answer")
    assert OLD_CELL in glen.run("iw dev mesh0 link")
    network = glen.facts()["addresses"][0].removesuffix("1") + "0/24"
    assert re.search(r"via 10\.\d+\.\d+\.1 ", hill.run(OLD + f"ip route show {network}"))
    # A cell that the radio has left unasked is joined again as a mesh is.
    known_for = "iw dev mesh0 station dump | awk '/connected time/ {if ($3 > 10) found = 1} END {exit !found}'"
    glen.wait(known_for, SETUP, "glen to have had the old node beside it for two looks of its watch")
    glen.run("iw dev mesh0 ibss leave")
    glen.wait("journalctl -o cat --no-pager -u byz-radio | grep -q 'mesh0: nobody is heard any more; it joins anew'",
              SETUP, "glen to see to its radio")  # fmt: skip
    glen.wait("ping -c 1 -W 5 10.44.44.1", SETUP, "the old node to answer again")
    glen.apply(answers("glen"), SETUP)
    assert "inet " not in glen.run("ip -o address show mesh0"), "the address for the old ones is gone again"
