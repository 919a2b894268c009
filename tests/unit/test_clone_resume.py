"""A copy that was interrupted goes on where it was, trusts nothing for that, and ends as one that was not."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import clone, direct, genuine, layout, renewal
from byzwizard.backends.content import system_files
from byzwizard.backends.disks import parse_disk
from byzwizard.backends.freespace import Space
from byzwizard.backends.system import System
from byzwizard.errors import StepFailed
from byzwizard.machine import Disk, Machine
from tests.unit.test_clone import MIB, SIZE, OneDisk, file_of, need_tools, partitions
from tests.unit.test_clone import medium as medium  # the fixture

SQUASHFS = "live/filesystem.squashfs"
PART = 256 * 1024  # bytes that are written in one go here: many parts although the files are small
UNFINISHED = [{"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": None, "label": None,
               "partlabel": "byzantium-unfinished"}]  # fmt: skip

pytestmark = [pytest.mark.allow_subprocess, pytest.mark.timeout(120)]


@pytest.fixture
def system(medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OneDisk:
    need_tools()
    monkeypatch.setattr("os.sched_setscheduler", lambda *_: None)
    monkeypatch.setattr(clone, "part_for", lambda sticks: PART)
    file = tmp_path / "stick"
    with file.open("wb") as made:
        made.truncate(SIZE)
    return OneDisk(tmp_path / "root", file, medium)


def disk(children: list[dict[str, Any]]) -> Disk:
    found = parse_disk({"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": SIZE, "rm": True, "ro": False,
                        "vendor": "SanDisk", "model": "Ultra", "serial": "4C53", "tran": "usb",
                        "children": children})  # fmt: skip
    assert found is not None
    return found


def copy(system: OneDisk, children: list[dict[str, Any]]) -> None:
    """What stands on the stick is what lsblk tells of `children`."""
    system.children = children
    clone.steps(("4C53",), "blank", None, Machine(disks=(disk(children),)))[0].apply(system, lambda done, total: None)


class Writes:
    """Counts what is written of the system's files; from the write `until` on the stick is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self.until: int | None = None
        self.spoiled: Callable[[int, bytes], bytes] = lambda at, data: data
        put = direct.put

        def counted(descriptor: int, at: int, data: bytes | memoryview) -> None:
            if self.until is not None and self.bytes >= self.until:
                raise OSError(5, "gone")
            if len(data) == PART:
                self.bytes += len(data)
            put(descriptor, at, self.spoiled(at, bytes(data)))

        monkeypatch.setattr(direct, "put", counted)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


def interrupted(system: OneDisk, writes: Writes, after: int = 12 * MIB) -> None:
    writes.until = after
    with pytest.raises(StepFailed, match="cannot be written") as failed:
        copy(system, [])
    assert "goes on from there" in (failed.value.hint or "")
    writes.until, writes.bytes = None, 0
    assert [part["name"] for part in partitions(system.file)] == [layout.UNFINISHED]


def whole(system: OneDisk, medium: Path) -> bool:
    """Everything of the medium's system is on the stick, which starts."""
    return [part["name"] for part in partitions(system.file)] == ["BYZANTIUM"] and all(
        file_of(system.file, name) == (content if isinstance(content, bytes) else content.read_bytes())
        for name, content in system_files(medium).items()
    )


def test_what_was_written_is_not_written_again(system: OneDisk, medium: Path, writes: Writes) -> None:
    copy(system, [])
    all_of_it, writes.bytes = writes.bytes, 0
    os.truncate(system.file, 0)
    os.truncate(system.file, SIZE)
    interrupted(system, writes)
    copy(system, UNFINISHED)
    assert whole(system, medium)
    assert 2 * MIB < writes.bytes <= all_of_it - 10 * MIB


def test_what_is_damaged_in_what_was_written_is_written_anew(system: OneDisk, medium: Path, writes: Writes) -> None:
    interrupted(system, writes)
    with system.file.open("r+b") as stick:
        data = stick.read(16 * MIB)
        at = data.index((medium / SQUASHFS).read_bytes()[3 * PART : 3 * PART + 64])
        stick.seek(at)
        stick.write(bytes(64))
    copy(system, UNFINISHED)
    assert whole(system, medium)


def test_a_stick_that_does_not_take_it_even_then_is_found_out(
    system: OneDisk, medium: Path, writes: Writes
) -> None:
    interrupted(system, writes)
    wanted = (medium / SQUASHFS).read_bytes()[3 * PART : 4 * PART]
    with system.file.open("r+b") as stick:
        at = stick.read(16 * MIB).index(wanted)
        stick.seek(at)
        stick.write(bytes(64))
    writes.spoiled = lambda to, data: bytes(len(data)) if to == at else data
    with pytest.raises(StepFailed, match="does not keep"):
        copy(system, UNFINISHED)
    assert [part["name"] for part in partitions(system.file)] == [layout.UNFINISHED]


def test_another_system_takes_the_place_of_the_interrupted_one(system: OneDisk, medium: Path, writes: Writes) -> None:
    interrupted(system, writes)
    for name in (SQUASHFS, "live/vmlinuz"):
        (medium / name).write_bytes(os.urandom((medium / name).stat().st_size))
    copy(system, UNFINISHED)
    assert whole(system, medium)


def test_it_is_told_before_it_is_done(system: OneDisk) -> None:
    step = clone.steps(("4C53",), "blank", None, Machine(disks=(disk(UNFINISHED),)))[0]
    assert step.text == "Go on with the copy to SanDisk Ultra, 1.0 GB (serial 4C53) that was interrupted"
    assert step.destroys == (
        "the unfinished copy on SanDisk Ultra, 1.0 GB (serial 4C53), which goes on where it was interrupted"
    )
    named = [{**UNFINISHED[0], "fstype": "xfs", "label": "byzantium-unfinished"}]
    assert not renewal.was_interrupted(disk(named)), "somebody's file system of that name"


def test_the_proof_puts_back_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "stick"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
        for place in genuine.places(64 * MIB):
            file.seek(place)
            file.write(os.urandom(4096))
    before = path.read_bytes()
    descriptor = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        genuine.prove(descriptor, 64 * MIB, keep=True)
        assert path.read_bytes() == before
        genuine.prove(descriptor, 64 * MIB)
        assert path.read_bytes() != before
    finally:
        os.close(descriptor)


class Kept:
    """stick.Behind, and the hand that has it; `fails` is whether the stick is pulled out while it is written."""

    bytes = 5 * MIB

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.done: list[str] = []

    def check(self, told: System | Callable[[int], None]) -> None:
        if isinstance(told, System):
            return
        self.done.append("check")
        told(self.bytes)

    def onto(self, system: System, disk: Disk, space: Space) -> "Kept":
        self.space = space
        return self

    def write(self, told: Callable[[int], None]) -> None:
        self.done.append("write")
        if self.fails:
            raise StepFailed("The stick cannot be written.")
        told(self.bytes)


def test_a_copy_with_data_starts_when_they_are_on_it_and_not_before(system: OneDisk, medium: Path) -> None:
    def copy_with(kept: Kept, children: list[dict[str, Any]]) -> list[tuple[int, int]]:
        system.children, told = children, list[tuple[int, int]]()
        machine = Machine(disks=(disk(children),))
        [step] = clone.steps(("4C53",), "data", None, machine, kept)
        step.apply(system, lambda done, total: told.append((done, total)))
        return told

    with pytest.raises(StepFailed):
        copy_with(Kept(fails=True), [])
    assert [part["name"] for part in partitions(system.file)] == [layout.UNFINISHED]
    kept = Kept()
    told = copy_with(kept, UNFINISHED)
    assert kept.done == ["write", "check"]
    assert told[0][0] == kept.bytes
    assert told[-1][0] == told[-1][1]
    first, store = partitions(system.file)
    assert (first["name"], store["name"], store["attrs"]) == (layout.LABEL, "byzdata", "GUID:63")
    assert (store["start"] * 512, store["size"] * 512) == (kept.space.start, kept.space.bytes)
    assert file_of(system.file, SQUASHFS) == (medium / SQUASHFS).read_bytes()


def test_nothing_stays_of_a_store_that_was_begun(system: OneDisk) -> None:
    interrupted_at = Kept(fails=True)
    system.children = []
    [step] = clone.steps(("4C53",), "data", None, Machine(disks=(disk([]),)), interrupted_at)
    with pytest.raises(StepFailed):
        step.apply(system, lambda done, total: None)
    with system.file.open("r+b") as stick:
        stick.seek(interrupted_at.space.start)
        stick.write(b"LUKS\xba\xbe" * 2000)
    copy(system, UNFINISHED)
    with system.file.open("rb") as stick:
        stick.seek(interrupted_at.space.start)
        assert not any(stick.read(12000))
