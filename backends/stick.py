"""One stick of a copy: emptied, proved, written, read back, and only then made one that boots."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from byzwizard.backends import direct
from byzwizard.backends.genuine import prove
from byzwizard.backends.layout import Layout, Piece, Template
from byzwizard.backends.waiting import check_stop
from byzwizard.backends.window import Files, Part, Window, cut, digest, padded
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress

Bytes = tuple[int, bytes]


@dataclass
class Stick:
    """`descriptor` is a disk that is held for us, opened for direct writing. Bytes that have reached it, and bytes that
    were read back from it, are told to `progress`."""

    descriptor: int
    template: Template
    layout: Layout
    window: Window
    part: int
    progress: Progress
    _written: list[tuple[int, int, bytes]] = field(default_factory=list)  # at, length, hash
    _done: int = 0

    @property
    def total(self) -> int:
        pieces = (*self.template.small, *self.template.big)
        return 2 * sum(padded(piece.length) for piece in pieces)

    def make(self) -> None:
        """A new stick, which is empty() already. Raises StepFailed, Interrupted; then it is left as unfinished."""
        self._write(self._small())
        self._write(self._big())
        self._finish(self.layout.own)

    def renew(self, unfinished: Iterable[Bytes], beside: bool) -> None:
        """A stick of ours gets this system, and keeps its store. Where there is room the new system is written `beside`
        the old one, which boots until the new one was read back; then the tables change, in well under a second."""
        if beside:
            self._write(self._big())
            self._check()
            self._put(unfinished)
        else:
            self._put(unfinished)
            self._write(self._big())
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

    def _write(self, parts: Iterator[tuple[Piece, Part]]) -> None:
        for piece, part in parts:
            check_stop()
            try:
                direct.put(self.descriptor, piece.at, part.data)
            except OSError as fault:
                raise _failing(fault) from fault
            self._written.append((piece.at, len(part.data), part.digest))
            self._told(len(part.data))

    def _finish(self, own: Iterable[Bytes]) -> None:
        self._put(own)
        self._check()
        self._put(self.layout.last)
        direct.read_table_again(self.descriptor)

    def _put(self, places: Iterable[Bytes]) -> None:
        put(self.descriptor, places)

    def _check(self) -> None:
        """What was written since the last check is read from the disk itself; hashing goes on beside reading."""
        try:
            direct.flush(self.descriptor)
        except OSError as fault:
            raise _failing(fault) from fault
        written, self._written = self._written, []
        with ThreadPoolExecutor(1) as hashing:
            waiting: list[tuple[int, bytes, Future[bytes]]] = []
            for at, length, wanted in written:
                check_stop()
                try:
                    data = direct.get(self.descriptor, at, direct.room(length))
                except OSError as fault:
                    raise _failing(fault) from fault
                waiting.append((at, wanted, hashing.submit(digest, data)))
                self._told(length)
                if len(waiting) > 1:
                    _compare(*waiting.pop(0))
            for found in waiting:
                _compare(*found)

    def _told(self, length: int) -> None:
        self._done += length
        self.progress(self._done, self.total)


def empty(descriptor: int, disk_bytes: int, unfinished: Iterable[Bytes]) -> None:
    """All that was on the stick goes, and it is proved. Raises StepFailed, Interrupted."""
    put(descriptor, unfinished)
    prove(descriptor, disk_bytes)


def put(descriptor: int, places: Iterable[Bytes]) -> None:
    """Each in its turn: the disk has the one before the next is begun. Read back at once. Raises StepFailed."""
    for at, data in places:
        try:
            direct.put(descriptor, at, data)
            direct.flush(descriptor)
            found = direct.get(descriptor, at, direct.room(len(data)))
        except OSError as fault:
            raise _failing(fault) from fault
        if found != data:
            raise _differs(at)


def _compare(at: int, wanted: bytes, found: Future[bytes]) -> None:
    if found.result() != wanted:
        raise _differs(at)


def _differs(at: int) -> StepFailed:
    return StepFailed(
        _("The stick does not keep what is written to it (at {at} MB).").format(at=at // 10**6),
        _("It is failing or forged: take another one."),
    )


def _failing(fault: OSError) -> StepFailed:
    return StepFailed(
        _("The stick cannot be written or read: {why}.").format(why=os.strerror(fault.errno or 0)),
        _("Was it pulled out? If not, it is failing: take another one."),
    )
