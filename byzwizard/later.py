"""What an answers file may ask and this version or this computer does not do. Said before anything is changed, never
passed over."""

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.machine import Machine
from byzwizard.routings import ROUTINGS


def refuse(answers: Answers, machine: Machine) -> None:
    """Raises CannotHere naming the first key that asks for more than there is."""
    lack = ROUTINGS[answers.mesh.routing].lack(machine)
    if lack is not None:
        raise lack
    asked = {
        "remote.web_terminal": answers.remote.web_terminal,
    }
    for key, refused in asked.items():
        if refused:
            raise CannotHere(
                _("{key}: this version of Byzantium cannot do that.").format(key=key),
                _("Leave the key out of the answers."),
            )
    if answers.mesh.addresses == "ahcp" and not ROUTINGS[answers.mesh.routing].single:
        raise CannotHere(
            _("mesh.addresses is ahcp: routing by {routing} announces no address that is leased.").format(
                routing=answers.mesh.routing),
            _("Set mesh.routing to babel or batman-adv, on all nodes, or mesh.addresses to hash."),
        )
    if answers.internet.islands and answers.mesh.routing not in ("babel", "batman-adv"):
        raise CannotHere(
            _("internet.islands: routing by {routing} leads to no island.").format(routing=answers.mesh.routing),
            _("Set mesh.routing to babel or batman-adv, on all nodes, or take the islands out."),
        )
    if answers.services:
        _refuse_services(answers.services)


def _refuse_services(names: tuple[str, ...]) -> None:
    from byzwizard import catalogue

    there = catalogue.here()
    for name in names:
        if name in there.broken:
            raise CannotHere(there.broken[name], _("Leave {name} out of services.").format(name=name))
