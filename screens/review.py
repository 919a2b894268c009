"""Review: everything that will happen, in sentences, before anything happens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Button, Gap, Item, Key, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.saving import save_as
from byzwizard.screens.sheets import Sheet

if TYPE_CHECKING:
    from byzwizard.answers import Answers
    from byzwizard.desk import Review as Reviewed

SAVE_TO = "answers.yaml"


class Review(Page):
    name = "review"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._of: Answers | None = None  # the answers that the session's review is of
        self._fault: ByzantiumError | None = None

    @property
    def place(self) -> str:
        return _("Review · {n} of {all}").format(n=self.session.step(self.name)[0], all=self.session.step(self.name)[1])

    @property
    def title(self) -> str:
        return _("This is what will happen") if self._fault is None else _("That cannot be done here")

    @property
    def sentence(self) -> str:
        return _("Nothing has been changed so far.")

    @property
    def help(self) -> str:
        return _(
            "Each line is one change that will be made to this computer when you start the node; what already is as "
            "it should be is left out. A line with ! destroys something and cannot be undone; everything else is "
            "undone by itself when a step fails, and can be taken back later.\n\n"
            "“Save answers” writes these settings into a file that another node can be set up with. If the mesh is "
            "private the file holds its passphrase."
        )

    def enter(self) -> None:
        session = self.session
        answers = session.draft.answers
        if answers == self._of and session.review is not None:
            return
        self._of, self._fault, session.review = answers, None, None
        session.host.later(
            lambda: session.desk.review(answers),
            lambda found: self._found(answers, found),
            lambda fault: self._failed(answers, fault),
        )

    def _found(self, answers: "Answers", review: "Reviewed") -> None:
        if answers == self._of:  # else they were changed meanwhile, and another review is under way
            self.session.review = review
            self.session.host.changed()
            self.session.host.move(self.focus())

    def _failed(self, answers: "Answers", fault: ByzantiumError) -> None:
        if answers == self._of:
            self._fault = fault
            self.session.host.changed()
            self.session.host.move(self.focus())

    def focus(self) -> str:
        review = self.session.review
        return "cancel" if review is None or self._destroyed(review) else "start"

    def buttons(self) -> Sequence[Button]:
        buttons = [Button("cancel", _("Cancel"), self.session.home)]
        review = self.session.review
        if review is not None:
            buttons.append(Button("start", self._effect(review), lambda: self.session.go("apply")))
        return [*buttons, Button("save", _("Save answers"), self._save)]

    def bindings(self) -> Sequence[Key]:
        return [Key(("d",), _("details"), self._details, letter=True)] if self.session.review else []

    def _effect(self, review: "Reviewed") -> str:
        """What the button does, by its name."""
        if self.session.desk.rehearsal:
            return _("Show the steps")
        if self._destroyed(review):
            return _("Erase that, and start this node")
        if self.session.first == "node":
            return _("Change this node")
        return _("Start this node")

    @staticmethod
    def _destroyed(review: "Reviewed") -> list[str]:
        return [
            step.destroys
            for stage in review.plan.stages
            for step in stage.steps
            if step.destroys and step.id in review.needed
        ]

    def items(self) -> Sequence[Item]:
        if self._fault is not None:
            return [
                Note(self._fault.message, "bad", strong=True),
                Note(self._fault.hint, "under"),
                Gap(),
                Note(_("Go back with Esc and change it.")),
            ]
        review = self.session.review
        if review is None:
            return [Waiting(_("Working out what there is to do …"))]
        resolved = review.resolved
        items: list[Item] = [
            Note(resolved.name, label=_("Name")),
            *self._mesh(review),
            *self._phones(review),
            Note(", ".join(review.services) or _("none"), label=_("Services")),
            *self._stops(review),
            *self._internet(review),
        ]
        items += [Note(note, "look", " ") for note in resolved.notes]
        items.append(Gap())
        destroyed = self._destroyed(review)
        items += [Note(text, "look", _("Erased"), strong=True) for text in destroyed]
        if destroyed:
            items.append(Gap())
        count = sum(step.id in review.needed for stage in review.plan.stages for step in stage.steps)
        if not count:
            return [*items, Note(_("Nothing needs to be changed: this computer already is so."), "good")]
        items.append(Note(self._how_many(count, bool(destroyed)), strong=True))
        for stage in review.plan.stages:
            texts = [step.text for step in stage.steps if step.id in review.needed]
            items += [Note(text, label=" " if n else stage.title) for n, text in enumerate(texts)]
        return items

    @staticmethod
    def _how_many(count: int, destroyed: bool) -> str:
        if destroyed:
            return ngettext("{n} step:", "{n} steps; all but what is erased can be undone:", count).format(n=count)
        return ngettext("{n} step; it can be undone:", "{n} steps; all of them can be undone:", count).format(n=count)

    @staticmethod
    def _stops(review: "Reviewed") -> list[Item]:
        n = len(review.stops)
        said = ngettext("{names}: it runs now; its data stay", "{names}: they run now; their data stay", n)
        return [Note(said.format(names=", ".join(review.stops)), "look", _("Stops"))] if n else []

    @staticmethod
    def _mesh(review: "Reviewed") -> list[Item]:
        resolved = review.resolved
        kind = {"public": _("public"), "private": _("private"), "open": _("open, not encrypted")}[resolved.keys.kind]
        plain = _("public, not encrypted") if resolved.keys.kind == "public" else kind
        words = {
            "802.11s": _("join or start {mesh} on channel {channel} ({interface}), {kind}"),
            "ibss": _("join or start {mesh} in ad-hoc mode on channel {channel} ({interface}), {kind}"),
            "station": _("join {mesh} over a Byzantium access point ({interface}), {kind}"),
            "wired": _("join or start {mesh} over the cable of {interface}"),
        }
        mesh = resolved.answers.mesh.name
        notes: list[Item] = [
            Note(
                words[link.kind].format(
                    mesh=mesh,
                    channel=link.channel,
                    interface=link.interface,
                    kind=kind if link.encrypted else plain,
                ),
                label=_("Mesh"),
            )
            for link in resolved.links
        ]
        if not notes and resolved.is_hub:
            open_air = all(point.passphrase is None for point in resolved.access_points)
            said = _("a hub of {mesh}: other nodes join the network for phones, {kind}")
            notes.append(Note(said.format(mesh=mesh, kind=plain if open_air else kind), label=_("Mesh")))
        return notes or [Note(_("none: no card here can mesh"), "look", _("Mesh"))]

    @staticmethod
    def _phones(review: "Reviewed") -> list[Item]:
        resolved = review.resolved
        notes: list[Item] = [
            Note(
                _("network {ssid} ({secured}) on channel {channel}, addresses {subnet}").format(
                    ssid=point.ssid,
                    channel=point.channel,
                    subnet=resolved.subnet,
                    secured=_("with a passphrase") if point.passphrase else _("open"),
                ),
                label=" " if n else _("Phones"),
            )
            for n, point in enumerate(resolved.access_points)
        ]
        return notes or [
            Note(
                _("no access point; a cable can be used, addresses {subnet}").format(subnet=resolved.subnet),
                label=_("Phones"),
            )
        ]

    @staticmethod
    def _internet(review: "Reviewed") -> list[Item]:
        internet = review.resolved.answers.internet
        said = {
            "ask": _("not shared; the Node page asks when there is some"),
            "never": _("not shared"),
            "auto": _("shared with the mesh, wherever it comes from"),
        }
        share = internet.share
        words = said[share] if isinstance(share, str) else _("shared with the mesh when it comes by {ports}").format(
            ports=", ".join(share)
        )
        notes: list[Item] = [Note(words, label=_("Internet"))]
        uplink = review.resolved.uplink
        if uplink is not None:
            over = _("over the Wi-Fi network {ssid} ({secured}), by {interface}").format(
                ssid=uplink.ssid,
                interface=uplink.interface,
                secured=_("with a passphrase") if uplink.passphrase else _("open"),
            )
            notes.append(Note(over, label=" "))
        return notes

    def _details(self) -> None:
        review = self.session.review
        if review is None:
            return
        items: list[Item] = []
        for stage in review.plan.stages:
            items.append(Note(stage.title, strong=True))
            for step in stage.steps:
                todo = step.id in review.needed
                words = step.text if todo else _("{step} (already so)").format(step=step.text)
                items.append(Note(words, "todo" if todo else "good"))
        self.session.host.open(
            Sheet(self.session, _("Every step"), _("In this order; those with ✓ are so already."), items)
        )

    def _save(self) -> None:
        """What was chosen, not what it came to here: the name and the addresses of this node are its own."""
        session = self.session
        answers = session.draft.answers
        save_as(session, _("Save answers"), SAVE_TO, lambda path: session.desk.save(answers, path))
