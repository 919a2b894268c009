"""The stage of what is kept. What makes a store is loaded when there is to be one: every apply has this stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.i18n import _
from byzwizard.plan import Stage, Step

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved


class PersistenceStage:
    name = "persistence"

    @property
    def title(self) -> str:
        return _("Keep")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        if resolved.answers.persistence.kind == "none":
            return ()
        from byzwizard.backends import new_store

        return new_store.planned(resolved.answers.persistence, machine)


STAGE: Stage = PersistenceStage()
