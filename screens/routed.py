"""The routing of a neighbour that was joined and is not understood: taken over from the Node page, and shown before it
is done."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from byzwizard.i18n import _
from byzwizard.screens.items import Action, Gap, Item
from byzwizard.screens.page import Session


def items(session: Session) -> Sequence[Item]:
    """The offer, where `status` has heard which routing it is."""
    checks = session.status["checks"] if session.status else ()
    other = next((check["routing"] for check in checks if "routing" in check), None)
    if other is None or session.desk.rehearsal:
        return []
    words = _("Route by {other}, as a node near does").format(other=other)
    return [Action("routing", words, partial(_take, session, other), _("this node changes; see it first"), "look",
                   verb=_("choose")), Gap()]


def _take(session: Session, other: str) -> None:
    """Into the draft of what this node is now, and on to Review; not where this computer cannot have it."""
    from byzwizard.screens.mesh import Mesh

    page = session.page_named("mesh")
    assert isinstance(page, Mesh)

    def found(answers: Any) -> None:
        if answers is not None:
            session.draft.renew(answers)
        page.route(other)
        if session.draft.get("mesh.routing") == other:
            session.go("review")

    session.host.later(session.desk.answers, found, session.sorry)
