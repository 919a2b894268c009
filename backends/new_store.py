"""A store that keeps what this node is and what people wrote, made encrypted unless that is switched off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byzwizard.backends import keep, kept, locker, luks, making, store, storefile, targets
from byzwizard.diskwords import label as of
from byzwizard.diskwords import size as words
from byzwizard.errors import CannotHere, Refused
from byzwizard.i18n import _
from byzwizard.places import FAT, FAT_MOST, SMALLEST, carrier, free_behind, has_store, over_all, own
from byzwizard.plan import Plan, Progress, Step, step_class
from byzwizard.values import size_bytes

if TYPE_CHECKING:
    from byzwizard.answers import Persistence
    from byzwizard.backends.system import System
    from byzwizard.machine import Disk, Machine


@step_class
class CreateStore(Step):
    """A store where there is none. Never takes more than free space; cannot be undone, but deleted."""

    kind: str
    disk: Disk
    device: str | None  # the partition that save.dat goes onto
    allow_internal: bool
    size: int | None
    kib: int | None  # memory of argon2; None: not encrypted
    passphrase_file: str | None

    @property
    def undoable(self) -> bool:
        return False

    def there(self, system: System) -> store.Store | None:
        """The store that keeps this one from being made: whichever is open, or one on its disk. One that is locked
        counts too: it is somebody's."""
        known = store.known(system)
        if known is not None and (store.is_open(system) or known.disk == self.disk.path):
            return known
        return store.find(system, _name(self.disk, self.allow_internal))

    def is_meant(self, found: store.Store) -> bool:
        return (found.kind, found.disk) == (self.kind, self.disk.path) and (found.encrypted or self.kib is None)

    def needed(self, system: System) -> bool:
        return self.there(system) is None

    def apply(self, system: System, progress: Progress) -> None:
        lock = None if self.kib is None else making.Lock(secret(self.passphrase_file), self.kib)
        if self.kind == "partition":
            made = making.partition(system, self.disk, self.allow_internal, self.size, lock, progress)
        else:
            assert self.device is not None
            made = making.file(
                system, self.disk, self.device, self.allow_internal, self.size, lock, progress
            )
        before = store.known(system)  # locked, on another disk
        stopped = before.stopped if before is not None else ()
        store.remember(system, replace(made, stopped=stopped))  # killed before it is open, it is a locked one
        store.mount(system, made, None if lock is None else lock.passphrase)
        if before is not None:
            keep.stay(system)
            locker.start(system, stopped)

    def undo(self, system: System, before: Any) -> None:
        """Left to `persist delete`: what is in it may be all there is."""


@step_class
class OfStore(Step):
    """Changes the store that `meant` would have made, and no other one that is there; None: whichever it is."""

    meant: CreateStore | None = None

    def is_meant(self, found: store.Store | None) -> bool:
        return found is not None and (self.meant is None or self.meant.is_meant(found))


@step_class
class GrowFile(OfStore):
    """save.dat has at least `size` bytes. The file system in it grows when it is next opened."""

    size: int

    @property
    def undoable(self) -> bool:
        return False

    def _there(self, system: System) -> store.Store | None:
        found = store.known(system)
        return found if found is not None and found.file is not None and self.is_meant(found) else None

    def needed(self, system: System) -> bool:
        found = self._there(system)
        if found is None or found.file is None:
            return False
        if not store.is_open(system) and not store.is_there(system, found):
            return True  # and apply says what stands in the way
        with storefile.looked_into(system, found.device) as place:
            file = system.path(f"{place}{found.file}")
            return place is not None and file.is_file() and file.stat().st_size < self.size

    def apply(self, system: System, progress: Progress) -> None:
        found = store.the(system)  # and not what another stick has there
        assert found.file is not None
        with storefile.carried(system, found.device) as place:
            storefile.grow(system, place.rstrip("/") + found.file, self.size, progress)

    def undo(self, system: System, before: Any) -> None:
        """A bigger file harms nobody."""


@step_class
class OpenStore(OfStore):
    """A store that is there and locked, where its passphrase was given with the answers (or it has none)."""

    wanted: str
    encrypted: bool
    passphrase_file: str | None

    def needed(self, system: System) -> bool:
        if store.is_open(system) or (self.encrypted and self.passphrase_file is None):
            return False
        return self.is_meant(store.find(system, self.wanted))

    def apply(self, system: System, progress: Progress) -> None:
        passphrase = None if self.passphrase_file is None else secret(self.passphrase_file)
        locker.unlock(system, passphrase, self.wanted)

    def undo(self, system: System, before: Any) -> None:
        locker.lock(system)


@step_class
class Keep(OfStore):
    """The open store keeps exactly this."""

    keep: tuple[str, ...]

    def needed(self, system: System) -> bool:
        return store.is_open(system) and self.is_meant(store.known(system)) and not kept.current(system, self.keep)

    def before(self, system: System) -> Any:
        """The list as it was."""
        return list(kept.listed(system))

    def apply(self, system: System, progress: Progress) -> None:
        locker.switch(system, self.keep)

    def told(self, system: System) -> str:
        aside = kept.aside(system)
        off = [name for name in kept.left_over(system) if name not in aside]
        said = []
        if aside:
            said.append(_("What the store had from before stays in it: {names}.").format(names=", ".join(aside)))
        if off:
            said.append(_("What is switched off stays in the store: {names}.").format(names=", ".join(off)))
        if said:
            said.append(_("`byzwizard persist delete --kept NAME` deletes it there."))
        return " ".join(said)

    def undo(self, system: System, before: Any) -> None:
        if store.is_open(system):
            locker.switch(system, tuple(before))


def secret(path: str | None) -> str:
    """The store's passphrase out of its file. Raises CannotHere where none is named, Invalid for what is in it."""
    from byzwizard.answers_file import read_secret

    if path is None:
        raise CannotHere(
            _("persistence.passphrase_file: the store is to be encrypted, and no file with its passphrase is named."),
            _("Name one, or apply the answers in a terminal, where it is asked for."),
        )
    return read_secret(Path(path), "persistence.passphrase_file")


def planned(wanted: Persistence, machine: Machine) -> tuple[Step, ...]:
    """The steps to what the answers say. Pure. Raises Refused for a disk or a size that cannot be, CannotHere where
    this computer has no place for a store."""
    if wanted.kind == "none":
        return ()
    disk = _disk(wanted, machine)
    size = None if wanted.size == "max" else size_bytes(wanted.size)
    device = None
    if not has_store(disk):
        targets.check(disk, targets.overrides(wanted.device), boot_medium_ok=True)
    if wanted.kind == "save.dat":
        device = _carrier(disk, machine, size)
    elif not has_store(disk):
        _room(disk, size)
    create = CreateStore(
        id="store",
        text=_text(wanted, disk, size, device),
        destroys=_destroys(wanted, disk, size, device),
        seal=targets.seal("store", disk),
        asked=True,
        kind=wanted.kind,
        disk=disk,
        device=device,
        allow_internal=targets.overrides(wanted.device),
        size=size,
        kib=luks.memory_kib(size_bytes(wanted.opens_on)) if wanted.encrypt else None,
        passphrase_file=wanted.passphrase_file,
    )
    steps: list[Step] = [
        create,
        OpenStore(
            id="store-open",
            text=_("Open the store on {disk}").format(disk=of(disk)),
            after=("store",),
            meant=create,
            wanted=_name(disk, targets.overrides(wanted.device)),
            encrypted=wanted.encrypt,
            passphrase_file=wanted.passphrase_file,
        ),
        Keep(
            id="store-keep",
            text=_("Keep over a restart: {what}").format(what=", ".join(wanted.keep) or _("nothing")),
            after=("store-open",),
            meant=create,
            keep=wanted.keep,
        ),
    ]
    if wanted.kind == "save.dat" and size is not None:
        steps.append(
            GrowFile(
                id="store-size",
                text=_("Let save.dat have {size}").format(size=words(size)),
                after=("store", "store-open"),  # which looks how big it is
                meant=create,
                size=size,
            )
        )
    return tuple(steps)


def need_meant(system: System, plan: Plan, wanted: Persistence) -> None:
    """Raises Refused where another store is there than the answers ask for, unless it keeps these very answers."""
    create = next((step for step in plan.steps if isinstance(step, CreateStore)), None)
    there = create.there(system) if create is not None else None
    if create is None or there is None or create.is_meant(there) or _keeps(system, wanted):
        return
    raise Refused(
        _("{store} is there ({how}), and the answers ask for another store: {wanted}.").format(
            store=there.words, how=there.how, wanted=create.text
        ),
        _("Lock it (`byzwizard persist lock`) where it is on another stick, or delete it, or let `persistence:` name "
          "it: kind, device, encrypt."),
    )  # fmt: skip


def _keeps(system: System, wanted: Persistence) -> bool:
    """Does the open store keep answers that ask for the same, wherever it is itself?"""
    if not kept.bound(system, "/etc/byzantium"):
        return False
    answers = keep.answers(system)
    alike = wanted.model_copy(update={"passphrase_file": None})
    return answers is not None and answers.persistence == alike


def _name(disk: Disk, allow_internal: bool) -> str:
    """As targets.choose() takes it: two sticks may have one serial number."""
    return f"{targets.INTERNAL}{disk.serial}" if allow_internal else disk.path


def _disk(wanted: Persistence, machine: Machine) -> Disk:
    if wanted.device != "auto":
        return targets.choose(machine.disks, wanted.device)
    found = own(machine)
    if found is None:
        raise CannotHere(
            _("This system does not run from a stick that could keep something."),
            _("Name another one as persistence.device."),
        )
    return found


def _room(disk: Disk, size: int | None) -> None:
    if over_all(disk):
        raise Refused(
            _("{disk} has one file system over all of it: there is no free space.").format(disk=of(disk)),
            _("Use another stick, or a file (save.dat)."),
        )
    need = SMALLEST if size is None else size
    if need < SMALLEST:
        raise Refused(_("persistence.size: {least} are the least for a store.").format(least=words(SMALLEST)))
    if free_behind(disk) < need:
        raise Refused(
            _("{disk} has {free} of free space; {need} are needed.").format(
                disk=of(disk), free=words(free_behind(disk)), need=words(need)
            ),
            _("Use a bigger stick, another one, or a file (save.dat)."),
        )


def _carrier(disk: Disk, machine: Machine, size: int | None) -> str:
    medium = machine.medium.path if machine.medium is not None else None
    part = carrier(disk, medium)
    if part is None:
        raise Refused(
            _("{disk} has no partition that a file can be written to (FAT, exFAT or ext).").format(disk=of(disk)),
            _("Choose an encrypted partition, or another stick."),
        )
    if size is None:
        return part.path
    if part.filesystem in FAT and size > FAT_MOST:
        raise Refused(
            _("persistence.size: on FAT, save.dat can have 975 MiB at most, not {size}.").format(size=words(size)),
            _("Choose an encrypted partition for more."),
        )
    if not SMALLEST <= size <= part.bytes:
        raise Refused(
            _("persistence.size: save.dat on {device} can have {least} to {most}, not {size}.").format(
                device=part.path, least=words(SMALLEST), most=words(part.bytes), size=words(size)
            )
        )
    return part.path


def _text(wanted: Persistence, disk: Disk, size: int | None, device: str | None) -> str:
    what = of(disk)
    if wanted.kind == "partition":
        if wanted.encrypt:
            return _("Make the free space of {disk} an encrypted partition").format(disk=what)
        return _("Make the free space of {disk} a partition that anybody can read").format(disk=what)
    name = f"{storefile.NAME} ({device})"
    if wanted.encrypt:
        return _("Make an encrypted file {name} on {disk}").format(name=name, disk=what)
    return _("Make a file {name} on {disk} that anybody can read").format(name=name, disk=what)


def _destroys(wanted: Persistence, disk: Disk, size: int | None, device: str | None) -> str | None:
    """Vendor, model, size and serial, and what is there now. A new file destroys nothing."""
    if wanted.kind != "partition":
        return None
    taken = free_behind(disk) if size is None else size
    return _("the free space of {disk}: {size} become a partition. What is on it stays.").format(
        disk=targets.describe(disk), size=words(taken)
    )
