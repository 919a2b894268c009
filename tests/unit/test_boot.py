"""What a boot looks for is asked twice: by a shell script, because it starts sooner, and by the program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from byzwizard import boot, places
from byzwizard.backends import keep, storefile

FILE = Path("iso/overlay/usr/lib/byzantium/boot-has-work").resolve()
SCRIPT = FILE.read_text()
MIB = 2048  # sectors


def test_the_script_knows_every_place_that_the_program_looks_at() -> None:
    assert f"medium=$root{boot.MEDIUM}\n" in SCRIPT
    assert f"/dev/disk/by-label/{places.LABEL}" in SCRIPT
    assert f' {boot.OPTION}"*)' in SCRIPT
    assert f"least={places.SMALLEST // 512} " in SCRIPT
    for path in (f"$root{boot.CREDENTIAL}", f"$root{keep.ANSWERS}", "$medium/byzantium/answers.yaml"):
        assert f'[ ! -e "{path}" ] || exit 0' in SCRIPT
    assert f"for file in {' '.join((*storefile.PLACES, storefile.HALF))};" in SCRIPT


class Computer:
    """A folder with as much of /sys as the script reads, and stand-ins for the two programs that it asks."""

    def __init__(self, folder: Path) -> None:
        self.root, self._programs = folder / "root", folder / "bin"
        for made in ("proc", "sys/block", "sys/dev/block", "dev", "run/live/medium"):
            (self.root / made).mkdir(parents=True)
        self.put("proc/cmdline", "boot=live quiet\n")
        self._programs.mkdir()
        self._program("mountpoint", "exit 1")
        self._program("blkid", "exit 2")

    def _program(self, name: str, line: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def put(self, path: str, text: str = "") -> None:
        there = self.root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)

    def disk(self, name: str, mib: int, *parts: tuple[int, int], removable: bool = True) -> None:
        """`parts` are (start, size) in sectors."""
        base = f"sys/devices/{name}"
        self.put(f"{base}/removable", f"{removable:d}\n")
        self.put(f"{base}/size", f"{mib * MIB}\n")
        for number, (start, size) in enumerate(parts, 1):
            for key, value in (("partition", number), ("start", start), ("size", size)):
                self.put(f"{base}/{name}{number}/{key}", f"{value}\n")
        (self.root / "sys/block" / name).symlink_to(self.root / base)

    def runs_from(self, device: str) -> None:
        """A path below sys/devices, or the number of what is on no device."""
        number = "0:42" if device == "memory" else "8:1"
        if device != "memory":
            (self.root / "sys/dev/block" / number).symlink_to(self.root / "sys/devices" / device)
        self._program("mountpoint", f"echo {number}")

    def behind(self, offset: int, disk: str, label: str) -> None:
        """What a file system at that byte of a disk is called."""
        self._program("blkid", f'case "$*" in *"--offset {offset} "*" {self.root}/dev/{disk}") echo {label} ;; esac')

    def has_work(self) -> bool:
        run = subprocess.run(["sh", str(FILE), str(self.root)], capture_output=True, text=True, check=False,
                             env={"PATH": f"{self._programs}:/usr/bin:/bin"})  # fmt: skip
        assert not run.stderr
        assert run.returncode in (0, 1)
        return run.returncode == 0


OURS = (MIB, 4096 * MIB)


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    """It runs from our stick, the only one there; beside it is an internal disk with a system."""
    found = Computer(tmp_path)
    found.disk("sdb", 15000, OURS)
    found.disk("sda", 400000, (MIB, 100000 * MIB), removable=False)
    found.runs_from("sdb/sdb1")
    return found


@pytest.mark.allow_subprocess
def test_a_first_boot_has_nothing_to_do(computer: Computer) -> None:
    assert not computer.has_work()


@pytest.mark.allow_subprocess
@pytest.mark.parametrize("there", [
    "etc/byzantium/answers.yaml",
    "run/live/medium/byzantium/answers.yaml",
    "run/live/medium/save.dat",
    "run/live/medium/changes/save.dat",
    "dev/disk/by-label/byzdata",
])  # fmt: skip
def test_answers_and_stores_are_work(computer: Computer, there: str) -> None:
    computer.put(there)
    assert computer.has_work()


@pytest.mark.allow_subprocess
def test_what_was_being_made_when_the_power_went(computer: Computer) -> None:
    computer.put("run/live/medium/save.dat.new")
    assert computer.has_work()


@pytest.mark.allow_subprocess
@pytest.mark.parametrize(("label", "work"), [("byzdata", True), ("PHOTOS", False)])
def test_a_store_that_no_partition_table_names_yet(computer: Computer, label: str, work: bool) -> None:
    computer.behind(4097 * 2**20, "sdb", label)
    assert computer.has_work() is work


@pytest.mark.allow_subprocess
def test_another_partition_of_the_own_stick_may_hold_a_store(tmp_path: Path) -> None:
    computer = Computer(tmp_path)
    computer.disk("sdb", 15000, OURS, (4097 * MIB, 10000 * MIB))
    computer.runs_from("sdb/sdb1")
    assert computer.has_work()


@pytest.mark.allow_subprocess
@pytest.mark.parametrize("device", ["sdb", "sdb/sdb1"])
def test_an_iso_that_was_written_to_a_stick_is_one_system(tmp_path: Path, device: str) -> None:
    computer = Computer(tmp_path)
    computer.disk("sdb", 15000, (64, 1000 * MIB), (1001 * MIB, 4 * MIB))
    computer.runs_from(device)
    assert not computer.has_work()
    computer.behind(1005 * 2**20, "sdb", "byzdata")
    assert computer.has_work()


@pytest.mark.allow_subprocess
@pytest.mark.parametrize("medium", ["sr0", "memory"])
def test_the_only_stick_may_hold_a_store_where_the_system_is_from_elsewhere(tmp_path: Path, medium: str) -> None:
    computer = Computer(tmp_path)
    computer.disk("sr0", 900)
    computer.runs_from(medium)
    assert not computer.has_work()
    computer.disk("sdb", 15000, (MIB, 14000 * MIB))
    assert computer.has_work()


@pytest.mark.allow_subprocess
def test_a_second_stick_may_hold_a_store_and_an_empty_card_reader_does_not(computer: Computer) -> None:
    computer.disk("sdc", 0)
    assert not computer.has_work()
    computer.disk("sdd", 8000)
    assert computer.has_work()


@pytest.mark.allow_subprocess
def test_a_file_on_a_disk_is_a_longer_question(tmp_path: Path) -> None:
    computer = Computer(tmp_path)
    computer.disk("loop0", 900)
    computer.put("sys/devices/loop0/loop/backing_file", "/run/live/findiso/byzantium.iso\n")
    computer.runs_from("loop0")
    assert computer.has_work()
