"""What this node keeps, handed on: a store of its own on a stick that was just copied, with its own passphrase.

The services are stopped while their data are read, so that what arrives is a state that was; the mesh goes on. The
identity stays here, or there would be two of this node; the answers go as they go onto any copy. Of the home folder
stay the keys, and what a person has typed.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.answers_file import read_secret
from byzwizard.backends import clone, filesystem, kept, locker, luks, making, store, targets
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _
from byzwizard.values import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from byzwizard.answers import Answers
    from byzwizard.backends.clone import Hand
    from byzwizard.backends.making import Lock
    from byzwizard.backends.system import System
    from byzwizard.machine import Disk
    from byzwizard.plan import Progress

STAYS = {"identity", "lost+found", "mesh"}  # of the folders of the store
ANSWERS = f"{store.PLACE}/mesh/etc/byzantium/answers.yaml"

HOME = "home"
PRIVATE = (".ssh", ".gnupg", "*_history", ".lesshst", ".viminfo")  # names below the home folder, at any depth

_reading = threading.Lock()  # sticks take their turns: the services are stopped once for each


class Handing:
    """clone.Hand: the new stores are locked with what `lock` returns, None: anybody reads them."""

    def __init__(self, lock: Callable[[], Lock | None]) -> None:
        self._lock = lock

    def check(self, system: System) -> None:
        if not store.is_open(system):
            raise clone.no_store()
        self._lock()

    def __call__(self, system: System, disk: Disk, progress: Progress) -> None:
        lock = self._lock()
        made = making.partition(system, disk, targets.internal(disk), None, lock, progress)
        name = f"byzdata-{os.path.basename(disk.path)}"
        place = f"/run/byzantium/hand/{name}"
        clear = made.device if lock is None else luks.unlock(system, made.device, lock.passphrase, name)
        try:
            filesystem.mount(system, clear, place)
            with _reading:
                fill(system, place)
            system.run("sync", "--file-system", str(system.path(place)), timeout=3600)
        finally:
            with clearing_up():
                filesystem.unmount(system, place)
                luks.lock(system, name)


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


def fill(system: System, place: str) -> None:
    """Copy what the open store holds into the new one that is mounted at `place`. Raises StepFailed."""
    if not store.is_open(system):
        raise StepFailed(_("The store was closed while it was handed on."))
    stopped = locker.stop(system)
    try:
        _room(system, place)
        entries = _entries(system)
        _copy(system, [entry for entry in entries if entry.name != HOME], system.path(place))
        for home in (entry for entry in entries if entry.name == HOME):
            _without_private(system, home, system.path(place) / HOME)
        _answers(system, place)
    finally:
        with clearing_up():
            locker.start(system, stopped)


def _entries(system: System) -> list[Path]:
    held = system.path(store.PLACE).iterdir()
    return [entry for entry in held if entry.name not in STAYS and kept.ASIDE not in entry.name]


def _copy(system: System, entries: Sequence[Path], place: Path) -> None:
    if entries:
        system.run("cp", "--archive", "--one-file-system", *map(str, entries), str(place), timeout=24 * 3600)


def _without_private(system: System, source: Path, target: Path) -> None:
    """A folder, but for what is PRIVATE in it: that does not even come onto the other stick for a moment."""
    target.mkdir(mode=0o700)
    mixed = [entry for entry in source.iterdir() if not private(entry.name) and _holds_private(entry)]
    whole = [entry for entry in source.iterdir() if not private(entry.name) and entry not in mixed]
    for folder in mixed:
        _without_private(system, folder, target / folder.name)
    _copy(system, whole, target)
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


def _room(system: System, place: str) -> None:
    said = system.run("du", "--summarize", "--bytes", "--total", *map(str, _entries(system)), timeout=600).out
    need, free = int(said.splitlines()[-1].split()[0]), shutil.disk_usage(system.path(place)).free
    if need > free:
        from byzwizard.diskwords import size

        raise StepFailed(
            _("What is kept ({need}) has no room on this stick: {free} are free.").format(
                need=size(need), free=size(free)
            ),
            _("Take a bigger stick."),
        )


def _answers(system: System, place: str) -> None:
    """Those that any copy carries, and that there is a store."""
    from byzwizard.answers import parse, save_text
    from byzwizard.backends.content import carried

    text = system.read(ANSWERS)
    if text is None:
        return
    answers = parse(text, ANSWERS, [])
    there = carried(answers).model_copy(update={"persistence": answers.persistence})
    folder = f"{place}/mesh/etc/byzantium"
    system.write(f"{folder}/answers.yaml", save_text(there), 0o600)
