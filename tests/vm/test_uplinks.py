"""Ways to the Internet: over Wi-Fi on simulated radios (an office with an access point, a node with two cards, and one
behind it), and by a USB adapter that is plugged in later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.harness import VM

SETUP = 600
SECRET = "the guest network of canaries"
OFFICE = "ip netns exec office "
ABROAD, PRINTER = "203.0.113.5", "192.168.7.9"
KNOWN = ("9.9.9.9", "149.112.112.112", "1.1.1.1")
MODERN = "wpa_key_mgmt=WPA-PSK SAE\nieee80211w=1\nsae_require_mfp=1"
KINDS = {"WPA2-PSK": "wpa_key_mgmt=WPA-PSK", "SAE": "wpa_key_mgmt=SAE\nieee80211w=2\nsae_pwe=1"}


def office(security: str, passphrase: str = SECRET) -> str:
    return (f"interface=wlan2\nctrl_interface=/run/office\nssid=Harbour office\nhw_mode=g\nchannel=6\nieee80211n=1\n"
            f"wpa=2\nrsn_pairwise=CCMP\nwpa_passphrase={passphrase}\n{security}\n")


def answers(passphrase: str = SECRET) -> str:
    return ("byzantium: 1\nnode:\n  name: west\ninternet:\n  share: auto\n"
            f"  wifi: {{ssid: Harbour office, passphrase: {passphrase}}}\n")


def serve(vm: VM, security: str) -> None:
    """The office's access point, from the beginning."""
    vm.sh("kill $(cat /run/office.pid); sleep 1")
    vm.put("/run/office.conf", office(security), 0o600)
    vm.run(OFFICE + "hostapd -B -P /run/office.pid /run/office.conf")


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[VM]:
    """west (the computer itself) has two cards; the office has its own Internet; east is a node behind west."""
    with VM(folder, radios=4, memory=1536, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        vm.node("east", "phy3", "byzantium: 1\nnode:\n  name: east\n")
        vm.run("ip netns add office && iw phy phy2 set netns name office && ip -n office link set lo up")
        serve(vm, MODERN)
        for address in ("192.168.7.1/24", f"{PRINTER}/24"):
            vm.run(f"ip -n office address add {address} dev wlan2")
        for address in (ABROAD, *KNOWN):
            vm.run(f"ip -n office address add {address}/32 dev lo")
        vm.run(OFFICE + "dnsmasq --user=root --pid-file=/run/office-dns.pid --no-resolv --no-hosts"
               " --conf-file=/dev/null --dhcp-leasefile=/run/office.leases"
               " --dhcp-range=192.168.7.50,192.168.7.99,255.255.255.0,2m"
               " --dhcp-authoritative --address=/www.example.org/203.0.113.5")
        vm.nodes["east"].booted()
        vm.put("/run/west.yaml", answers(), 0o600)
        vm.run("byzwizard apply /run/west.yaml", SETUP)
        yield vm


def port(vm: VM) -> dict[str, Any]:
    state = json.loads(vm.run("cat /run/byzantium/uplink/state.json"))
    return next(row for row in state["ports"] if row["port"] == "wifi0")


def shared(vm: VM, what: str) -> None:
    vm.wait("grep -q '\"shared\": true' /run/byzantium/uplink/state.json", SETUP, what)


def said(vm: VM) -> str:
    found = json.loads(vm.sh("byzwizard status --json")[1])
    assert found["working"] is True, found["checks"]
    return "\n".join(f"{check['text']} {check['advice'] or ''}" for check in found["checks"])


def kind(vm: VM) -> str:
    """wpa_cli would wait for its answer in a folder that the service does not see."""
    socket = "/run/byzantium/wifi/control/wifi0"
    ask = f"from byzwizard.backends.control import status; print(status('{socket}')['key_mgmt'])"
    return vm.run(f'/usr/lib/byzwizard/bin/python -c "{ask}"').strip()


def test_the_mesh_goes_out_by_the_office_and_sees_nobody_in_it(lab: VM) -> None:
    shared(lab, "the office's Internet to be shared")
    assert port(lab)["router"] == "192.168.7.1"
    assert kind(lab) == "SAE"
    assert "ESTAB" in lab.wait("iw dev mesh0 station dump | grep ESTAB", SETUP, "east to be a peer all the while")
    east = lab.nodes["east"]
    east.wait("ip route show default proto babel | grep -q via", SETUP, "east to learn of the way out")
    east.wait(f"ping -c 1 -W 5 {ABROAD}", SETUP, "somebody abroad to answer east")
    assert east.sh(f"ping -c 2 -W 3 {PRINTER}")[0] != 0, "the office's own network is nobody's business"
    assert "The Internet at Wi-Fi “Harbour office” is shared with the mesh." in said(lab)


def test_a_second_apply_changes_nothing(lab: VM) -> None:
    assert "Nothing to do" in lab.run("byzwizard apply /etc/byzantium/answers.yaml")


def test_it_is_withdrawn_while_two_of_three_do_not_answer(lab: VM) -> None:
    lab.run("".join(f"ip -n office address del {address}/32 dev lo; " for address in KNOWN[:2]))
    lab.nodes["east"].wait("! ip route show default proto babel | grep -q via", 60, "the way out to be withdrawn")
    assert port(lab)["state"] == "uplink"
    lab.run("".join(f"ip -n office address add {address}/32 dev lo; " for address in KNOWN[:2]))
    lab.nodes["east"].wait("ip route show default proto babel | grep -q via", SETUP, "the way out to be back")


def test_it_is_found_again_under_wpa2_and_wpa3_alone(lab: VM) -> None:
    for name, security in KINDS.items():
        lab.run("kill $(cat /run/office.pid)")
        lab.wait("byzwizard status | grep -q 'Harbour office” is not joined'", SETUP, "status to miss the office")
        serve(lab, security)
        shared(lab, f"the office to be joined by {name}")
        assert kind(lab) == name


def test_a_wrong_passphrase_is_told(lab: VM) -> None:
    lab.put("/run/wrong.yaml", answers("another guest network"), 0o600)
    lab.run("byzwizard apply /run/wrong.yaml", SETUP)
    lab.wait("byzwizard status | grep -q 'compare internet.wifi.passphrase'", SETUP, "the refusal to be told")


def test_a_usb_adapter_that_comes_later_is_an_uplink_until_it_is_pulled_out(lab: VM) -> None:
    """At its other end is QEMU's own DHCP server; whether that leads anywhere is the affair of the host."""
    state = "/run/byzantium/uplink/state.json"
    lab.monitor.do("netdev_add", type="user", id="later", restrict=True)
    lab.monitor.do("device_add", driver="usb-net", netdev="later", id="dev-later", bus="usb.0")
    lab.wait(f"grep -qF 10.0.2.2 {state}", SETUP, "the adapter to be an uplink")
    name = next(row["port"] for row in json.loads(lab.run(f"cat {state}"))["ports"] if row["server"] == "10.0.2.2")
    assert "clients0" not in lab.run(f"ip link show {name}")
    assert "lookup 150" in lab.run("ip rule"), "the way to a network in 10/8 is kept from the mesh"
    assert f"{name} does not lead to the Internet now" in said(lab)
    lab.monitor.do("device_del", id="dev-later")
    lab.wait(f"! grep -q {name} {state}", SETUP, "the adapter to be forgotten")
    assert "lookup 150" not in lab.run("ip rule")


def test_without_it_the_card_is_free_again(lab: VM) -> None:
    lab.put("/run/none.yaml", "byzantium: 1\nnode:\n  name: west\n", 0o600)
    lab.run("byzwizard apply /run/none.yaml", SETUP)
    assert "wifi0" not in lab.run("ls /sys/class/net")
    assert lab.sh("systemctl is-active 'byz-wifi@wifi0.service'")[0] != 0
    assert lab.sh(f"journalctl -b --no-pager | grep -aF '{SECRET}'")[1] == ""


def test_one_card_that_meshes_cannot_join_as_well(lab: VM) -> None:
    lab.run("ip netns add shelf && iw phy phy1 set netns name shelf")
    state, text = lab.sh("byzwizard apply /run/west.yaml", SETUP)
    assert state == 4
    assert "internet.wifi" in text
