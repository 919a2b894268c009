"""A key file on another medium opens the store of a node that has no keyboard. On the store's own stick it would
protect nothing, and is refused."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard import values
from byzwizard.backends import storefile, targets
from byzwizard.places import CARRIERS, LABEL

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Disk

NAME = "byzantium.key"  # at the top of a stick; it holds the passphrase, alone in one line
LARGEST = 200  # bytes that are read of it


@dataclass(frozen=True)
class KeyFile:
    """`passphrase` is None where the file holds none; `same_stick`: it lies where the store lies."""

    where: str
    passphrase: str | None
    same_stick: bool


def find(system: System, disk: str) -> tuple[KeyFile, ...]:
    """The key files of all sticks; `disk` is that of the store. Internal disks are not looked at."""
    found = []
    for other in targets.disks_now(system):
        if other.path == disk or (not targets.internal(other) and not other.boot_medium):
            found += _on(system, other, other.path == disk)
    return tuple(found)


def _on(system: System, disk: Disk, same: bool) -> list[KeyFile]:
    found = []
    for part in disk.partitions:
        if part.filesystem not in CARRIERS or part.label == LABEL:
            continue
        with storefile.looked_into(system, part.path) as place:
            if place is not None and os.path.isfile(system.path(f"{place}/{NAME}")):
                text = None if same else _read(system, f"{place}/{NAME}")
                found.append(KeyFile(f"{NAME} ({part.path})", text, same))
    return found


def _read(system: System, path: str) -> str | None:
    try:
        descriptor = os.open(system.path(path), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            text = os.read(descriptor, LARGEST).decode("ascii", "replace")
        finally:
            os.close(descriptor)
    except OSError:  # a link, or a stick that is failing: the node starts all the same
        return None
    try:
        return values.passphrase(text.removesuffix("\n").removesuffix("\r"))
    except values.BadValue:
        return None
