"""The store of a node that stands: opened, locked, its passphrase, what it keeps. Sheets over the Node page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from byzwizard import values
from byzwizard.diskwords import size
from byzwizard.errors import ByzantiumError, Damaged
from byzwizard.i18n import _
from byzwizard.places import FULL
from byzwizard.screens.items import Action, Button, Entry, Gap, Item, Key, Note, Waiting
from byzwizard.screens.meter import Meter
from byzwizard.screens.page import Session
from byzwizard.screens.sheets import Sheet, confirm

if TYPE_CHECKING:
    from byzwizard.desk import Keeping


def show(session: Session) -> None:
    """Open the sheet that fits the store's state."""
    session.host.later(session.desk.keeping, lambda found: _show(session, found), session.sorry)


def _show(session: Session, found: Keeping | None) -> None:
    if found is None:
        session.say(_("Nothing is kept here: e changes the setup, and Keep is one of its pages."))
    elif found.open:
        session.host.open(Kept(session, found))
    else:
        session.host.open(Unlock(session, found))


class Secret(Sheet):
    """A sheet with passphrases; F8 shows them. `fields` are (id, label)."""

    fields: tuple[tuple[str, str], ...] = ()

    def __init__(self, session: Session, title: str, sentence: str) -> None:
        super().__init__(session, title, sentence, focus=self.fields[0][0])
        self._typed = {key: "" for key, _label in self.fields}
        self._shown = False
        self._busy = False
        self._said = ""

    def bindings(self) -> Sequence[Key]:
        return [Key(("f8",), _("hide") if self._shown else _("show"), self._show, footer="F8")]

    def items(self) -> Sequence[Item]:
        if self._busy:
            return [Waiting(_("This takes some seconds …"))]
        items: list[Item] = [
            Entry(
                key,
                label,
                self._typed[key],
                partial(self._type, key),
                secret=not self._shown,
                limit=63,
                enter=self._done if key == self.fields[-1][0] else None,
            )
            for key, label in self.fields
        ]
        # What goes wrong has its place from the beginning: a sheet stays as high as it was opened.
        return [*items, *([Note(self._said, "bad")] if self._said else [Gap(), Gap()])]

    def _type(self, key: str, text: str) -> None:
        self._typed[key] = text
        self.session.host.changed()

    def _show(self) -> None:
        self._shown = not self._shown
        self.session.host.changed()

    def _done(self) -> None:
        """What Enter in the last field does, and the button of that meaning."""
        raise NotImplementedError

    def _run(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Do what takes some seconds; what goes wrong stands below the fields."""
        self._busy, self._said = True, ""
        self.session.host.changed()

        def finished(_none: None) -> None:
            self._busy = False
            done()

        self.session.host.later(job, finished, self._failed)

    def _failed(self, fault: ByzantiumError) -> None:
        """The passphrase is asked for again; one that can be seen stays to be corrected."""
        self._busy, self._said = False, str(fault)
        first = self.fields[0][0]
        if not self._shown and not isinstance(fault, Damaged):
            self._typed[first] = ""
        self.session.host.changed()
        self.session.host.move(first)


class Unlock(Secret):
    def __init__(self, session: Session, found: Keeping) -> None:
        self.fields = (("passphrase", _("Passphrase")),)
        super().__init__(
            session,
            _("Open what this node keeps"),
            _("The store ({where}) is locked. Its answers are applied once it is open.").format(where=found.where),
        )

    def buttons(self) -> Sequence[Button]:
        return [Button("cancel", _("Cancel"), self.escape), Button("open", _("Open"), self._done)]

    def _done(self) -> None:
        self._unlock(mend=False)

    def _unlock(self, mend: bool) -> None:
        desk, passphrase = self.session.desk, self._typed["passphrase"]
        self._run(lambda: desk.unlock(passphrase, mend), self._opened)

    def _failed(self, fault: ByzantiumError) -> None:
        super()._failed(fault)
        if isinstance(fault, Damaged):
            confirm(
                self.session,
                _("Mend the store?"),
                _("Its file system is damaged. What was half written may be lost."),
                (_("Mend it"), lambda: self._unlock(mend=True)),
            )

    def _opened(self) -> None:
        """The kept answers are applied."""
        session = self.session
        session.host.close(self)

        def found(answers: object) -> None:
            from byzwizard.answers import Answers

            if isinstance(answers, Answers):
                session.draft.answers = answers
                session.review = None
                session.go("apply")
            else:
                session.say(_("The store is open; it holds no answers."))

        session.host.later(session.desk.answers, found, session.sorry)


class Kept(Sheet):
    """What the open store keeps, with sizes, and what can be done with it."""

    def __init__(self, session: Session, found: Keeping) -> None:
        super().__init__(session, _("What this node keeps"), found.where, focus="close")
        self._found = found

    def items(self) -> Sequence[Item]:
        found = self._found
        fill = found.fill or 0.0
        how = _("encrypted") if found.encrypted else _("not encrypted: whoever has the stick reads it")
        items: list[Item] = [
            Note(how, "good" if found.encrypted else "look"),
            Note(_("{percent} % full").format(percent=round(100 * fill)), "look" if fill >= FULL else "good"),
            Gap(),
        ]
        left = set(found.left_over)
        items += [Note(size(bytes_), label=name) for name, bytes_ in found.sizes.items() if name not in left]
        if left:
            items.append(Note(_("Switched off, and still there:"), strong=True))
        items += _left_over(found, self._ask_forget)
        items.append(Gap())
        if found.encrypted:
            items.append(Action("lock", _("Lock"), self._lock, _("services that use it are stopped")))
            items.append(Action("passphrase", _("Passphrase"), self._passphrase, _("give it another one")))
        items.append(Action("delete", _("Delete"), self._ask_delete, _("the whole store, with all that it keeps")))
        return items

    def _lock(self) -> None:
        self._then(self.session.desk.lock, _("The store is locked."))

    def _passphrase(self) -> None:
        self.session.host.close(self)
        self.session.host.open(Change(self.session))

    def _ask_delete(self) -> None:
        confirm(
            self.session,
            _("Delete the store?"),
            _("This goes: {what}. Nobody can bring it back.").format(what=self._found.erases),
            (_("Delete it"), lambda: self._then(self._delete, _("The store is deleted."))),
        )

    def _delete(self) -> None:
        self.session.desk.delete_store(self._found.seal)

    def _ask_forget(self, name: str) -> None:
        _ask_forget(
            self.session, name, lambda: self._then(lambda: self.session.desk.delete_kept(name), _("It is deleted."))
        )

    def _then(self, job: Callable[[], None], sentence: str) -> None:
        session = self.session
        session.host.close(self)
        session.host.later(job, lambda _none: session.say(sentence), session.sorry)


def _left_over(found: Keeping, ask: Callable[[str], None]) -> list[Item]:
    """What is switched off, each to be deleted."""
    return [
        Action(f"delete.{name}", name, partial(ask, name), _("delete"), side=size(found.sizes.get(name, 0)))
        for name in found.left_over
    ]


def _ask_forget(session: Session, name: str, delete: Callable[[], None]) -> None:
    confirm(
        session,
        _("Delete {name}?").format(name=name),
        _("It is switched off; what the store still holds of it goes."),
        (_("Delete it"), delete),
    )


class LeftOver(Sheet):
    """Offered after an apply that switched something off."""

    def __init__(self, session: Session, found: Keeping) -> None:
        buttons = [Button("leave", _("Leave it there"), self.escape)]
        super().__init__(session, _("Switched off, and still in the store"),
                         _("Nothing new is kept of it; what is there stays until it is deleted."), buttons=buttons)
        self._found = found

    def items(self) -> Sequence[Item]:
        return _left_over(self._found, self._ask)

    def _ask(self, name: str) -> None:
        _ask_forget(self.session, name, lambda: self._delete(name))

    def _delete(self, name: str) -> None:
        def deleted(_none: None) -> None:
            left = tuple(other for other in self._found.left_over if other != name)
            self._found = replace(self._found, left_over=left)
            if left:
                self.session.host.changed()
                self.session.host.move("leave")
            else:
                self.session.host.close(self)
                self.session.say(_("It is deleted."))

        self.session.host.later(lambda: self.session.desk.delete_kept(name), deleted, self.session.sorry)


class New(Secret):
    """A sheet on which a passphrase is chosen: measured, and F6 makes one of five words. `new` is its field."""

    new = "new"

    def __init__(self, session: Session, title: str, sentence: str, use: str) -> None:
        super().__init__(session, title, sentence)
        self._meter = Meter(session, lambda: self._typed[self.new], lambda: not self._fits(), use)

    def bindings(self) -> Sequence[Key]:
        return [Key(("f6",), _("new words"), self._words, footer="F6"), *super().bindings()]

    def items(self) -> Sequence[Item]:
        items = super().items()
        below = 1 + [key for key, _label in self.fields].index(self.new)
        return items if self._busy else [*items[:below], self._meter.note(self._shown), *items[below:]]

    def _type(self, key: str, text: str) -> None:
        super()._type(key, text)
        self._meter.measure()

    def _words(self) -> None:
        self._typed[self.new] = self._meter.words()
        self.session.host.changed()

    def _fits(self) -> bool:
        try:
            values.passphrase(self._typed[self.new])
        except ValueError:
            return False
        return True

    def _done(self) -> None:
        if self._fits():
            self._take()
            return
        self._said = _("A passphrase is 8 to 63 characters: letters, digits, signs and spaces of plain ASCII.")
        self.session.host.changed()

    def _take(self) -> None:
        """It can be a passphrase."""
        raise NotImplementedError


class Own(New):
    """The passphrase of the stores on copies, typed twice; `then` is told it."""

    def __init__(self, session: Session, then: Callable[[str], None]) -> None:
        self.fields = (("new", _("Passphrase")), ("again", _("Once more")))
        self._then = then
        super().__init__(
            session,
            _("A passphrase for the copies"),
            _("It opens the store on each of them; that of this node does not."),
            _("nobody can open their stores without it"),
        )

    def buttons(self) -> Sequence[Button]:
        return [Button("cancel", _("Cancel"), self.escape), Button("take", _("Continue"), self._done)]

    def _words(self) -> None:
        """Nobody types what was made for them twice."""
        super()._words()
        self._typed["again"] = self._typed["new"]

    def _take(self) -> None:
        new, again = self._typed["new"], self._typed["again"]
        if new != again:
            self._said = _("The two are not the same.")
            self.session.host.changed()
            self.session.host.move("again")
            return
        self.session.host.close(self)
        self._then(new)


class Change(New):
    """Another passphrase for the store."""

    def __init__(self, session: Session) -> None:
        self.fields = (("old", _("Present one")), ("new", _("New one")))
        super().__init__(
            session,
            _("Another passphrase"),
            _("The former one does not open the store any more."),
            _("nobody can open the store without it"),
        )

    def buttons(self) -> Sequence[Button]:
        return [Button("cancel", _("Cancel"), self.escape), Button("change", _("Change it"), self._done)]

    def _take(self) -> None:
        old, new, session = self._typed["old"], self._typed["new"], self.session

        def changed() -> None:
            session.host.close(self)
            session.say(_("The passphrase is changed."))

        self._run(lambda: session.desk.change_passphrase(old, new), changed)
