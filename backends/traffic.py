"""The stage "traffic": what goes through the interfaces is counted, and drawn for the front page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.backends import counters, portal
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.i18n import N_, _, speaker
from byzwizard.plan import Step
from byzwizard.resolve import CLIENTS

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

UNIT = "byz-traffic.timer"
PAGE = f"{portal.ROOT}/traffic.html"


def ports(resolved: Resolved, machine: Machine) -> list[str]:
    """What is counted: mesh links and what routing makes of them, access points, ways to the Internet; none twice."""
    names = [*(link.name for link in resolved.links), *(point.name for point in resolved.access_points),
             *(name for name in resolved.routed if name != CLIENTS),
             *([resolved.uplink.name] if resolved.uplink else ()), *(port.interface for port in machine.wired)]
    return [name for name in dict.fromkeys(names) if counters.NAME.fullmatch(name)][:counters.MOST]


def page(resolved: Resolved, names: Sequence[str]) -> str:
    """traffic.html: the pictures of each interface."""
    say = speaker(resolved.answers.node.language)
    words = {"hour": say(N_("{name}, the last hour")), "day": say(N_("{name}, the last day")),
             "week": say(N_("{name}, the last week"))}
    pictures = "".join(
        f'<p><img src="/traffic/{name}-{period}.png" alt="{html.escape(text.format(name=name))}">'
        f"<br>{html.escape(text.format(name=name))}</p>\n"
        for name in names for period, text in words.items())
    return fill("traffic.html", language=html.escape(resolved.answers.node.language),
                title=html.escape(say(N_("Traffic of {name}")).format(name=resolved.name)), pictures=pictures,
                said=html.escape(
                    say(N_("Above the line what came in, below it what went out. Drawn every five minutes."))))


class TrafficStage:
    name = "traffic"

    @property
    def title(self) -> str:
        return _("Traffic")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        names = ports(resolved, machine)
        return (
            ConfigFile(id="traffic-ports", path=counters.PORTS, content="".join(f"{name}\n" for name in names),
                       text=_("Write down whose traffic is counted")),
            ConfigFile(id="traffic-page", path=PAGE, content=page(resolved, names),
                       text=_("Write the page of the traffic, http://here.byzantium.mesh/traffic")),
            RunUnit(id="traffic-count", unit=UNIT, after=("traffic-ports",),
                    text=_("Count the traffic once a minute, in memory alone")),
        )


STAGE = TrafficStage()
