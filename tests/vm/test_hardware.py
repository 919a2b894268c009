"""The hardware as the real image reads it, on simulated radios: inspect, scan, self-test, report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.harness import VM, Drive, blank

ANSWERS = "byzantium: 1\nmesh: {passphrase: canary wren plinth ember, name: relief-north}\n"
AGREE = """
from byzwizard.backends.wifiprobe import Nl80211Probe, PyricProbe
ours, pyric = (probe().capabilities("wlan1") for probe in (Nl80211Probe, PyricProbe))
assert ours and pyric, (ours, pyric)
assert ours.modes == pyric.modes, ours.modes ^ pyric.modes
# PyRIC asks for all in one message, which leaves 6 GHz out.
assert pyric.mhz <= ours.mhz, pyric.mhz - ours.mhz
assert {mhz for mhz in ours.mhz if mhz <= 5925} == pyric.mhz, ours.mhz ^ pyric.mhz
print("they agree")
"""


@pytest.fixture(scope="module")
def vm(folder: Path) -> Iterator[VM]:
    stick = Drive(blank(folder / "stick.img", 64 << 20), "usb", "STICK0001")
    disk = Drive(blank(folder / "disk.img", 64 << 20), "nvme", "NVME0001")
    with VM(
        folder,
        radios=4,
        drives=[stick, disk],
        serial=None,
        append="systemd.mask=byz-node.service systemd.mask=byz-wizard@tty1.service",
    ) as machine:
        machine.start().booted()
        yield machine


def inspect(vm: VM, words: str = "") -> dict[str, Any]:
    found = json.loads(vm.run(f"byzwizard inspect --json {words}"))
    assert isinstance(found, dict)
    return found


def test_inspect_tells_what_is_there(vm: VM) -> None:
    found = inspect(vm)
    assert [radio["interface"] for radio in found["radios"]] == ["wlan0", "wlan1", "wlan2", "wlan3"]
    for radio in found["radios"]:
        assert (radio["verdict"]["grade"], radio["verdict"]["link"]) == ("A", "802.11s")
        assert (radio["driver"], radio["held_by"], radio["firmware_missing"]) == ("mac80211_hwsim", None, [])
        assert {"number": 11, "mhz": 2462, "flags": []} in radio["channels"]
        assert any(channel["mhz"] > 5925 for channel in radio["channels"]), "the dump is whole: 6 GHz is the last part"
    disks = {disk["serial"]: disk for disk in found["disks"]}
    assert (disks["STICK0001"]["transport"], disks["STICK0001"]["removable"]) == ("usb", True)
    assert disks["NVME0001"]["transport"] == "nvme"
    assert [disk["serial"] for disk in found["disks"] if disk["boot_medium"]] == ["byzantium-medium"]
    assert found["medium"]["filesystem"] == "iso9660"
    assert "grade A" in vm.run("byzwizard inspect")


def test_a_person_without_root_is_told_the_same(vm: VM) -> None:
    found = json.loads(vm.run("setpriv --reuid nobody --regid nogroup --clear-groups byzwizard inspect --json"))
    assert found["radios"] == inspect(vm)["radios"]


def test_two_ways_to_ask_agree(vm: VM) -> None:
    vm.put("/tmp/agree.py", AGREE)
    assert "they agree" in vm.run("/usr/lib/byzwizard/bin/python /tmp/agree.py")


def test_the_self_test_joins_and_puts_everything_back(vm: VM) -> None:
    before = vm.run("iw dev wlan2 info | grep type; cat /sys/class/net/wlan2/flags")
    assert "it can mesh" in vm.run("byzwizard inspect --test wlan2")
    assert vm.run("iw dev wlan2 info | grep type; cat /sys/class/net/wlan2/flags") == before
    assert vm.sh("byzwizard inspect --test wlan9")[0] == 4
    status, said = vm.sh("setpriv --reuid nobody --regid nogroup --clear-groups byzwizard inspect --test wlan2")
    assert (status, "Only root" in said) == (4, True), said


def test_a_soft_block_keeps_the_grade_and_is_explained(vm: VM) -> None:
    vm.run("rfkill block $(cat /sys/class/ieee80211/phy3/rfkill*/index)")
    try:
        blocked = inspect(vm)["radios"][3]
        assert (blocked["rfkill"], blocked["verdict"]["grade"]) == ({"soft": True, "hard": False}, "A")
        assert "flight mode" in blocked["verdict"]["advice"]
        assert vm.sh("byzwizard inspect --test wlan3")[0] == 4
        assert vm.sh("byzwizard scan wlan3")[0] == 4
    finally:
        vm.run("rfkill unblock all")


def test_scan_hears_meshes_and_hostile_names(vm: VM) -> None:
    vm.run(
        "ip link set wlan0 down; iw dev wlan0 set type mp; ip link set wlan0 up; "
        "iw dev wlan0 mesh join 'relief-north~pub' freq 2462 HT20"
    )
    vm.put("/tmp/hostile.conf", 'interface=wlan2\nssid2=P"a\\x1b[31mb\\n"\nchannel=6\nhw_mode=g\n')
    vm.run("hostapd -B -P /tmp/hostile.pid /tmp/hostile.conf")
    try:
        heard = json.loads(vm.run("byzwizard scan wlan3 --json"))
        mesh = next(one for one in heard if one["kind"] == "mesh")
        assert (mesh["name"], mesh["channel"], mesh["secured"], mesh["byzantium"]) == ("relief-north", 11, False, True)
        assert r"a\x1b[31mb\x0a" in [one["name"] for one in heard if one["kind"] == "ap"]
        assert inspect(vm)["radios"][2]["held_by"] == "hostapd"
        assert vm.sh("byzwizard inspect --test wlan2")[0] == 3
        assert vm.sh("byzwizard inspect --test wlan0")[0] == 3
    finally:
        vm.run(
            "kill $(cat /tmp/hostile.pid); iw dev wlan0 mesh leave; ip link set wlan0 down; "
            "iw dev wlan0 set type managed"
        )


def test_a_card_that_hostapd_has_is_not_taken_from_it(vm: VM) -> None:
    """apply names it and changes nothing, and passes once it has ended."""
    def shape() -> str:
        return vm.run("nft list tables; ip -o link | cut -d: -f2; iw dev wlan1 info | grep type; "
                      "ls -A /etc/byzantium 2>&1 || true")  # fmt: skip

    vm.put("/tmp/theirs.conf", "interface=wlan1\nssid=theirs\nchannel=6\nhw_mode=g\n")
    vm.put("/run/held.yaml", f"{ANSWERS}access_point: {{enable: false}}\n".replace(
        "mesh: {", "mesh: {interfaces: [wlan1], "), 0o600)
    vm.run("hostapd -B -P /tmp/theirs.pid /tmp/theirs.conf")
    try:
        before = shape()
        status, said = vm.sh("byzwizard apply /run/held.yaml")
        assert status == 3, said
        assert "The wireless card wlan1 is in use by hostapd. End that program" in said
        assert shape() == before
        assert "ssid theirs" in vm.run("iw dev wlan1 info")
    finally:
        vm.run("kill $(cat /tmp/theirs.pid); timeout 10 sh -c 'while pgrep -x hostapd; do sleep 0.2; done'")
    vm.run("byzwizard apply /run/held.yaml", 300)
    assert "type mesh point" in vm.run("iw dev mesh0 info")
    vm.run("byzwizard undo --yes", 300)


def test_a_container_reads_only_its_own(vm: VM) -> None:
    node = vm.node("node1", phy="phy3").booted()
    found = json.loads(node.run("byzwizard inspect --json"))
    assert [(radio["interface"], radio["verdict"]["grade"]) for radio in found["radios"]] == [("wlan3", "A")]
    assert "wlan3" not in [radio["interface"] for radio in inspect(vm)["radios"]]


def test_a_node_that_runs_shows_the_machine_as_before(vm: VM) -> None:
    before = inspect(vm)
    vm.put("/tmp/answers.yaml", ANSWERS)
    vm.run("byzwizard apply /tmp/answers.yaml --yes", timeout=400)
    assert vm.run("ls /sys/class/net").split().count("mesh0") == 1
    after = inspect(vm)
    for machine in (before, after):
        for port in machine["wired"]:
            port.pop("carrier")
    assert after == before
    assert vm.sh("byzwizard inspect --test wlan0")[0] == 3


def test_the_report_tells_no_secret(vm: VM) -> None:
    path = vm.run("byzwizard report").strip()
    assert vm.run(f"stat -c %a {path}").strip() == "600"
    text = vm.get(path).decode()
    for private in ("canary", "plinth", "relief-north", "STICK0001", "02:00:00:00", 'sae_password="'):
        assert private not in text, private
    for useful in ("mac80211_hwsim", "byz-mesh@mesh0.service", "byzwizard 1", "wpasupplicant"):
        assert useful in text, useful


@pytest.mark.timeout(900)
def test_a_radio_that_was_pulled_out_is_taken_again(vm: VM) -> None:
    """It comes back under another name and number, and nothing is done by hand; its access point serves again, too."""
    vm.nodes["node1"].stop()
    vm.run("modprobe -r mac80211_hwsim && modprobe mac80211_hwsim radios=1")
    vm.put("/tmp/again.yaml", ANSWERS)
    vm.run("byzwizard apply /tmp/again.yaml --yes", 600)
    before = vm.run("iw dev ap0 info | grep wiphy")
    vm.run("modprobe -r mac80211_hwsim")
    assert "mesh0 is gone" in " ".join(vm.sh("byzwizard status")[1].split())
    vm.run("modprobe mac80211_hwsim radios=1")
    for link in ("mesh0", "ap0"):
        vm.wait(f"iw dev {link} info | grep -q channel", 400, f"{link} to be on the air again")
    assert vm.run("iw dev ap0 info | grep wiphy") != before
    vm.wait("byzwizard status", 400, "the node to work")
