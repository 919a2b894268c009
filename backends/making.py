"""A new store, made so that it appears whole: behind the last partition of a disk, or as save.dat on one.

A partition is filled before the partition table names it; a file gets its name last. Killed at any moment before, the
disk is as it was.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends import direct, filesystem, freespace, luks, storefile, targets
from byzwizard.backends.store import Store, is_there
from byzwizard.backends.waiting import clearing_up
from byzwizard.diskwords import size as words
from byzwizard.errors import CannotHere, Refused, StepFailed
from byzwizard.i18n import _
from byzwizard.places import FAT, FAT_MOST, LABEL, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from byzwizard.backends.system import System
    from byzwizard.machine import Disk
    from byzwizard.plan import Progress

NEW = "byzdata-new-"  # the mapping while it is being made, and the name of what it is over
KEEP_FREE = 200 * 2**20  # bytes of memory that argon2 must not take

_hashing = threading.Lock()  # of several sticks one at a time has the memory for argon2


@dataclass(frozen=True)
class Lock:
    """How a new store is locked: `kib` is the memory of argon2."""

    passphrase: str
    kib: int


def partition(
    system: System, disk: Disk, allow_internal: bool, size: int | None, lock: Lock | None, progress: Progress
) -> Store:
    """A store in the free space behind the last partition; `size` None takes all of it. Raises Refused, StepFailed."""
    _enough_memory(system, lock)
    alone = not disk.boot_medium
    with targets.hold(system, disk, allow_internal, boot_medium_ok=True, exclusive=alone) as descriptor:
        direct.need_sectors_of_512(descriptor)
        space = freespace.after_last(system, disk.path, disk.bytes)
        _need_table(system, disk, space)
        space = freespace.cut(space, size)
        if space.bytes < SMALLEST:
            raise Refused(
                _("{disk} has only {free} free behind its last partition; {least} are needed.").format(
                    disk=disk.path, free=words(space.bytes), least=words(SMALLEST)
                ),
                _("Use another stick, or a file (save.dat)."),
            )
        progress(1, 4)
        with container(system, disk.path, lock, *piece(space)):
            progress(3, 4)
        node = freespace.add(system, disk.path, space, LABEL)
    # udev reads the disk again once nobody holds it: wait, then have it look at what the partition holds.
    system.run("udevadm", "settle", "--timeout=30", ok=(0, 1), timeout=60)
    system.run("udevadm", "trigger", "--settle", "--action=change", node, ok=(0, 1), timeout=60)
    progress(4, 4)
    return Store("partition", disk.path, node, lock is not None, uuid=filesystem.uuid(system, node))


def file(
    system: System,
    disk: Disk,
    device: str,
    allow_internal: bool,
    size: int | None,
    lock: Lock | None,
    progress: Progress,
) -> Store:
    """save.dat on the partition `device` of a disk; `size` None: as much as fits. Raises StepFailed."""
    _enough_memory(system, lock)
    with (
        targets.hold(system, disk, allow_internal, boot_medium_ok=True, exclusive=False),
        storefile.carried(system, device) as place,
    ):
        there = storefile.find(system, place)
        if there is not None:
            raise Refused(
                _("{file} is on {device} already, and nothing is written over it.").format(
                    file=there.removeprefix(place).lstrip("/"), device=device
                ),
                _("`byzwizard persist unlock` opens it; move it away if it is not needed."),
            )
        most = storefile.room(system, place)
        if filesystem_of(disk, device) in FAT:
            most = min(most, FAT_MOST)
        wanted = size if size is not None else most // 2**20 * 2**20
        if wanted < SMALLEST:
            raise StepFailed(
                _("There is no room for save.dat on {device}: {least} are the least.").format(
                    device=device, least=words(SMALLEST)
                )
            )
        half = f"{place}/{storefile.HALF}"
        system.remove(half)
        try:
            storefile.write(system, half, wanted, progress)
            with container(system, half, lock):
                pass  # nothing is in it yet
            system.path(half).rename(system.path(f"{place}/{storefile.NAME}"))
            system.run("sync", "--file-system", str(system.path(place)), timeout=600)
        finally:
            system.remove(half)
    uuid = filesystem.uuid(system, device)
    return Store("save.dat", disk.path, device, lock is not None, f"/{storefile.NAME}", uuid)


def filled_at(where: str) -> str:
    """Where a container that is being made is mounted while something is copied into it."""
    return f"/run/byzantium/making/{os.path.basename(where)}"


def filesystem_of(disk: Disk, device: str) -> str | None:
    return next((part.filesystem for part in disk.partitions if part.path == device), None)


def _need_table(system: System, disk: Disk, space: freespace.Space) -> None:
    """Raises Refused where no entry is left in the table, or something is on the disk that sfdisk has no words for (a
    table of a Mac or an Amiga): what lies behind its last partition is not known."""
    told = system.run("blkid", "-p", "-s", "PTTYPE", "-o", "value", disk.path, ok=(0, 2, 8)).out.strip()
    if space.table is None and (disk.partitions or told):
        raise Refused(
            _("{disk} has no partition table that can be added to.").format(disk=targets.describe(disk)),
            _("Use another stick, or a file (save.dat)."),
        )
    if space.full:
        raise Refused(
            _("The partition table of {disk} has no room for one more partition.").format(disk=targets.describe(disk)),
            _("Use another stick, or a file (save.dat)."),
        )


def piece(space: freespace.Space) -> tuple[str, ...]:
    """losetup's options for a part of a disk."""
    return "--offset", str(space.start), "--sizelimit", str(space.bytes)


@contextlib.contextmanager
def container(system: System, where: str, lock: Lock | None, *options: str) -> Iterator[str]:
    """A new container and the file system in it; its device in clear for as long as the block lasts, and on the medium
    after it. `options` are losetup's. Raises CannotHere where there is no memory for argon2, StepFailed."""
    mapping = NEW + os.path.basename(where)
    _left_behind(system, where, mapping)
    with _attached(system, where, mapping, *options) as loop:
        system.run("wipefs", "--all", loop)
        clear = loop if lock is None else _locked(system, loop, lock, mapping)
        filesystem.make(system, clear)
        yield clear


@contextlib.contextmanager
def opened(system: System, where: str, lock: Lock | None, *options: str) -> Iterator[str]:
    """As container(), of what that has made. What is read of it comes from the medium."""
    mapping = NEW + os.path.basename(where)
    system.run("blockdev", "--flushbufs", where, timeout=600)
    with _attached(system, where, mapping, *options) as loop:
        if lock is None:
            yield loop
            return
        with _hashing:
            _enough_memory(system, lock)
            clear = luks.unlock(system, loop, lock.passphrase, mapping)
        yield clear


@contextlib.contextmanager
def _attached(system: System, where: str, mapping: str, *options: str) -> Iterator[str]:
    loop = storefile.attach(system, where, *options)
    try:
        yield loop
        luks.lock(system, mapping)
        system.run("blockdev", "--flushbufs", loop, timeout=600)
    finally:
        with clearing_up():
            luks.lock(system, mapping)
            storefile.detach(system, loop)


def _locked(system: System, loop: str, lock: Lock, mapping: str) -> str:
    with _hashing:
        _enough_memory(system, lock)
        luks.make(system, loop, lock.passphrase, lock.kib)
        return luks.unlock(system, loop, lock.passphrase, mapping)


def _left_behind(system: System, where: str, mapping: str) -> None:
    """What one that was killed in its middle left open."""
    filesystem.unmount(system, filled_at(where))
    luks.lock(system, mapping)
    for loop in storefile.loops(system, where):
        if _unused(system, loop):
            storefile.detach(system, loop)


def _unused(system: System, loop: str) -> bool:
    """Nothing is mounted from it and nothing lies over it: only a store that was being made is left so."""
    return not system.run("lsblk", "--noheadings", "--output", "MOUNTPOINTS", loop, ok=(0, 1, 32)).out.strip()


def _enough_memory(system: System, lock: Lock | None) -> None:
    """Before anything is written: argon2 that has no room is killed in its middle. Raises CannotHere."""
    if lock is None:
        return
    lines = (line.split() for line in (system.read("/proc/meminfo") or "").splitlines())
    free = next((int(line[1]) for line in lines if line[0] == "MemAvailable:"), 0)
    if free < lock.kib + KEEP_FREE // 1024:
        raise CannotHere(
            _("Only {free} of memory are free, and making the passphrase hard to guess takes {need}.").format(
                free=words(free * 1024), need=words(lock.kib * 1024)
            ),
            _("Switch services off, or set persistence.opens_on lower."),
        )


def deletable(system: System, found: Store) -> Disk | None:
    """The disk that a store is on, None for a file on something else. Raises Refused where the store is not there any
    more: a stick may have been exchanged since it was found, and another one's is nobody's to take."""
    targets.settle(system)
    disk = next((disk for disk in targets.disks_now(system) if disk.path == found.disk), None)
    if (found.file is None and not _named(found, disk)) or not is_there(system, found):
        raise Refused(
            _("The store {store} is not there any more.").format(store=found.words),
            _("Was its stick pulled out? Nothing was deleted."),
        )
    return disk


def _named(found: Store, disk: Disk | None) -> bool:
    """Does the disk's table name it?"""
    kind = "crypto_LUKS" if found.encrypted else "ext4"
    part = next((part for part in disk.partitions if part.path == found.device), None) if disk else None
    return part is not None and (part.label, part.filesystem) == (LABEL, kind)


def deleted(found: Store, disk: Disk | None) -> str:
    """What goes, for the confirmation."""
    if disk is None:
        return _("the store {store} with all that it keeps").format(store=found.words)
    return _("the store {store} with all that it keeps, on {disk}").format(
        store=found.words, disk=targets.describe(disk)
    )


def seal(found: Store, disk: Disk | None) -> str:
    """Of what goes, as it is confirmed."""
    return targets.seal(f"delete {found.words}", disk) if disk is not None else ""


def delete(system: System, found: Store, disk: Disk | None) -> None:
    """The store is closed, and `disk` is what was confirmed: wipe its keys, then what names it. Raises Refused where
    that has changed, CommandFailed."""
    deletable(system, found)
    if disk is not None:
        targets.need_unchanged(system, disk)
    if found.file is not None:
        with storefile.carried(system, found.device) as place:
            path = place.rstrip("/") + found.file
            if found.encrypted:
                luks.erase(system, str(system.path(path)))
            system.remove(path)
            system.remove(f"{path}{storefile.GROWS}")
            system.run("sync", "--file-system", str(system.path(place)), timeout=600)
        return
    if found.encrypted:
        luks.erase(system, found.device)
    start, size = freespace.extent(system, found.disk, found.device)
    freespace.remove(system, found.disk, found.device)
    # Last of all, so that a deletion that was killed is found and repeated; else it looks like a store to be made.
    loop = storefile.attach(system, found.disk, "--offset", str(start), "--sizelimit", str(size))
    try:
        system.run("wipefs", "--all", loop)
    finally:
        with clearing_up():
            storefile.detach(system, loop)
