"""What an answers file may ask and this version or this computer does not do. Said before anything is changed, never
passed over."""

from collections.abc import Collection, Sequence

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.machine import Machine
from byzwizard.routings import ROUTINGS


def refuse(answers: Answers, machine: Machine, without: Collection[str] = ()) -> None:
    """Raises CannotHere naming the first key that asks for more than there is. `without` are services that are left out
    anyway."""
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
    services = [name for name in answers.services if name not in without]
    if services:
        _refuse_services(services)


def left_out(answers: Answers, machine: Machine) -> dict[str, str]:
    """The services that a boot makes the node without, each with a sentence: nobody is there to take them out."""
    if not answers.services:
        return {}
    from byzwizard import catalogue, room

    there = catalogue.here()
    found = {name: there.broken[name] for name in answers.services if name in there.broken}
    whole = [name for name in answers.services if name not in found]
    lack = room.lack(there.with_needs(whole), machine.memory_bytes)
    if lack is None:
        return found
    drop = [name for name in whole if any(one.name in lack.drop for one in there.with_needs((name,)))]
    said = _("Left out at this start: {names}. {why}").format(names=_(" and ").join(drop), why=lack.message)
    return found | dict.fromkeys(drop, said)


def _refuse_services(names: Sequence[str]) -> None:
    from byzwizard import catalogue

    there = catalogue.here()
    for name in names:
        if name in there.broken:
            raise CannotHere(there.broken[name], _("Leave {name} out of services.").format(name=name))
