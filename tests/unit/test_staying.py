"""save.dat on a stick of ours that gets a new system: it stays where it is, however it lies, whatever is cut off."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from byzwizard.backends import aboard, clone, direct, renewal, staying
from byzwizard.backends.fatfs import Staying, shape
from byzwizard.backends.mbr import GAP_END
from byzwizard.errors import Refused, StepFailed
from byzwizard.machine import Machine
from tests.unit.test_clone import MIB, blank, file_of, noise, partitions, start_of
from tests.unit.test_clone import medium as medium  # the fixture
from tests.unit.test_clone_cuts import BIG, disk, parts, recorded, version
from tests.unit.test_clone_keeps import Ours

pytestmark = [pytest.mark.allow_subprocess, pytest.mark.timeout(300)]
FIRST = parts()[:1]
GONE = parts(None, "byzantium-unfinished")[:1]  # as lsblk tells of it while there is no file system
BACK = parts("BYZANTIUM", "byzantium-unfinished")[:1]  # and when there is one again


@pytest.fixture
def system(medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ours:
    """Its one stick has the system alone."""
    system = Ours(tmp_path / "root", blank(tmp_path / "stick", monkeypatch), medium)
    copy_to(system, [])
    return system


def copy_to(system: Ours, children: list[dict[str, Any]]) -> None:
    system.children = children
    here = aboard.of(system, disk(children))
    step = clone.steps(("4C53",), "blank", None, Machine(disks=(here,)))[0]
    step.apply(system, lambda done, total: None)


def newer(medium: Path) -> None:
    for name in BIG:
        (medium / name).write_bytes(os.urandom((medium / name).stat().st_size + 5000))
    (medium / "boot/byzantium/grub.cfg").write_bytes(b"newer\n")
    (medium / "boot/byzantium/bootx64.efi").write_bytes(noise(300_000))  # smaller than the old one


def put(system: Ours, name: str, content: bytes) -> None:
    subprocess.run(["mcopy", "-o", "-i", f"{system.file}@@1M", "-", f"::/{name}"], check=True, input=content)


def in_pieces(system: Ours, content: bytes) -> None:
    """Some of it in the holes between the small files, as the kernel puts it there, some of it behind others; named in
    a root folder that has grown by then."""
    for number in range(6):
        put(system, f"other{number}", noise(100_000))
    for number in range(50):
        put(system, f"a picture with a name that is long {number}.jpeg", b"")
    subprocess.run(["mdel", "-i", f"{system.file}@@1M", "::/other1", "::/other3"], check=True)
    with system.file.open("r+b") as file:
        file.seek(MIB + 512 + 488)
        file.write(b"\xff" * 8)
    put(system, "save.dat", content)
    shown = subprocess.run(["mshowfat", "-i", f"{system.file}@@1M", "::/save.dat"], check=True, capture_output=True)
    assert shown.stdout.count(b"<") >= 3, "it is to lie in pieces"
    root = subprocess.run(["mshowfat", "-i", f"{system.file}@@1M", "::/"], check=True, capture_output=True)
    assert root.stdout.count(b"<") + root.stdout.count(b"-") >= 2, "the root folder is to have grown"


def sound(system: Ours) -> None:
    found = subprocess.run(["fsck.vfat", "-n", "-v", part_of(system)], check=True, capture_output=True, text=True)
    assert "differences" not in found.stdout


def part_of(system: Ours) -> str:
    out = system.file.with_suffix(".part")
    size = partitions(system.file)[0]["size"]
    subprocess.run(["dd", f"if={system.file}", f"of={out}", "bs=1M", "skip=1", f"count={size // 2048}", "conv=sparse",
                    "status=none"], check=True)  # fmt: skip
    return str(out)


@pytest.mark.parametrize("length", [40 * MIB + 777, 261 * MIB])
def test_a_power_cut_at_any_write(system: Ours, medium: Path, length: int) -> None:
    """Where there is room for both systems, and where there is not. Copied to again, all is there."""
    kept = noise(MIB) + bytes(length - MIB)
    in_pieces(system, kept)
    stays = staying.find(system, disk(FIRST)).stays
    before = system.file.with_suffix(".before")
    subprocess.run(["cp", "--sparse=always", str(system.file), str(before)], check=True)
    old = version(system.file, medium)
    newer(medium)
    with recorded() as writes:
        copy_to(system, FIRST)
    new = version(system.file, medium)
    there(system, stays, kept)
    assert start_of(system.file)[MIB + 67 : MIB + 71] == start_of(before)[MIB + 67 : MIB + 71], "it is known by that"
    sound(system)
    for first, last in stays.runs:
        begin, end = (MIB + stays.shape.at(cluster) for cluster in (first, last + 1))
        assert [at for at, data in writes if at < end and at + len(data) > begin] == []
    whole = system.file
    system.file = before
    system.path("/dev/sdb").unlink()
    system.path("/dev/sdb").symlink_to(before)
    outcomes = []
    for number, (at, data) in enumerate(writes):
        for torn in (len(data) // 1024 * 512, len(data))[number % 2 :]:  # every other one is torn besides
            with before.open("r+b") as stick:
                stick.seek(at)
                stick.write(data[:torn])
            outcomes.append(outcome(system, medium, old, new, stays))
            assert outcomes[-1] in {"old", "nothing", "new"}, f"write {number} at {at}, {torn} bytes of it"
        if outcomes[-1] == "nothing" and number % 9 == 0:
            goes_on(system, medium, before, new, stays, kept)
    assert sorted(outcomes, key=["old", "nothing", "new"].index) == outcomes
    assert outcomes[-1] == "new"
    assert (outcomes.count("old") > len(outcomes) // 3) == (length < 100 * MIB), "as long as there is room for both"
    assert start_of(before)[GAP_END : MIB] == bytes(staying.NOTE), "no note stays behind"
    assert file_of(before, "save.dat") == kept, "as other programs find it, too"
    whole.unlink()


def outcome(system: Ours, medium: Path, old: dict[str, bytes], new: dict[str, bytes], stays: Staying) -> str:
    """What would start from it; where it is to be kept, it is known."""
    head = start_of(system.file)
    if head[0] and head[MIB]:
        assert staying.find(system, disk(FIRST)).stays == stays
        found = version(system.file, medium)
        return "old" if found == old else "new" if found == new else "a mixture"
    here = aboard.of(system, disk(BACK if head[MIB] else GONE))
    assert renewal.is_ours(here), "it would be erased"
    return "nothing"


def there(system: Ours, stays: Staying, kept: bytes) -> None:
    """The tables name it where it was, and so it is: mtype takes its time for that much."""
    assert staying.find(system, disk(FIRST)).stays == stays
    done = 0
    with system.file.open("rb", buffering=0) as stick:
        for first, last in stays.runs:
            stick.seek(MIB + stays.shape.at(first))
            end = min(stays.length, done + (last + 1 - first) * stays.shape.cluster)
            while done < end:
                part = stick.read(min(MIB, end - done))
                assert part == kept[done : done + len(part)], f"at {done}"
                done += len(part)
    assert done == stays.length


def goes_on(system: Ours, medium: Path, stick: Path, new: dict[str, bytes], stays: Staying, kept: bytes) -> None:
    """A copy to what was interrupted; then that is as it was."""
    aside = stick.with_suffix(".aside")
    subprocess.run(["cp", "--sparse=always", str(stick), str(aside)], check=True)
    copy_to(system, BACK if start_of(stick)[MIB] else GONE)
    there(system, stays, kept)
    assert version(stick, medium) == new
    assert start_of(stick)[MIB + 67 : MIB + 71] == start_of(aside)[MIB + 67 : MIB + 71] or not start_of(aside)[MIB]
    os.replace(aside, stick)


def test_again_and_again(system: Ours, medium: Path) -> None:
    """Each new system goes where there is room by then."""
    kept = noise(90 * MIB)
    in_pieces(system, kept)
    stays = staying.find(system, disk(FIRST)).stays
    for _number in range(3):
        newer(medium)
        copy_to(system, FIRST)
        there(system, stays, kept)
        assert version(system.file, medium)["live/vmlinuz"] == (medium / "live/vmlinuz").read_bytes()
    sound(system)


def test_it_is_said_that_it_stays(system: Ours) -> None:
    put(system, "save.dat", b"kept")
    system.children = FIRST
    (shown,) = clone.sticks([aboard.of(system, disk(FIRST))])
    assert shown.refused is None
    assert shown.erases.endswith("Ultra, 1.0 GB (serial 4C53) and all files beside it; its save.dat stays")
    both = aboard.of(system, disk(parts()))
    assert clone.erased(both).endswith("; the store behind it stays, its save.dat stays")
    with pytest.raises(Refused, match="has a store already"):
        clone.steps(("4C53",), "data", None, Machine(disks=(both,)))


@pytest.mark.parametrize(("name", "entry"), [("save.dat", 0), ("live/vmlinuz", 0x0ABCDEF), ("live/vmlinuz", 7)])
def test_a_file_system_that_cannot_be_trusted_is_left_alone(system: Ours, name: str, entry: int) -> None:
    """save.dat has fewer clusters than it has bytes; a file leads out of the file system, or into another one."""
    in_pieces(system, noise(5 * MIB))
    known = shape(start_of(system.file)[MIB:])
    assert known is not None
    shown = subprocess.run(["mshowfat", "-i", f"{system.file}@@1M", f"::/{name}"], check=True, capture_output=True)
    last = int(shown.stdout.split(b"-")[-1].strip(b" >\n"))
    with system.file.open("r+b") as file:
        for table in range(known.tables):
            file.seek(MIB + known.reserved + table * known.table + 4 * (last - 1))
            file.write(entry.to_bytes(4, "little"))
    before = system.file.stat().st_mtime_ns
    with pytest.raises(StepFailed, match=r"cannot be told where save\.dat lies"):
        copy_to(system, FIRST)
    assert system.file.stat().st_mtime_ns == before


def test_what_changed_since_it_was_looked_at_is_refused(
    system: Ours, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(system, "save.dat", noise(5 * MIB))
    read = renewal.read

    def then_changed(*arguments: Any) -> renewal.Kept:
        kept = read(*arguments)
        put(system, "save.dat", noise(7 * MIB))
        return kept

    monkeypatch.setattr(renewal, "read", then_changed)
    newer(medium)
    with pytest.raises(Refused, match="has changed since it was chosen"):
        copy_to(system, FIRST)
    assert file_of(system.file, "save.dat") == noise(7 * MIB)


def test_a_note_of_something_else_is_not_believed(system: Ours) -> None:
    put(system, "save.dat", noise(5 * MIB))
    at, data = staying.note(staying.find(system, disk(FIRST)).stays)
    with system.file.open("r+b") as file:
        file.seek(at)
        file.write(data)
        file.seek(MIB)
        file.write(bytes(MIB // 64))  # no boot sector
        file.flush()
        assert staying.noted(system, "/dev/sdb") is not None
        cluster = str(staying.find(system, disk(GONE)).stays.shape.cluster).encode()
        for wrong in (
            data.replace(b'"length": ', b'"length": 9'), data.replace(b"[[", b"[[9"), b"{}", b"{" + b"[" * 60000,
            data.replace(cluster, b"0"), data.replace(cluster, b"Infinity"),
            data.replace(b'"begins": "', b'"begins": "0'),
        ):  # fmt: skip
            file.seek(at)
            file.write(wrong.ljust(len(data), b"\0")[: len(data)])
            file.flush()
            with pytest.raises(StepFailed):
                staying.noted(system, "/dev/sdb")
            doubtful = aboard.of(system, disk(GONE))
            assert renewal.has_file(doubtful), "in doubt nothing is erased"
            with pytest.raises(StepFailed, match="cannot be told"):
                copy_to(system, GONE)
        file.seek(at)
        file.write(b"what an older system had here".ljust(len(data), b"\0"))
    assert staying.noted(system, "/dev/sdb") is None


def test_what_was_not_there_when_it_was_confirmed_is_not_lost(system: Ours, medium: Path) -> None:
    """Nor is a store handed on to a stick that has got one since."""
    for content in ("blank", "data"):
        hand: Any = SimpleNamespace(check=lambda _system: None) if content == "data" else None
        step = clone.steps(("4C53",), content, None, Machine(disks=(disk(FIRST),)), hand)[0]
        put(system, "save.dat", noise(5 * MIB))
        system.children = FIRST
        assert isinstance(step, clone.CopySystem)
        assert step.seal != clone._seal(aboard.of(system, disk(FIRST)))
        with pytest.raises(Refused, match="has changed since it was chosen"):
            step.apply(system, lambda done, total: None)
        assert file_of(system.file, "save.dat") == noise(5 * MIB)


def test_a_note_that_cannot_be_read_erases_nothing(system: Ours, medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(system, "save.dat", kept := noise(5 * MIB))
    newer(medium)
    left = [10]  # writes until the power is cut
    real, read = direct.put, os.pread

    def cut(descriptor: int, at: int, data: bytes | memoryview) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(5, "cut")
        real(descriptor, at, data)

    monkeypatch.setattr(direct, "put", cut)
    with pytest.raises(StepFailed):
        copy_to(system, FIRST)
    monkeypatch.setattr(direct, "put", real)
    assert start_of(system.file)[MIB] == 0

    def bad(descriptor: int, length: int, at: int) -> bytes:
        if at == GAP_END:
            raise OSError(5, "bad")
        return read(descriptor, length, at)

    monkeypatch.setattr(os, "pread", bad)
    with pytest.raises(StepFailed, match="cannot be told"):
        copy_to(system, GONE)
    monkeypatch.setattr(os, "pread", read)
    copy_to(system, GONE)
    assert file_of(system.file, "save.dat") == kept


def test_no_room_beside_it(system: Ours, medium: Path) -> None:
    put(system, "save.dat", noise(276 * MIB))
    before = system.file.stat().st_mtime_ns
    with pytest.raises(Refused, match=r"^Beside save\.dat on SanDisk Ultra, .*has no room"):
        copy_to(system, FIRST)
    assert system.file.stat().st_mtime_ns == before
