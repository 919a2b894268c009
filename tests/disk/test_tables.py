"""Partition tables while they are written: cut off at any moment, and on disks with big sectors. Needs root."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import direct, freespace, making, targets
from byzwizard.backends.system import Result, System
from byzwizard.errors import CannotHere, Refused, StepFailed
from tests.disk.loops import MB, disk, system
from tests.unit.test_targets import disk as named
from tests.vm.writes import Epoch, Rebuilt, Write, points

__all__ = ["system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")
CALL = re.compile(r"(lseek|write|fsync)\(\d+(?:, (?:\"(.*)\"|(\d+)), .*)?\) +=")


def partitions(stick: Path) -> list[tuple[int, int, str]]:
    """(begin, sectors, name) of each; as firmware and kernel do, from the second table where the first is torn."""
    done = subprocess.run(["sfdisk", "--json", str(stick)], capture_output=True, text=True)
    if done.returncode:
        return []
    parts = json.loads(done.stdout)["partitiontable"].get("partitions", [])
    return [(part["start"], part["size"], part.get("name", "")) for part in parts]


class Watched(System):
    """What sfdisk writes, and when it waits for the disk, goes into `epochs`, the bytes into `log`."""

    def __init__(self, root: Path, log: Path) -> None:
        super().__init__(root)
        self.log, self.epochs = log, list[Epoch]()

    def run(self, *argv: str, **more: Any) -> Result:
        if argv[0] != "sfdisk" or "--json" in argv:
            return super().run(*argv, **more)
        trace = str(self.path("/trace"))
        path = next(word for word in argv if word.startswith("/dev/"))
        options = ("-xx", "-s", "100000", "-o", trace, "-e", "trace=lseek,write,fsync", "-P", path)
        said = super().run("strace", *options, *argv, **more)
        at, writes = 0, list[Write]()
        for call, data, offset in CALL.findall(Path(trace).read_text()):
            if call == "lseek":
                at = int(offset)
            elif call == "write":
                writes.append(self._keep(at, bytes.fromhex(data.replace("\\x", ""))))
            elif writes:
                self.epochs.append(tuple(writes))
                writes = []
        assert not writes, "it does not wait for what it wrote last"
        return said

    def _keep(self, at: int, data: bytes) -> Write:
        with self.log.open("ab") as log:
            log.write(data)
            return Write(at, len(data), log.tell() - len(data))


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: iso/host-packages has it")
@pytest.mark.parametrize("later", [0, 100 * MB])
def test_a_power_cut_while_a_partition_comes_or_goes_leaves_the_others(
    system: System, tmp_path: Path, later: int
) -> None:
    for loop in disk(system, 200 * MB, "gpt", later):
        size = 200 * MB + later
        before = partitions(system.path("/disk.img"))
        log = tmp_path / "log"
        rebuilt = Rebuilt(tmp_path / "rebuilt.img", log)
        shutil.copyfile(system.path("/disk.img"), rebuilt.path)
        watched = Watched(system.root, log)
        node = freespace.add(watched, loop, freespace.cut(freespace.after_last(system, loop, size), 70 * MB), "byzdata")
        both = partitions(system.path("/disk.img"))
        assert (len(before), len(both)) == (1, 2)
        freespace.remove(watched, loop, node)
        assert len(watched.epochs) > 9
        done, flushed = 0, list[int]()
        for point in points(watched.epochs):
            for epoch in watched.epochs[done : point.epoch]:
                rebuilt.add(epoch)
            done = point.epoch
            with rebuilt.cut(point) as path:
                found = partitions(path)
            assert found in (before, both), point.words
            flushed += [len(found)] if point.whole else []
        assert [count for count, _same in itertools.groupby(flushed)] == [1, 2, 1]


def held(path: str) -> Callable[..., contextlib.AbstractContextManager[int]]:
    """targets.hold of whatever disk there is."""

    @contextlib.contextmanager
    def hold(*_: Any, **_more: Any) -> Iterator[int]:
        descriptor = os.open(path, os.O_RDWR)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    return hold


def test_a_disk_with_big_sectors_is_refused_before_a_byte_is_written(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = system.path("/disk.img")
    with image.open("wb") as file:
        file.truncate(200 * MB)
    loop = system.run("losetup", "--find", "--show", "--sector-size", "4096", str(image)).out.strip()

    hold = held(loop)
    monkeypatch.setattr(targets, "hold", hold)
    before = hashlib.sha256(image.read_bytes()).digest()
    stick = named().model_copy(update={"path": loop, "bytes": 200 * MB})
    with pytest.raises(CannotHere, match="sectors of 4096 bytes"):
        making.partition(system, stick, False, None, None, lambda done, total: None)
    with hold() as descriptor, pytest.raises(CannotHere, match="512"):
        direct.need_sectors_of_512(descriptor)
    system.run("losetup", "--detach", loop)
    assert hashlib.sha256(image.read_bytes()).digest() == before


MAC = b"ER\2\0" + bytes(508), b"PM\0\0\0\0\0\1\0\0\0\1\0\0\0\77" + b"Apple".ljust(496, b"\0")


def test_what_is_on_a_disk_and_cannot_be_read_is_not_taken_for_free_space(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loop in disk(system, 200 * MB):
        monkeypatch.setattr(targets, "hold", held(loop))
        image = system.path("/disk.img")
        stick = named().model_copy(update={"path": loop, "bytes": 200 * MB})
        with image.open("r+b") as file:  # Apple's partition map, which sfdisk does not know
            file.write(b"".join(MAC))
        system.run("blockdev", "--flushbufs", loop)
        assert system.run("blkid", "-p", "-s", "PTTYPE", "-o", "value", loop).out.strip() == "mac"
        before = hashlib.sha256(image.read_bytes()).digest()
        with pytest.raises(Refused, match="no partition table that can be added to"):
            making.partition(system, stick, False, None, None, lambda done, total: None)
        assert hashlib.sha256(image.read_bytes()).digest() == before
    with pytest.raises(StepFailed, match="sfdisk"):
        freespace.after_last(system, "/dev/none", 200 * MB)
