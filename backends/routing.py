"""The stage "routing": the daemon of the protocol that mesh.routing names, and none of the others. A further
protocol is one file and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from byzwizard.backends import babel, batman, olsr
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.i18n import _
from byzwizard.routings import ROUTINGS

if TYPE_CHECKING:
    from byzwizard.backends.protocol import Protocol
    from byzwizard.machine import Machine
    from byzwizard.plan import Step
    from byzwizard.resolve import Resolved

PROTOCOLS: dict[str, Protocol] = {each.name: each for each in (babel.BABEL, batman.BATMAN, olsr.OLSR)}
"""By mesh.routing; `none` has none."""


def spoken_by(resolved: Resolved) -> Protocol | None:
    """The protocol of this node; None where it looks for no ways."""
    return PROTOCOLS.get(resolved.answers.mesh.routing) if resolved.routed else None


class RoutingStage:
    name = "routing"

    @property
    def title(self) -> str:
        return _("Routing")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        chosen = spoken_by(resolved)
        others = {each.unit: each for each in PROTOCOLS.values()
                  if (chosen is None or each.unit != chosen.unit) and ROUTINGS[each.name].lack(machine) is None}
        ended = tuple(step for other in others.values() for step in other.stop())
        return (*ended, *(_waiting(step, ended) for step in (chosen.start(resolved) if chosen else ())))


def _waiting(step: Step, ended: Sequence[Step]) -> Step:
    """What gives links an address waits for what takes away those of another protocol: they may be the same."""
    if not isinstance(step, LinkAddresses):
        return step
    return replace(step, after=(*step.after, *(other.id for other in ended if isinstance(other, LinkAddresses))))


STAGE = RoutingStage()
