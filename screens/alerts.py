"""Alerts: what nodes say to everybody, on the Node page; and the sheet on which this node's own is written."""

from collections.abc import Sequence
from typing import Any

from byzwizard import alertwords, values
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Button, Entry, Gap, Item, Note, Pick
from byzwizard.screens.page import Session
from byzwizard.screens.sheets import Sheet

ROWS = 4  # that the page lists, the nearest; `byzwizard alert` lists all
HOURS = (1, 6, 24, 72, 168)


def items(alerts: Sequence[dict[str, Any]]) -> list[Item]:
    """What stands above the rest of the Node page."""
    found: list[Item] = []
    for row in alerts[:ROWS]:
        found += [Note(alertwords.plain(row["text"]), "look", strong=True), Note(alertwords.source(row), "under")]
    more = len(alerts) - ROWS
    if more > 0:
        found.append(Note(_("and {n} more: `byzwizard alert`").format(n=more)))
    return [*found, Gap()] if found else []


def key_help() -> str:
    return _("a tells everybody something.")


def write(session: Session) -> None:
    """Ask what is to be said."""
    status = session.status
    own = next((row["text"] for row in (status["alerts"] if status else ()) if row["node"] is None), None)
    session.host.open(Write(session, own))


class Write(Sheet):
    """The text and how long it stands; `own` is what stands now."""

    def __init__(self, session: Session, own: str | None) -> None:
        super().__init__(
            session,
            _("An alert to everybody"),
            _(
                "One sentence that every node of the mesh shows on its front page and console, until its time is over "
                "or you take it back. Anyone can read it; this node's name stands below it."
            ),
            focus="text",
        )
        self._own, self._text, self._hours, self._fault = own, own or "", "24", ""

    def items(self) -> Sequence[Item]:
        hours = tuple((str(n), ngettext("{n} hour", "{n} hours", n).format(n=n)) for n in HOURS)
        return [
            Entry("text", _("Alert"), self._text, self._typed, fault=self._fault, limit=values.ALERT),
            Pick("hours", _("It stands for"), self._hours, hours, self._choose),
        ]

    def buttons(self) -> Sequence[Button]:
        take_back = [Button("withdraw", _("Take it back"), self._withdraw)] if self._own is not None else []
        return [Button("cancel", _("Cancel"), self.escape), *take_back, Button("tell", _("Tell everybody"), self._tell)]

    def _typed(self, text: str) -> None:
        self._text, self._fault = text, ""
        self.session.host.changed()

    def _choose(self, hours: str) -> None:
        self._hours = hours
        self.session.host.changed()

    def _tell(self) -> None:
        session, hours = self.session, int(self._hours)
        try:
            text = values.alert_text(self._text)
        except values.BadValue as fault:
            self._fault = str(fault)
            session.host.changed()
            return
        session.host.close()
        session.host.later(
            lambda: session.desk.alert(text, hours),
            lambda _none: session.say(_("It is told: every node that is reached shows it within half a minute.")),
            session.sorry,
        )

    def _withdraw(self) -> None:
        session = self.session
        session.host.close()
        session.host.later(
            session.desk.withdraw_alert, lambda _none: session.say(_("The alert is taken back.")), session.sorry
        )
