"""The image boots as people boot it, through its own boot loader, opens the wizard, and starts nothing else."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard.screens.welcome import KEYBOARDS
from tests.vm.harness import BUILD, VM, Drive, blank

FIRST_FRAME = "Just start"
# Debian's own part of a running system; everything else that runs must be ours.
SYSTEM = {"dbus", "systemd-journald", "systemd-logind", "systemd-udevd", "harness-shell", "systemd-hostnamed"}


MB = 2**20
# What stands on the disk of that computer: swap, files, and what looks like a store of ours. By number: MB, and a tool.
INSIDE = {
    1: (64, ["mkswap", "--label", "swap"]),
    2: (64, ["mkfs.ext4", "-q", "-F", "-L", "home"]),
    3: (64, ["cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations",
             "1000", "--label", "byzdata", "--key-file", "/dev/urandom", "--keyfile-size", "16"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def inside(folder: Path) -> Path:
    """The internal disk of that computer."""
    path = blank(folder / "inside.img", 256 * MB)
    table = "label: gpt\n" + "".join(f"size={size}M,name=byzdata\n" for size, _tool in INSIDE.values())
    subprocess.run(["sfdisk", "--quiet", str(path)], input=table, text=True, check=True)
    at = MB
    for number, (size, tool) in INSIDE.items():
        part = blank(folder / f"part{number}", size * MB)
        subprocess.run([*tool, str(part)], input="", text=True, check=True, capture_output=True)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(part.read_bytes())
        at += size * MB
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(scope="module")
def before(inside: Path) -> str:
    return digest(inside)


@pytest.fixture(scope="module")
def stick(folder: Path, inside: Path, before: str) -> Iterator[VM]:
    """The image written to a USB stick, in a computer with a BIOS, and with a disk of its own."""
    assert before
    with VM(folder, boot="bios", medium="usb", drives=[Drive(inside, "nvme", "INSIDE")]) as vm:
        vm.start()
        vm.expect_tty1(FIRST_FRAME, timeout=400)
        vm.booted()
        yield vm


def test_a_stick_in_a_bios_computer_reaches_the_wizard(stick: VM, folder: Path) -> None:
    stick.serial.expect(FIRST_FRAME, timeout=200)
    stick.screenshot(folder / "first-frame.png")


def test_the_medium_is_the_one_that_was_booted(stick: VM) -> None:
    uuid = (BUILD / "medium.uuid").read_text().strip()
    assert f"live-media=/dev/disk/by-uuid/{uuid}" in stick.run("cat /proc/cmdline")
    assert stick.run("findmnt -n -o UUID,FSTYPE /run/live/medium").split() == [uuid, "iso9660"]
    assert stick.run("ls /run/live/rootfs").split() == ["byzwizard.squashfs", "filesystem.squashfs"]


def test_only_our_units_run(stick: VM) -> None:
    lines = stick.run("systemctl list-units --plain --no-legend --type=service --state=running").splitlines()
    names = {line.split(".service")[0].strip() for line in lines}
    assert {"byz-wizard@tty1", "byz-wizard@ttyS0"} <= names
    assert {name for name in names - SYSTEM if not name.startswith("byz-")} == set()
    assert stick.run("systemctl list-units --plain --no-legend --failed").strip() == ""
    enabled = stick.run("systemctl list-unit-files --plain --no-legend --state=enabled || true").splitlines()
    assert [line for line in enabled if not line.startswith("byz-")] == []


def test_nothing_listens_before_the_node_is_set_up(stick: VM) -> None:
    assert stick.run("ss -Hlntuwp").strip() == ""


def test_nobody_can_log_in(stick: VM) -> None:
    with_password = [line for line in stick.run("cat /etc/shadow").splitlines() if line.split(":")[1][:1] not in "!*"]
    assert with_password == []
    assert stick.sh("ls /etc/ssh/ssh_host_*")[0] != 0
    assert stick.sh("systemctl is-active ssh.service ssh.socket sshd.service")[0] != 0
    assert "getty" not in stick.run("systemctl list-units --plain --no-legend --type=service --state=running")


def test_nothing_of_the_computer_is_touched(stick: VM, inside: Path, before: str) -> None:
    """Though its disk has a swap, files, and a store's label."""
    found = stick.run("blkid -o export /dev/nvme0n1p*")
    assert [word in found for word in ("TYPE=swap", "TYPE=ext4", "TYPE=crypto_LUKS", "LABEL=byzdata")] == [True] * 4
    assert "assphrase" not in stick.tty1()
    assert stick.run("cat /proc/swaps").strip().count("\n") == 0
    assert stick.run("ls /dev/mapper").split() == ["control"]
    mounted = stick.run("findmnt -rn -o SOURCE,TARGET -t iso9660,vfat,ext4,xfs,btrfs,ntfs").splitlines()
    assert [line.split()[1] for line in mounted] == ["/run/live/medium"]
    assert stick.run("journalctl --header | grep -c '^File path: /var' || true").strip() == "0"
    stick.run("sync")
    assert digest(inside) == before


def test_each_boot_is_a_computer_of_its_own(stick: VM) -> None:
    """The image holds no machine id and no random seed that every stick would share."""
    layer = "/run/live/rootfs/filesystem.squashfs"
    assert stick.run(f"cat {layer}/etc/machine-id") == ""
    assert stick.sh(f"test -e {layer}/var/lib/systemd/random-seed")[0] != 0
    assert len(stick.run("cat /etc/machine-id").strip()) == 32


def test_service_users_have_fixed_ids(stick: VM) -> None:
    expected = {"byz-tend": 951, "byz-web": 952, "byz-dns": 953, "byz-mesh": 954, "byz-babel": 955,
                "byz-gate": 956, "byz-count": 957,
                "byz-clock": 958, "byz-tls": 959, "byz-wiki": 960, "byz-radio": 961, "byz-chat": 962,
                "byz-board": 963, "byz-mumble": 964, "byz-library": 965, "byz-proxy": 966, "byz-tor": 967,
                "byz-files": 968, "byz-phone": 969, "byz-tunnel": 970, "byz-ipsec": 971, "byz-pad": 972,
                "byz-voice": 973, "byz-ahcp": 974}
    lines = stick.run(f"getent passwd {' '.join(expected)}").splitlines()
    assert {line.split(":")[0]: int(line.split(":")[2]) for line in lines} == expected


def test_the_kernel_does_not_write_over_the_wizard(stick: VM) -> None:
    assert stick.run("cat /proc/sys/kernel/printk").split() == ["1", "4", "1", "7"]
    stick.run("echo 'a word of the kernel' >/dev/kmsg")
    assert "a word of the kernel" not in stick.tty1()


def test_the_regulatory_database_and_firmware_are_in(stick: VM) -> None:
    firmware = "/usr/lib/firmware"
    for file in ("regulatory.db", "regulatory.db.p7s", "ath9k_htc/htc_9271-1.4.0.fw", "rt2870.bin", "mt7610u.bin"):
        assert stick.sh(f"test -s {firmware}/{file} || test -s {firmware}/mediatek/{file}")[0] == 0, file


def test_every_keyboard_that_the_wizard_offers_is_in(stick: VM) -> None:
    names = " ".join(KEYBOARDS)
    assert stick.run(f"for k in {names}; do loadkeys --parse $k >/dev/null 2>&1 || echo $k; done").split() == []


@pytest.mark.timeout(900)
def test_a_disc_in_a_uefi_computer_reaches_the_wizard(folder: Path) -> None:
    with VM(folder / "uefi", boot="uefi", medium="cdrom", serial=None) as vm:
        vm.start()
        vm.expect_tty1(FIRST_FRAME, timeout=400)
        assert vm.sh("test -d /sys/firmware/efi")[0] == 0
