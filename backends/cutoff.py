"""What was cut off, by a power failure or a stick that was pulled out: told at the next start, once it is cleared up.

/run/byzantium/cut-off has a sentence a line, for `status` and whoever opens the store.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from byzwizard.backends.printable import printable
from byzwizard.diskwords import label
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.places import CARRIERS, LABEL, SMALLEST, has_store, internal, over_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from byzwizard.backends.system import System
    from byzwizard.machine import Disk

NOTE = "/run/byzantium/cut-off"


def told(system: System) -> tuple[str, ...]:
    """What was found since this computer was switched on."""
    return tuple((system.read(NOTE) or "").splitlines())


def tell(system: System, text: str) -> None:
    line = printable(text, 1000)
    if line not in (before := told(system)):
        system.write(NOTE, "\n".join([*before, line]) + "\n", 0o600)


def look(system: System) -> None:
    """At a start: copies and stores that were being made. What lies on the own stick is cleared up."""
    from byzwizard.backends import targets

    for disk in targets.disks_now(system):
        for text in _on(system, disk):
            tell(system, text)


def _on(system: System, disk: Disk) -> Iterator[str]:
    from byzwizard.backends import layout

    first = disk.partitions[0] if disk.partitions else None
    # Between two writes it has its name and no file system.
    copied = first is not None and (first.label == layout.UNFINISHED
                                    or (first.label, first.filesystem) == (layout.LABEL, None))  # fmt: skip
    if copied:
        yield _("A copy to {disk} was cut off: it does not start. Copy to it again; a store on it is kept.").format(
            disk=label(disk)
        )
    if internal(disk) and not disk.boot_medium:
        return
    with contextlib.suppress(ByzantiumError, OSError):  # a stick that cannot be read tells nothing
        yield from _files(system, disk)
        if not copied and not has_store(disk) and not over_all(disk) and _behind(system, disk):
            yield _("Making a store behind the partitions of {disk} was cut off: nothing that was there is lost. "
                    "Make it again.").format(disk=label(disk))  # fmt: skip


def _files(system: System, disk: Disk) -> Iterator[str]:
    """A save.dat that has not got its name yet, or not all of its size."""
    from byzwizard.backends import storefile

    for part in disk.partitions:
        if part.filesystem not in CARRIERS or part.label == LABEL:
            continue
        signs = {f"{name}{storefile.GROWS}": grows(part.path) for name in storefile.PLACES}
        signs[storefile.HALF] = _("Making save.dat on {device} was cut off: nothing that was there is lost. "
                                  "Make it again.").format(device=part.path)  # fmt: skip
        with storefile.looked_into(system, part.path) as place:
            there = [name for name in signs if place is not None and system.path(f"{place}/{name}").is_file()]
        if there and disk.boot_medium:
            with storefile.carried(system, part.path) as place:
                for name in there:
                    system.remove(f"{place}/{name}")
        yield from (signs[name] for name in there)


def grows(device: str) -> str:
    """Of a save.dat on it that has not all of its new size."""
    return _("Making save.dat on {device} bigger was cut off: nothing in it is lost. Ask for its size again.").format(
        device=device
    )


def _behind(system: System, disk: Disk) -> bool:
    """A store that no partition table names yet."""
    from byzwizard.backends import freespace

    space = freespace.after_last(system, disk.path, disk.bytes)
    if space.table is None or space.bytes < SMALLEST:
        return False
    said = system.run(
        "blkid", "--probe", "--offset", str(space.start), "--match-tag", "LABEL", "--output", "value", disk.path,
        ok=(0, 2, 8),
    )  # fmt: skip
    return said.out.strip() == LABEL
