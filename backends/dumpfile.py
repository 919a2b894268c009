"""The file that holds the data of a service: a tar archive packed by gzip, which every system can open.

First comes MANIFEST, then the files below data/. Whoever hands one on may be anybody: nothing of it is believed before
it was looked at, and nothing is written but plain files of expected names, no more of them than is said.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from byzwizard.backends.printable import printable
from byzwizard.backends.waiting import check_stop
from byzwizard.errors import Invalid, StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress

MANIFEST = "byzantium-dump.json"
DATA = "data/"
FORMAT = 1
MOST_FILES = 20_480  # the 20k of the service that has the most (copyparty.conf)
DEEPEST = 64  # folders within each other, with the file
HEADERS = 8192  # bytes, more than what stands before a file with the longest name
PART = 1 << 16  # bytes that are read at once
PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Manifest:
    """What a dump says of itself: `made` is a time (ISO 8601, UTC), `version` that of the service's program, `bytes`
    those of all `files` unpacked."""

    service: str
    made: str
    version: str
    files: int
    bytes: int


def held(name: str, holds: Sequence[str]) -> bool:
    """Is this path, relative to the data folder, one that a dump may hold? People's files are called as their phones
    call them, with any spaces and joiners."""
    parts = name.split("/")
    if CONTROL.search(name) or len(parts) > DEEPEST or any(part in ("", ".", "..") for part in parts):
        return False
    return any(name.startswith(one) if one.endswith("/") else name == one for one in holds)


def files_of(folder: Path, holds: Sequence[str], most_bytes: int) -> dict[str, int]:
    """The bytes of each file below a folder by its relative path. Raises StepFailed for what no dump may hold."""
    found: dict[str, int] = {}
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            status = path.lstat()
            said = path.relative_to(folder).as_posix()
            if not stat.S_ISREG(status.st_mode) or not held(said, holds):
                raise StepFailed(_("{file} is not among what is saved of this service.").format(file=printable(said)))
            found[said] = status.st_size
    if sum(found.values()) > most_bytes or len(found) > MOST_FILES:
        raise StepFailed(_("These data are more than a dump may hold ({bytes} bytes, {files} files).").format(
            bytes=most_bytes, files=MOST_FILES))
    return found


class _Counted(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def read(self, size: int = -1) -> bytes:
        check_stop()
        data = self._file.read(size)
        self._count(len(data))
        return data


def write(target: Path, manifest: Manifest, folder: Path, files: dict[str, int], progress: Progress) -> None:
    """Whole or not at all. One that was cut off leaves TARGET.part, which the next one replaces."""
    part = target.with_name(f"{target.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, manifest.bytes)

    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            with (gzip.GzipFile("", "wb", 6, file, 0) as packed,
                  tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive):
                text = json.dumps({"dump": FORMAT, **asdict(manifest)}, ensure_ascii=False, indent=1).encode() + b"\n"
                archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
                for name, size in files.items():
                    with open(folder / name, "rb") as source:
                        archive.addfile(_entry(DATA + name, size), _Counted(source, count))
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise
    sync(target.parent)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def sync(path: Path) -> None:
    """What was written to this file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Bounded:
    """What is unpacked of a stream, in small parts and no further than its reader expects: a file of a few bytes can
    unpack to more headers than memory has room for."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream, self._until = stream, HEADERS

    def expect(self, size: int) -> None:
        """So many bytes from here, and no more."""
        self._until = self._stream.tell() + size

    def read(self, size: int = -1) -> bytes:
        check_stop()
        if not 0 <= size <= PART or self._stream.tell() + size > self._until:
            raise tarfile.ReadError
        return self._stream.read(size)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, place: int) -> int:
        if not self._stream.tell() <= place <= self._until:
            raise tarfile.ReadError
        return self._stream.seek(place)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[tarfile.TarFile, _Bounded]]:
    """Raises Invalid where it is no dump, or a damaged one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as fault:
        raise Invalid(_("{path} cannot be read: {why}.").format(path=path, why=fault.strerror)) from fault
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Invalid(_("{path} is no ordinary file.").format(path=path))
    with open(handle, "rb") as file:
        try:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                stream: Any = _Bounded(unpacked)
                with tarfile.TarFile(fileobj=stream, mode="r") as archive:
                    yield archive, stream
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError, ValueError, LookupError,
                TypeError) as fault:
            raise Invalid(
                _("{path} is no dump of a service, or it is damaged.").format(path=path),
                _("Nothing was changed. Copy it anew, or take another one."),
            ) from fault


def _manifest(archive: tarfile.TarFile, path: Path, service: str) -> Manifest:
    first = archive.next()
    if first is None or first.name != MANIFEST or first.type not in PLAIN or first.size > 4096:
        raise tarfile.ReadError
    text = archive.extractfile(first)
    said = json.loads(text.read()) if text is not None else None
    if not isinstance(said, dict):
        raise tarfile.ReadError
    if said.pop("dump") != FORMAT:
        raise Invalid(_("{path} was made by a newer Byzantium, which this one cannot read.").format(path=path),
                      _("Update this node first."))
    found = Manifest(**said)
    texts = found.service, found.made, found.version
    if not all(isinstance(text, str) for text in texts) or not all(
            type(count) is int and count >= 0 for count in (found.files, found.bytes)):
        raise tarfile.ReadError
    if found.service != service:
        raise Invalid(_("{path} holds the data of {other}, not of {name}.").format(
            path=path, other=printable(found.service, 40), name=service))
    return Manifest(service, printable(found.made, 40), printable(found.version, 100), found.files, found.bytes)


def unpack(path: Path, folder: Path, service: str, holds: Sequence[str], most_bytes: int,
           progress: Progress) -> Manifest:
    """Its files into an empty folder, as ours. Raises Invalid where anything is not as it has to be."""
    with _opened(path) as (archive, stream):
        manifest = _manifest(archive, path, service)
        if manifest.bytes > most_bytes or manifest.files > MOST_FILES:
            raise Invalid(_("{path} says that it holds {bytes} bytes, more than {name} may have.").format(
                path=path, bytes=manifest.bytes, name=service))
        need_room(folder, 2 * manifest.bytes)  # what is unpacked, and what the service makes of it
        done = files = 0
        while (member := _next(archive, stream)) is not None:
            tarfile.data_filter(member, str(folder))
            name = member.name.removeprefix(DATA)
            files += 1
            if (member.type not in PLAIN or name == member.name or not held(name, holds)
                    or done + member.size > manifest.bytes or files > manifest.files):
                raise Invalid(_("{path} holds something that is no part of a dump: {file}.").format(
                    path=path, file=printable(member.name, 100)), _("Nothing was changed."))
            stream.expect(member.size)
            for more in _take(archive, member, folder / name):
                done += more
                progress(done, manifest.bytes)
        if (files, done) != (manifest.files, manifest.bytes):
            raise tarfile.ReadError
        stream.expect(4 * tarfile.RECORDSIZE)
        while stream.read(tarfile.RECORDSIZE):  # to the end, where the sum over all stands
            continue
    return manifest


def _next(archive: tarfile.TarFile, stream: _Bounded) -> tarfile.TarInfo | None:
    stream.expect(tarfile.BLOCKSIZE + HEADERS)  # what fills up the last block of the former file, first
    return archive.next()


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> Iterator[int]:
    """Bytes that came, part by part."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = archive.extractfile(member)
    assert source is not None
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as fault:
        raise tarfile.ReadError from fault  # one name twice
    with open(handle, "wb") as file:
        while data := source.read(1 << 16):
            file.write(data)
            yield len(data)


def need_room(folder: Path, need: int) -> None:
    """Raises StepFailed with the numbers."""
    from byzwizard.diskwords import size

    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if need > free:
        raise StepFailed(_("This needs {need} in {folder}, and {free} are free.").format(
            need=size(need), folder=folder, free=size(free)), _("Make room, and try again."))
