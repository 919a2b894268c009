"""A folder goes into the store: whole or not at all, and with what is written in it meanwhile."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from byzwizard.diskwords import size
from byzwizard.errors import ByzantiumError, Refused
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from byzwizard.backends.system import System

SPARE = 4 * 2**20  # bytes that stay free in the store


def half_of(there: Path) -> Path:
    """The name of a folder while it comes into the store."""
    return there.with_name(f".{there.name}.half")


def need_room(system: System, folders: Sequence[str], store: str) -> None:
    """Before anything is copied into the store at `store`. Raises Refused where it would be full then."""
    there = [str(path) for folder in folders if (path := system.path(folder)).exists()]
    if not there:
        return
    said = system.run("du", "--summarize", "--block-size=1", "--one-file-system", "--total", *there, ok=(0, 1),
                      timeout=600).out  # fmt: skip
    need, status = int(said.splitlines()[-1].split()[0]), os.statvfs(system.path(store))
    free = max(0, status.f_bavail * status.f_frsize - SPARE)
    if need > free:
        raise Refused(
            _("What is to be kept ({need}) has no room in the store: {free} are free.").format(
                need=size(need), free=size(free)
            ),
            _("Keep less, delete what is not needed, or make a bigger store."),
        )


def move(system: System, here: Path, there: Path) -> None:
    """`there` is not yet. What is in `here` is taken away last: in memory it would only take room, and tell what the
    store hides."""
    there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = half_of(there)
    shutil.rmtree(half, ignore_errors=True)
    try:
        system.run("cp", "--archive", "--one-file-system", str(here), str(half), timeout=3600)
        system.run("sync", "--file-system", str(half), timeout=3600)
        half.rename(there)
    except (ByzantiumError, OSError):
        shutil.rmtree(half, ignore_errors=True)
        raise
    system.run("sync", "--file-system", str(there), timeout=600)
    _take_away(system, here, there)


def _take_away(system: System, here: Path, there: Path) -> None:
    """Nothing goes that `there` has not as it is now: somebody may have written since it was copied."""
    while entries := list(here.iterdir()):
        for entry in entries:
            other = there / entry.name
            if _is_folder(entry) and _is_folder(other):
                _take_away(system, entry, other)
                _remove_empty(entry)
                continue
            if not _unchanged(entry, other):
                system.run("cp", "--archive", "--remove-destination", "--no-target-directory", str(entry), str(other),
                           timeout=3600)  # fmt: skip
            shutil.rmtree(entry) if _is_folder(entry) else entry.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as fault:
        if fault.errno != errno.ENOTEMPTY:  # what came into it just now is seen in the next round
            raise


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _unchanged(one: Path, other: Path) -> bool:
    """As cp --archive leaves it behind."""
    try:
        return _seen(one.lstat()) == _seen(other.lstat())
    except FileNotFoundError:
        return False


def _seen(status: os.stat_result) -> tuple[int, ...]:
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return status.st_mode, status.st_uid, status.st_gid, size, status.st_mtime_ns
