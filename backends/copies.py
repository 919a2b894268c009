"""The stage of copies. What makes them is loaded when there is one to make: every apply has this stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.i18n import _
from byzwizard.plan import Stage, Step

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved


class CloneStage:
    name = "clone"

    @property
    def title(self) -> str:
        return _("Copies")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        if not resolved.clone.to:
            return ()
        from byzwizard.backends import clone

        return clone.steps(resolved.clone.to, resolved.clone.content, resolved.answers, machine)


STAGE: Stage = CloneStage()
