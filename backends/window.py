"""The source of a copy: read once, for all sticks at the same time, each of which goes on at its own speed.

A thread reads ahead of the fastest stick. What it has read stays for a while, in a bounded window; a stick so slow that
its next part has gone from there reads that part for itself.
"""

import hashlib
import mmap
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.fatfs import MIB
from byzwizard.backends.layout import BLOCK, Piece
from byzwizard.backends.waiting import check_stop

WINDOW = 32 * MIB
AHEAD = 4  # parts


@dataclass(frozen=True)
class Part:
    """What a piece holds, filled to whole blocks, and the hash of that."""

    data: memoryview
    digest: bytes


def digest(data: memoryview) -> bytes:
    """Against faults of sticks, not against people: MD5 is what a weak netbook hashes as fast as four sticks read."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def cut(pieces: Sequence[Piece], length: int) -> tuple[Piece, ...]:
    """The same pieces in parts of `length` bytes at most."""
    return tuple(
        Piece(piece.at + begin, min(length, piece.length - begin), piece.file, piece.offset + begin)
        for piece in pieces
        for begin in range(0, piece.length, length)
    )


def padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _source(piece: Piece) -> tuple[Path, int, int]:
    return piece.file, piece.offset, piece.length


class Files:
    """The files that pieces come from, opened once. Read past the page cache where their file system can do that; else
    without pushing out of it what the running system uses."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}
        self._lock = threading.Lock()

    def _descriptor(self, path: Path) -> int:
        with self._lock:
            if path not in self._open:
                try:
                    self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
                except OSError:  # ISO 9660, memory
                    self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    os.posix_fadvise(self._open[path], 0, 0, os.POSIX_FADV_NOREUSE)
            return self._open[path]

    def read(self, piece: Piece) -> Part:
        """Raises OSError, also when the file is shorter than it was."""
        whole = padded(piece.length)
        buffer = memoryview(mmap.mmap(-1, whole))
        descriptor = self._descriptor(piece.file)
        done = 0
        while done < piece.length:
            got = os.preadv(descriptor, [buffer[done:]], piece.offset + done)
            if not got:
                raise OSError(5, os.strerror(5), str(piece.file))
            done += got
        buffer[piece.length :] = bytes(whole - piece.length)
        return Part(buffer, digest(buffer))

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)


class Window:
    """The parts of a copy by their number, for several readers, each of which takes them in order; for an `only` one,
    few of them are kept."""

    def __init__(self, pieces: Sequence[Piece], part: int, only: bool = False) -> None:
        self._part = part
        self._pieces = cut(pieces, part)
        self._room = AHEAD if only else max(WINDOW // part, AHEAD)
        self._files = Files()
        self._parts: dict[int, Part] = {}
        self._front = 0  # the part that the fastest wants next
        self._read = 0
        self._fault: OSError | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read_ahead, daemon=True)

    def start(self) -> None:
        """Begin to read, with the priority of the thread that says so."""
        with self._changed:
            if self._thread.ident is None:
                self._thread.start()

    def fits(self, pieces: Sequence[Piece]) -> bool:
        """Are these cut into the same parts, wherever each belongs?"""
        return [_source(piece) for piece in self._pieces] == [_source(piece) for piece in cut(pieces, self._part)]

    def _read_ahead(self) -> None:
        for number, piece in enumerate(self._pieces):
            with self._changed:
                while not self._closed and number >= self._front + AHEAD:
                    self._changed.wait()
                if self._closed:
                    return
            try:
                part = self._files.read(piece)
            except OSError as fault:
                with self._changed:
                    self._fault = fault
                    self._changed.notify_all()
                return
            with self._changed:
                self._parts[number] = part
                self._parts.pop(number - self._room, None)
                self._read = number + 1
                self._changed.notify_all()

    def part(self, number: int) -> Part:
        """Waits until it has been read. Raises OSError when the source cannot be read, Interrupted."""
        with self._changed:
            if number >= self._front:
                self._front = number
                self._changed.notify_all()
            while number >= self._read and self._fault is None:
                self._changed.wait(0.5)
                check_stop()
            if number in self._parts:
                return self._parts[number]
            if number >= self._read and self._fault is not None:
                raise self._fault
        return self._files.read(self._pieces[number])

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._files.close()
