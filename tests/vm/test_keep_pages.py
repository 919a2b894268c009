"""The USB image on a bigger stick: its store made, locked, opened, changed and deleted on the pages, by keys; then as a
file beside the system. Each time the next computer has what the last one wrote."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vm.harness import BUILD, VM, Drive, blank

FIRST, SECOND = "canary orbit velvet plinth", "canary sextant gravel dune"
SETUP = 600  # seconds until a node stands, where everything is emulated
# A radio, also where the answers of the store are applied before anybody could load it.
RADIO = {"systemd.unit-dropin.byz-node.service": "[Service]\nExecStartPre=modprobe mac80211_hwsim radios=1\n"}

pytestmark = pytest.mark.timeout(3000)  # with the computer before


@pytest.fixture(scope="module")
def stick(folder: Path) -> Path:
    """The USB image as dd writes it to a stick of 4 GB: its GPT ends where the image did."""
    path = folder / "stick.img"
    shutil.copy(BUILD / "byzantium.img", path)
    with path.open("r+b") as file:
        file.truncate(4_000_000_000)
    return path


def computer(folder: Path, stick: Path, *drives: Drive) -> VM:
    """One with UEFI, which runs from the stick and may write to it."""
    vm = VM(folder, boot="uefi", medium="usb", iso=stick, drives=drives, credentials=RADIO)
    vm.medium = vm.drives[0] = replace(vm.medium, read_only=False)
    return vm


def said(vm: VM, command: str, status: int = 0) -> str:
    found, text = vm.sh(f"cd /; {command}", SETUP)
    assert found == status, f"status {found} from {command}\n{text}"
    return text


def answer(vm: VM, passphrase: str) -> None:
    """At a start, on the serial console."""
    vm.serial.expect("Passphrase:", timeout=SETUP)
    vm.serial.press(*passphrase, "enter")
    vm.serial.expect("Open.", timeout=SETUP)
    vm.wait("systemctl is-active byz-node", SETUP, "the kept answers to be applied")


@pytest.fixture(scope="module")
def kept(folder: Path, stick: Path) -> str:
    """The key of a node whose store was made on the pages."""
    with computer(folder / "first", stick) as vm:
        vm.start()
        screen = vm.serial
        screen.expect("Just start", timeout=SETUP)
        vm.run("modprobe mac80211_hwsim radios=1")
        screen.press("down", "enter")
        screen.expect("Your wireless cards")
        screen.expect("grade A", timeout=SETUP)
        screen.press("enter")
        screen.expect("Which mesh?")
        screen.press("enter")
        screen.expect("What should this node offer?")
        screen.expect("Memory", timeout=SETUP)
        screen.press("enter")
        screen.expect("Keep what people write?")
        screen.press("tab", "tab", " ")  # to “Partition”
        screen.expect("new: 3.", timeout=SETUP)
        screen.press("tab", "tab", *FIRST, "tab", "tab", "tab", "enter")
        screen.expect("Share an Internet connection?")
        screen.press("enter")
        screen.expect("This is what will happen", timeout=SETUP)
        screen.expect("Erase that, and start this node", timeout=SETUP)
        screen.press("right", "enter")
        screen.expect("This computer is a node now.", "That did not work", timeout=SETUP)
        screen.expect("Show this node")
        screen.press("enter")
        screen.expect("✓ working", timeout=SETUP)
        table = said(vm, "sfdisk --dump /dev/sda")
        assert "byzdata" in table
        assert "No errors detected" in said(vm, "sfdisk --verify /dev/sda")
        said(vm, "echo remembered >~/note")

        screen.press("k")
        screen.expect("What this node keeps", timeout=SETUP)
        screen.press("tab", "tab", "enter")
        screen.expect("Another passphrase", timeout=SETUP)
        screen.press(*FIRST, "tab", *SECOND, "enter")
        screen.expect("The passphrase is changed.", timeout=SETUP)

        screen.press("k")
        screen.expect("What this node keeps", timeout=SETUP)
        screen.press("tab", "enter")
        screen.expect("The store is locked.", timeout=SETUP)
        assert said(vm, "ls ~/note", 2)
        screen.press("k")
        screen.expect("[ Open ]", timeout=SETUP)
        screen.press(*FIRST, "enter")
        screen.expect("not the passphrase", timeout=SETUP)
        screen.press(*SECOND, "enter")
        screen.expect("This node is as you chose.", "Nothing to do", "That did not work", timeout=SETUP)
        assert said(vm, "cat ~/note") == "remembered\n"
        assert "canary" not in vm.serial.text
        return said(vm, "cat /var/lib/byzantium/identity/key; sync")


# As Porteus prepares a stick: FAT, with an encrypted image of ext4 in changes/save.dat.
PORTEUS = """set -e; disk=$(lsblk -dno PATH,SERIAL | awk '$2 == "PORTEUS1" {print $1}'); cd /
mkfs.vfat -I -n PORTEUS $disk; mkdir -p /run/p; mount $disk /run/p; mkdir /run/p/changes
dd if=/dev/zero of=/run/p/changes/save.dat bs=1M count=48 status=none
cryptsetup luksFormat -q --type luks1 --iter-time 200 /run/p/changes/save.dat /run/words
cryptsetup open --key-file /run/words /run/p/changes/save.dat porteus
mkfs.ext4 -q /dev/mapper/porteus; mkdir -p /run/q; mount /dev/mapper/porteus /run/q
mkdir /run/q/home; echo 'of another system' >/run/q/home/letter
umount /run/q; cryptsetup close porteus; umount /run/p; udevadm settle"""


def test_the_next_computer_opens_it_and_deletes_it_on_its_page(folder: Path, stick: Path, kept: str) -> None:
    with computer(folder / "second", stick) as vm:
        vm.start()
        answer(vm, SECOND)
        assert said(vm, "cat /var/lib/byzantium/identity/key") == kept
        assert said(vm, "cat ~/note") == "remembered\n"
        screen = vm.serial
        screen.expect("✓ working", timeout=SETUP)

        # What is plugged in or pulled out appears and goes on the page.
        screen.press("c")
        screen.expect("plug one in", "Plug", timeout=SETUP)
        later = Drive(blank(folder / "later.img", 10**9), "usb", "LATER")
        vm.plug(later)
        screen.expect("serial LATER", timeout=SETUP)
        vm.unplug(later)
        screen.expect("serial LATER", timeout=SETUP, gone=True)
        screen.press("esc")

        a_console_that_was_left_alone_asks(vm, folder)

        screen.expect("Make more sticks like this one", timeout=SETUP, gone=True)
        screen.press("k")
        screen.expect("What this node keeps", timeout=SETUP)
        screen.press("tab", "tab", "tab", "enter")
        screen.expect("Delete the store?", timeout=SETUP)
        screen.expect("byzantium-medium")
        screen.press("tab", "enter")
        screen.expect("The store is deleted.", timeout=SETUP)
        assert "byzdata" not in said(vm, "lsblk --output NAME,LABEL,PARTLABEL")
        assert said(vm, "cat /var/lib/byzantium/identity/key") == kept

        # Now as a file beside the system, on the FAT that it runs from.
        vm.put("/run/first", FIRST + "\n", 0o600)
        said(vm, "byzwizard persist create --kind save.dat --size 64MiB --opens-on 128MiB"
                 " --passphrase-file /run/first --yes")  # fmt: skip
        said(vm, "echo beside the system >~/note; sync")
        said(vm, "test -e /run/live/medium/save.dat")


def a_console_that_was_left_alone_asks(vm: VM, folder: Path) -> None:
    """Nobody has touched the first one since the computer was switched on; the other one is left alone by and by."""
    tty1 = "/run/byzantium/consoles/tty1"
    vm.wait(f"test -e {tty1}", SETUP, "the console to lock itself")
    vm.monitor.press("k")
    vm.expect_tty1("This console is locked", timeout=SETUP)
    vm.screenshot(folder / "locked.png")
    vm.monitor.type("canary nobody")
    vm.monitor.press("enter")
    vm.expect_tty1("not the passphrase", timeout=SETUP)
    said(vm, f"test -e {tty1}")
    vm.monitor.type(SECOND)
    vm.monitor.press("enter")
    vm.wait(f"test ! -e {tty1}", SETUP, "the console to be open")
    assert "canary" not in vm.tty1()

    ttys0 = tty1.replace("tty1", "ttyS0")
    vm.wait(f"test -e {ttys0}", SETUP, "the serial console to lock itself")
    vm.serial.press("k")
    vm.serial.expect("This console is locked", timeout=SETUP)
    vm.serial.press(*SECOND, "enter")
    vm.wait(f"test ! -e {ttys0}", SETUP, "the serial console to be open")
    vm.serial.expect("This console is locked", timeout=SETUP, gone=True)


@pytest.mark.usefixtures("kept")
def test_a_file_beside_the_system_and_one_of_porteus_are_opened(folder: Path, stick: Path, kept: str) -> None:
    other = Drive(blank(folder / "porteus.img", 200_000_000), "usb", "PORTEUS1")
    with computer(folder / "third", stick, other) as vm:
        vm.start()
        answer(vm, FIRST)
        assert said(vm, "cat /var/lib/byzantium/identity/key") == kept
        assert said(vm, "cat ~/note") == "beside the system\n"
        vm.put("/run/first", FIRST + "\n", 0o600)
        said(vm, "byzwizard persist delete --yes")
        said(vm, "test ! -e /run/live/medium/save.dat")
        vm.put("/run/words", FIRST)
        said(vm, PORTEUS)
        said(vm, "byzwizard persist unlock --device PORTEUS1 --passphrase-file /run/first")
        assert said(vm, "cat /run/byzantium/store/home/letter") == "of another system\n"
        assert said(vm, "byzwizard persist lock") != ""
        assert "of another" not in said(vm, "ls /run/byzantium/store")
