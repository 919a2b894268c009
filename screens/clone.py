"""Copy this stick: the sticks as they are plugged in, each with its own bar; more may join while others run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from byzwizard.diskwords import copying
from byzwizard.errors import ByzantiumError
from byzwizard.events import Event
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Action, Bar, Button, Gap, Item, Note, Option, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.sheets import Sheet, confirm

if TYPE_CHECKING:
    from byzwizard.desk import Applying, Stick


@dataclass
class Row:
    """A stick that is or was copied to. `text` says why it failed."""

    state: str = "busy"  # busy, done, failed
    text: str = ""
    event: Event | None = None
    tenth: int = 0  # of the way, as line mode has told it


@dataclass
class Copies:
    """What the events of all copies have told. Pure, so that the tests need no terminal."""

    rows: dict[str, Row] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)

    def begin(self, steps: Sequence[str]) -> None:
        self.rows.update({step: Row() for step in steps})

    def take(self, event: Event) -> None:
        row = self.rows.get(event.step or "")
        if row is None or row.state != "busy":
            return
        if event.event == "progress" and event.total:
            row.event = event
            tenth = 10 * (event.done or 0) // event.total
            if tenth > row.tenth:
                row.tenth = tenth
                self.news.append(f"{event.text}: {copying(event)}")
        elif event.event == "finish":
            row.state = "done"
            self.news.append(_("{what}: done, can be pulled out").format(what=event.text))
        elif event.event == "fail":
            row.state, row.text = "failed", event.text
            self.news.append(event.text)

    def end(self, steps: Sequence[str], why: str) -> None:
        """The program that copied to these has ended: what is not done now never will be."""
        for step in steps:
            if self.rows[step].state == "busy":
                self.rows[step] = Row("failed", why)

    @property
    def busy(self) -> list[str]:
        return [step for step, row in self.rows.items() if row.state == "busy"]


class Clone(Page):
    name = "clone"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._sticks: list[Stick] | None = None
        self._fault = ""
        self._reading = False
        self._content = "blank"
        self._store = False  # whether one is open, that could go along
        self._chosen: set[str] = set()
        self._copies = Copies()
        self._running: list[Applying] = []
        self._told = 0

    @property
    def place(self) -> str:
        return _("Copy this stick")

    @property
    def title(self) -> str:
        return _("Make more sticks like this one")

    @property
    def sentence(self) -> str:
        return _("Plug sticks in at any time: they appear by themselves. The node goes on working meanwhile.")

    @property
    def help(self) -> str:
        return _(
            "Choose the sticks with Space or Enter. Everything on them is erased, but a stick of ours that has a store "
            "keeps it and gets the system of this one.\n\n"
            "Each stick is first proved to be as big as it says, then written, then read back and compared. Others can "
            "join while some are being written. A stick that is pulled out too early does not start; copy to it "
            "again, and it goes on where it was.\n\n"
            "“Blank” makes sticks that open this wizard. “Same mesh” makes nodes that ask no question: they "
            "carry the passphrase of a private mesh, so whoever finds one can join it."
        ) + "\n\n" + _(
            "“With what is kept” is offered while the store is open: each stick gets a store of its own with what is "
            "in this one, and another passphrase. This node's identity stays here, and so do keys and histories of the "
            "home folder. Services stop while their data are read."
        )

    def enter(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Look for sticks again, unless that is still going on."""
        self._store = self.session.first == "node" and self.session.desk.opened()
        if self._content == "data" and not self._store:
            self._content = "blank"
        if not self._reading:
            self._reading = True
            self.session.host.later(self.session.desk.sticks, self._found, self._failed)

    def _found(self, sticks: list[Stick]) -> None:
        self._reading, self._fault = False, ""
        here = {stick.step for stick in sticks}
        free = {stick.step for stick in sticks if not stick.refused}
        self._chosen &= free
        for step in [step for step, row in self._copies.rows.items() if row.state != "busy" and step not in here]:
            del self._copies.rows[step]  # pulled out: when it comes back it is a stick like any other
        self._sticks = sticks
        self.session.host.changed()

    def _failed(self, fault: ByzantiumError) -> None:
        self._reading, self._fault = False, str(fault)
        self.session.host.changed()

    def focus(self) -> str | None:
        return "back"

    def items(self) -> Sequence[Item]:
        items: list[Item] = [
            self._option("blank", _("Blank"), _("the system alone: the wizard opens at its first start")),
        ]
        if self.session.first == "node":
            items.append(
                self._option(
                    "answers",
                    _("Same mesh"),
                    _("a new node by itself; carries the mesh's passphrase")
                    if self._private
                    else _("a new node of this mesh by itself, which asks nothing"),
                )
            )
        if self._store:
            items.append(
                self._option(
                    "data", _("With what is kept"), _("a store of its own on each, with a passphrase of its own")
                )
            )
        items.append(Gap())
        if self._fault:
            return [*items, Note(self._fault, "bad")]
        if self._sticks is None:
            return [*items, Waiting(_("Looking for sticks …"))]
        for stick in self._sticks:
            items += self._stick(stick)
        if not self._sticks:
            items.append(Note(_("No stick is plugged in beside the one that this system runs from."), "look"))
        return items

    @property
    def _private(self) -> bool:
        """Whether the mesh has a passphrase; where that is not known yet, it may have one."""
        status = self.session.status
        return status is None or status["kind"] == "private"

    def _option(self, value: str, label: str, hint: str) -> Option:
        def choose() -> None:
            self._content = value
            self.session.host.changed()

        return Option(f"content-{value}", label, self._content == value, choose, hint)

    def _stick(self, stick: Stick) -> list[Item]:
        row = self._copies.rows.get(stick.step)
        if row is not None and row.state == "busy":
            event = row.event
            if event is None:
                return [Note(stick.label), Waiting(_("proving that it is as big as it says …"))]
            return [Note(stick.label), Bar(event.done or 0, event.total or 1, copying(event))]
        if row is not None and row.state == "done":
            return [Note(_("{stick}: done, can be pulled out").format(stick=stick.label), "good")]
        if stick.refused:
            return [Note(stick.refused, "look")]
        chosen = stick.step in self._chosen
        line = Action(
            f"stick-{stick.step}",
            stick.label,
            partial(self._toggle, stick.step),
            mark="on" if chosen else "off",
            side=_("chosen") if chosen else "",
            below=(_("on it now: {content}").format(content=stick.holds),),
            verb=_("leave out") if chosen else _("choose"),
        )
        return [line] if row is None else [Note(row.text, "bad"), line]

    def _toggle(self, step: str) -> None:
        self._chosen ^= {step}
        self.session.host.changed()

    def buttons(self) -> Sequence[Button]:
        buttons = [Button("back", _("Back"), self.escape)]
        if self._chosen:
            buttons.append(Button("copy", self._effect(), self._ask))
        if self._copies.busy:
            buttons.append(Button("stop", _("Stop copying"), self._ask_stop))
        return buttons

    def _wanted(self) -> list[Stick]:
        return [stick for stick in self._sticks or () if stick.step in self._chosen]

    def _effect(self) -> str:
        wanted = self._wanted()
        if len(wanted) == 1:
            return _("Erase {stick} and copy").format(stick=wanted[0].label)
        return ngettext("Erase {n} stick and copy", "Erase {n} sticks and copy", len(wanted)).format(n=len(wanted))

    def _ask(self) -> None:
        """What is erased, by name; Cancel has the focus."""
        wanted, host = self._wanted(), self.session.host
        if self.session.desk.rehearsal:
            self.session.say(_("This is a rehearsal: nothing is copied."))
            return
        if self._content == "data":
            from byzwizard.screens.store import Own

            host.open(Own(self.session, partial(self._confirm, wanted, "data")))
            return
        self._confirm(wanted, self._content)

    def _confirm(self, wanted: list[Stick], content: str, passphrase: str = "") -> None:
        host = self.session.host

        def go() -> None:
            host.close()
            self._begin(wanted, content, passphrase)

        items: list[Item] = [Note(stick.erases, "look", strong=True) for stick in wanted]
        if content == "answers" and self._private:
            items += [Gap(), Note(_("Whoever finds such a stick can join your mesh."), "look")]
        buttons = [Button("cancel", _("Cancel"), host.close), Button("go", self._effect(), go)]
        host.open(Sheet(self.session, _("This is erased"), _("It cannot be taken back."), items, buttons))

    def _begin(self, wanted: list[Stick], content: str, passphrase: str) -> None:
        steps = [stick.step for stick in wanted]
        self._chosen -= set(steps)
        self._copies.begin(steps)
        try:
            applying = self.session.desk.clone(wanted, content, passphrase)
        except ByzantiumError as fault:
            self._copies.end(steps, str(fault))
            self.session.host.changed()
            return
        self._running.append(applying)
        self.session.host.watch(applying.fd, self._reader(applying, steps))
        self.session.host.changed()

    def _reader(self, applying: Applying, steps: list[str]) -> Callable[[], bool]:
        """Takes the events of one copy; False when there will be no more."""
        last = ""

        def read() -> bool:
            nonlocal last
            for line in applying.lines():
                try:
                    event = Event.parse(line)
                except ValueError:
                    last = line.strip()
                    continue
                last = event.text if event.event == "end" else last
                self._copies.take(event)
            going = applying.status() is None
            if not going:
                self._running.remove(applying)
                self._copies.end(steps, last or _("It ended without a word."))
            self.session.host.changed()
            return going

        return read

    def _ask_stop(self) -> None:
        confirm(
            self.session,
            _("Stop copying?"),
            _("The sticks that are not done will not start; copy to them again."),
            (_("Stop copying"), self.cancel),
        )

    def cancel(self) -> None:
        for applying in self._running:
            applying.cancel()

    @property
    def running(self) -> bool:
        return bool(self._running)

    def news(self) -> Sequence[str]:
        news = self._copies.news[self._told :]
        self._told = len(self._copies.news)
        return news
