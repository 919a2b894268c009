"""save.dat on a stick of ours that gets a new system: the tables that say where it lies are written anew, and it stays
where it is. While they are not there, a note in the gap before the first partition says it, so that a copy that was
interrupted finds it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends import direct, storefile
from byzwizard.backends.fatfs import SECTOR, VOLUME_ID_AT, Run, Shape, Staying, shape
from byzwizard.backends.mbr import GAP_END, START
from byzwizard.errors import StepFailed
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from io import FileIO

    from byzwizard.backends.system import System
    from byzwizard.machine import Disk

BEGIN = START * SECTOR
NOTE = BEGIN - GAP_END  # bytes
BLOCK = 4096
NO_NOTE = (GAP_END, bytes(NOTE))
FIRST = 2  # the number of the first cluster
SYSTEM = re.compile(r"(?i)::/(live|boot|efi)/[\w./ +()~-]*", re.ASCII)  # as mtools name it, and no pattern of theirs


@dataclass(frozen=True)
class Found:
    """`old` are the clusters of the system's files and folders; `tables` is a hash of what says all that, None where
    only the note does."""

    stays: Staying
    old: tuple[Run, ...]
    tables: str | None


def find(system: System, disk: Disk) -> Found:
    """Raises StepFailed where it cannot be told for sure."""
    with _opened(system, disk.path) as file:
        boot = os.pread(file.fileno(), SECTOR, BEGIN)
        known = shape(boot)
        if known is None:
            stays = noted(system, disk.path)
            if stays is None:
                raise unsound()
            return Found(stays, (), None)
        tables = _hash_of_tables(file.fileno(), known)
        where = f"{disk.path}@@{BEGIN}"
        name = f"::/{storefile.NAME}"
        listed = system.run("mdir", "-/", "-a", "-b", "-i", where, "::/").out.splitlines()
        # Its folders too, and the root folder, in which save.dat is named. What else people put there is left out.
        others = ["::/", *(path.rstrip("/") for path in listed if SYSTEM.fullmatch(path))]
        told = re.search(r"(?im)^save\s+dat\s+(\d+)\s", system.run("mdir", "-a", "-i", where, name).out)
        runs = _runs(system.run("mshowfat", "-i", where, name).out)
        old = _runs(system.run("mshowfat", "-i", where, *others).out)
        volume = f"{int.from_bytes(boot[VOLUME_ID_AT : VOLUME_ID_AT + 4], 'little'):08X}"
        stays = _sound(known, int(told[1]) if told else 0, runs, volume, old, file.fileno())
    return Found(stays, tuple(old), tables)


def _sound(
    known: Shape, length: int, runs: Sequence[Run], volume: str, old: Iterable[Run], descriptor: int
) -> Staying:
    """Raises StepFailed for a file that has too few clusters, and where one is another's as well, or is none."""
    kept: list[Run] = []
    missing = known.clusters(length)
    for first, last in runs:  # one that was to become bigger may have more than it needs
        if missing:
            kept.append((first, min(last, first + missing - 1)))
            missing -= kept[-1][1] - first + 1
    ends = sorted([*kept, *old])
    wild = not all(FIRST <= first <= last < known.end for first, last in ends)
    if wild or not kept or missing or any(one[1] >= next_[0] for one, next_ in itertools.pairwise(ends)):
        raise unsound()
    return Staying(storefile.NAME, length, tuple(kept), known, _begins(descriptor, known, kept[0][0]), volume)


def _runs(told: str) -> list[Run]:
    """As mshowfat(1) tells them: <first-last>, or <only>."""
    return [(int(first), int(last or first)) for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", told)]


def is_same(descriptor: int, found: Found) -> bool:
    """Are the tables those that were read? `descriptor` is the disk, held and opened for direct reading."""
    return found.tables is None or found.tables == _hash_of_tables(descriptor, found.stays.shape)


def note(stays: Staying) -> tuple[int, bytes]:
    """What is written at its place. Raises StepFailed for a file in more pieces than it has room for."""
    text = json.dumps(dataclasses.asdict(stays)).encode()
    if len(text) > NOTE:
        raise StepFailed(
            _("{file} lies in too many pieces to stay where it is.").format(file=storefile.NAME),
            _("Copy it away, delete it there, and copy it back."),
        )
    return GAP_END, text.ljust(NOTE, b"\0")


def noted(system: System, disk: str) -> Staying | None:
    """What a copy that was interrupted left behind. None where there is no note. Raises StepFailed for one that cannot
    be read, or is not true of what lies there."""
    try:
        with _opened(system, disk) as file:
            text = os.pread(file.fileno(), NOTE, GAP_END).rstrip(b"\0")
            if not text.startswith(b"{"):
                return None
            found = json.loads(text)
            known = Shape(**{key: int(value) for key, value in found["shape"].items()})
            runs = tuple((int(first), int(last)) for first, last in found["runs"])
            volume = f"{int(found['volume'], 16):08X}"
            stays = _sound(known, int(found["length"]), runs, volume, (), file.fileno())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as fault:
        raise unsound() from fault
    if (stays.begins, stays.name) != (found.get("begins"), found.get("name")):
        raise unsound()
    return stays


def _begins(descriptor: int, known: Shape, cluster: int) -> str:
    """A container's header, or a file system's: no other file begins so."""
    return hashlib.sha256(os.pread(descriptor, BLOCK, BEGIN + known.at(cluster))).hexdigest()


def _hash_of_tables(descriptor: int, known: Shape) -> str:
    """Both tables, and the first cluster of the root folder."""
    length = known.data - known.reserved + known.cluster
    begin = (BEGIN + known.reserved) // BLOCK * BLOCK
    found = direct.get(descriptor, begin, direct.room(-(-length // BLOCK) * BLOCK + BLOCK))
    return hashlib.sha256(found[BEGIN + known.reserved - begin :][:length]).hexdigest()


def _opened(system: System, disk: str) -> FileIO:
    return open(system.path(disk), "rb", buffering=0)


def unsound() -> StepFailed:
    return StepFailed(
        _("It cannot be told where {file} lies: the file system that it is on is damaged.").format(file=storefile.NAME),
        _("Start the stick once, which mends it; or take another one."),
    )
