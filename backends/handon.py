"""What this node keeps, handed on: a store on the stick that is being copied, with a passphrase of its own. It is
filled before the stick's table names it, and before that stick starts at all.

The services are stopped while their data are read, so that what arrives is a state that was; the mesh goes on. The
identity stays here, or there would be two of this node; the answers go as they go onto any copy. Of the home folder
stay the keys, and what a person has typed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.answers_file import read_secret
from byzwizard.backends import clone, filesystem, kept, locker, luks, making, store
from byzwizard.backends.stick import differs, failing
from byzwizard.backends.waiting import check_stop, clearing_up
from byzwizard.errors import CannotHere, Refused, StepFailed
from byzwizard.i18n import _
from byzwizard.locking import copying
from byzwizard.places import SMALLEST
from byzwizard.values import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from byzwizard.answers import Answers
    from byzwizard.backends.clone import Hand
    from byzwizard.backends.freespace import Space
    from byzwizard.backends.making import Lock
    from byzwizard.backends.system import System
    from byzwizard.machine import Disk

STAYS = {"identity", "mesh"}  # of what is kept
ANSWERS = f"{store.PLACE}/mesh/etc/byzantium/answers.yaml"

HOME = "home"
PRIVATE = (".ssh", ".gnupg", "*_history", ".lesshst", ".viminfo")  # names below the home folder, at any depth

OVERHEAD = 96 * 2**20  # bytes that a container and a file system take for themselves, beside a twentieth

_reading = threading.Lock()  # sticks take their turns: the services are stopped once for each


class Handing:
    """clone.Hand: the new stores are locked with what `lock` returns, None: anybody reads them."""

    def __init__(self, lock: Callable[[], Lock | None]) -> None:
        self._lock = lock

    def check(self, system: System) -> None:
        if not store.is_open(system):
            raise clone.no_store()
        self._lock()

    def onto(self, system: System, disk: Disk, space: Space) -> Handed:
        need = kept_bytes(system)
        if space.bytes < SMALLEST or space.bytes < need + need // 20 + OVERHEAD:
            from byzwizard.diskwords import label, size

            raise Refused(
                _("What is kept ({need}) has no room on {disk}: {free} are free behind the system.").format(
                    need=size(need), disk=label(disk), free=size(space.bytes)
                ),
                _("Take a bigger stick."),
            )
        return Handed(system, disk.path, making.piece(space), self._lock(), need)


@dataclass
class Handed:
    """stick.Behind: what is kept, in a container of its own on one disk. `piece` are losetup's options for where."""

    system: System
    disk: str
    piece: tuple[str, ...]
    lock: Lock | None
    bytes: int
    _digests: dict[str, str] = field(default_factory=dict)

    def write(self, told: Callable[[int], None]) -> None:
        way = Way(self.bytes, told, partial(written, self.system, self.disk))
        place = making.filled_at(self.disk)
        with (
            making.container(self.system, self.disk, self.lock, *self.piece) as clear,
            _mounted(self.system, clear, place),
        ):
            with _reading:
                read = fill(self.system, place, way, encrypted=self.lock is not None)
            way.run(self.system, "sync", "--file-system", str(self.system.path(place)))
            # Of what may have changed since it was copied, what the new store has is all that there is to compare with.
            self._digests = digests(self.system.path(place)) | read
        way.end()

    def check(self, told: Callable[[int], None]) -> None:
        """Raises StepFailed where the stick has not kept it."""
        way = Way(self.bytes, told)
        place = making.filled_at(self.disk)
        with (
            making.opened(self.system, self.disk, self.lock, *self.piece) as clear,
            _mounted(self.system, clear, place, "ro"),
        ):
            try:
                found = digests(self.system.path(place), way.went)
            except OSError as fault:
                raise failing(fault) from fault
        if found != self._digests:
            raise differs(int(self.piece[1]))
        way.end()


class Way:
    """Of `bytes`, told as they are done, and never more of them. `reached` says how many have been so far."""

    def __init__(self, bytes: int, told: Callable[[int], None], reached: Callable[[], int] = lambda: 0) -> None:
        self._left, self._told, self._reached = bytes, told, reached
        self._seen = reached()

    def went(self, length: int) -> None:
        length = min(length, self._left)
        self._left -= length
        if length:
            self._told(length)

    def end(self) -> None:
        self.went(self._left)

    def run(self, system: System, *argv: str) -> None:
        """A command that takes long, with its way told meanwhile."""
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(system.run, *argv, timeout=24 * 3600)
            while not wait((running,), timeout=0.5).done:
                now = self._reached()
                self.went(now - self._seen)
                self._seen = now
            running.result()


def written(system: System, disk: str) -> int:
    """Bytes that a disk has taken since it was plugged in (the kernel's Documentation/block/stat.rst)."""
    said = (system.read(f"/sys/class/block/{os.path.basename(disk)}/stat") or "").split()
    return int(said[6]) * 512 if len(said) > 6 else 0


def digests(
    place: Path, seen: Callable[[int], None] = lambda _length: None, within: Sequence[Path] = ()
) -> dict[str, str]:
    """Of each file below a folder (below those `within` it, where there are any), by its path; of a link whereto it
    leads."""
    found = {}
    for folder, folders, files in (walked for top in within or (place,) for walked in os.walk(top, onerror=_raise)):
        for name in (*folders, *files):
            check_stop()
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path.relative_to(place))] = os.readlink(path)
            elif path.is_file():
                with path.open("rb") as file:
                    found[str(path.relative_to(place))] = hashlib.file_digest(file, "sha256").hexdigest()
                seen(path.stat().st_size)
    return found


def _raise(fault: OSError) -> None:
    raise fault


@contextlib.contextmanager
def _mounted(system: System, clear: str, place: str, *options: str) -> Iterator[None]:
    filesystem.mount(system, clear, place, *options)
    try:
        yield
        filesystem.unmount(system, place)
    finally:
        with clearing_up():
            filesystem.unmount(system, place)


def handing(lock: Lock | None) -> Hand:
    """With a passphrase that is known."""
    return Handing(lambda: lock)


def of_answers(answers: Answers, file: str | None) -> Hand:
    """With the passphrase in clone.passphrase_file, which is read when there is something to lock."""

    def lock() -> Lock:
        if file is None:
            raise CannotHere(
                _("clone.passphrase_file: what is kept is to go along, and no file with a passphrase is named."),
                _("Name one, or apply the answers in a terminal, where it is asked for."),
            )
        passphrase = read_secret(Path(file), "clone.passphrase_file")
        return making.Lock(passphrase, luks.memory_kib(size_bytes(answers.persistence.opens_on)))

    return Handing(lock)


def fill(system: System, place: str, way: Way, encrypted: bool) -> dict[str, str]:
    """Copy what the open store holds into the new one that is mounted at `place`; the digests of what services have, as
    it was read here. Raises StepFailed."""
    with copying(system):
        if not store.is_open(system):
            raise StepFailed(_("The store was closed while it was handed on."))
        stopped = locker.stop(system)
        try:
            _room(system, place)
            entries = _entries(system)
            _copy(system, [entry for entry in entries if entry.name != HOME], system.path(place), way)
            for home in (entry for entry in entries if entry.name == HOME):
                _without_private(system, home, system.path(place) / HOME, way)
            _answers(system, place, encrypted)
            still = [entry for entry in entries if entry.name.startswith("services.")]
            return digests(system.path(store.PLACE), within=still) if still else {}
        finally:
            with clearing_up():
                locker.start(system, stopped)


def _entries(system: System) -> list[Path]:
    """What is kept, and the list of it. What was switched off is nobody's business who gets a copy."""
    names = [thing.name for thing in kept.things(kept.listed(system)) if thing.name not in STAYS]
    entries = [system.path(f"{store.PLACE}/{name}") for name in names]
    return [entry for entry in (*entries, system.path(kept.LIST)) if entry.exists()]


def _copy(system: System, entries: Sequence[Path], place: Path, way: Way) -> None:
    if entries:
        way.run(system, "cp", "--archive", "--one-file-system", *map(str, entries), str(place))


def _without_private(system: System, source: Path, target: Path, way: Way) -> None:
    """A folder, but for what is PRIVATE in it: that does not even come onto the other stick for a moment."""
    target.mkdir(mode=0o700)
    mixed = [entry for entry in source.iterdir() if not private(entry.name) and _holds_private(entry)]
    whole = [entry for entry in source.iterdir() if not private(entry.name) and entry not in mixed]
    for folder in mixed:
        _without_private(system, folder, target / folder.name, way)
    _copy(system, whole, target, way)
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)


def private(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in PRIVATE)


def _holds_private(folder: Path) -> bool:
    """False for files; links are not followed."""
    if folder.is_symlink():
        return False
    return any(private(name) for _folder, folders, files in os.walk(folder) for name in (*folders, *files))


def kept_bytes(system: System) -> int:
    """Of what goes along."""
    entries = _entries(system)
    if not entries:
        return 0
    # While services run, one file or another goes before it was counted.
    said = system.run("du", "--summarize", "--block-size=1", "--total", *map(str, entries), ok=(0, 1), timeout=600).out
    return int(said.splitlines()[-1].split()[0])


def _room(system: System, place: str) -> None:
    need, free = kept_bytes(system), shutil.disk_usage(system.path(place)).free
    if need > free:
        from byzwizard.diskwords import size

        raise StepFailed(
            _("What is kept ({need}) has no room on this stick: {free} are free.").format(
                need=size(need), free=size(free)
            ),
            _("Take a bigger stick."),
        )


def _answers(system: System, place: str, encrypted: bool) -> None:
    """Those that any copy carries, and that there is a store: the one on its own stick, wherever this one's is."""
    from byzwizard.answers import parse, save_text
    from byzwizard.backends.content import carried

    text = system.read(ANSWERS) if "mesh" in kept.listed(system) else None
    if text is None:
        return
    answers = parse(text, ANSWERS, [])
    own = {"kind": "partition", "device": "auto", "size": "max", "encrypt": encrypted, "passphrase_file": None}
    there = carried(answers).model_copy(update={"persistence": answers.persistence.model_copy(update=own)})
    folder = f"{place}/mesh/etc/byzantium"
    system.write(f"{folder}/answers.yaml", save_text(there), 0o600)
