"""A power cut at and in every write of a renewal: the stick starts whole or not at all, and its store stays."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from byzwizard.backends import clone, direct, renewal
from byzwizard.backends.disks import parse_disk
from byzwizard.machine import Disk, Machine
from tests.unit.test_clone import MIB, SIZE, OneDisk, blank, file_of, partitions, start_of
from tests.unit.test_clone import medium as medium  # the fixture

BIG = ("live/filesystem.squashfs", "live/byzwizard.squashfs", "live/vmlinuz", "live/initrd.img")
SMALL = ("boot/grub/grub.cfg", "live/filesystem.module", "EFI/BOOT/BOOTX64.EFI")
STORE = b"what people wrote" * 1000


def parts(first: str | None = "BYZANTIUM", name: str = "BYZANTIUM") -> list[dict[str, Any]]:
    """As lsblk tells them."""
    return [
        {"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": "vfat" if first else None,
         "label": first, "partlabel": name},
        {"name": "sdb2", "path": "/dev/sdb2", "type": "part", "size": 9, "fstype": "crypto_LUKS"},
    ]  # fmt: skip


def disk(children: list[dict[str, Any]]) -> Disk:
    found = parse_disk({"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": SIZE, "rm": True, "ro": False,
                        "vendor": "SanDisk", "model": "Ultra", "serial": "4C53", "tran": "usb",
                        "children": children})  # fmt: skip
    assert found is not None
    return found


def copy_to(system: OneDisk, children: list[dict[str, Any]]) -> None:
    system.children = children
    step = clone.steps(("4C53",), "blank", None, Machine(disks=(disk(children),)))[0]
    step.apply(system, lambda done, total: None)


@contextlib.contextmanager
def recorded() -> Iterator[list[tuple[int, bytes]]]:
    """What is written to disks meanwhile, and where."""
    writes: list[tuple[int, bytes]] = []
    real = direct.put

    def put(descriptor: int, at: int, data: bytes | memoryview) -> None:
        writes.append((at, bytes(data)))
        real(descriptor, at, data)

    with mock.patch.object(direct, "put", put):
        yield writes


def version(file: Path, medium: Path) -> dict[str, bytes]:
    return {name: file_of(file, name) for name in (*BIG, *SMALL)}


@pytest.mark.allow_subprocess
@pytest.mark.timeout(300)
def test_a_power_cut_at_any_write_of_a_renewal(medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, before = tmp_path / "stick", tmp_path / "before"
    system = OneDisk(tmp_path / "root", blank(file, monkeypatch), medium)
    copy_to(system, [])
    start = partitions(file)[0]["start"] + partitions(file)[0]["size"]
    subprocess.run(
        ["sfdisk", "--quiet", "--append", str(file)], check=True, text=True,
        input=f"start={start}, type=8DA63339-0007-60C0-C436-083AC8230908, name=byzdata\n",
    )  # fmt: skip
    with file.open("r+b") as stick:
        stick.seek(start * 512)
        stick.write(STORE)
    subprocess.run(["cp", "--sparse=always", str(file), str(before)], check=True)
    old = version(file, medium)
    for name in BIG:
        (medium / name).write_bytes(os.urandom((medium / name).stat().st_size + 5000))
    (medium / "boot/byzantium/grub.cfg").write_bytes(b"newer\n")

    with recorded() as writes:
        copy_to(system, parts())
    new = version(file, medium)
    assert old != new
    outcomes = []
    for number, (at, data) in enumerate(writes):
        for length in (len(data) // 1024 * 512, len(data)):
            with before.open("r+b") as stick:
                stick.seek(at)
                stick.write(data[:length])
                stick.seek(start * 512)
                assert stick.read(len(STORE)) == STORE
            outcomes.append(outcome(before, medium, old, new))
            assert outcomes[-1] in {"old", "nothing", "new"}, f"write {number} at {at}, {length} bytes of it"
    assert sorted(outcomes, key=["old", "nothing", "new"].index) == outcomes
    assert outcomes.count("old") > len(outcomes) // 3, "the old system starts until the new one is complete"
    assert outcomes[-1] == "new"


def outcome(file: Path, medium: Path, old: dict[str, bytes], new: dict[str, bytes]) -> str:
    """What would start from it."""
    head = start_of(file)
    if not (head[0] and head[MIB]):
        # Whatever lsblk tells of it then, it is ours and keeps its store when it is copied to again.
        assert renewal.is_ours(disk(parts(None, "byzantium-unfinished")))
        assert renewal.is_ours(disk(parts(None)))
        return "nothing"
    found = version(file, medium)
    return "old" if found == old else "new" if found == new else "a mixture"
