"""What lies on a stick that a copy goes to and that its partition table does not tell: a store that is a file, and the
answers of a stick that becomes a node by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from byzwizard.backends import layout, staying, storefile, targets
from byzwizard.backends.content import ANSWERS
from byzwizard.errors import StepFailed
from byzwizard.places import CARRIERS, FAT, LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from byzwizard.backends.system import System
    from byzwizard.machine import Disk, Partition

FILES = (*storefile.PLACES, ANSWERS)


def look(system: System, disks: Sequence[Disk], wanted: Collection[str], mount: bool) -> tuple[Disk, ...]:
    """The disks, those that `wanted` names with what lies on them: by path, serial number or internal:SERIAL. Internal
    ones that are not named so are left alone."""
    return tuple(of(system, disk, mount) if _meant(disk, wanted) else disk for disk in disks)


def _meant(disk: Disk, wanted: Collection[str]) -> bool:
    names = {f"{targets.INTERNAL}{disk.serial}"} | (set() if targets.internal(disk) else {disk.path, disk.serial})
    return not disk.boot_medium and not names.isdisjoint(wanted)


def of(system: System, disk: Disk, mount: bool = True) -> Disk:
    """FAT is read without being mounted, where mtools can; what else there is, is seen with `mount` alone, which needs
    root. Where a copy was interrupted, what stays there is known by its note."""
    parts = [part.model_copy(update={"files": _files(system, part, mount)}) for part in disk.partitions]
    if parts and parts[0].filesystem is None and parts[0].label in layout.OURS:
        parts[0] = parts[0].model_copy(update={"files": (storefile.NAME,) if _stays(system, disk.path) else ()})
    return disk.model_copy(update={"partitions": tuple(parts)})


def _stays(system: System, disk: str) -> bool:
    """May something lie there that is to stay? It does, in doubt."""
    if not os.access(system.path(disk), os.R_OK):
        return False  # who may not read it copies nothing to it either
    try:
        return staying.noted(system, disk) is not None
    except StepFailed:
        return True


def _files(system: System, part: Partition, mount: bool) -> tuple[str, ...]:
    found = _on_fat(system, part.path) if part.filesystem in FAT else None
    if found is not None:
        return found
    if not mount or part.filesystem not in CARRIERS or part.label == LABEL:
        return ()
    with storefile.looked_into(system, part.path) as place:
        return tuple(name for name in FILES if place and system.path(f"{place}/{name}").is_file())


def _on_fat(system: System, device: str) -> tuple[str, ...] | None:
    """None where mtools cannot read it: they take fewer for sound than the kernel does."""
    if not system.has("mdir"):
        return None
    names = (f"::/{name}" for name in FILES)
    try:
        system.run("mdir", "-b", "-i", device, "::/")  # the next one ends with 1 as well where a file is not there
        told = system.run("mdir", "-a", "-b", "-i", device, *names, ok=(0, 1)).out.lower().splitlines()
    except StepFailed:
        return None
    return tuple(name for name in FILES if f"::/{name}" in told)
