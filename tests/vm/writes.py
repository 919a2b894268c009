"""What was written to a drive in one run, and the drive as a power cut at any moment of it would leave it.

QEMU records writes and flushes (blklogwrites, in the format of Linux' dm-log-writes). What came before a flush is on
the drive after it; of what came since, any part may be, in any order, and the last one in pieces of a sector.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0x6A736677736872
SECTOR = 512
FLUSH, DISCARD = 1, 4
MOST = 24  # writes that are torn between two flushes


@dataclass(frozen=True)
class Write:
    """`length` bytes for `at` of the drive, which stand at `where` of the log; where None, zeros."""

    at: int
    length: int
    where: int | None


Epoch = tuple[Write, ...]
"""What was written between two flushes."""


@dataclass(frozen=True)
class Point:
    """A power cut after the whole epochs before number `epoch` and, of that one, `kept`: all of it at a flush."""

    epoch: int
    kept: Epoch
    words: str
    whole: bool = False


def entries(log: Path) -> int:
    """How many stand in the log. It is brought up to date by each flush."""
    with log.open("rb") as file:
        head = file.read(28)
    if not head:
        return 0
    magic, _version, count, _size = struct.unpack("<QQQI", head)
    assert magic == MAGIC
    return int(count)


def epochs(log: Path, begin: int, end: int) -> list[Epoch]:
    """The entries from number `begin` to before `end`."""
    found: list[Epoch] = []
    writes: list[Write] = []
    at = SECTOR
    with log.open("rb") as file:
        for number in range(end):
            file.seek(at)
            sector, sectors, flags, _length = struct.unpack("<QQQQ", file.read(32))
            at += SECTOR
            if number >= begin and sectors:
                writes.append(Write(sector * SECTOR, sectors * SECTOR, None if flags & DISCARD else at))
            if not flags & DISCARD:
                at += sectors * SECTOR
            if number >= begin and flags & FLUSH and writes:
                found.append(tuple(writes))
                writes = []
    return [*found, tuple(writes)] if writes else found


def points(of: Sequence[Epoch], most: int = MOST) -> Iterator[Point]:
    """In the order of time: torn and reordered ones within each epoch, then the flush at its end. `most` writes of an
    epoch are torn, spread evenly over it."""
    chance = random.Random(1)
    for number, epoch in enumerate(of):
        for count in sorted({len(epoch) * (2 * i + 1) // (2 * most) for i in range(most)}):
            last = epoch[count]
            half = last.length // 2 // SECTOR * SECTOR
            torn = (Write(last.at, half, last.where),) if half else ()
            yield Point(number, (*epoch[:count], *torn), f"{count} writes and half of one after flush {number}")
            mixed = tuple(write for write in epoch[: count + 1] if chance.random() < 0.5)
            yield Point(number, mixed, f"{len(mixed)} of {count + 1} writes after flush {number}")
        yield Point(number, epoch, f"flush {number + 1}", whole=True)


class Rebuilt:
    """The drive at one flush of a run, as the file `path`."""

    def __init__(self, path: Path, log: Path) -> None:
        self.path = path
        self._log = log
        self._reached = 0

    def reach(self, entry: int) -> None:
        """Go on to what the drive was before this entry of the log, from the last call on. What add() did since must
        be a part of it."""
        for epoch in epochs(self._log, self._reached, entry):
            self.add(epoch)
        self._reached = entry

    def add(self, writes: Epoch) -> None:
        with self.path.open("r+b") as file, self._log.open("rb") as log:
            for write in writes:
                data = bytes(write.length)
                if write.where is not None:
                    log.seek(write.where)
                    data = log.read(write.length)
                file.seek(write.at)
                file.write(data)

    @contextlib.contextmanager
    def cut(self, point: Point) -> Iterator[Path]:
        """The drive with what the point adds to it, for as long as the block lasts."""
        before: list[tuple[int, bytes]] = []
        with self.path.open("rb") as file:
            for write in point.kept:
                file.seek(write.at)
                before.append((write.at, file.read(write.length)))
        self.add(point.kept)
        try:
            yield self.path
        finally:
            with self.path.open("r+b") as file:
                for at, data in before:
                    file.seek(at)
                    file.write(data)
