"""What is lost when a node that stands is switched off."""

from byzwizard.i18n import _
from byzwizard.screens.page import Session


def told(session: Session) -> list[str]:
    """Sentences; none on a computer that is no node."""
    if session.first != "node":
        return []
    said = [_("Phones lose this network when it is switched off.")]
    if session.desk.opened() or session.desk.locked():
        return said
    titles = _writers(session)
    if not titles:
        return [*said, _("Nothing is kept here, which k on the Node page changes.")]
    lost = _("Nothing is kept here, which k on the Node page changes: what people wrote in {services} is lost.")
    return [*said, lost.format(services=_(" and ").join(titles))]


def _writers(session: Session) -> list[str]:
    """The titles of this node's services that have data, as far as that is known."""
    from byzwizard.screens.services import Services

    page = session.page_named(Services.name)
    assert isinstance(page, Services)
    there = page.catalogue.services if page.catalogue is not None else {}
    own = [one for one in session.status["services"] if one["node"] is None] if session.status else []
    return [one["title"] for one in own if one["name"] not in there or there[one["name"]].data]
