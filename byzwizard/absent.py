"""What the answers name and is not plugged in: a boot makes the node without it, and takes it when it comes."""

from __future__ import annotations

from byzwizard.answers import Answers
from byzwizard.backends.facts import WIFI
from byzwizard.i18n import _
from byzwizard.ladder import usable
from byzwizard.machine import Machine


def left_out(answers: Answers, machine: Machine) -> dict[str, str]:
    """Interfaces that are named and not here, and internet.wifi without a card for it, each with a sentence."""
    ports, radios = {port.interface for port in machine.wired}, {radio.interface for radio in machine.radios}
    mesh, share = answers.mesh, answers.internet.share
    named = () if mesh.interfaces == "auto" else mesh.interfaces
    found = {}
    for name in named:
        if name not in ports | radios:
            found[name] = _("{name} is not plugged in: the mesh begins without it.").format(name=name)
    for name in () if isinstance(share, str) else share:
        if name not in ports | radios:
            found[name] = _("{name} is not plugged in: its Internet is shared when it is.").format(name=name)
    # Cards that are named for the mesh are none for it, or one that the mesh takes; over cables it takes none.
    free = [radio for radio in usable(machine) if radio.interface not in named]
    if answers.internet.wifi and len(free) < 1 + (not named and mesh.link != "wired"):
        found[WIFI] = _("The card for the network of internet.wifi is not plugged in: it is joined when it is.")
    return found


def without(answers: Answers, missing: frozenset[str]) -> Answers:
    """What can be set up now. Where no card that is named for the mesh is here, those that are here are taken: this is
    another computer."""
    mesh, internet = answers.mesh, answers.internet
    if mesh.interfaces != "auto" and missing.intersection(mesh.interfaces):
        here = tuple(name for name in mesh.interfaces if name not in missing)
        if here or mesh.link != "wired":
            mesh = mesh.model_copy(update={"interfaces": here or "auto"})
    if WIFI in missing:
        internet = internet.model_copy(update={"wifi": None})
    return answers.model_copy(update={"mesh": mesh, "internet": internet})
