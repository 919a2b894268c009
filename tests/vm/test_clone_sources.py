"""Copies made from whatever the system runs on: disc, stick, memory, network, Ventoy; one is interrupted."""

from __future__ import annotations

import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vm import ventoy
from tests.vm.harness import BUILD, VM, Drive, blank

STICK = 1_250_000_000  # bytes; twice the system must have room
FIRST_FRAME = "Just start"
MEDIUM = "/run/live/medium"
WRITTEN = "awk '{{print $7 * 512}}' /sys/block/{}/stat"  # bytes, since it was plugged in


def target(folder: Path, name: str, limit: int = 0) -> Drive:
    return Drive(blank(folder / f"{name}.img", STICK), "usb", "STICK", limit=limit)


def older() -> Drive:
    """A stick of ours that is found before the medium."""
    return Drive(BUILD / "byzantium.img", "usb", "OLDER-STICK", read_only=True)


def disk(vm: VM, serial: str = "STICK") -> str:
    return vm.run(f"lsblk -dno PATH,SERIAL | awk '$2 == \"{serial}\" {{print $1}}'").strip()


def kind(vm: VM) -> str:
    medium: dict[str, str] = json.loads(vm.run("byzwizard inspect --json"))["medium"]
    return medium["kind"]


def copied(vm: VM) -> None:
    """Copy to STICK; what is there then is the system of the medium, whole, on a sound file system."""
    told = vm.run("byzwizard clone --yes --json STICK", 900).splitlines()
    assert json.loads(told[-1])["status"] == 0
    part = disk(vm) + "1"
    vm.wait(f"blkid {part}", 30)
    vm.run(f"fsck.vfat -n {part} && mkdir -p /run/look && mount -o ro {part} /run/look")
    vm.run(f"for f in live boot/byzantium; do diff -r {MEDIUM}/$f /run/look/$f || exit; done", 300)
    vm.run("umount /run/look && sync")


def test_from_a_disc(folder: Path) -> None:
    with VM(folder / "dvd", medium="cdrom", drives=[target(folder, "dvd")]) as vm:
        vm.start().booted()
        assert kind(vm) == "dvd"
        copied(vm)


@pytest.fixture(scope="module")
def resumed(folder: Path) -> Path:
    """From a stick of ours (the ISO on a stick is the source in test_clone.py), to one that is pulled out when most of
    it was written, and is put in again."""
    stick = target(folder, "pulled", limit=20_000_000)
    with VM(folder / "usb", boot="bios", medium="usb", iso=BUILD / "byzantium.img", drives=[stick]) as vm:
        vm.start().booted()
        assert kind(vm) == "usb"
        copying = threading.Thread(target=vm.sh, args=("byzwizard clone --yes STICK", 900))
        copying.start()
        vm.wait(f"test $({WRITTEN.format(disk(vm)[5:])}) -gt 320000000", 300, "most of it to be written")
        vm.unplug(stick)
        copying.join()
        again = Drive(folder / "again.img", "usb", "STICK")
        os.link(stick.path, again.path)
        vm.plug(again)
        vm.wait("lsblk -dno SERIAL | grep -q STICK && udevadm settle", 30)
        assert "goes on where it was interrupted" in vm.sh("byzwizard clone STICK")[1]
        copied(vm)
        assert int(vm.run(WRITTEN.format(disk(vm)[5:]))) < 150_000_000
    return again.path


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_an_interrupted_copy_goes_on_and_starts(resumed: Path, folder: Path, firmware: str) -> None:
    with VM(folder / firmware, boot=firmware, medium="usb", iso=resumed) as vm:
        vm.start()
        vm.expect_tty1(FIRST_FRAME, timeout=400)
        assert vm.run(f"findmnt -no FSTYPE {MEDIUM}").strip() == "vfat"


def test_from_memory_with_the_stick_pulled_out(folder: Path) -> None:
    stick = target(folder, "ram")
    with VM(folder / "ram", medium="usb", append="toram", memory=1536, drives=[stick]) as vm:
        vm.start().booted()
        vm.unplug(vm.medium)
        vm.wait("! lsblk -dno SERIAL | grep -q byzantium-medium", 30)
        assert kind(vm) == "ram"
        copied(vm)


@pytest.fixture
def server() -> Iterator[int]:
    """The image by HTTP; its port."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(BUILD))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


def test_from_the_network(folder: Path, server: int) -> None:
    fetch = f"fetch=http://10.0.2.2:{server}/byzantium.iso"
    with VM(folder / "net", medium="net", append=fetch, memory=1536, drives=[target(folder, "net")]) as vm:
        vm.start().booted()
        assert kind(vm) == "netboot"
        copied(vm)


def test_from_an_iso_that_ventoy_started(folder: Path) -> None:
    """Beside an older stick of ours, which must not be taken for the medium; Ventoy's stick is never copied to."""
    iso = BUILD / "byzantium.iso"
    start = ventoy.stick(folder / "ventoy.img", iso)
    initrd = ventoy.initrd(folder / "ventoy.initrd", BUILD / "initrd.img", iso, start)
    computer = VM(
        folder / "ventoy", medium="usb", iso=folder / "ventoy.img", before=[older()], initrd=initrd,
        append="rdinit=/ventoy/init", drives=[target(folder, "behind")],
    )  # fmt: skip
    computer.drives[1] = replace(computer.medium, read_only=False)  # its second mapping is for writing
    with computer as vm:
        vm.start().booted()
        assert vm.run(f"findmnt -no SOURCE {MEDIUM}").strip() == "/dev/mapper/ventoy"
        assert kind(vm) == "ventoy"
        status, text = vm.sh("byzwizard clone --yes byzantium-medium")
        assert (status, "runs from" in text) == (3, True)
        copied(vm)
