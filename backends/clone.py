"""Copies of the running system on other sticks, any number at once. Done when it is asked for, and never at boot."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from byzwizard.backends import aboard, direct, freespace, renewal, staying, storefile, targets
from byzwizard.desk import Stick
from byzwizard.diskwords import describe, holds, label
from byzwizard.errors import CannotHere, Refused, StepFailed
from byzwizard.i18n import _
from byzwizard.places import LABEL as STORE
from byzwizard.places import called
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.answers import Answers
    from byzwizard.backends.fatfs import Around, Content
    from byzwizard.backends.freespace import Space
    from byzwizard.backends.layout import Template
    from byzwizard.backends.stick import Behind
    from byzwizard.backends.system import System
    from byzwizard.backends.window import Window
    from byzwizard.machine import Disk, Machine


class Hand(Protocol):
    """What hands on a store, of which there is one on each stick, behind its system."""

    def check(self, system: System) -> None:
        """Before anything is erased. Raises CannotHere where there is nothing to hand on, Invalid."""

    def onto(self, system: System, disk: Disk, space: Space) -> Behind:
        """Before anything is erased. Raises Refused where it has no room there."""


FOLDER = "/run/byzantium"  # in memory
LEAST = 512 << 20  # bytes; the exact size is known when the source is looked at


class Shared:
    """What the sticks of one copy have in common while it runs; made by the first of them, removed by the last."""

    def __init__(self, system: System, answers: Answers | None, part: int) -> None:
        from byzwizard.backends import content

        self.part = part
        self._system = system
        self._lock = threading.Lock()
        self._windows: list[Window] = []
        self._making = ThreadPoolExecutor(1)
        self._templates: dict[tuple[int, Around], Future[Template]] = {}
        self.files: dict[str, Content] = content.system_files(system.path(content.MEDIUM))
        if answers is not None:
            self.files[content.ANSWERS] = content.answers_file(answers)
        self.bytes = content.bytes_of(self.files)
        system.path(FOLDER).mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=system.path(FOLDER), prefix="copy-"))

    def template(self, size: int, around: Around) -> Future[Template]:
        """For system partitions of `size` bytes. It is made while the sticks are being emptied and proved."""
        with self._lock:
            if (size, around) not in self._templates:
                number = len(self._templates)
                self._templates[size, around] = self._making.submit(self._make, f"template-{number}", size, around)
            return self._templates[size, around]

    def _make(self, name: str, size: int, around: Around) -> Template:
        from byzwizard.backends.layout import Template

        template = Template(self._system, self.scratch(name), size, self.files, around)
        self.window(template)
        return template

    def window(self, template: Template) -> Window:
        """On the source, one for all sticks that take the same parts of it: all, but those where a big file lies in
        pieces around one that stays."""
        from byzwizard.backends.window import Window

        with self._lock:
            found = next((window for window in self._windows if window.fits(template.big)), None)
            if found is None:
                found = Window(template.big, self.part, only=bool(self._windows))
                self._windows.append(found)
        found.start()
        return found

    def scratch(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def close(self) -> None:
        self._making.shutdown()
        for window in self._windows:
            window.close()
        shutil.rmtree(self._folder)


def part_for(sticks: int) -> int:
    """Bytes that are written in one go: 4 MiB, and less for many sticks, so that all together take 16 MiB at a time."""
    part = 4 << 20
    while part * sticks > 16 << 20 and part > 256 << 10:
        part //= 2
    return part


class Copy:
    """Counts the sticks that are being written, and so knows when what they share is needed."""

    def __init__(self, answers: Answers | None, sticks: int) -> None:
        self._answers = answers
        self._part = part_for(sticks)
        self._users = 0
        self._shared: Shared | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def share(self, system: System) -> Iterator[Shared]:
        """Raises CannotHere where the running system's medium cannot be copied."""
        with self._lock:
            self._shared = self._shared or Shared(system, self._answers, self._part)
            self._users += 1
            shared = self._shared
        try:
            yield shared
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    shared.close()
                    self._shared = None


def stand_back(system: System) -> None:
    """This thread works when nothing else wants the processor or a disk: the node goes on serving."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    system.run("ionice", "--class", "idle", "--pid", str(threading.get_native_id()))


@step_class
class CopySystem(Step):
    """Writes and checks one stick. It counts each byte twice: when it has reached the stick, and when it was read back
    from there."""

    patient: ClassVar[bool] = True
    disk: Disk
    allow_internal: bool
    several: bool
    copy: Copy = field(compare=False)
    hand: Hand | None = field(default=None, compare=False)

    @property
    def undoable(self) -> bool:
        return False

    def needed(self, system: System) -> bool:
        return True

    def apply(self, system: System, progress: Progress) -> None:
        if self.hand is not None:
            self.hand.check(system)
        stand_back(system)
        try:
            with self.copy.share(system) as shared:
                self._write(system, shared, progress)
            targets.settle(system)
        except Refused as refused:
            if not self.several:
                raise
            raise StepFailed(refused.message, refused.hint) from refused  # one of several failed

    def _write(self, system: System, shared: Shared, progress: Progress) -> None:
        from byzwizard.backends import layout
        from byzwizard.backends.fatfs import NOTHING, NoRoom
        from byzwizard.backends.stick import Stick, empty, put

        disk, bytes_ = self.disk, self.disk.bytes
        now = aboard.of(system, disk)
        renewal.need_nothing_lost(now)
        if renewal.has_file(now) != renewal.has_file(disk):
            raise targets.changed(disk)
        kept = renewal.read(system, now, shared.bytes) if renewal.is_ours(now) else None
        least = 0 if kept else layout.smallest_disk(shared.bytes)
        size = kept.size if kept else layout.system_size(bytes_, shared.bytes)
        space = freespace.behind(layout.BEGIN + size, bytes_, "gpt")
        behind = self.hand.onto(system, disk, space) if self.hand is not None else None
        making = shared.template(size, kept.around if kept else NOTHING)
        with targets.hold(system, disk, self.allow_internal, need_bytes=least, flags=os.O_DIRECT) as descriptor:
            direct.need_sectors_of_512(descriptor)
            if kept is not None:
                renewal.need_same(descriptor, kept, disk)
            more = kept.lines if kept else (freespace.line(space, STORE),) if behind is not None else ()
            folder = shared.scratch(self.id)
            stays = kept.around.stays if kept else None
            unfinished = layout.unfinished(
                system, folder, size, bytes_, kept.lines if kept else (), renewal.notes(kept)
            )
            going_on = renewal.was_interrupted(disk)
            if kept is None:
                # Nor does the beginning stay of a store that an interrupted copy had begun.
                begun = ((space.start, bytes(freespace.ALIGN)),) if space.bytes else ()
                empty(descriptor, bytes_, (*unfinished, *begun), going_on)
            try:
                template = making.result()
            except NoRoom as full:
                if stays is None:
                    raise
                raise renewal.no_room(disk) from full
            names = layout.Names(volume=stays.volume) if stays else layout.Names()
            stick = Stick(
                descriptor, template, template.layout(bytes_, names, more, folder), shared.window(template),
                shared.part, progress, going_on, behind,
            )  # fmt: skip
            if kept is None:
                stick.make()
            else:
                stick.renew(unfinished, kept.beside and template.fat.beside)
                if stays is not None:
                    with contextlib.suppress(StepFailed):  # it starts, and where there are tables no note is believed
                        put(descriptor, (staying.NO_NOTE,))

    def undo(self, system: System, before: Any) -> None:
        """There is nothing to take back: what was on the stick is gone."""


def steps(
    to: Sequence[str],
    content: str,
    answers: Answers | None,
    machine: Machine,
    hand: Hand | None = None,
    with_answers: bool = False,
) -> tuple[Step, ...]:
    """Pure. One step for each stick that `to` names; `content` is blank, answers or data, `with_answers` says that it
    is answers besides. `answers` are what a copy with answers is made from, None where there are none; `hand` is for
    one with data, None where no store is open.
    Raises Refused for a wrong disk, CannotHere for what cannot be handed on."""
    chosen: list[tuple[Disk, bool]] = []
    for wanted in to:
        disk = targets.choose(machine.disks, wanted)
        internal = targets.overrides(wanted)
        _check(disk, internal)
        if content == "data" and renewal.is_ours(disk):
            raise Refused(
                _("{disk} has a store already, which would stay: what is kept here has no room beside it.").format(
                    disk=label(disk)
                ),
                renewal.unneeded(disk),
            )
        if any(disk.path == other.path for other, _internal in chosen):
            raise Refused(_("{disk} is named twice.").format(disk=label(disk)), _("Name each stick once."))
        chosen.append((disk, internal))
    if chosen and content == "data" and hand is None:
        raise no_store()
    with_answers = with_answers or content == "answers"
    if chosen and with_answers and answers is None:
        raise CannotHere(
            _("This computer is not a node yet: it has no answers to hand on."), _("Set it up first, or copy it blank.")
        )
    copy = Copy(answers if with_answers else None, len(chosen))
    return tuple(
        CopySystem(
            id=step_id(disk),
            text=_doing(disk),
            destroys=erased(disk),
            seal=_seal(disk),
            disk=disk,
            allow_internal=internal,
            several=len(chosen) > 1,
            copy=copy,
            hand=hand if content == "data" else None,
        )
        for disk, internal in chosen
    )


def no_store() -> CannotHere:
    return CannotHere(
        _("clone.content: to hand on what is kept needs an open store."),
        _("Without it, `--with-answers` makes sticks that join this mesh."),
    )


def _check(disk: Disk, allow_internal: bool) -> None:
    """Raises Refused."""
    targets.check(disk, allow_internal, need_bytes=LEAST)
    renewal.need_nothing_lost(disk)


def _doing(disk: Disk) -> str:
    if renewal.was_interrupted(disk):
        return _("Go on with the copy to {disk} that was interrupted").format(disk=label(disk))
    return _("Copy this system to {disk}").format(disk=label(disk))


def _seal(disk: Disk) -> str:
    """Of what is to be done with it, too: whether a file stays is not seen in its table."""
    return targets.seal(f"{step_id(disk)} {renewal.has_file(disk)}", disk)


def step_id(disk: Disk) -> str:
    return f"copy-{disk.path.removeprefix('/dev/')}"


def erased(disk: Disk) -> str:
    """What a copy to it does away with, for the confirmation."""
    if renewal.is_ours(disk):
        stays = _("its {file} stays").format(file=storefile.NAME) if renewal.has_file(disk) else ""
        if len(disk.partitions) > 1:
            stays = ", ".join(filter(None, (_("the store behind it stays"), stays)))
        files = ", ".join(name for part in disk.partitions for name in part.files if name != storefile.NAME)
        if files:
            return _("the system on {disk} and all files beside it ({files}); {stays}").format(
                disk=label(disk), files=files, stays=stays
            )
        return _("the system on {disk} and all files beside it; {stays}").format(disk=label(disk), stays=stays)
    if renewal.was_interrupted(disk):
        return _("the unfinished copy on {disk}, which goes on where it was interrupted").format(disk=label(disk))
    return describe(disk)


def sticks(disks: Sequence[Disk]) -> list[Stick]:
    """For the page: what could be meant, by its serial number where no other has that. Internal disks and the boot
    medium are not even shown."""
    shown = [disk for disk in disks if not targets.internal(disk) and not disk.boot_medium]
    return [
        Stick(
            name=called(disk, disks),
            step=step_id(disk), label=label(disk), holds=holds(disk), erases=erased(disk), refused=_why_not(disk),
            seal=_seal(disk),
        )
        for disk in shown
    ]  # fmt: skip


def _why_not(disk: Disk) -> str | None:
    try:
        _check(disk, allow_internal=False)
    except Refused as refused:
        return str(refused)
    return None
