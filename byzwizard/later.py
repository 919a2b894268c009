"""What an answers file may ask and this version does not do. Said before anything is changed, never passed over."""

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.i18n import _

NEEDS = {"mesh.routing": "olsrd", "mesh.addresses": "ahcpd"}  # programs, by the key that asks for them


def refuse(answers: Answers) -> None:
    """Raises CannotHere naming the first key that asks for more than this version has."""
    asked = {
        "mesh.routing": answers.mesh.routing == "olsr",
        "mesh.addresses": answers.mesh.addresses != "hash",
        "mesh.blocked": bool(answers.mesh.blocked),
        "remote.web_terminal": answers.remote.web_terminal,
    }
    for key, refused in asked.items():
        if refused:
            sentence = (
                _("{key}: that needs the program {program}, which neither Debian nor this stick has.")
                if key in NEEDS
                else _("{key}: this version of Byzantium cannot do that.")
            )
            raise CannotHere(
                sentence.format(key=key, program=NEEDS.get(key)),
                _("Leave the key out of the answers."),
            )
    if answers.services:
        _refuse_services(answers.services)


def _refuse_services(names: tuple[str, ...]) -> None:
    from byzwizard import catalogue

    there = catalogue.here()
    for name in names:
        if name in there.broken:
            raise CannotHere(there.broken[name], _("Leave {name} out of services.").format(name=name))
        if name not in there.services:
            raise CannotHere(
                _("services: this version of Byzantium does not have {name} yet.").format(name=name),
                _("It has: {names}.").format(names=", ".join(sorted(there.services))),
            )
