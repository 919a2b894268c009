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

        wanted, hand = resolved.clone, None
        if wanted.content == "data":
            from byzwizard.backends import handon

            # Whether a store is open by then is seen when it is done: the same answers may make it.
            hand = handon.of_answers(resolved.answers, wanted.passphrase_file)
        return clone.steps(wanted.to, wanted.content, resolved.answers, machine, hand)


STAGE: Stage = CloneStage()
