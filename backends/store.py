"""The store of this node: found, opened, closed. What it keeps is in kept.py, how it is made in persistence.py.

/run/byzantium/store.json says which store this node has, open or locked; whether it is open is what is mounted.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from byzwizard.backends import cutoff, filesystem, luks, storefile
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _
from byzwizard.places import CARRIERS, LABEL, internal, over_all

if TYPE_CHECKING:  # `status` and the wizard's first frame ask whether it is locked, and nothing more
    from byzwizard.backends.system import System
    from byzwizard.machine import Disk

RECORD = "/run/byzantium/store.json"
PLACE = "/run/byzantium/store"
HEADER = "/run/byzantium/header-copy"


@dataclass(frozen=True)
class Store:
    """`device` is the partition that it is, or that the file `file` lies on (a path inside that partition); `uuid` what
    tells that one from what another stick has there.

    `stopped` are the units that were stopped to lock it, to move what it keeps or to hand it on, and are not started
    again yet.
    """

    kind: str  # partition or save.dat
    disk: str
    device: str
    encrypted: bool
    file: str | None = None
    uuid: str = ""
    stopped: tuple[str, ...] = field(default=())

    @property
    def words(self) -> str:
        return f"{self.file.lstrip('/')} ({self.device})" if self.file else self.device

    @property
    def how(self) -> str:
        return _("encrypted") if self.encrypted else _("not encrypted")


def known(system: System) -> Store | None:
    """The store that was opened or found locked since this computer was switched on."""
    text = system.read(RECORD)
    if text is None:
        return None
    found = json.loads(text)
    return Store(**{**found, "stopped": tuple(found["stopped"])})


def remember(system: System, store: Store) -> None:
    system.write(RECORD, json.dumps(asdict(store)), 0o600)


def forget(system: System) -> None:
    system.remove(RECORD)


def is_open(system: System) -> bool:
    return filesystem.is_mounted(system, PLACE)


def locked(system: System) -> bool:
    """This node has a store, and what it keeps is out of reach: then nothing is written in its place."""
    return system.path(RECORD).exists() and not is_open(system)


def find(system: System, device: str | None = None) -> Store | None:
    """The store of the medium, else an encrypted one on a stick that is no other node's; with `device` (a disk,
    partition, serial number or file) the one that is there. Internal disks are not looked at unless they are named
    internal:SERIAL."""
    from byzwizard.backends import targets

    disks = targets.disks_now(system)
    if device is None or device == "auto":
        own = _own(system, disks)
        found = next((store for disk in own for store in _on(system, disk)), None)
        # A stick of a stranger may hold anything: without a passphrase only the medium's own is taken.
        others = (store for disk in _others(disks, own) for store in _on(system, disk) if store.encrypted)
        return found or next(others, None)
    part = next((part for disk in disks for part in disk.partitions if part.path == device), None)
    if part is None and device.startswith("/") and system.path(device).is_file():
        return _file(system, device, disks)
    disk = next((disk for disk in disks if part in disk.partitions), None) or targets.choose(disks, device)
    if not disk.boot_medium:
        _not_internal(disk, device)
    return next((store for store in _on(system, disk) if part is None or store.device == part.path), None)


def _own(system: System, disks: Sequence[Disk]) -> list[Disk]:
    """What this system runs from; copied to memory, the stick that it was copied from while that is plugged in."""
    from byzwizard.backends import medium

    marked = [disk for disk in disks if disk.boot_medium]
    if marked:
        return marked
    source = medium.started_from(system)
    return [disk for disk in disks if source in {disk.path, *(part.path for part in disk.partitions)}]


def _others(disks: Sequence[Disk], own: Sequence[Disk]) -> list[Disk]:
    """Pure. Where this runs from a stick of ours, another one with a system is another node. Where it runs from a disc
    or the network, such a stick may well be what this node keeps its things on."""
    others = [disk for disk in disks if disk not in own and not internal(disk)]
    if any(_is_node(disk) for disk in own):
        return [disk for disk in others if not _is_node(disk)]
    return others


def _is_node(disk: Disk) -> bool:
    """Pure: a stick of ours with a system, or with one that a copy was interrupted on. A disc has no partitions."""
    from byzwizard.backends import layout

    labels = {layout.LABEL, layout.UNFINISHED}
    return not internal(disk) and not over_all(disk) and any(part.label in labels for part in disk.partitions)


def is_own(system: System, store: Store) -> bool:
    """Is it on what this system runs from?"""
    from byzwizard.backends import targets

    return any(disk.path == store.disk for disk in _own(system, targets.disks_now(system)))


def _not_internal(disk: Disk, wanted: str) -> None:
    from byzwizard.backends import targets
    from byzwizard.errors import Refused

    if internal(disk) and not targets.overrides(wanted):
        raise Refused(
            _("{path} is on an internal disk, and those are left alone.").format(path=wanted),
            _("If it is really meant, name it internal:SERIAL."),
        )


def _on(system: System, disk: Disk) -> Iterator[Store]:
    for part in disk.partitions:
        if part.label == LABEL and part.filesystem in {"crypto_LUKS", "ext4"}:
            uuid = filesystem.uuid(system, part.path)
            yield Store("partition", disk.path, part.path, part.filesystem == "crypto_LUKS", uuid=uuid)
    for part in disk.partitions:
        if part.filesystem not in CARRIERS or part.label == LABEL:
            continue
        with storefile.looked_into(system, part.path) as place:
            path = storefile.find(system, place) if place else None
            if place and path:
                encrypted = luks.is_luks(system, str(system.path(path)))
                uuid = filesystem.uuid(system, part.path)
                yield Store("save.dat", disk.path, part.path, encrypted, path.removeprefix(place), uuid)


def _file(system: System, path: str, disks: Sequence[Disk]) -> Store:
    """A file named by its path, on whatever is mounted there. Raises Refused as for the disk that it lies on."""
    from byzwizard.errors import Refused

    where = system.run("findmnt", "--noheadings", "--raw", "--output", "SOURCE,TARGET", "--target", path).out.split()
    source, target = where[0], where[1]
    beneath = system.run("lsblk", "--noheadings", "--raw", "--inverse", "--output", "PATH", source, ok=(0, 1, 32)).out
    names = {source, *beneath.split()}
    on = [disk for disk in disks if not names.isdisjoint({disk.path, *(part.path for part in disk.partitions)})]
    if not on:
        raise Refused(
            _("{path} is on no disk of this computer.").format(path=path), _("`byzwizard inspect` lists the disks.")
        )
    for disk in on:
        if not disk.boot_medium:
            _not_internal(disk, path)
    encrypted = luks.is_luks(system, path)
    inside = "/" + path.removeprefix(target).lstrip("/")
    return Store("save.dat", on[0].path, source, encrypted, inside, filesystem.uuid(system, source))


def the(system: System, device: str | None = None) -> Store:
    """The store that is meant. Raises CannotHere where there is none, Refused where another stick is in its place."""
    store = known(system) if device in (None, "auto") else None
    if store is not None and not is_open(system):
        store = _plugged_in(system, store)
    store = store or find(system, device)
    if store is None:
        raise CannotHere(
            _("There is no store here."), _("`byzwizard persist create` makes one, `--device` names another place.")
        )
    return store


def is_there(system: System, store: Store) -> bool:
    """False where another stick is in its place. One that is damaged tells no id: that is for whoever mends it."""
    if not store.uuid:
        return True
    return filesystem.uuid(system, store.device) in {"", store.uuid}


def _plugged_in(system: System, store: Store) -> Store:
    """Where it is now: a stick that comes back may have another name. Raises CannotHere, Refused."""
    from byzwizard.backends import targets
    from byzwizard.errors import Refused

    exists = system.path(store.device).exists()
    if exists and is_there(system, store):
        return store
    disks = (disk for disk in targets.disks_now(system) if not internal(disk) or disk.boot_medium)
    for disk in disks if store.uuid else ():
        for part in disk.partitions:
            if filesystem.uuid(system, part.path) == store.uuid:
                return replace(store, disk=disk.path, device=part.path)
    if exists:
        raise Refused(
            _("The store {store} is not there any more: another stick is in its place.").format(store=store.words),
            _("Plug the right one in, and try again."),
        )
    raise CannotHere(
        _("The store {store} is not plugged in.").format(store=store.words), _("Plug its stick in, and try again.")
    )


def mount(system: System, store: Store, passphrase: str | None, thoroughly: bool = False) -> None:
    """Open it at PLACE. `thoroughly` mends the file system with whatever it takes.

    Raises WrongPassphrase, Damaged, StepFailed; then all is closed again.
    """
    try:
        luks.lock(system)  # one that was killed in the middle of this left it
        clear = _clear(system, store, passphrase)
        filesystem.mend(system, clear, thoroughly)
        filesystem.mount(system, clear, PLACE, *_options(system, clear))
        if filesystem.grow(system, clear):
            cutoff.tell(system, _("The store has become bigger."))
        system.path(PLACE).chmod(0o700)
    except BaseException:
        with clearing_up():
            unmount(system, store)
        raise


def _options(system: System, device: str) -> tuple[str, ...]:
    return ("errors=remount-ro",) if filesystem.kind(system, device).startswith("ext") else ()


def _clear(system: System, store: Store, passphrase: str | None) -> str:
    """The device that the file system is on."""
    device = container(system, store)
    if not store.encrypted:
        return device
    if passphrase is None:
        raise StepFailed(_("This store is encrypted, and no passphrase was given."))
    clear = luks.unlock(system, device, passphrase)
    if luks.finish_change(system, device, passphrase, HEADER):
        cutoff.tell(system, _("A change of the passphrase was cut off: the one that the store now opens with holds."))
    return clear


def container(system: System, store: Store) -> str:
    """The device with the store in it, encrypted or not: the partition, or a loop over the file."""
    if store.file is None:
        return store.device
    place = storefile.hold(system, store.device)
    path = place.rstrip("/") + store.file
    if system.path(f"{path}{storefile.GROWS}").exists():
        cutoff.tell(system, cutoff.grows(store.device))
        system.remove(f"{path}{storefile.GROWS}")
    return next(iter(storefile.loops(system, path)), None) or storefile.attach(system, path)


def unmount(system: System, store: Store) -> None:
    """Close it. Does nothing to what is closed already; raises CommandFailed where something in it is in use."""
    filesystem.unmount(system, PLACE)
    luks.lock(system)
    place = storefile.mounted_at(system, store.device) if store.file is not None else None
    if store.file is not None and place is not None:
        for loop in storefile.loops(system, place.rstrip("/") + store.file):
            storefile.detach(system, loop)
        storefile.let_go(system, place)


@contextlib.contextmanager
def _reached(system: System, store: Store) -> Iterator[str]:
    """As container(), for as long as the block lasts; what was there before stays, as that of a store that is open."""
    if store.file is None:
        yield store.device
        return
    with storefile.carried(system, store.device) as place:
        path = place.rstrip("/") + store.file
        before = storefile.loops(system, path)
        loop = before[0] if before else storefile.attach(system, path)
        try:
            yield loop
        finally:
            with clearing_up():
                if not before:
                    storefile.detach(system, loop)


def is_erased(system: System, store: Store) -> bool:
    """Are its keys wiped? Only a deletion that was cut off leaves it so."""
    if not store.encrypted or store.file is None:
        return store.encrypted and luks.is_erased(system, store.device)
    with storefile.looked_into(system, store.device) as place:
        return place is not None and luks.is_erased(system, str(system.path(f"{place}{store.file}")))


def check_passphrase(system: System, store: Store, passphrase: str) -> None:
    """Raises WrongPassphrase."""
    with _reached(system, store) as device:
        luks.check(system, device, passphrase)


def change_passphrase(system: System, store: Store, old: str, new: str) -> None:
    """Works on an open store and on a locked one. Raises WrongPassphrase; StepFailed with the former one in force."""
    if not store.encrypted:
        raise CannotHere(_("This store is not encrypted: it has no passphrase."))
    with _reached(system, store) as device:
        luks.change(system, device, old, new, HEADER)


def fill(system: System) -> float:
    """How full the open store is, 0 to 1, as ext4 counts it for users."""
    import os

    status = os.statvfs(system.path(PLACE))
    used = status.f_blocks - status.f_bfree
    return used / max(1, used + status.f_bavail)


def writable(system: System) -> bool:
    """False after the kernel has found the file system broken, or its stick has gone: then the mount does not say so,
    only who writes is told. Who may not write there knows nothing of it."""
    import os

    try:
        os.close(os.open(system.path(PLACE), os.O_TMPFILE | os.O_WRONLY))
    except OSError as fault:
        return fault.errno not in {errno.EROFS, errno.EIO, errno.ESHUTDOWN, errno.ENODEV, errno.ENXIO}
    return True
