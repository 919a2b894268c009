"""Services: what this node offers, by category; what it costs in memory; on a node that stands, how each of them is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from byzwizard import fulldisks, room
from byzwizard.diskwords import size
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens.items import Action, Button, Gap, Item, Key, Mark, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.sheets import Sheet, confirm

if TYPE_CHECKING:
    from byzwizard.catalogue import Catalogue, Descriptor
    from byzwizard.desk import Offer, Serving
    from byzwizard.machine import Machine

ROW = "service-"
MEMORY = 8  # columns of an amount of memory


def full_disk() -> str:
    return _("Its disk is full.") + " " + fulldisks.advice()


class Services(Page):
    name = "services"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.catalogue: Catalogue | None = None
        self.offer: Offer | None = None  # of a node that stands
        self._asking = False
        self._again = 0.0  # monotonic second before which nothing is asked
        self._fault = ""

    @property
    def place(self) -> str:
        n, every = self.session.step(self.name)
        return _("Services") if self._panel else _("Services · {n} of {all}").format(n=n, all=every)

    @property
    def title(self) -> str:
        return _("What should this node offer?")

    @property
    def sentence(self) -> str:
        return _("Everything is off until you choose it. Others find it in the directory.")

    @property
    def help(self) -> str:
        return _(
            "Space switches a service on or off; nothing happens before Review. Enter shows what it needs and where "
            "people find it, with a code for their phones.\n\n"
            "The memory beside each is what it may take at the most; the last lines say how much there is, and what to "
            "leave out where it cannot fit. What a service needs is switched on with it, and off again when nothing "
            "needs it any more.\n\n"
            "On a node that stands the last column says how each is now. l shows what one wrote last: look there when "
            "it FAILS. What people wrote stays when a service is switched off; its page of details can delete it."
        )

    @property
    def _panel(self) -> bool:
        """Whether this is asked for by a node that stands, and no step of a setup."""
        return self.session.behind == "node"

    # What is asked of the desk.

    def enter(self) -> None:
        if self.catalogue is None:
            self.session.host.later(self.session.desk.catalogue, self._read, self._failed)
        if self.session.machine is None:  # for its memory
            self.session.host.later(self.session.desk.machine, self._found, self._failed)
        self._again = 0.0
        self.tick()

    def _read(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.session.host.changed()
        if self._panel and self.session.page is self:
            self.session.host.move(self.focus() or "")

    def _found(self, machine: Machine) -> None:
        self.session.machine = machine
        self.session.host.changed()

    def tick(self) -> None:
        """Takes a tenth of a slow computer's time at most, as the Node page."""
        if self.session.first != "node" or self._asking or time.monotonic() < self._again:
            return
        self._asking = True
        self.session.host.later(self._ask, self._told, self._failed)

    def _ask(self) -> Offer:
        began = time.monotonic()
        try:
            return self.session.desk.offer()
        finally:
            now = time.monotonic()
            self._again = now + 9 * (now - began)

    def _told(self, offer: Offer) -> None:
        self._asking, self._fault, self.offer = False, "", offer
        self.session.host.changed()

    def _failed(self, fault: ByzantiumError) -> None:
        self._asking, self._fault = False, str(fault)
        self.session.host.changed()

    # What is wanted.

    @property
    def _there(self) -> dict[str, Descriptor]:
        return dict(self.catalogue.services) if self.catalogue is not None else {}

    @property
    def _chosen(self) -> list[str]:
        """Those of the draft that there are."""
        return [name for name in self.session.draft.services if name in self._there]

    def _wanted(self) -> Sequence[Descriptor]:
        """With what they need."""
        return self.catalogue.with_needs(self._chosen) if self.catalogue is not None else ()

    def wants(self, name: str) -> bool:
        return any(one.name == name for one in self._wanted())

    def _users(self, name: str) -> tuple[str, ...]:
        """Those that were chosen and need it."""
        return self.catalogue.needing(name, self._chosen) if self.catalogue is not None else ()

    def lack(self) -> ByzantiumError | None:
        """Why they do not fit, with what to leave out."""
        machine = self.session.machine
        return room.lack(self._wanted(), machine.memory_bytes) if machine is not None else None

    def toggle(self, name: str) -> None:
        """What needs a service goes off with it, when that was said and wanted."""
        users = self._users(name)
        if not users:
            self._switch((name,), name not in self.session.draft.services)
            return
        confirm(
            self.session,
            _("Switch {name} off?").format(name=self.titled(name)),
            _("{users} needs {name}.").format(users=self._titles(users), name=self.titled(name)),
            (_("Switch off {names}").format(names=self._titles((*users, name))), lambda: self._switch((*users, name))),
        )

    def _switch(self, names: Sequence[str], on: bool = False) -> None:
        kept = tuple(name for name in self.session.draft.services if name not in names)
        self.session.draft.services = (*kept, *names) if on else kept
        self.session.host.changed()

    def titled(self, name: str) -> str:
        return _(self._there[name].title) if name in self._there else name

    def _titles(self, names: Sequence[str]) -> str:
        return _(" and ").join(self.titled(name) for name in names)

    # What is shown.

    def items(self) -> Sequence[Item]:
        if self.catalogue is None:
            return [Note(self._fault, "bad") if self._fault else Waiting(_("Reading which services there are …"))]
        from byzwizard.catalogue import CATEGORIES

        items: list[Item] = [Note(self._fault, "bad")] if self._fault else []
        wanted = {one.name for one in self._wanted()}
        there = self._there.values()
        for category, heading in CATEGORIES.items():
            rows = [self._row(one, one.name in wanted) for one in there if one.category == category]
            items += [Note(_(heading), strong=True), *rows] if rows else []
        unknown = [name for name in self.session.draft.services if name not in self._there]
        items += [self._unknown(name) for name in unknown]
        items += [Note(sentence, "look") for name, sentence in self.catalogue.broken.items() if name not in unknown]
        return items

    def _row(self, one: Descriptor, wanted: bool) -> Action:
        users = self._users(one.name)
        now = self.now(one.name)
        fails = wanted and now is not None and now.state == "failing"
        full = wanted and now is not None and now.full
        said = [now.words] if now is not None and now.words else [full_disk()] if full else []
        marked: Mark = "bad" if fails else "look" if full else "on" if wanted else "off"
        return Action(
            ROW + one.name,
            _(one.title),
            partial(self._details, one.name),
            "  " + _("needed by {users}").format(users=self._titles(users)) if users else "",
            marked,
            f"{size(one.memory_bytes):>{MEMORY}}  {self.word(wanted, now):<{self._words()}}",
            (_(one.purpose), *said),
            _("details"),
        )

    def _unknown(self, name: str) -> Action:
        """Chosen in an answers file, and not there: it can only be taken out."""
        there = self.catalogue.broken if self.catalogue is not None else {}
        missing = _("This version of Byzantium does not have {name} yet.").format(name=name)
        return Action(ROW + name, name, partial(self._switch, (name,)), mark="bad", side=_("leave out"),
                      below=(there.get(name, missing),), verb=_("leave out"))  # fmt: skip

    def now(self, name: str) -> Serving | None:
        """None while it is off, and where no node stands."""
        return self.offer.own.get(name) if self.offer is not None else None

    @staticmethod
    def word(wanted: bool, now: Serving | None) -> str:
        if now is None:
            return _("picked") if wanted else _("off")
        if not wanted:
            return _("stops")
        if now.full and now.state != "failing":
            return _("disk full")
        return {"off": _("off"), "starting": _("starting"), "on": _("on"), "failing": _("FAILS")}[now.state]

    @staticmethod
    def _words() -> int:
        """Columns of the longest word of a state."""
        words = (_("off"), _("starting"), _("on"), _("FAILS"), _("picked"), _("stops"), _("disk full"))
        return max(len(word) for word in words)

    def foot(self) -> Sequence[Item]:
        if self.catalogue is None:
            return ()
        machine, lack = self.session.machine, self.lack()
        items: list[Item] = [Gap()]
        if lack is not None:
            items.append(Note(str(lack), "look", _("Memory")))
        elif machine is not None:
            items.append(Note(room.left(self._wanted(), machine.memory_bytes), label=_("Memory")))
        along = [one for one in self._wanted() if one.name not in self.session.draft.services]
        if along:
            names = ", ".join(f"{_(one.title)} ({size(one.memory_bytes)})" for one in along)
            items.append(Note(names, label=_("Comes along")))
        return items

    def _focused(self) -> str:
        item = self.session.host.focused()
        return item.removeprefix(ROW) if item.startswith(ROW) else ""

    def focus(self) -> str | None:
        if not self._panel:
            return "next"
        rows = [item.id for item in self.items() if isinstance(item, Action)]
        return rows[0] if rows else "back"

    def buttons(self) -> Sequence[Button]:
        back = Button("back", _("Back"), self.escape)
        if not self._panel:
            return [back, Button("next", _("Continue"), self._next)]
        return [back, Button("next", _("Review the change"), self._next)] if self.session.draft.edited else [back]

    def bindings(self) -> Sequence[Key]:
        name = self._focused()
        if not name:
            return []
        keys = [Key((" ",), _("on/off"), partial(self.toggle, name), footer="Space", focused=True)]
        if self.session.first == "node" and name in self._there:
            keys.append(Key(("l",), _("log"), partial(show_log, self.session, name, self.titled(name)),
                            letter=True, focused=True))  # fmt: skip
        return keys

    def _details(self, name: str) -> None:
        from byzwizard.screens.service import Service

        page = self.session.page_named(Service.name)
        assert isinstance(page, Service)
        page.of(name)
        self.session.go(Service.name)

    def _next(self) -> None:
        """On, unless they do not fit."""
        lack = self.lack()
        if lack is not None:
            self.session.say(str(lack))
        elif self._panel:
            self.session.go("review")
        else:
            self.session.onward()


def show_log(session: Session, name: str, title: str) -> None:
    """What a service wrote last, in a sheet."""

    def told(lines: list[str]) -> None:
        host = session.host

        def again() -> None:
            host.close(sheet)
            show_log(session, name, title)

        sheet = Sheet(
            session,
            _("Log of {title}").format(title=title),
            _("What it wrote last; the newest line is the first."),
            [Note(line) for line in lines] or [Note(_("It has written nothing yet."))],
            [Button("close", _("Close"), host.close), Button("again", _("Look again"), again)],
        )
        host.open(sheet)

    session.host.later(lambda: session.desk.service_log(name), told, session.sorry)
