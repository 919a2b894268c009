"""A file that a person wants to keep: asked where to, and never written over another without a question."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens.page import Session
from byzwizard.screens.sheets import ask, confirm

if TYPE_CHECKING:
    from byzwizard.desk import Place


def save_as(session: Session, title: str, start: str, write: Callable[[Path], None]) -> None:
    """`write` takes long and raises ByzantiumError; where it cannot be, the question is asked again."""

    def given(text: str) -> None:
        def failed(fault: ByzantiumError) -> None:
            save_as(session, title, text, write)
            session.sorry(fault)

        def found(place: "Place") -> None:
            def go_on() -> None:
                session.host.later(lambda: write(place.path), lambda _none: session.say(_saved(place)), failed)

            if not place.taken:
                go_on()
                return
            confirm(
                session,
                _("Replace {path}?").format(path=place.path),
                _("There is a file of that name already."),
                (_("Replace it"), go_on),
            )

        session.host.later(lambda: session.desk.place(text), found, failed)

    ask(
        session,
        title,
        _("Where to. You alone can read the file. It outlasts the power-off on a stick or disk only."),
        _("File"),
        start,
        given,
    )


def _saved(place: "Place") -> str:
    if place.forgotten:
        return _("Saved as {path}, which lies in memory: it is forgotten when the computer is switched off.").format(
            path=place.path
        )
    return _("Saved as {path}.").format(path=place.path)
