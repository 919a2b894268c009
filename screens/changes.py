"""What the last apply changed, and the way to take it back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from byzwizard.i18n import _
from byzwizard.screens.items import Button, Note
from byzwizard.screens.page import Session
from byzwizard.screens.sheets import Sheet, confirm

if TYPE_CHECKING:
    from byzwizard.desk import Changes


def show(session: Session) -> None:
    session.host.later(session.desk.changed, partial(_show, session), session.sorry)


def _show(session: Session, found: Changes | None) -> None:
    host = session.host
    if found is None or not found.texts:
        said = _("Nothing has been changed since this node started.") if found is None else _(
            "The last change was taken back already; earlier ones cannot be. Services are switched with s, the rest "
            "with e.")
        host.open(Sheet(session, _("What changed"), said))
        return
    host.open(
        Sheet(
            session,
            _("What changed"),
            _("The last apply did this."),
            [Note(change, "good") for change in found.texts],
            [Button("close", _("Close"), host.close), Button("undo", _("Undo it all"), partial(_ask, session, found))],
        )
    )


def _ask(session: Session, found: Changes) -> None:
    session.host.close()
    confirm(
        session,
        _("Take the last change back?"),
        _("The network may go down: phones and neighbours lose this node.") if found.network else "",
        (_("Undo it all"), partial(_undo, session)),
    )


def _undo(session: Session) -> None:
    from byzwizard.screens.apply import Apply

    page = session.page_named(Apply.name)
    assert isinstance(page, Apply)
    page.undo_next()
    session.go(Apply.name)
