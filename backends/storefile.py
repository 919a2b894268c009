"""save.dat: a store as a file on a partition that others may use too. Its blocks are real, and it appears whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from byzwizard.backends import filesystem
from byzwizard.backends.system import System
from byzwizard.backends.waiting import check_stop, clearing_up
from byzwizard.errors import Refused, StepFailed
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.plan import Progress

NAME = "save.dat"
HALF = f"{NAME}.new"  # while it is being made
GROWS = ".grows"  # behind the name of one that becomes bigger, while it does
PLACES = (NAME, f"porteus/{NAME}", f"changes/{NAME}")  # where Porteus and its users put theirs
SPARE = 16 * 2**20  # bytes that stay free beside it
CARRIER = "/run/byzantium/carrier"  # of the store that is open; others have their device's name behind it
LENT = "/run/byzantium/lent"  # a file for each place of the live medium that was read-only before hold()
PIECE = 4 * 2**20


@contextlib.contextmanager
def carried(system: System, partition: str) -> Iterator[str]:
    """The folder where the partition's files can be written, for as long as the block lasts."""
    already = mounted_at(system, partition)
    place = hold(system, partition)
    try:
        yield place
    finally:
        with clearing_up():
            if already is None or not _ours(already):  # else a store that is open lies on it
                let_go(system, place)


def hold(system: System, partition: str) -> str:
    """The folder of a partition that can be written to from now on; the system's own stays where it is mounted. Raises
    Refused where somebody else has mounted it read-only."""
    place = mounted_at(system, partition)
    if place is None:
        filesystem.mend_fat(system, partition)
        # FAT knows no owners: nobody but root gets at the file.
        private = () if filesystem.kind(system, partition).startswith("ext") else ("umask=0077",)
        taken = filesystem.is_mounted(system, CARRIER)
        place = f"{CARRIER}-{os.path.basename(partition)}" if taken else CARRIER
        filesystem.mount(system, partition, place, "noexec", *private)
    elif not _ours(place) and "rw" not in _options(system, partition):
        _need_live(place, partition)
        if filesystem.mend_fat(system, partition):
            # Files that the kernel has looked at are read again; those of the system, which are open, were whole.
            system.path("/proc/sys/vm/drop_caches").write_text("2")
        system.write(_lent(place), "")
        system.run("mount", "-o", "remount,rw", str(system.path(place)), timeout=60)
    return place


def _need_live(place: str, partition: str) -> None:
    """What somebody has mounted read-only was meant so. Raises Refused."""
    from byzwizard.verdict import LIVE_MOUNTS

    if not place.startswith(LIVE_MOUNTS):
        raise Refused(
            _("{device} is mounted read-only at {place}.").format(device=partition, place=place),
            _("Unmount it, or mount it writable, and try again."),
        )


def let_go(system: System, place: str) -> None:
    """After hold(). What that had made writable is read-only again, unless a store on it is open: then the kernel
    refuses. What somebody else has mounted writable stays so."""
    if _ours(place):
        filesystem.unmount(system, place)
    elif system.path(_lent(place)).exists():
        done = system.run("mount", "-o", "remount,ro", str(system.path(place)), ok=(0, 1, 32), timeout=60)
        if done.status == 0:
            system.remove(_lent(place))


def _ours(place: str) -> bool:
    return place == CARRIER or place.startswith(f"{CARRIER}-")


def _lent(place: str) -> str:
    return f"{LENT}/{place.replace('/', '-')}"


def mounted_at(system: System, partition: str) -> str | None:
    return _mount_of(system, partition, "TARGET").removeprefix(str(system.root).rstrip("/")) or None


def _options(system: System, partition: str) -> list[str]:
    """Of the file system, which may be mounted at several places: read-only at one, and written to at another."""
    return _mount_of(system, partition, "FS-OPTIONS").split(",")


def _mount_of(system: System, partition: str, column: str) -> str:
    return system.run("findmnt", "--noheadings", "--raw", "--first-only", "--output", column, "--source", partition,
                      ok=(0, 1)).out.strip()  # fmt: skip


@contextlib.contextmanager
def looked_into(system: System, partition: str) -> Iterator[str | None]:
    """The folder of a partition; None where it cannot be mounted. Nothing is written to it: mounted read-only, ext4
    would still play back its journal and clear away files that were deleted while they were open, so it is given a
    read-only device, and told to leave the journal alone."""
    place = mounted_at(system, partition)
    if place is not None:
        yield place
        return
    there = f"/run/byzantium/look/{os.path.basename(partition)}"
    try:
        journal = ("noload",) if filesystem.kind(system, partition) in {"ext3", "ext4"} else ()
        filesystem.mount(system, partition, there, "ro", "noexec", "loop", *journal)
    except StepFailed:
        yield None
        return
    try:
        yield there
    finally:
        with clearing_up():
            filesystem.unmount(system, there)


def find(system: System, place: str) -> str | None:
    """The path of a save.dat below a mounted folder; None also where that cannot be read."""
    return next((path for name in PLACES if os.path.isfile(system.path(path := f"{place}/{name}"))), None)


def room(system: System, place: str) -> int:
    """Bytes that a file there may have, SPARE left over."""
    status = os.statvfs(system.path(place))
    return max(0, status.f_bavail * status.f_frsize - SPARE)


def write(system: System, path: str, size: int, progress: Progress) -> None:
    """A file of `size` bytes of zeros, every block of it written and on the medium; one that is there grows.

    Raises StepFailed where there is no room, with nothing left behind.
    """
    from byzwizard.diskwords import size as words

    target = system.path(path)
    begin = target.stat().st_size if target.exists() else 0
    free = room(system, os.path.dirname(path))
    if size - begin > free:
        raise StepFailed(
            _("There is no room for a file of {size} on {place}: {free} are free.").format(
                size=words(size), place=os.path.dirname(path), free=words(free)
            ),
            _("Choose a smaller size, or delete something there."),
        )
    try:
        with open(target, "ab", buffering=0) as file:
            done = begin
            while done < size:
                check_stop()
                done += file.write(bytes(min(PIECE, size - done)))
                os.fsync(file.fileno())  # the stick sets the pace, so that progress tells the truth
                progress(done - begin, size - begin)
    except OSError as fault:
        os.truncate(target, begin)
        raise StepFailed(_("{path} could not be written: {why}.").format(path=path, why=fault.strerror)) from fault


def grow(system: System, path: str, size: int, progress: Progress) -> None:
    """As write(), with a note beside it, so that the next start can tell that this was cut off."""
    system.write(f"{path}{GROWS}", f"{size}\n", 0o600)
    try:
        write(system, path, size, progress)
    finally:
        with clearing_up():
            system.remove(f"{path}{GROWS}")


def attach(system: System, path: str, *options: str) -> str:
    """A loop device over a file or a piece of a disk."""
    return system.run("losetup", "--find", "--show", *options, str(system.path(path))).out.strip()


def loops(system: System, path: str) -> list[str]:
    """The loops that are over a file or disk already."""
    where = str(system.path(path))
    return system.run("losetup", "--noheadings", "--output", "NAME", "--associated", where).out.split()


def detach(system: System, loop: str) -> None:
    system.run("losetup", "--detach", loop, ok=(0, 1))
