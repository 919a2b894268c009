"""Copies of the running stick: several at once, one pulled out, a store kept, and what they start into.

What else must not be erased is in test_refused.py."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.harness import BUILD, VM, Drive, blank
from tests.vm.recording import FIRST
from tests.vm.test_keep import RADIO, boot, key_stick

GB = 10**9
ANSWERS = """byzantium: 1
node: {name: lighthouse, country: "NO"}
mesh: {name: relief-north, passphrase: canary wren ember}
"""
FIRST_FRAME = "Just start"
STORE = "8DA63339-0007-60C0-C436-083AC8230908"


@pytest.fixture(scope="module")
def sticks(folder: Path) -> list[Drive]:
    """A small one and one of 8 GB, as fast as such are; and somebody's disk."""
    return [
        Drive(blank(folder / "stick-one.img", 2 * GB), "usb", "STICK-ONE", limit=40_000_000),
        Drive(blank(folder / "stick-two.img", 8 * GB), "usb", "STICK-TWO", limit=40_000_000),
        Drive(blank(folder / "internal.img", 2 * GB), "nvme", "INTERNAL"),
    ]


@pytest.fixture(scope="module")
def source(folder: Path, sticks: list[Drive]) -> Iterator[VM]:
    """A node that was started from the ISO on a stick."""
    with VM(folder / "source", medium="usb", answers=ANSWERS, drives=sticks) as vm:
        vm.start().booted()
        yield vm


def disk(vm: VM, serial: str) -> str:
    return vm.run(f"lsblk -dno PATH,SERIAL | awk '$2 == \"{serial}\" {{print $1}}'").strip()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("words", "why"), [("INTERNAL", "internal:INTERNAL"), ("byzantium-medium", "runs from")])
def test_what_must_not_be_erased_is_refused(source: VM, words: str, why: str) -> None:
    status, text = source.sh(f"byzwizard clone --yes {words}")
    assert (status, why in text, len(text.splitlines())) == (3, True, 1), text


def test_nothing_is_erased_unconfirmed(source: VM) -> None:
    status, text = source.sh("byzwizard clone STICK-ONE")
    assert status == 3
    assert "This erases: QEMU HARDDISK, 2.0 GB (serial STICK-ONE), now holds: nothing" in text
    for serial in ("STICK-ONE", "INTERNAL"):
        assert source.run(f"head -c 4M {disk(source, serial)} | tr -d '\\0' | wc -c").strip() == "0"


def test_two_at_once(source: VM) -> None:
    told = events(source.run("byzwizard clone --yes --json STICK-ONE STICK-TWO", 600))
    assert told[-1]["status"] == 0
    rates = {event["step"]: event["rate"] for event in told if event["event"] == "progress"}
    assert len(rates) == 2
    for serial in ("STICK-ONE", "STICK-TWO"):
        part = disk(source, serial) + "1"
        source.wait(f"test -e {part} && blkid {part}", 30)
        source.run(f"fsck.vfat -n {part}")
        source.run(f"mkdir -p /run/look && mount -o ro {part} /run/look")
        source.run("for f in live boot/byzantium; do diff -r /run/live/medium/$f /run/look/$f || exit; done")
        assert "answers.yaml" not in source.run("ls /run/look/byzantium")
        source.run("umount /run/look")
    uuids = source.run(f"lsblk -no UUID,PTUUID,PARTUUID {disk(source, 'STICK-ONE')}1 {disk(source, 'STICK-TWO')}1")
    assert len(set(uuids.split())) == 6
    assert source.run("ls /run/byzantium | grep -c copy- || true").strip() == "0"


def test_a_stick_that_is_pulled_out_stops_no_other(source: VM, folder: Path) -> None:
    pulled = Drive(blank(folder / "pulled.img", 2 * GB), "usb", "PULLED")
    source.plug(pulled)
    source.wait("lsblk -dno SERIAL | grep -q PULLED", 30)
    ended: list[tuple[int, str]] = []
    copying = threading.Thread(
        target=lambda: ended.append(source.sh("byzwizard clone --yes --json PULLED STICK-TWO 2>/dev/null", 600))
    )
    copying.start()
    name = disk(source, "PULLED").removeprefix("/dev/")
    source.wait(f"test $(awk '{{print $7}}' /sys/block/{name}/stat) -gt 100000", 120, "it to be written to")
    source.unplug(pulled)
    copying.join()
    status, text = ended[0]
    told = events(text)
    assert (status, told[-1]["status"]) == (1, 1)
    assert [event["event"] for event in told if event["event"] in {"fail", "finish"}] == ["fail", "finish"]
    with pulled.path.open("rb") as file:
        assert file.read(446) == bytes(446), "it would start half written"


def test_a_store_is_kept(source: VM) -> None:
    path = disk(source, "STICK-TWO")
    source.run(f"echo 'size=64M, type={STORE}, name=byzdata' | sfdisk --quiet --append {path}; udevadm settle")
    source.run(f"mkfs.vfat -n KEPT {path}2 && echo 'what people wrote' | mcopy -i {path}2 - ::/kept; udevadm settle")
    before = source.run(f"sfdisk --dump {path} | grep {path}2; sha256sum {path}2 | cut -c1-64", 600)
    told = events(source.run("byzwizard clone --yes --json --with-answers STICK-TWO", 600))
    assert told[-1]["status"] == 0
    source.wait(f"blkid {path}2", 30)
    assert source.run(f"sfdisk --dump {path} | grep {path}2; sha256sum {path}2 | cut -c1-64", 600) == before
    source.run(f"fsck.vfat -n {path}1")
    carried = source.run(f"mtype -i {path}1 ::/byzantium/answers.yaml")
    assert "relief-north" in carried
    assert "lighthouse" not in carried
    source.run("sync")


@pytest.mark.skipif(os.environ.get("BYZ_ALL_POINTS") != "1", reason="make test-all starts one more stick")
@pytest.mark.timeout(1500)
def test_a_store_that_is_a_file_is_kept_and_opened(source: VM, folder: Path) -> None:
    """Beside the new system it opens as before, in a computer of its own."""
    stick = Drive(blank(folder / "stick-three.img", 2 * GB), "usb", "STICK-THREE", limit=40_000_000)
    source.plug(stick)
    source.wait("lsblk -dno SERIAL | grep -q STICK-THREE && udevadm settle", 60, "the stick to be seen")
    source.put("/run/first", FIRST + "\n", 0o600)
    source.run("byzwizard clone --yes STICK-THREE", 600)
    source.run("echo remembered >~/note")
    made = "--kind save.dat --device STICK-THREE --size 64MiB --opens-on 128MiB --yes --passphrase-file /run/first"
    source.run(f"cd /; byzwizard persist create {made}", 600)
    source.run("cd /; byzwizard persist lock; test ! -e ~/note", 600)
    told = events(source.run("byzwizard clone --yes --json STICK-THREE", 600))
    assert told[-1]["status"] == 0
    source.run("sync")
    source.unplug(stick)
    opens = Drive(key_stick(folder, FIRST), "usb", "KEY1")
    with boot(folder / "file", stick.path, opens, boot="bios", credentials=RADIO) as vm:
        vm.start()
        vm.wait("systemctl is-active byz-node", 600, "the kept answers to be applied")
        assert "was opened with byzantium.key" in vm.run("journalctl --no-pager -u byz-node")
        assert vm.run("cat ~/note").strip() == "remembered"
        assert vm.run("hostname").strip() == "lighthouse"


# The kernel's own stand-in for a SCSI disk, which counts as an internal one. It says 8 GiB and has 200 MB: what is
# written behind them lands on what is before. Or it cannot be read at 2 MiB besides.
FORGED = "virtual_gb=8"
BROKEN = "virtual_gb=8 opts=2 medium_error_start=4096 medium_error_count=8"


@pytest.mark.parametrize(("words", "why"), [(FORGED, "writes over what is on it"), (BROKEN, "This stick is failing")])
def test_a_stick_that_is_not_what_it_says_is_found_out(source: VM, words: str, why: str) -> None:
    source.run(f"modprobe scsi_debug dev_size_mb=200 {words}")
    try:
        shown = "udevadm settle; lsblk -dnpo MODEL,NAME,SERIAL | grep -E '^scsi_debug +/dev/sd. +[0-9]+'"
        _model, path, serial = source.wait(shown, 60, "the stick to be seen").split()
        status, text = source.sh(f"byzwizard clone --yes internal:{serial}", 300)
        assert (status, why in text) == (1, True), text
        assert source.run(f"head -c 446 {path} | tr -d '\\0' | wc -c").strip() == "0", "it would start"
    finally:
        source.wait("udevadm settle; rmmod scsi_debug", 60, "the stick to go")


def older() -> Drive:
    """A stick of ours that was in the computer already, at a port that is looked at first."""
    return Drive(BUILD / "byzantium.img", "usb", "OLDER-STICK", read_only=True)


@pytest.mark.timeout(1500)
def test_a_blank_copy_starts_the_wizard_from_a_bios(source: VM, folder: Path, sticks: list[Drive]) -> None:
    source.kill()
    with VM(folder / "bios", boot="bios", medium="usb", iso=sticks[0].path, before=[older()]) as vm:
        vm.start()
        vm.expect_tty1(FIRST_FRAME, timeout=400)
        own(vm, "byzantium-medium")


@pytest.mark.timeout(1500)
def test_a_copy_with_answers_is_a_node_by_itself_from_uefi(source: VM, folder: Path, sticks: list[Drive]) -> None:
    source.kill()
    radio = {"systemd.unit-dropin.byz-node.service": "[Service]\nExecStartPre=modprobe mac80211_hwsim radios=1\n"}
    stick = sticks[1].path
    with VM(folder / "uefi", boot="uefi", medium="usb", iso=stick, before=[older()], credentials=radio) as vm:
        vm.start()
        vm.wait("test -s /etc/byzantium/answers.yaml", 600, "the node to be set up by itself")
        vm.wait("systemctl is-active byz-node", 600, "its answers to be applied")
        status = json.loads(vm.sh("byzwizard status --json 2>/dev/null")[1])
        assert (status["public"], status["working"]) == (False, True), status["checks"]
        kept = vm.run("cat /etc/byzantium/answers.yaml")
        assert "relief-north" in kept
        assert "lighthouse" not in kept
        own(vm, "byzantium-medium")


def own(vm: VM, serial: str) -> None:
    """It runs from the stick that it was started from, by that one's own UUID."""
    source = vm.run("findmnt -no SOURCE /run/live/medium").strip()
    assert disk(vm, "OLDER-STICK"), "the older stick is not found"
    assert vm.run(f"lsblk -no SERIAL {source.rstrip('0123456789')} | head -1").strip() == serial
    uuid = vm.run(f"blkid -s UUID -o value {source}").strip()
    assert f"live-media=/dev/disk/by-uuid/{uuid}" in vm.run("cat /proc/cmdline")
