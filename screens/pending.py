"""What was chosen on the pages of a node that stands, and is not applied yet: the Node page tells it, and whoever goes
back there is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from byzwizard import i18n
from byzwizard.i18n import _
from byzwizard.screens.items import Action, Button, Gap, Item
from byzwizard.screens.page import Session
from byzwizard.screens.sheets import Sheet


def items(session: Session, review: Callable[[], None]) -> Sequence[Item]:
    """The line of the Node page. `review` leads to Review."""
    if not session.draft.edited:
        return []

    def ask() -> None:
        _ask(session, Button("review", _("Review the change"), _closing(session, review)))

    return [Action("pending", told(session), ask, mark="look", verb=_("choose")), Gap()]


def told(session: Session) -> str:
    """What waits, in a line."""
    names = {"node": _("This node"), "mesh": _("Mesh"), "access_point": _("Phones"), "internet": _("Internet"),
             "persistence": _("Keep"), "remote": _("Remote access")}  # fmt: skip
    on, off = session.draft.switched
    parts = [_("{service} on").format(service=_title(session, name)) for name in on]
    parts += [_("{service} off").format(service=_title(session, name)) for name in off]
    parts += [names.get(section, section) for section in session.draft.sections]
    return _("Not applied yet: {what}").format(what=", ".join(parts))


def _title(session: Session, name: str) -> str:
    from byzwizard.screens.services import Services

    page = session.page_named(Services.name)
    assert isinstance(page, Services)
    return page.titled(name)


def leaving(session: Session, leave: Callable[[], None]) -> None:
    """On the way back to the Node page: asks once about the same edits. Esc stays where they were made."""
    draft = session.draft
    if not draft.edited or draft.answers == draft.put_by:
        leave()
        return

    def keep() -> None:
        draft.put_by = draft.answers
        leave()

    _ask(session, Button("keep", _("Keep for later"), _closing(session, keep)), leave)


def _ask(session: Session, first: Button, leave: Callable[[], None] = lambda: None) -> None:
    def forget() -> None:
        draft = session.draft
        spoken = draft.get("node.language")
        draft.forget_all()
        if draft.get("node.language") != spoken:
            i18n.use(draft.get("node.language"))
        session.host.close()
        leave()
        session.host.changed()

    session.host.open(Sheet(
        session, told(session), _("Nothing of it happens before Review is confirmed."),
        buttons=[first, Button("forget", _("Forget it"), forget)],
    ))  # fmt: skip


def _closing(session: Session, do: Callable[[], None]) -> Callable[[], None]:
    def closed() -> None:
        session.host.close()
        do()

    return closed
