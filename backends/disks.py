"""Disks and their partitions, from `lsblk --json`."""

import hashlib
import json
from typing import Any

from byzwizard.backends.printable import printable
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError
from byzwizard.machine import Disk, Partition
from byzwizard.verdict import LIVE_MOUNTS

COLUMNS = (
    "PATH,NAME,TYPE,SIZE,VENDOR,MODEL,SERIAL,TRAN,RM,RO,FSTYPE,LABEL,PARTLABEL,MOUNTPOINTS,PTUUID,PARTUUID,UUID,START"
)
MARKS = ("ptuuid", "partuuid", "uuid", "start", "size", "fstype")  # what tells two sticks of one kind apart
NO_DISKS = ("loop", "ram", "zram", "nbd", "fd", "mtdblock", "dm-", "md")


def read_disks(system: System) -> tuple[Disk, ...]:
    """Empty where there is no lsblk or it fails: then nothing can be kept or cloned, and the rest works."""
    try:
        listed = json.loads(system.run("lsblk", "--json", "--bytes", "--output", COLUMNS, timeout=20).out)
        entries = listed["blockdevices"]
    except (ByzantiumError, ValueError, KeyError, TypeError):
        return ()
    return tuple(disk for entry in entries if (disk := parse_disk(entry)) is not None)


def parse_disk(entry: dict[str, Any]) -> Disk | None:
    """One entry of lsblk; None for what is no disk (loop, memory), or an empty card reader or drive."""
    name = str(entry.get("name") or "")
    if entry.get("type") not in {"disk", "rom"} or name.startswith(NO_DISKS) or not entry.get("size"):
        return None
    return Disk(
        path=_path(entry), bytes=int(entry["size"]), vendor=_vendor(entry.get("vendor")),
        model=_text(entry.get("model")),
        serial=_text(entry.get("serial")), transport=_transport(entry, name), removable=bool(entry.get("rm")),
        read_only=bool(entry.get("ro")) or entry["type"] == "rom", partitions=_partitions(entry),
        fingerprint=_fingerprint(entry))


def _fingerprint(entry: dict[str, Any]) -> str:
    """Of the ids of its table, partitions and file systems, and of where they lie. A hash, because those are nobody's
    business who reads a recording."""
    parts = [child for child in entry.get("children") or () if child.get("type") == "part"]
    marks = [[str(part.get(mark)) for mark in MARKS] for part in (entry, *parts)]
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:32]


def _partitions(entry: dict[str, Any]) -> tuple[Partition, ...]:
    """A file system without a partition table stands as a partition with the disk's own path."""
    parts = [child for child in entry.get("children") or () if child.get("type") == "part"]
    # Device mapper over the whole disk (Ventoy) is mounted although no partition is: it counts for the disk itself.
    if not parts and not entry.get("fstype") and _mounted(entry) is None and _held_by(entry) is None:
        return ()
    over_all = _mounted({"children": [c for c in entry.get("children") or () if c.get("type") != "part"]})
    found = [_partition(child) for child in parts] or [_partition(entry)]
    if over_all is not None and all(part.mounted is None for part in found):
        found[0] = found[0].model_copy(update={"mounted": over_all})
    if _held_by(entry) is not None and all(part.held_by is None for part in found):
        found[0] = found[0].model_copy(update={"held_by": _held_by(entry)})
    return tuple(found)


def _partition(entry: dict[str, Any]) -> Partition:
    # The partition's own name says what it is for as long as it has no file system.
    label = entry.get("label") or (entry.get("partlabel") if not entry.get("fstype") else None)
    return Partition(path=_path(entry), bytes=int(entry.get("size") or 0), filesystem=_text(entry.get("fstype")),
                     label=_text(label), mounted=_mounted(entry), held_by=_held_by(entry))


def _held_by(entry: dict[str, Any]) -> str | None:
    """The kind of mapping (crypt, lvm, raid1, mpath …) that is open on it; None where there is none."""
    kinds = (str(child.get("type")) for child in entry.get("children") or ())
    return next((printable(kind, 20) for kind in kinds if kind != "part"), None)


def _mounted(entry: dict[str, Any]) -> str | None:
    """Where it, or what lies on it (LUKS, LVM), is mounted. Of several places that which says most: the live medium,
    then the shortest."""
    own = [str(place) for place in entry.get("mountpoints") or () if place]
    if own:
        return printable(min(own, key=lambda place: (not place.startswith(LIVE_MOUNTS), len(place))), 4096)
    return next((place for child in entry.get("children") or () if (place := _mounted(child)) is not None), None)


def _path(entry: dict[str, Any]) -> str:
    return str(entry.get("path") or f"/dev/{entry.get('name')}")


def _transport(entry: dict[str, Any], name: str) -> str | None:
    if entry.get("tran"):
        return str(entry["tran"])
    return next((kind for start, kind in (("vd", "virtio"), ("mmcblk", "mmc"), ("nvme", "nvme"))
                 if name.startswith(start)), None)


def _vendor(value: Any) -> str | None:
    """virtio tells a PCI number for a vendor; ATA disks tell nothing but "ATA"."""
    text = _text(value)
    return None if text is None or text.startswith("0x") or text == "ATA" else text


def _text(value: Any) -> str | None:
    """What a device says of itself; it may say anything."""
    text = printable(str(value).strip(), 100) if value is not None else ""
    return text or None
