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
        "services": bool(answers.services),
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
