"""Keep: what is remembered when the computer is switched off, where, and the passphrase that opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard import places, values
from byzwizard.diskwords import label, name, size
from byzwizard.i18n import _
from byzwizard.screens.items import Button, Drawing, Entry, Fold, Gap, Item, Key, Note, Option, Pick
from byzwizard.screens.meter import Meter
from byzwizard.screens.page import Page, Session
from byzwizard.screens.switches import Switches

if TYPE_CHECKING:
    from byzwizard.desk import Keeping
    from byzwizard.machine import Disk

SECRET = "store-passphrase"
SIZE = "persistence.size"
WIDTH = 60  # columns inside of the drawing
EDGE = 13  # columns of what is there, in the drawing


class Keep(Page):
    name = "keep"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._open = False  # the fold
        self._shown = False  # the passphrase in plain
        self._typed = ""
        self._fault = ""
        self._store: Keeping | None = None  # the one that is open
        self._switches = Switches(session)
        self._meter = Meter(
            session, lambda: self._typed, lambda: bool(self._fault), _("nobody can open the store without it")
        )

    @property
    def place(self) -> str:
        return _("Keep · {n} of {all}").format(n=self.session.step(self.name)[0], all=self.session.step(self.name)[1])

    @property
    def title(self) -> str:
        return _("Keep what people write?")

    @property
    def sentence(self) -> str:
        return _("Without this, everything is forgotten when the computer is switched off.")

    @property
    def help(self) -> str:
        return _(
            "The store keeps who this node is, its settings, and what people write. It is encrypted with the "
            "passphrase, which is asked for at every start; without the passphrase nobody can open it, and nobody can "
            "bring it back.\n\n"
            "An encrypted partition takes the free space of the stick. A file (save.dat) lies beside other files and "
            "can be copied; on FAT it has 975 MiB at most, because bigger ones are not found by Porteus.\n\n"
            "If the stick may be taken from you, forgetting everything is the safest choice."
        )

    def enter(self) -> None:
        self._shown = False
        self._switches.read()
        self.session.host.later(self.session.desk.keeping, self._kept, self.session.sorry)

    def _kept(self, found: Keeping | None) -> None:
        self._store = found if found is not None and found.open else None
        self.session.host.changed()

    def leave(self) -> None:
        self._shown = False

    def focus(self) -> str | None:
        return "next"

    def buttons(self) -> Sequence[Button]:
        return [Button("back", _("Back"), self.escape), Button("next", _("Continue"), self._next)]

    def bindings(self) -> Sequence[Key]:
        if not self._asks:
            return []
        return [
            Key(("f6",), _("new words"), self._new_words, footer="F6"),
            Key(("f8",), _("hide") if self._shown else _("show"), self._show, footer="F8"),
        ]

    @property
    def kind(self) -> str:
        return str(self.session.draft.get("persistence.kind"))

    @property
    def _disk(self) -> Disk | None:
        """The stick that is chosen, where it is here."""
        machine, wanted = self.session.machine, self.session.draft.get("persistence.device")
        if machine is None:
            return None
        if wanted == "auto":
            return places.own(machine)
        return next((disk for disk in machine.disks if wanted in {disk.path, places.called(disk, machine.disks)}), None)

    @property
    def _asks(self) -> bool:
        """Whether a new store with a passphrase is to be made."""
        draft, disk = self.session.draft, self._disk
        there = self._store is not None or (disk is not None and places.has_store(disk))
        of_file = draft.get("persistence.passphrase_file") is not None
        return self.kind != "none" and bool(draft.get("persistence.encrypt")) and not there and not of_file

    def items(self) -> Sequence[Item]:
        encrypted = bool(self.session.draft.get("persistence.encrypt"))
        partition = _("Encrypted partition") if encrypted else _("Partition")
        items: list[Item] = [
            Option(
                "none", _("Forget all"), self.kind == "none", lambda: self._choose("none"),
                _("safest if the stick may be taken from you"),
            ),
            Option(
                "partition", _("Partition"), self.kind == "partition", lambda: self._choose("partition"),
                _("in the free space of the stick, opened with a passphrase") if encrypted else partition,
            ),
            Option(
                "save.dat", _("File"), self.kind == "save.dat", lambda: self._choose("save.dat"),
                _("save.dat beside other files, up to 975 MiB on FAT"),
            ),
        ]  # fmt: skip
        if self._store is not None:
            how = _("encrypted") if self._store.encrypted else _("not encrypted")
            items += [Gap(), Note(f"{self._store.where}, {how}", label=_("Open now"))]
        if self.kind == "none":
            return items
        items += [Gap(), *self._where()]
        if self._asks:
            items += [
                Entry(
                    SECRET, _("Passphrase"), self._typed, self._type, self._fault, secret=not self._shown, limit=63
                ),
                self._meter.note(self._shown),
            ]
        items.append(Fold("more", _("More"), self._open, self._fold))
        return [*items, *self._more()] if self._open else items

    def _where(self) -> list[Item]:
        """The stick, and what becomes of it."""
        machine, disk = self.session.machine, self._disk
        sticks = places.candidates(machine) if machine is not None else ()
        disks = machine.disks if machine is not None else ()
        items: list[Item] = []
        if len(sticks) > 1 or (sticks and disk is None):
            own = places.own(machine) if machine is not None else None
            options = tuple(
                ("auto" if stick is own else places.called(stick, disks), label(stick)) for stick in sticks
            )
            wanted = str(self.session.draft.get("persistence.device"))
            if wanted not in {value for value, _words in options}:
                options = ((wanted, _("choose a stick") if wanted == "auto" else wanted), *options)
            items.append(Pick("device", _("On"), wanted, options, self._choose_device))
        elif disk is not None:
            items.append(Note(label(disk), label=_("On")))
        if disk is None:
            return [*items, Note(_("This system does not run from a stick; plug one in."), "look", " ")]
        if self._store is not None:
            return [*items, self._beside(self._store, disk)]
        if places.has_store(disk):
            return [*items, Note(_("there is a store on it already; it is used"), "good", " ")]
        return [*items, self._drawing(disk)]

    def _beside(self, store: Keeping, disk: Disk) -> Item:
        """A store is open: it is this one, or it is in the way."""
        encrypted = store.encrypted or not self.session.draft.get("persistence.encrypt")
        if (store.kind, store.disk) == (self.kind, disk.path) and encrypted:
            return Note(_("its store is open; it is used"), "good", " ")
        return Note(_("another store is open: lock or delete it first (k on the Node page)"), "bad", " ")

    def _drawing(self, disk: Disk) -> Item:
        machine = self.session.machine
        medium = machine.medium.path if machine is not None and machine.medium is not None else None
        free = places.free_behind(disk)
        if self.kind == "partition":
            if free < places.SMALLEST:
                return Note(_("there is no free space behind what it holds"), "bad", " ")
            wanted = self._size() or free
            there, new = size(disk.bytes - free), _("new: {size}").format(size=size(min(wanted, free)))
        else:
            part = places.carrier(disk, medium)
            if part is None:
                return Note(_("it has no partition for a file (FAT, exFAT or ext)"), "bad", " ")
            most = min(part.bytes, places.FAT_MOST) if part.filesystem in places.FAT else part.bytes
            wanted = self._size() or most
            there = f"{part.filesystem} {size(part.bytes)}"
            new = _("new: {size}").format(size=f"save.dat {size(wanted)}")
        words = _("{disk}: {there} stays, {new}").format(disk=name(disk), there=there, new=new)
        left = max(EDGE, len(there) + 2)
        right = max(WIDTH - left, len(new) + 2)
        return Drawing(
            (
                f"┌{'─' * left}┬{'─' * right}┐",
                f"│ {there:<{left - 2}} │ {new:<{right - 2}} │",
                f"└{'─' * left}┴{'─' * right}┘",
            ),
            words,
        )

    def _size(self) -> int | None:
        wanted = str(self.session.draft.get(SIZE))
        return None if wanted == "max" else values.size_bytes(wanted)

    def _more(self) -> list[Item]:
        draft = self.session.draft
        items: list[Item] = [
            Entry(
                SIZE,
                _("Size"),
                draft.text(SIZE),
                self._type_size,
                draft.faults.get(SIZE, ""),
                _("max, or such as 900MB or 4GiB"),
                limit=10,
            ),
            Pick(
                "encrypt",
                _("Encryption"),
                "yes" if draft.get("persistence.encrypt") else "no",
                (("yes", _("opens with the passphrase only")), ("no", _("none: whoever has the stick reads it"))),
                lambda value: self._set("encrypt", value == "yes"),
            ),
            Pick(
                "opens_on",
                _("Opens on"),
                str(draft.get("persistence.opens_on")),
                self._memories(),
                lambda value: self._set("opens_on", value),
            ),
        ]
        return [*items, *self._switches.items()]

    def _memories(self) -> tuple[tuple[str, str], ...]:
        found = {"512MiB", "1GiB", "2GiB", "4GiB", str(self.session.draft.get("persistence.opens_on"))}
        ordered = sorted(found, key=values.size_bytes)
        return tuple((each, _("computers with {size} of memory").format(size=each)) for each in ordered)

    def _set(self, key: str, value: object) -> None:
        self.session.draft.set(f"persistence.{key}", value)
        self.session.host.changed()

    def _choose(self, kind: str) -> None:
        self._set("kind", kind)
        machine = self.session.machine
        if kind != "none" and self._disk is None and machine is not None and places.candidates(machine):
            first = places.candidates(machine)[0]
            self._set("device", places.called(first, machine.disks))

    def _choose_device(self, value: str) -> None:
        self._set("device", value)

    def _type_size(self, text: str) -> None:
        self.session.draft.type(SIZE, text, lambda text: values.size_or_max(text or "max"))
        self.session.host.changed()

    def _type(self, text: str) -> None:
        self._typed, self._fault = text, ""
        try:
            values.passphrase(text)
        except ValueError as fault:
            self._fault = str(fault)
        self._meter.measure()
        self.session.host.changed()

    def _new_words(self) -> None:
        if self._meter.replaces():
            return
        self._typed, self._fault = self._meter.words(), ""
        self.session.host.changed()

    def _show(self) -> None:
        self._shown = not self._shown
        self.session.host.changed()

    def _fold(self) -> None:
        self._open = not self._open
        self.session.host.changed()

    def _next(self) -> None:
        """On to Review, unless the store would have no passphrase or a size that cannot be."""
        draft = self.session.draft
        if self.kind != "none" and SIZE in draft.faults:
            self._open = True
            self.session.say(draft.faults[SIZE])
            self.session.host.move(SIZE)
            return
        if self._asks and (self._fault or not self._typed):
            self.session.say(self._fault or _("The store needs a passphrase; F6 makes one of five words."))
            self.session.host.move(SECRET)
            return
        draft.store_passphrase = self._typed if self._asks else ""
        self.session.onward()
