"""Service: the details of one. Where people find it, with a code for their phones, what it needs, its data and log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from byzwizard.diskwords import size
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Button, Code, Gap, Item, Key, Mark, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.services import ROW, Services, full_disk, show_log
from byzwizard.screens.sheets import confirm

if TYPE_CHECKING:
    from byzwizard.answers import Answers
    from byzwizard.catalogue import Descriptor
    from byzwizard.desk import ServiceData

MOST = 12  # other nodes that are listed


class Service(Page):
    name = "service"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._name = ""
        self._data: ServiceData | None = None
        self._code: tuple[str, tuple[tuple[bool, ...], ...]] = ("", ())

    def of(self, name: str) -> None:
        """Shown next, this page is about that service."""
        self._name, self._data = name, None

    @property
    def _list(self) -> Services:
        page = self.session.page_named(Services.name)
        assert isinstance(page, Services)
        return page

    @property
    def _one(self) -> Descriptor | None:
        catalogue = self._list.catalogue
        return catalogue.services.get(self._name) if catalogue is not None else None

    @property
    def title(self) -> str:
        one = self._one
        return _(one.title) if one is not None else _("Services")

    @property
    def help(self) -> str:
        return _(
            "The picture opens the service on a phone that has joined this node: point its camera at it. The browser "
            "warns before it opens a node for the first time; http://here.byzantium.mesh/trust says why, and how to "
            "have it trust this one.\n\n"
            "What a service has written stays when it is switched off. “Delete its data” takes that away for good, "
            "with what was saved of it on this node; nobody can bring it back."
        )

    def enter(self) -> None:
        if self.session.first == "node":
            name, host = self._name, self.session.host
            host.later(lambda: self.session.desk.service_data(name), self._weighed, self.session.sorry)
        self.tick()

    def tick(self) -> None:
        self._list.tick()

    def _weighed(self, data: ServiceData | None) -> None:
        self._data = data
        self.session.host.changed()

    def focus(self) -> str | None:
        return "back"

    def escape(self) -> None:
        self.session.back()
        self.session.host.move(ROW + self._name)

    def items(self) -> Sequence[Item]:
        one = self._one
        if one is None:
            return [Waiting(_("Reading which services there are …"))]
        left: list[Item] = [Note(_(one.purpose)), *self._state(one), *self._needs(one), *self._address(one),
                *self._kept(), *self._elsewhere()]  # fmt: skip
        if one.note:
            left += [Gap(), Note(_(one.note))]
        now = self._list.now(self._name)
        if now is None or not now.url:
            return left
        if self._code[0] != now.url:
            self._code = (now.url, url_code(now.url))
        return [Code(self._code[1], (_("For phones:"),), tuple(left))]

    def _state(self, one: Descriptor) -> list[Item]:
        wanted, now = self._list.wants(one.name), self._list.now(one.name)
        if now is None:
            words = _("chosen; Review comes before it starts") if wanted else _("off")
            return [Note(words, "on" if wanted else "off", _("State"))]
        if not wanted:
            return [Note(_("stops once Review is confirmed"), "look", _("State"))]
        fails = now.state == "failing"
        mark: Mark = "bad" if fails else "look" if now.full else "good" if now.state == "on" else "busy"
        items: list[Item] = [Note(self._list.word(wanted, now), mark, _("State"))]
        if now.full:
            items.append(Note(full_disk(), "under"))
        elif fails:
            items.append(Note(_("It said: {words}").format(words=now.words), "under"))
        return items

    def _needs(self, one: Descriptor) -> list[Item]:
        catalogue = self._list.catalogue
        items: list[Item] = [
            Note(_("up to {memory}").format(memory=size(one.memory_bytes)), label=_("Memory")),
            Note(_("about {size} in a while").format(size=size(one.disk_bytes)), label=_("Disk")),
        ]
        needs = catalogue.with_needs(one.needs) if catalogue is not None else ()
        if needs:
            items.append(Note(", ".join(_(need.title) for need in needs), label=_("Needs")))
        return items

    def _address(self, one: Descriptor) -> list[Item]:
        now = self._list.now(one.name)
        if now is None or not now.url:
            return [Note(_("known once it is on; the front page leads there"), label=_("Address"))]
        return [Note(now.url, label=_("Address"))]

    def _kept(self) -> list[Item]:
        data = self._data
        if data is None:
            return []
        how = _("kept in the store") if data.kept else _("not kept in a store: forgotten at power-off")
        return [Note(f"{size(data.bytes)}, {how}", label=_("Data")), *(Note(each, "under") for each in data.folders)]

    def _elsewhere(self) -> list[Item]:
        """Who has it too."""
        offer = self._list.offer
        found = [one for one in offer.others if one.name == self._name] if offer is not None else []
        items: list[Item] = [
            Note(one.node, label=" " if n else _("Also at")) for n, one in enumerate(found[:MOST])
        ]
        more = len(found) - MOST
        if more > 0:
            items.append(Note(ngettext("and {n} more", "and {n} more", more).format(n=more), label=" "))
        return items

    def buttons(self) -> Sequence[Button]:
        buttons = [Button("back", _("Back"), self.escape)]
        if self._one is None:
            return buttons
        on = self._list.wants(self._name)
        switch = _("Switch it off") if on else _("Switch it on")
        buttons.append(Button("switch", switch, lambda: self._list.toggle(self._name)))
        now = self._list.now(self._name)
        if on and now is not None and now.state == "failing":
            buttons.append(Button("again", _("Try again"), self._try_again))
        if self.session.first == "node" and self.session.draft.edited:
            buttons.append(Button("review", _("Review the change"), lambda: self.session.go("review")))
        if self.session.first == "node":
            buttons.append(Button("log", _("Log"), self._log))
        if self._data is not None and self._data.bytes and self._list.now(self._name) is None:
            buttons.append(Button("delete", _("Delete its data"), self._ask_delete))
        return buttons

    def bindings(self) -> Sequence[Key]:
        return [Key(("l",), "", self._log, letter=True)] if self.session.first == "node" else []

    def _try_again(self) -> None:
        """Applies what this node is, as `byzwizard enable` does; what was edited goes through Review."""
        session = self.session

        def found(answers: Answers | None) -> None:
            if answers is not None:
                session.draft.renew(answers)
            session.review = None
            session.go("review" if session.draft.edited else "apply")

        session.host.later(session.desk.answers, found, session.sorry)

    def _log(self) -> None:
        show_log(self.session, self._name, self.title)

    def _ask_delete(self) -> None:
        assert self._data is not None
        confirm(
            self.session,
            _("Delete the data of {title}?").format(title=self.title),
            _("This goes: {what}. Nobody can bring it back.").format(what=size(self._data.bytes)),
            (_("Delete {size} of {title}").format(size=size(self._data.bytes), title=self.title), self._delete),
        )

    def _delete(self) -> None:
        session, name = self.session, self._name
        session.host.later(lambda: session.desk.delete_data(name), partial(self._deleted, name), session.sorry)

    def _deleted(self, name: str, _none: None) -> None:
        if name == self._name:
            self.enter()
        self.session.say(_("It is deleted."))


def url_code(url: str) -> tuple[tuple[bool, ...], ...]:
    """The QR code of an address, with a border of 1 module. Scheme and host may be written in capitals (RFC 3986,
    3.1 and 3.2.2), which takes less room, so that it fits on a screen of 24 rows."""
    import segno

    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}/".upper()
    rest = url[len(root) :]
    made = segno.make_qr([root, rest] if rest else root, error="l")  # type: ignore[arg-type]  # segments, as it documents
    return tuple(tuple(bool(module) for module in row) for row in made.matrix_iter(border=1))
