"""Which disks may be written to: chosen, checked, and held. What is refused here is refused before a byte is written.

Everything that erases goes through `choose`, `check` and, at the last moment, `hold`. Refused is exit status 3.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence

from byzwizard.backends.disks import read_disks
from byzwizard.backends.medium import read_medium
from byzwizard.backends.system import System
from byzwizard.backends.waiting import wait_for_lock
from byzwizard.diskwords import describe as describe  # offered here too: what is confirmed is what is held
from byzwizard.diskwords import label, size
from byzwizard.errors import Refused
from byzwizard.i18n import N_, _
from byzwizard.machine import Disk, Machine
from byzwizard.places import internal as internal
from byzwizard.verdict import with_verdicts

INTERNAL = "internal:"
LOCK_SECONDS = 5.0
# Block devices that are no disks: what is written to them lands somewhere else, or nowhere.
VIRTUAL = {
    "loop": N_("a loop device"),
    "dm-": N_("a mapping over other devices"),
    "mapper/": N_("a mapping over other devices"),
    "md": N_("a RAID over several disks"),
    "zram": N_("memory"),
    "ram": N_("memory"),
    "nbd": N_("a network device"),
    "fd": N_("a floppy drive"),
    "mtd": N_("flash memory of the board"),
    "sr": N_("a disc drive"),
}
MEMBERS = ("_member", "bcache", "ceph_bluestore", "drbd")


def overrides(wanted: str) -> bool:
    """Is an internal disk meant? Only `internal:SERIAL` says so; a path or a bare serial never does."""
    return wanted.startswith(INTERNAL)


def choose(disks: Sequence[Disk], wanted: str) -> Disk:
    """The one whole disk that is meant by its path below /dev, its serial number, or internal:SERIAL.

    Pure. Raises Refused for what is unknown, fits several disks, or is not a whole disk.
    """
    if not wanted or wanted != wanted.strip() or not wanted.isprintable():
        raise Refused(
            _("“{wanted}” is not the name of a disk: it is empty, or holds blanks or control characters.").format(
                wanted=ascii(wanted)[1:-1]
            ),
            _list(),
        )
    if wanted.startswith("/"):
        return _by_path(disks, wanted)
    return _by_serial(disks, wanted.removeprefix(INTERNAL))


def _by_path(disks: Sequence[Disk], wanted: str) -> Disk:
    for disk in disks:
        if disk.path == wanted:
            return disk
    for disk in disks:
        if any(part.path == wanted for part in disk.partitions):
            raise Refused(
                _("{wanted} is a partition; a whole disk is needed.").format(wanted=wanted),
                _("The disk that it is on is {path}: {disk}.").format(path=disk.path, disk=label(disk)),
            )
    name = wanted.removeprefix("/dev/")
    for start, what in VIRTUAL.items():
        if name.startswith(start):
            raise Refused(_("{wanted} is no disk of its own ({what}).").format(wanted=wanted, what=_(what)), _list())
    raise Refused(_("No disk {wanted} is here.").format(wanted=wanted), _list())


def _by_serial(disks: Sequence[Disk], serial: str) -> Disk:
    found = [disk for disk in disks if serial and disk.serial == serial]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(
            _("The serial number {serial} fits several disks: {paths}.").format(
                serial=serial, paths=", ".join(disk.path for disk in found)
            ),
            _("Name the one that is meant by its path, or unplug the others."),
        )
    raise Refused(_("No disk with the serial number {serial} is here.").format(serial=serial or "''"), _list())


def _list() -> str:
    return _("`byzwizard inspect` lists the disks.")


def check(disk: Disk, allow_internal: bool, boot_medium_ok: bool = False, need_bytes: int = 0) -> None:
    """May this disk be written to? Pure. Raises Refused with the reason and what to do.

    `allow_internal` is overrides(wanted). `boot_medium_ok` is for what goes into the free space or onto the file
    system of the stick that the system runs from: then what is mounted of it is expected.
    """
    if disk.boot_medium and not boot_medium_ok:
        raise Refused(
            _("{path} is what this system runs from: {disk}.").format(path=disk.path, disk=label(disk)),
            _("Take another one."),
        )
    if disk.read_only:
        raise Refused(
            _("{disk} is write-protected.").format(disk=label(disk)),
            _("Take another one; some have a small switch on their side."),
        )
    if internal(disk) and not allow_internal:
        raise Refused(
            _("{path} is an internal disk, or one that is not removable: {disk}.").format(
                path=disk.path, disk=label(disk)
            ),
            _("If it is really meant, name it {name}.").format(name=INTERNAL + (disk.serial or "SERIAL")),
        )
    if not disk.boot_medium:
        _check_unused(disk)
    if disk.bytes < need_bytes:
        raise Refused(
            _("{disk} is too small: {size} are needed.").format(disk=label(disk), size=size(need_bytes)),
            _("Take a bigger one."),
        )


def _check_unused(disk: Disk) -> None:
    """Raises Refused for swap, mounts, open mappings, and members of a group of disks."""
    for part in disk.partitions:
        if part.mounted == "[SWAP]":
            raise Refused(
                _("{disk} is used as swap memory.").format(disk=label(disk)),
                _("`swapoff {path}` ends that.").format(path=part.path),
            )
        if part.held_by:
            raise Refused(
                _("{disk} is in use: something is open on {path} ({kind}).").format(
                    disk=label(disk), path=part.path, kind=part.held_by
                ),
                _("Close it first, or take another one."),
            )
        if part.mounted:
            raise Refused(
                _("{disk} is in use: {path} is mounted at {place}.").format(
                    disk=label(disk), path=part.path, place=part.mounted
                ),
                _("Unmount it first, or take another one."),
            )
        if (part.filesystem or "").endswith(MEMBERS):
            raise Refused(
                _("{disk} belongs to a group of disks (RAID, multipath or volumes).").format(disk=label(disk)),
                _("If it is not needed there any more, `wipefs --all {path}` frees it.").format(path=part.path),
            )


def disks_now(system: System) -> tuple[Disk, ...]:
    """The disks as they are at this moment, with the boot medium marked."""
    return with_verdicts(Machine(disks=read_disks(system), medium=read_medium(system))).disks


def settle(system: System) -> None:
    """Until udev has looked at what changed last; what lsblk tells of file systems and names comes from there."""
    if system.has("udevadm"):
        system.run("udevadm", "settle", "--timeout=10", ok=range(256))


@contextlib.contextmanager
def hold(
    system: System,
    disk: Disk,
    allow_internal: bool,
    boot_medium_ok: bool = False,
    need_bytes: int = 0,
    exclusive: bool = True,
    flags: int = 0,
) -> Iterator[int]:
    """A descriptor to read and write the disk with, for as long as the block lasts.

    It is opened for us alone (the kernel refuses that for what is mounted or mapped) and locked, so that udev does
    not look at what is half written; then serial, size and partitions are read again and compared with `disk`.
    `exclusive=False` is for the free space of the boot medium, which is mounted. `flags` such as O_DIRECT are added.
    Raises Refused, with nothing written.
    """
    alone = os.O_EXCL if exclusive else 0
    try:
        descriptor = os.open(system.path(disk.path), os.O_RDWR | os.O_CLOEXEC | alone | flags)
    except OSError as fault:
        raise Refused(
            _("{disk} cannot be opened: {why}.").format(disk=label(disk), why=os.strerror(fault.errno or 0)),
            _("Is it still plugged in, and used by nothing else?"),
        ) from fault
    try:
        # Opened, a reader comes to know of another card in it; udev reads that now, and nothing while it is locked.
        settle(system)
        _lock(descriptor, disk)
        now = next((other for other in disks_now(system) if other.path == disk.path), None)
        if now is None or os.lseek(descriptor, 0, os.SEEK_END) != disk.bytes or _shape(now) != _shape(disk):
            raise changed(disk)
        check(now, allow_internal, boot_medium_ok, need_bytes)
        yield descriptor
    finally:
        os.close(descriptor)


def need_same(now: Disk, disk: Disk) -> None:
    """Pure. Is it the same thing at the same path, whatever it holds by now? Raises Refused."""
    if (now.path, now.bytes, now.vendor, now.model, now.serial) != (
        disk.path, disk.bytes, disk.vendor, disk.model, disk.serial
    ):  # fmt: skip
        raise changed(disk)


def need_unchanged(system: System, disk: Disk) -> Disk:
    """The disk as it is now; it holds what it held when it was chosen. Raises Refused."""
    now = next((other for other in disks_now(system) if other.path == disk.path), None)
    if now is None or _shape(now) != _shape(disk):
        raise changed(disk)
    return now


def changed(disk: Disk) -> Refused:
    return Refused(
        _("{path} has changed since it was chosen: it was {disk}.").format(path=disk.path, disk=describe(disk)),
        _("Nothing was written to it. Choose again."),
    )


def _lock(descriptor: int, disk: Disk) -> None:
    """The lock that udev and fdisk keep to (systemd's "Locking Block Device Access"). udev has it for a moment when a
    stick was plugged in."""
    if not wait_for_lock(descriptor, LOCK_SECONDS):
        raise Refused(
            _("{disk} is being used by another program.").format(disk=label(disk)),
            _("Wait until it has ended, and try again."),
        )


def _shape(disk: Disk) -> tuple[object, ...]:
    """What must not change between choosing and writing."""
    parts = tuple((part.path, part.bytes, part.filesystem, part.label) for part in disk.partitions)
    return disk.bytes, disk.vendor, disk.model, disk.serial, parts, disk.fingerprint


def seal(what: str, disk: Disk) -> str:
    """Pure. Of a disk as it is confirmed for `what`; another process that finds another one there comes to another."""
    return hashlib.sha256(repr((what, disk.path, _shape(disk))).encode()).hexdigest()[:32]
