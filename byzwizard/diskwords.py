"""Disks, and copies to them, in words: the same on pages, in confirmations, in `inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from byzwizard.i18n import _, ngettext
from byzwizard.places import LABEL

if TYPE_CHECKING:  # what the node does by itself once a minute does without the models
    from byzwizard.events import Event
    from byzwizard.machine import Disk, Partition

SHOWN = 3  # partitions of a disk


def size(count: int) -> str:
    """Bytes in powers of ten, as it stands on the box."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1000:.0f} kB"


def name(disk: Disk) -> str:
    """Vendor and model; many models begin with the vendor."""
    vendor = "" if (disk.model or "").startswith(disk.vendor or "") else disk.vendor
    return " ".join(part for part in (vendor, disk.model) if part) or _("disk without a name")


def label(disk: Disk) -> str:
    """What tells it from others: name, size, serial number."""
    serial = _("serial {serial}").format(serial=disk.serial) if disk.serial else disk.path
    return f"{name(disk)}, {size(disk.bytes)} ({serial})"


def holds(disk: Disk) -> str:
    """What is on it now, each partition by its label and file system. What people keep is never among the "more"."""
    if not disk.partitions:
        return _("nothing")
    keeping = [part for part in disk.partitions if part.label == LABEL or part.files]
    others = [part for part in disk.partitions if part not in keeping][: max(0, SHOWN - len(keeping))]
    named = [_partition(part) for part in disk.partitions if part in keeping or part in others]
    more = len(disk.partitions) - len(named)
    shown = ", ".join(named)
    return shown if more <= 0 else shown + ngettext(" and {n} more", " and {n} more", more).format(n=more)


def _partition(part: Partition) -> str:
    words = " ".join(word for word in (part.label, part.filesystem, size(part.bytes)) if word)
    if not part.files:
        return words
    return _("{partition} with {files}").format(partition=words, files=", ".join(part.files))


def describe(disk: Disk) -> str:
    """For a confirmation: "SanDisk Ultra, 15.9 GB (serial 4C53), now holds: PHOTOS vfat 15.9 GB"."""
    return _("{disk}, now holds: {content}").format(disk=label(disk), content=holds(disk))


def copying(event: Event) -> str:
    """What a copy's last event says, "writing 61 %  18.2 MB/s  1:40 left". Its bytes count twice: written, checked."""
    half = (event.total or 0) // 2
    done = event.done or 0
    doing, part = (_("writing"), done) if done <= half else (_("checking"), done - half)
    left = int(event.left or 0)
    return _("{doing} {percent} %  {rate:.1f} MB/s  {minutes}:{seconds:02} left").format(
        doing=doing, percent=100 * part // (half or 1), rate=(event.rate or 0) / 1e6, minutes=left // 60,
        seconds=left % 60,
    )  # fmt: skip
