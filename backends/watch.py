"""The stage "watch": radios that hear nobody any more, or nobody yet, are looked after (byzwizard/unstick.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.backends.facts import FACTS
from byzwizard.backends.units import RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.plan import Step

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

UNIT = "byz-radio.service"


class WatchStage:
    name = "watch"

    @property
    def title(self) -> str:
        return _("Watch over radios")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        from byzwizard.ladder import listeners

        if any(link.kind in {"802.11s", "ibss"} for link in resolved.links):
            text = _("Join anew when a radio hears nobody any more")
        elif listeners(resolved.answers, machine):
            text = _("Listen again for other nodes while none is near")
        elif any(link.kind != "wired" for link in resolved.links) or resolved.access_points or resolved.uplink:
            text = _("Start radios again that were switched off and on")
        else:
            return (StopUnit(id="mesh-watch", unit=UNIT, text=_("Watch over no radio")),)
        return (RunUnit(id="mesh-watch", unit=UNIT, files=(FACTS,), text=text),)


STAGE = WatchStage()
