"""What a node keeps: the image written to a stick, a store behind it, power cuts, and the passphrase on a console."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fat import grows
from tests.vm.harness import BUILD, VM, Drive, blank

FIRST, SECOND, WRONG = "canary orbit velvet plinth", "canary sextant gravel dune", "canary nobody knows this"
SETUP = 600  # seconds until a node stands, where everything is emulated
FLOOR = "128MiB"  # memory of the weakest computer, so that argon2 is quick here
ANSWERS = """byzantium: 1
node: {name: lighthouse}
access_point: {enable: false}
services: [wiki]
persistence: {kind: partition, opens_on: 128MiB}
"""
WIKI = "/var/lib/byzantium/services/wiki"
WRITE = ("echo 'Water at six' | runuser -u byz-wiki -- env HOME=/tmp USER=node"
         f" fossil wiki create Water --user node -R {WIKI}/wiki.fossil --mimetype text/x-markdown")  # fmt: skip
READ = r"exec 3<>/dev/tcp/127.0.0.1/8101; printf 'GET /wiki?name=Water HTTP/1.0\r\n\r\n' >&3; cat <&3"
# Every command line that there is, again and again, until the file goes. What takes a passphrase takes seconds of it;
# without a pause the watch would take as much of the emulated processors as all that it watches.
WATCH = (
    "while [ -e /run/watch ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>/run/seen 2>/dev/null; sleep 0.2;"
    " done; mv /run/seen /run/all-seen"
)

pytestmark = pytest.mark.timeout(2400)  # the first one makes the store besides


@pytest.fixture(scope="module")
def stick(folder: Path) -> Path:
    """The image as dd writes it to a stick of 4 GB."""
    path = folder / "stick.img"
    shutil.copy(BUILD / "byzantium.iso", path)
    with path.open("r+b") as file:
        file.truncate(4_000_000_000)
    return path


def fat(path: Path, size: int, label: str) -> Path:
    blank(path, size)
    table = "label: dos\nstart=2048,type=c\n"
    subprocess.run(["sfdisk", "--quiet", str(path)], input=table, text=True, check=True)
    blocks = str((size - 2**20) // 1024)
    subprocess.run(["mkfs.vfat", "-F", "32", "--offset=2048", "-n", label, str(path), blocks], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return path


def boot(folder: Path, stick: Path, *drives: Drive, **more: Any) -> VM:
    """A computer that runs from the stick, which can be written to."""
    vm = VM(folder, medium="usb", iso=stick, radios=1, drives=drives, **more)
    vm.medium = vm.drives[0] = replace(vm.medium, read_only=False)
    return vm


def said(vm: VM, command: str, status: int = 0) -> str:
    """From outside of the folders that are kept: the harness' shell stands in one."""
    found, text = vm.sh(f"cd /; {command}", SETUP)
    assert found == status, f"status {found} from {command}\n{text}"
    return text


def page_is_there(vm: VM) -> None:
    """What somebody wrote in the wiki, asked of the running service."""
    vm.wait("systemctl is-active byz-wiki", SETUP, "the wiki to be on")
    vm.wait(f"""cd /; bash -c "{READ}" | grep -q 'Water at six'""", SETUP, "the wiki to show the page")


def secrets(vm: VM) -> None:
    vm.put("/run/first", FIRST + "\n", 0o600)
    vm.put("/run/second", SECOND + "\n", 0o600)
    vm.put("/run/wrong", WRONG + "\n", 0o600)


def watch(vm: VM) -> None:
    said(vm, f"touch /run/watch; ({WATCH}) </dev/null >/dev/null 2>&1 &")
    vm.wait("test -s /run/seen", SETUP, "the watch to begin")


def nothing_was_seen(vm: VM) -> None:
    """No command line and no environment since watch() had the passphrase."""
    said(vm, "rm /run/watch")
    vm.wait("test -e /run/all-seen", SETUP, "the watch to end")
    assert said(vm, "grep -ac cryptsetup /run/all-seen").strip() != "0", "it saw nothing at all"
    assert said(vm, "grep -ac canary /run/all-seen || true").strip() == "0"
    said(vm, "rm /run/all-seen")


def nothing_leaked(vm: VM) -> None:
    """The passphrase stands in the files that it was given in, and nowhere else."""
    skip = "--exclude-dir=live --exclude-dir=harness"
    found = said(vm, f"grep -rl canary /run /etc /var /tmp /root /home {skip} || true").split()
    assert set(found) <= {"/run/first", "/run/second", "/run/wrong"}
    assert said(vm, "journalctl --no-pager | grep -c canary || true").strip() == "0"
    assert "canary" not in said(vm, "byzwizard report -")


@pytest.fixture(scope="module")
def made(folder: Path, stick: Path) -> dict[str, str]:
    """A node whose store was made from an answers file, by the first computer; then its power was cut."""
    with boot(folder / "first", stick) as vm:
        vm.start().booted()
        secrets(vm)
        vm.put("/run/answers.yaml", ANSWERS + "# no passphrase\n")
        plan = json.loads(said(vm, "byzwizard plan /run/answers.yaml --json"))
        steps = {step["id"]: step for stage in plan["stages"] for step in stage["steps"]}
        assert steps["store"]["needed"]
        for word in ("QEMU", "4.0 GB", "byzantium-medium"):
            assert word in steps["store"]["destroys"]
        with_file = ANSWERS.replace("opens_on", "passphrase_file: /run/first, opens_on")
        vm.put("/run/answers.yaml", with_file)
        watch(vm)
        said(vm, "byzwizard apply /run/answers.yaml --yes")
        assert "Nothing to do" in said(vm, "byzwizard apply /run/answers.yaml --yes")
        table = json.loads(said(vm, "sfdisk --json /dev/sda"))["partitiontable"]
        assert len(table["partitions"]) == 3
        kept = json.loads(said(vm, "cat /run/byzantium/store/kept.json"))["keep"]
        assert kept == ["identity", "mesh", "wifi", "services", "home"]
        assert "Time cost" in said(vm, "cryptsetup luksDump /dev/sda3 | grep -B2 'Memory: *32768'")
        key = said(vm, "cat /var/lib/byzantium/identity/key")
        answers = said(vm, "cat /etc/byzantium/answers.yaml")
        assert "lighthouse" in answers
        assert "/run/first" not in answers
        said(vm, "echo remembered >~/note")
        said(vm, WRITE)
        page_is_there(vm)
        # Wrong ones: one sentence, status 1, and nothing changes.
        change = "byzwizard persist passphrase --passphrase-file {} --new-passphrase-file /run/second"
        wrong = said(vm, change.format("/run/wrong"), 1)
        assert wrong.startswith("byzwizard: This is not the passphrase")
        assert len(wrong.splitlines()) == 1
        said(vm, change.format("/run/first"))
        # Locked and opened while the node runs.
        said(vm, "byzwizard persist lock")
        assert "locked" in said(vm, "byzwizard status || true")
        assert said(vm, "ls ~/note", 2)
        assert said(vm, "systemctl is-active byz-wiki", 3).strip() == "inactive"
        assert said(vm, f"ls {WIKI}") == ""
        assert said(vm, "byzwizard persist unlock --passphrase-file /run/first", 1).startswith("byzwizard: This is not")
        said(vm, "byzwizard persist unlock --passphrase-fd 7 7</run/second")
        assert said(vm, "cat ~/note") == "remembered\n"
        page_is_there(vm)
        nothing_was_seen(vm)
        nothing_leaked(vm)
        said(vm, "sync")
    return {"key": key, "answers": answers}


def test_the_next_computer_asks_on_every_console_and_is_the_same_node(
    folder: Path, stick: Path, made: dict[str, str]
) -> None:
    other = fat(folder / "photos.img", 600_000_000, "PHOTOS")
    with boot(folder / "second", stick, Drive(other, "usb", "FAT1")) as vm:
        vm.start()
        vm.serial.expect("Passphrase:", timeout=SETUP)
        vm.expect_tty1("Passphrase [us]:")
        vm.serial.press(*WRONG)
        vm.serial.press("enter")
        vm.serial.expect("1 try so far", timeout=SETUP)
        assert "canary" not in vm.tty1()
        vm.serial.press(*SECOND)
        vm.serial.press("enter")
        vm.serial.expect("Open.", timeout=SETUP)
        assert b"canary" not in vm.serial.history
        vm.wait("systemctl is-active byz-node", SETUP, "the kept answers to be applied")
        assert said(vm, "cat /var/lib/byzantium/identity/key") == made["key"]
        assert said(vm, "cat /etc/byzantium/answers.yaml") == made["answers"]
        assert said(vm, "cat ~/note") == "remembered\n"
        page_is_there(vm)
        assert said(vm, "hostname").strip() == "lighthouse"
        assert "encrypted" in said(vm, "byzwizard status || true")
        vm.serial.expect("lighthouse", timeout=SETUP)
        secrets(vm)
        nothing_leaked(vm)
        handed_on(vm, folder)

        # The store goes; a file on another stick takes its place.
        assert said(vm, "byzwizard persist create --kind partition --passphrase-file /run/first --yes", 3)
        watch(vm)
        said(vm, "byzwizard persist delete --yes --passphrase-file /run/second")
        vm.wait("! lsblk --noheadings --output LABEL,PARTLABEL | grep byzdata", 60, "the store to be gone")
        assert said(vm, "cat /var/lib/byzantium/identity/key") == made["key"]
        refused = "byzwizard persist create --kind save.dat --device FAT1 --size {} --passphrase-file /run/first --yes"
        assert "975 MiB" in said(vm, refused.format("976MiB"), 3)
        said(vm, f"byzwizard persist create --kind save.dat --device FAT1 --size 100MiB --opens-on {FLOOR}"
                 " --passphrase-file /run/first --yes")  # fmt: skip
        nothing_was_seen(vm)
        nothing_leaked(vm)
        size, blocks = said(vm, "stat -c '%s %b' /run/byzantium/carrier/save.dat").split()
        assert int(size) == 100 * 2**20 <= int(blocks) * 512
        assert said(vm, "cat /var/lib/byzantium/identity/key") == made["key"]
        said(vm, "byzwizard persist lock")
        assert "FAT" in said(vm, "lsblk --output LABEL,MOUNTPOINTS,FSVER")
        assert "/run/byzantium" not in said(vm, "lsblk --output MOUNTPOINTS")
        said(vm, "sync")


def handed_on(vm: VM, folder: Path) -> None:
    """A copy with what is kept, under a passphrase of its own."""
    copy = Drive(blank(folder / "copy.img", 8_000_000_000), "usb", "COPY")
    vm.plug(copy)
    vm.wait("lsblk -dno SERIAL | grep -q COPY && udevadm settle", SETUP, "the stick to be seen")
    watch(vm)
    said(vm, "byzwizard clone COPY --with-data --passphrase-file /run/first --yes")
    part = said(vm, "lsblk -nrpo NAME,SERIAL | awk '$2 == \"COPY\" {print $1}'").strip() + "2"
    opens = "tr -d '\\n' </run/{} | cryptsetup open {} --key-file=- " + part
    assert said(vm, opens.format("second", "--test-passphrase"), 2)
    said(vm, opens.format("first", "--readonly") + " copied && mkdir -p /run/copied"
             " && mount -o ro,noload /dev/mapper/copied /run/copied")  # fmt: skip
    assert said(vm, "cat /run/copied/home/root/note") == "remembered\n"
    # The running wiki has written since; what people wrote is the same.
    export = "env HOME=/tmp USER=node fossil wiki export Water --user node -R /run/handed/wiki.fossil"
    assert "Water at six" in said(vm, f"cp -r /run/copied/services.wiki{WIKI} /run/handed && {export}")
    assert said(vm, "find /run/copied -path '*identity*'") == ""
    said(vm, "umount /run/copied && cryptsetup close copied")
    page_is_there(vm)
    nothing_was_seen(vm)
    nothing_leaked(vm)
    vm.unplug(copy)


# A stick that starts by itself has no radio of the tests.
RADIO = {"systemd.unit-dropin.byz-node.service": "[Service]\nExecStartPre=modprobe mac80211_hwsim radios=1\n"}


@pytest.mark.skipif(os.environ.get("BYZ_ALL_POINTS") != "1", reason="make test-all starts the copy")
@pytest.mark.usefixtures("made")
def test_a_copy_with_what_is_kept_is_a_node_of_its_own_that_has_it(folder: Path, made: dict[str, str]) -> None:
    """In a computer of its own, after the test above; with its own passphrase."""
    opens = Drive(key_stick(folder, FIRST), "usb", "KEY1")
    with boot(folder / "copied", folder / "copy.img", opens, boot="bios", credentials=RADIO) as vm:
        vm.start()
        vm.wait("systemctl is-active byz-node", SETUP, "the answers that came along to be applied")
        assert "was opened with byzantium.key" in said(vm, "journalctl --no-pager -u byz-node")
        assert said(vm, "cat ~/note") == "remembered\n"
        page_is_there(vm)
        assert said(vm, "cat /var/lib/byzantium/identity/key") != made["key"]
        assert said(vm, "hostname").strip() != "lighthouse"
        assert "Nothing to do" in said(vm, "byzwizard apply /etc/byzantium/answers.yaml --yes")
        said(vm, "byzwizard enable pad")


def key_stick(folder: Path, passphrase: str) -> Path:
    key = fat(folder / "key.img", 100_000_000, "KEY")
    (folder / "byzantium.key").write_text(passphrase + "\n")
    subprocess.run(["mcopy", "-o", "-i", f"{key}@@1M", str(folder / "byzantium.key"), "::"], check=True)
    return key


@pytest.mark.usefixtures("made")
def test_a_key_file_on_another_stick_opens_it_without_anybody(
    folder: Path, stick: Path, made: dict[str, str]
) -> None:
    """And a locked store is never asked about for ever: nobody types here. The power went while the file grew, so the
    FAT that it lies on is not sound."""
    grows(folder / "photos.img", "SAVE    DAT", at=2**20)
    drives = (Drive(folder / "photos.img", "usb", "FAT1"), Drive(key_stick(folder, FIRST), "usb", "KEY1"))
    with boot(folder / "third", stick, *drives) as vm:
        vm.start()
        vm.wait("systemctl is-active byz-node", SETUP, "the kept answers to be applied")
        assert "was opened with byzantium.key" in said(vm, "journalctl --no-pager -u byz-node")
        assert said(vm, "cat /var/lib/byzantium/identity/key") == made["key"]
        secrets(vm)
        nothing_leaked(vm)
        vm.put("/run/bigger.yaml", ANSWERS.replace("kind: partition", "kind: save.dat, device: FAT1, size: 120MiB"))
        said(vm, "byzwizard apply /run/bigger.yaml --yes")
        assert said(vm, "stat -c %s /run/byzantium/carrier/save.dat").strip() == str(120 * 2**20)
        said(vm, "touch /var/lib/byzantium/identity/written; sync; rm /var/lib/byzantium/identity/written")
        said(vm, "byzwizard persist delete --yes")
        said(vm, "mkdir -p /run/photos; mount -o ro /dev/disk/by-label/PHOTOS /run/photos")
        said(vm, "test ! -e /run/photos/save.dat")
