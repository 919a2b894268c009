"""Disks that must not be erased, on the booted image: each is refused with its reason, and no sector is written."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vm.harness import VM, Drive, blank

GB = 10**9
# Where a stick is, by its serial number; sectors that were written to all disks of the computer since it started.
FUNCTIONS = """disk() { lsblk -dnpo NAME,SERIAL | awk -v it="$1" '$2 == it {print $1}' | head -1; }
written() { awk '{print $7}' /sys/block/sd*/stat /sys/block/nvme*/stat; }
S=$(disk STICK)
"""
# A program that goes on until it is stopped, with mounts of its own; and the one that asks on a terminal.
HOLDER = "systemd-run -q --unit holder -p PrivateMounts=yes sh -c '{}; echo >/run/there; exec sleep infinity'"
HELD = "; until test -e /run/there; do systemctl is-active -q holder || exit; sleep 0.1; done"
RELEASED = "systemctl stop holder; rm /run/there"
ASK = "script -qefc 'byzwizard clone STICK; echo status $?' /run/said <>/run/typed >/dev/null 2>&1\n"


@dataclass(frozen=True)
class Wrong:
    """What is named to `byzwizard VERB`, and why not; `before` and `after` bring it about, and end it."""

    words: str
    why: str
    before: str = ""
    after: str = ""
    verb: str = "clone --yes"


STORE = "persist create --yes --kind partition --passphrase-file /run/words --device"
WRONG = {
    "an internal disk": Wrong("INTERNAL", "name it internal:INTERNAL"),
    "an internal disk by its path": Wrong("$(disk INTERNAL)", "name it internal:INTERNAL"),
    "an internal disk for a store": Wrong("INTERNAL", "internal", verb=STORE),
    "an internal disk with the label of a store": Wrong("INTERNAL", "internal", verb=(
        "persist unlock --passphrase-file /run/words --device")),
    "an internal disk, wrongly spelled": Wrong("INTERNAL:INTERNAL", "No disk with the serial number"),
    "an internal disk by serial in small letters": Wrong("internal:internal", "No disk with the serial number"),
    "an internal disk by path as if it were a serial": Wrong("internal:$(disk INTERNAL)", "No disk"),
    "what the system runs from": Wrong("byzantium-medium", "runs from"),
    "what the system runs from, by its path": Wrong("$(disk byzantium-medium)", "runs from"),
    "a USB disk that is not removable": Wrong("FIXED", "not removable"),
    "write-protected": Wrong("LOCKED", "write-protected"),
    "too small": Wrong("SMALL", "too small"),
    "two of one serial number": Wrong("TWIN", "fits several disks"),
    "named twice": Wrong("STICK STICK", "named twice"),
    "a stick, and an internal disk": Wrong("STICK INTERNAL", "internal:INTERNAL"),
    "a line after its path": Wrong('"$S"$\'\\n\'', "blanks or control"),
    "a blank before its path": Wrong('" $S"', "blanks or control"),
    "nothing": Wrong("''", "blanks or control"),
    "unplugged": Wrong("/dev/sdz", "No disk /dev/sdz is here"),
    "a folder": Wrong("/dev", "No disk /dev is here"),
    "no disk at all": Wrong("/dev/null", "No disk /dev/null is here"),
    "a partition": Wrong("${S}1", "is a partition"),
    "a disc drive": Wrong("/dev/sr0", "write-protected"),
    "a loop device": Wrong("/dev/loop0", "loop device"),
    "a member of a RAID": Wrong("MEMBER", "group of disks"),
    "mounted": Wrong("STICK", "is mounted at /run/look", "mkdir -p /run/look; mount ${S}1 /run/look", "umount ${S}1"),
    "mounted where another program alone sees it": Wrong(
        "STICK", "busy", HOLDER.format("mount '$S'1 /mnt") + HELD, RELEASED),
    "swap": Wrong("STICK", "swap memory", "swapon ${S}2", "swapoff ${S}2"),
    "an open container": Wrong(
        "STICK", "something is open on", "cryptsetup open --key-file /run/words ${S}3 letters",
        "cryptsetup close letters"),
    "a mapping over it": Wrong(
        "/dev/mapper/letters", "a mapping over other devices", "cryptsetup open --key-file /run/words ${S}3 letters",
        "cryptsetup close letters"),
    "one of the ways to a disk of several": Wrong(
        "STICK", r"\(mpath\)", "echo 0 $(blockdev --getsz $S) linear $S 0 | dmsetup create --uuid mpath-1 ways",
        "dmsetup remove --retry ways"),
    "held by another program": Wrong(
        "STICK", "used by another program", HOLDER.format("exec 9<'$S'; flock 9") + HELD, RELEASED),
}  # fmt: skip


def member(path: Path) -> Path:
    """One disk of a RAID that does not run: Linux' superblock of version 1.2 (md(4)), 4 KiB after the start."""
    block = bytearray(256 + 2 * 2)
    struct.pack_into("<II", block, 0, 0xA92B4EFC, 1)
    block[16:32] = zlib.crc32(b"set").to_bytes(4, "big") * 4
    struct.pack_into("<iiQII", block, 72, 1, 0, 2048, 0, 2)  # level, layout, size, chunk, disks
    struct.pack_into("<QQQ", block, 128, 8, 2048, 8)  # where data begin, how many, where this is, in sectors
    struct.pack_into("<I", block, 220, 2)  # roles
    total = sum(struct.unpack(f"<{len(block) // 4}I", block))
    struct.pack_into("<I", block, 216, (total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF)
    with blank(path, GB).open("r+b") as file:
        file.seek(4096)
        file.write(block)
    return path


@pytest.fixture(scope="module")
def twin(folder: Path) -> Drive:
    """Of the make, size and serial number of the stick; somebody's letters are on it."""
    return Drive(blank(folder / "twin.img", 2 * GB), "usb", "STICK")


@pytest.fixture(scope="module")
def stick(folder: Path) -> Drive:
    return Drive(blank(folder / "stick.img", 2 * GB), "usb", "STICK")


@pytest.fixture(scope="module")
def computer(folder: Path, stick: Drive) -> Iterator[VM]:
    drives = [
        stick,
        Drive(blank(folder / "internal.img", GB), "nvme", "INTERNAL"),
        Drive(blank(folder / "fixed.img", 2 * GB), "usb", "FIXED", removable=False),
        Drive(blank(folder / "locked.img", 2 * GB), "usb", "LOCKED", read_only=True),
        Drive(blank(folder / "small.img", 100_000_000), "usb", "SMALL"),
        Drive(blank(folder / "one.img", 2 * GB), "usb", "TWIN"),
        Drive(blank(folder / "other.img", 2 * GB), "usb", "TWIN"),
        Drive(member(folder / "member.img"), "usb", "MEMBER"),
        Drive(blank(folder / "disc.img", 4_000_000), "cdrom", "DISC", read_only=True),
    ]
    with VM(folder / "computer", medium="usb", drives=drives) as vm:
        vm.start().booted()
        vm.put("/run/functions", FUNCTIONS)
        vm.put("/run/words", "canary thistle")
        vm.run(". /run/functions; printf 'size=64M\\nsize=64M\\nsize=64M\\n' | sfdisk -q --label gpt $S;"
               " udevadm settle; mkfs.vfat ${S}1 && mkswap ${S}2 && cryptsetup luksFormat -q --type luks2"
               " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/words ${S}3")
        vm.run(". /run/functions; I=$(disk INTERNAL); echo 'name=byzdata' | sfdisk -q --label gpt $I; udevadm settle;"
               " cryptsetup luksFormat -q --type luks2 --label byzdata --pbkdf pbkdf2 --pbkdf-force-iterations 1000"
               " --key-file /run/words ${I}p1; sync; udevadm settle")
        yield vm


@pytest.mark.parametrize("what", WRONG)
def test_refused_and_nothing_written(computer: VM, what: str) -> None:
    it = WRONG[what]
    computer.run(f". /run/functions; {it.before or 'true'}")
    try:
        computer.run("sync; udevadm settle")
        status, text = computer.sh(
            f". /run/functions; A=$(written); byzwizard {it.verb} {it.words}; status=$?;"
            f" test \"$A\" = \"$(written)\" || echo something was written; exit $status"
        )
    finally:
        computer.run(f". /run/functions; {it.after or 'true'}")
    last = text.splitlines()[-1]
    assert (status, last.startswith("byzwizard: "), bool(re.search(it.why, last))) == (3, True, True), text


def test_a_stick_that_was_exchanged_before_it_was_confirmed(computer: VM, stick: Drive, twin: Drive) -> None:
    """The question names one, and another of the same make, size and number is in its place when it is answered."""
    computer.put("/run/ask", ASK)
    computer.run("mkfifo /run/typed; systemd-run -q sh /run/ask")
    computer.wait("grep -q 'This erases: .*serial STICK' /run/said", 60, "the question")
    computer.unplug(stick)
    computer.wait("! lsblk -dno SERIAL | grep -qx STICK", 60, "the stick to go")
    with twin.path.open("r+b") as file:
        file.write(b"what somebody wrote")
    computer.plug(twin)
    computer.wait("lsblk -dno SERIAL | grep -qx STICK && udevadm settle", 60, "the other one to come")
    computer.run("echo erase >/run/typed")
    said = computer.wait("grep -q '^status ' /run/said && cat /run/said", 120, "its end")
    assert "has changed since it was chosen" in said
    assert "status 3" in said
    with twin.path.open("rb") as file:
        assert file.read(4096).rstrip(b"\0") == b"what somebody wrote"
