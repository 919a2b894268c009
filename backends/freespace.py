"""The space after a disk's last partition, and a partition made of it, with sfdisk. The disk may be in use: it is the
stick that the system runs from, so the kernel is told of the one new partition only, never to read the table again.

sfdisk writes the second table of a GPT first and waits for the disk after each piece: a power cut leaves one of them.
"""

import json
from dataclasses import dataclass, replace

from byzwizard.backends.direct import SECTOR
from byzwizard.backends.system import CommandFailed, System
from byzwizard.diskwords import size as words
from byzwizard.errors import Refused, StepFailed
from byzwizard.i18n import _
from byzwizard.places import LINUX_RESERVED

NO_AUTOMOUNT = 'attrs="GUID:63"'
MBR_LINUX = "83"
MBR_LAST = 2**32 - 1  # sectors that a DOS partition table can count
MBR_ENTRIES = 4  # those of logical partitions lie inside of one of them
GPT_ENTRIES = 128  # where sfdisk tells no other number
GPT_TAIL = 34  # sectors of the second table at the end
ALIGN = 2**20  # bytes
QUIET = ("--no-reread", "--no-tell-kernel")
NO_TABLE = "does not contain a recognized partition table"  # as sfdisk says it


@dataclass(frozen=True)
class Space:
    """A piece of a disk in bytes, both a multiple of ALIGN. `table` is gpt, dos or None where there is none yet; it is
    `full` where no entry is left in it."""

    start: int
    bytes: int
    table: str | None
    full: bool = False


def read_table(system: System, disk: str) -> dict[str, object]:
    """sfdisk's "partitiontable"; empty where the disk has none. Raises StepFailed where it cannot be read: what cannot
    be read is not empty."""
    done = system.run("sfdisk", "--json", disk, ok=(0, 1))
    if done.status and NO_TABLE not in done.err:
        raise CommandFailed(("sfdisk", "--json", disk), done)
    table: dict[str, object] = json.loads(done.out)["partitiontable"] if done.status == 0 else {}
    return table


def after_last(system: System, disk: str, disk_bytes: int) -> Space:
    """What is free behind the last partition; `bytes` is 0 where nothing is."""
    table = read_table(system, disk)
    parts = partitions(table)
    label = str(table["label"]) if table else None
    end = max((int(str(part["start"])) + int(str(part["size"])) for part in parts), default=0) * SECTOR
    return replace(behind(end, disk_bytes, label), full=is_full(table, disk))


def behind(end: int, disk_bytes: int, label: str | None) -> Space:
    """What is free behind `end`, on a disk whose table is `label`."""
    start = max(ALIGN, -(-end // ALIGN) * ALIGN)
    last = disk_bytes - GPT_TAIL * SECTOR if label != "dos" else min(disk_bytes, MBR_LAST * SECTOR)
    return Space(start, max(0, (last - start) // ALIGN * ALIGN), label)


def cut(space: Space, size: int | None) -> Space:
    """No more of it than `size` bytes. Raises Refused where it is smaller than that."""
    if size is None:
        return space
    if size > space.bytes:
        raise Refused(
            _("Only {free} are free behind the last partition, not {size}.").format(
                free=words(space.bytes), size=words(size)
            ),
            _("Ask for less, or for max."),
        )
    return replace(space, bytes=-(-size // ALIGN) * ALIGN)


def partitions(table: dict[str, object]) -> list[dict[str, object]]:
    parts = table.get("partitions") or []
    assert isinstance(parts, list)
    return parts


def is_full(table: dict[str, object], disk: str) -> bool:
    """Pure. Has the table no entry left for a partition behind the last one? sfdisk only says so, and adds nothing."""
    taken = [number_of(disk, str(part["node"])) for part in partitions(table)]
    if table.get("label") == "dos":
        return len([number for number in taken if number <= MBR_ENTRIES]) == MBR_ENTRIES
    return len(taken) >= int(str(table.get("table-length", GPT_ENTRIES)))


def add(system: System, disk: str, space: Space, name: str) -> str:
    """Make a partition of `space`, and return its path once it is there. What lies in it stays as it is."""
    if space.table == "gpt":
        # An image that was written to a bigger stick has its second table in the middle of it.
        system.run("sfdisk", *QUIET, "--relocate", "gpt-bak-std", disk, timeout=60)
    script = line(space, name) + "\n"
    append: tuple[str, ...] = ("--append",)
    if space.table is None:
        script, append = "label: gpt\n" + script, ()
    system.run("sfdisk", *QUIET, *append, "--wipe", "never", "--wipe-partitions", "never", disk, stdin=script,
               timeout=60)
    part = next(
        part for part in partitions(read_table(system, disk))
        if int(str(part["start"])) * SECTOR == space.start
    )
    return tell_kernel(system, disk, str(part["node"]))


def line(space: Space, name: str) -> str:
    """The partition as a line of sfdisk's input."""
    words = [f"start={space.start // SECTOR}", f"size={space.bytes // SECTOR}"]
    if space.table == "dos":
        return ", ".join((*words, f"type={MBR_LINUX}"))
    return ", ".join((*words, f"type={LINUX_RESERVED}", f'name="{name}"', NO_AUTOMOUNT))


def tell_kernel(system: System, disk: str, node: str) -> str:
    """Let the kernel know of one partition that is new in the table."""
    number = number_of(disk, node)
    if not system.path(node).exists():
        system.run("partx", "--add", "--nr", str(number), disk, timeout=60)
    system.wait_for(system.path(node).exists, 20, _("{node} does not appear.").format(node=node))
    return node


def extent(system: System, disk: str, node: str) -> tuple[int, int]:
    """Where a partition begins and how long it is, in bytes."""
    table = read_table(system, disk)
    part = next(part for part in partitions(table) if part["node"] == node)
    sector = int(str(table.get("sectorsize", 512)))
    return int(str(part["start"])) * sector, int(str(part["size"])) * sector


def remove(system: System, disk: str, node: str) -> None:
    """Take a partition out of the table. Raises StepFailed when the kernel still uses it."""
    number = str(number_of(disk, node))
    system.run("sfdisk", *QUIET, "--delete", disk, number, timeout=60)

    def gone() -> bool:
        if system.path(node).exists():
            system.run("partx", "--delete", "--nr", number, disk, ok=(0, 1), timeout=60)
        return not system.path(node).exists()

    # Whoever looks at what changes on disks (udev) has it open for a moment.
    system.wait_for(gone, 30, _("{node} is still in use.").format(node=node), 0.2)


def number_of(disk: str, node: str) -> int:
    """/dev/sdb2 is 2, /dev/mmcblk0p3 is 3."""
    number = node.removeprefix(disk).lstrip("p")
    if not number.isdecimal():
        raise StepFailed(_("{node} is no partition of {disk}.").format(node=node, disk=disk))
    return int(number)
