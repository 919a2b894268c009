"""One stick of a copy: emptied, proved, written, read back, and only then made one that boots.

A copy that was interrupted goes on: what it has written is looked for at a few places and not written again. Nothing
is trusted for that: all is read back at the end as ever, and what differs is written then.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from byzwizard.backends import direct
from byzwizard.backends.genuine import prove
from byzwizard.backends.layout import Layout, Piece, Template
from byzwizard.backends.waiting import check_stop
from byzwizard.backends.window import Files, Part, Window, cut, digest, padded
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress

Bytes = tuple[int, bytes | memoryview]


class Behind(Protocol):
    """What comes behind the system of a new stick: `bytes`, told as they reach it, and again as they are read back."""

    bytes: int

    def write(self, told: Callable[[int], None]) -> None: ...

    def check(self, told: Callable[[int], None]) -> None: ...


@dataclass
class Stick:
    """`descriptor` is a disk that is held for us, opened for direct writing. Bytes that have reached it, and bytes that
    were read back from it, are told to `progress`. `going_on`: a copy to it was interrupted."""

    descriptor: int
    template: Template
    layout: Layout
    window: Window
    part: int
    progress: Progress
    going_on: bool = False
    behind: Behind | None = None
    _written: list[tuple[Piece, bytes, bool]] = field(default_factory=list)  # with its hash, and whether it was found
    _done: int = 0

    @property
    def total(self) -> int:
        pieces = (*self.template.small, *self.template.big)
        return 2 * (sum(padded(piece.length) for piece in pieces) + (self.behind.bytes if self.behind else 0))

    def make(self) -> None:
        """A new stick, which is empty() already. Raises StepFailed, Interrupted; then it is left as unfinished."""
        if self.behind is not None:
            self.behind.write(self._told)
        self._write(self._small())
        self._write(self._big(), self._found())
        self._finish(self.layout.own)

    def renew(self, unfinished: Iterable[Bytes], beside: bool) -> None:
        """A stick of ours gets this system, and keeps its store. Where there is room the new system is written `beside`
        the old one, which boots until the new one was read back; then the tables change, in well under a second."""
        if beside:
            self._write(self._big(), self._found())
            self._check()
            self._put(unfinished)
        else:
            self._put(unfinished)
            self._write(self._big(), self._found())
        self._write(self._small())
        self._finish(self.layout.own)

    def _small(self) -> Iterator[tuple[Piece, Part]]:
        files = Files()
        try:
            for piece in cut(self.template.small, self.part):
                yield piece, files.read(piece)
        finally:
            files.close()

    def _big(self) -> Iterator[tuple[Piece, Part]]:
        self.window.start()
        for number, piece in enumerate(cut(self.template.big, self.part)):
            yield piece, self.window.part(number)

    def _found(self) -> int:
        """How many parts of the big files an interrupted copy seems to have written. They are written in order."""
        if not self.going_on:
            return 0
        files = Files()

        def missing(piece: Piece) -> bool:
            check_stop()
            return digest(self._get(piece)) != files.read(piece).digest

        try:
            return bisect_left(cut(self.template.big, self.part), True, key=missing)
        finally:
            files.close()

    def _write(self, parts: Iterator[tuple[Piece, Part]], found: int = 0) -> None:
        """All but the first `found` of them."""
        for number, (piece, part) in enumerate(parts):
            check_stop()
            if number >= found:
                try:
                    direct.put(self.descriptor, piece.at, part.data)
                except OSError as fault:
                    raise failing(fault) from fault
            self._written.append((piece, part.digest, number < found))
            self._told(len(part.data))

    def _get(self, piece: Piece) -> memoryview:
        try:
            return direct.get(self.descriptor, piece.at, direct.room(padded(piece.length)))
        except OSError as fault:
            raise failing(fault) from fault

    def _finish(self, own: Iterable[Bytes]) -> None:
        self._put(own)
        self._check()
        if self.behind is not None:
            self.behind.check(self._told)
        self._put(self.layout.last)
        direct.read_table_again(self.descriptor)

    def _put(self, places: Iterable[Bytes]) -> None:
        put(self.descriptor, places)

    def _check(self) -> None:
        """What was written or found since the last check is read from the disk itself; hashing goes on beside reading.
        What was found and is something else is written now."""
        try:
            direct.flush(self.descriptor)
        except OSError as fault:
            raise failing(fault) from fault
        written, self._written = self._written, []
        wrong: list[Piece] = []
        with ThreadPoolExecutor(1) as hashing:
            waiting: list[tuple[Piece, bytes, bool, Future[bytes]]] = []
            for piece, wanted, found in written:
                check_stop()
                waiting.append((piece, wanted, found, hashing.submit(digest, self._get(piece))))
                self._told(padded(piece.length))
                if len(waiting) > 1:
                    wrong += _compare(*waiting.pop(0))
            for rest in waiting:
                wrong += _compare(*rest)
        self._write_again(wrong)

    def _write_again(self, pieces: Iterable[Piece]) -> None:
        files = Files()
        try:
            self._put((piece.at, files.read(piece).data) for piece in pieces)
        finally:
            files.close()

    def _told(self, length: int) -> None:
        self._done += length
        self.progress(self._done, self.total)


def empty(descriptor: int, disk_bytes: int, unfinished: Iterable[Bytes], going_on: bool = False) -> None:
    """All that was on the stick goes, but for an interrupted copy that goes on; and it is proved. Raises StepFailed,
    Interrupted."""
    put(descriptor, unfinished)
    prove(descriptor, disk_bytes, keep=going_on)


def put(descriptor: int, places: Iterable[Bytes]) -> None:
    """Each in its turn: the disk has the one before the next is begun. Read back at once. Raises StepFailed."""
    for at, data in places:
        try:
            direct.put(descriptor, at, data)
            direct.flush(descriptor)
            found = direct.get(descriptor, at, direct.room(len(data)))
        except OSError as fault:
            raise failing(fault) from fault
        if found != data:
            raise differs(at)


def _compare(piece: Piece, wanted: bytes, found: bool, got: Future[bytes]) -> list[Piece]:
    """What has to be written again. Raises StepFailed for what was written just now and did not stay."""
    if got.result() == wanted:
        return []
    if not found:
        raise differs(piece.at)
    return [piece]


def differs(at: int) -> StepFailed:
    return StepFailed(
        _("The stick does not keep what is written to it (at {at} MB).").format(at=at // 10**6),
        _("It is failing or forged: take another one."),
    )


def failing(fault: OSError) -> StepFailed:
    return StepFailed(
        _("The stick cannot be written or read: {why}.").format(why=os.strerror(fault.errno or 0)),
        _("Was it pulled out? Copy to it again: it goes on from there. If not, it is failing: take another one."),
    )
