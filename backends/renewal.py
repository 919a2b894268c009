"""A stick that is ours already and has a store, behind the system or as a file beside it: it gets the new system, and
what people keep on it stays."""

import json
import re
from dataclasses import dataclass
from typing import Any

from byzwizard.backends import staying, storefile, targets
from byzwizard.backends.fatfs import MIB, SECTOR, Around
from byzwizard.backends.layout import BEGIN, ESP, OURS, UNFINISHED
from byzwizard.backends.mbr import START
from byzwizard.backends.system import CommandFailed, System
from byzwizard.diskwords import label
from byzwizard.errors import Refused
from byzwizard.i18n import _
from byzwizard.machine import Disk
from byzwizard.places import LINUX_RESERVED, has_store

SLACK = 32 * MIB


@dataclass(frozen=True)
class Kept:
    """`size`: bytes of the system's partition, which stays as it is; `lines`: the others, as sfdisk reads them;
    `around`: what is not written to until the new system is complete, because the old one is there, or something that
    stays. `beside` tells whether it is known where the old one lies, and there is room for both (around a file, the
    template tells that in the end); else the old one is gone while the new one is written. `found` is the store that is
    a file, where there is one."""

    size: int
    lines: tuple[str, ...]
    around: Around
    beside: bool
    found: staying.Found | None = None


def is_ours(disk: Disk) -> bool:
    """Pure: a first partition of ours, also one that a copy was interrupted on, and a store in it or something behind
    it."""
    parts = disk.partitions
    if not parts or parts[0].label not in OURS or parts[0].filesystem not in {"vfat", None}:
        return False
    return len(parts) > 1 or has_file(disk)


def has_file(disk: Disk) -> bool:
    """Pure: is there a store that is a file beside a system of ours?"""
    return bool(disk.partitions) and storefile.NAME in disk.partitions[0].files


def need_nothing_lost(disk: Disk) -> None:
    """Pure. Raises Refused where a copy would do away with a store: a file that is not where ours is, or one behind a
    system that is not ours and so would not stay."""
    ours = is_ours(disk)
    files = [
        name
        for number, part in enumerate(disk.partitions)
        for name in part.files
        if name in storefile.PLACES and (number, name) != (0, storefile.NAME if ours else None)
    ]
    if files:
        raise Refused(
            _("{file} is on {disk}: a copy would erase it, with all that is kept in it.").format(
                file=files[0], disk=label(disk)
            ),
            unneeded(disk),
        )
    if has_store(disk) and not ours:
        raise Refused(
            _("{disk} has a store and no system like ours before it: a copy would erase the store.").format(
                disk=label(disk)
            ),
            unneeded(disk),
        )


def unneeded(disk: Disk) -> str:
    """What to do about a store that stands in the way."""
    hint = _("If it is not needed, `byzwizard persist delete --device {path}` deletes it; else take another stick.")
    return hint.format(path=disk.path)


def was_interrupted(disk: Disk) -> bool:
    """Pure: a copy to it was begun and not finished; it can go on."""
    first = disk.partitions[0] if disk.partitions else None
    return first is not None and (first.label, first.filesystem) == (UNFINISHED, None)


def read(system: System, disk: Disk, content_bytes: int) -> Kept:
    """What stays of a disk that is_ours(). Raises Refused when it is not laid out as ours, or has too little room;
    StepFailed where its file system is damaged and a store lies on it."""
    try:
        table = json.loads(system.run("sfdisk", "--json", disk.path).out)["partitiontable"]
        first, *others = table["partitions"]
        ours = (
            table["label"] == "gpt"
            and first["start"] == START
            and first["type"] in {ESP, LINUX_RESERVED}
            and all(part["type"] == LINUX_RESERVED for part in others)
        )
    except (CommandFailed, ValueError, KeyError):
        ours = False
    if not ours:
        raise Refused(
            _("{disk} has a partition like ours, and is not laid out as ours.").format(disk=label(disk)),
            _("If nothing on it is needed, `wipefs --all {path}` frees it.").format(path=disk.path),
        )
    size, need = first["size"] * SECTOR, content_bytes + SLACK
    if size < need:
        raise Refused(
            _("The system's partition on {disk} is too small for this system.").format(disk=label(disk)),
            _by_another() if has_file(disk) and was_interrupted(disk) else
            _("Save what is kept on it, free it with `wipefs --all {path}`, and copy again.").format(path=disk.path),
        )  # fmt: skip
    lines = tuple(_line(part) for part in others)
    if has_file(disk):
        found = staying.find(system, disk)
        return Kept(size, lines, Around(0, found.old, found.stays), bool(found.old), found)
    first_half = _in_first_half(system, disk, size)
    beside = size // 2 >= need and first_half is not None
    # From the half where the old one is not, or else behind all of its small files.
    skip = (size // 2 if first_half else SLACK) if beside else 0
    return Kept(size, lines, Around(skip), beside)


def notes(kept: Kept | None) -> tuple[tuple[int, bytes], ...]:
    """What is written before the tables go: where the file lies that stays. What a copy that was interrupted has noted
    is left as it is. Raises StepFailed."""
    if kept is None or kept.found is None:
        return (staying.NO_NOTE,)
    return (staying.note(kept.found.stays),) if kept.found.tables else ()


def need_same(descriptor: int, kept: Kept, disk: Disk) -> None:
    """The file that stays lies where it was found; asked when the disk is held. Raises Refused."""
    if kept.found is not None and not staying.is_same(descriptor, kept.found):
        raise targets.changed(disk)


def no_room(disk: Disk) -> Refused:
    """For the new system, beside a file that stays."""
    return Refused(
        _("Beside {file} on {disk}, this system has no room.").format(file=storefile.NAME, disk=label(disk)),
        _by_another() if was_interrupted(disk) else unneeded(disk),
    )


def _by_another() -> str:
    """Nothing on the stick can be opened before a copy to it is complete."""
    return _("Copy to it from the stick that began it, or from another one with that system.")


def _line(part: dict[str, Any]) -> str:
    line = f"start={part['start']}, size={part['size']}, type={part['type']}, uuid={part['uuid']}"
    return line + "".join(f', {key}="{part[key]}"' for key in ("name", "attrs") if part.get(key))


def _in_first_half(system: System, disk: Disk, size: int) -> bool | None:
    """Does the old system lie there? None where mtools cannot tell: the kernel and GRUB may read it all the same."""
    where = f"{disk.path}@@{BEGIN}"
    told = system.run("mshowfat", "-i", where, "::/live/filesystem.squashfs", ok=range(256)).out
    first = re.search(r"<(\d+)", told)
    sectors = re.search(r"cluster size: (\d+)", system.run("minfo", "-i", where, "::", ok=range(256)).out)
    if first is None or sectors is None:
        return None
    return int(first[1]) * int(sectors[1]) * SECTOR < size // 2
