"""Where a store can be: free space behind the last partition of a stick, or a partition that a file can go onto. Pure:
the same for the page and for the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a boot asks for these names before it needs the models
    from collections.abc import Sequence

    from byzwizard.machine import Disk, Machine, Partition

LABEL = "byzdata"  # of a store, of its mapping and of the file system in it
LINUX_RESERVED = "8DA63339-0007-60C0-C436-083AC8230908"  # its type in a GPT: no system shows or mounts it by itself
FULL = 0.9  # of a store, from where on that is told
OURS = "/run/byzantium/"  # below it nothing is mounted but by us
FAT = ("vfat", "msdos")
CARRIERS = ("vfat", "exfat", "ext4", "ext3", "ext2")
FAT_MOST = 975 * 2**20  # below 1,024,000,000 bytes: bigger files were not found by Porteus' start script
SMALLEST = 64 * 2**20
PLUGGABLE = ("usb", "mmc", "sdio")
LIVE = ("usb", "iso", "ventoy")  # kinds of medium that are on a disk


def internal(disk: Disk) -> bool:
    """Built in, or made not to be taken away: its loss would be somebody's whole computer."""
    return not (disk.removable and disk.transport in PLUGGABLE)


def own(machine: Machine) -> Disk | None:
    """The stick that this system runs from, where it does."""
    if machine.medium is None or machine.medium.kind not in LIVE:
        return None
    found = [disk for disk in machine.disks if disk.boot_medium and disk.transport is not None]
    named = [disk for disk in found if machine.medium.path in {disk.path, *(part.path for part in disk.partitions)}]
    # In doubt every disk counts as what the system runs from, and none of them is taken for the own stick.
    return named[0] if named else found[0] if len(found) == 1 else None


def candidates(machine: Machine) -> tuple[Disk, ...]:
    """Sticks that may hold a store, the own one first."""
    first = own(machine)
    others = (
        disk
        for disk in machine.disks
        if disk is not first and not internal(disk) and not disk.boot_medium
    )
    return tuple(disk for disk in ((first,) if first else ()) + tuple(others) if not disk.read_only)


def called(disk: Disk, disks: Sequence[Disk]) -> str:
    """What answers may call it: by its serial number, which stays with it, where no other disk has the same."""
    alike = [other for other in disks if other.serial == disk.serial]
    return disk.serial if disk.serial and len(alike) == 1 else disk.path


def has_store(disk: Disk) -> bool:
    return any(part.label == LABEL or (part.mounted or "").startswith(OURS) for part in disk.partitions)


def over_all(disk: Disk) -> bool:
    """One file system without a partition table: nothing can be put behind it."""
    return bool(disk.partitions) and all(part.path == disk.path for part in disk.partitions)


def free_behind(disk: Disk) -> int:
    """About as many bytes are behind the last partition; sfdisk tells exactly when a store is made."""
    if over_all(disk):
        return 0
    taken = sum(part.bytes for part in disk.partitions)
    return max(0, disk.bytes - taken - 4 * 2**20)


def carrier(disk: Disk, medium: str | None) -> Partition | None:
    """The partition that save.dat goes onto: that of the system, else the biggest that can be written to."""
    fitting = [
        part
        for part in disk.partitions
        if part.filesystem in CARRIERS and part.label != LABEL and part.bytes >= SMALLEST
    ]
    system = [part for part in fitting if part.path == medium]
    return max(system or fitting, key=lambda part: part.bytes, default=None)
