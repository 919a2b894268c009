"""A node that is alone, and whose part in the mesh depends on who is near (ladder.py), listens again: who began before
its neighbours were there would never find them else. When that is due is decided here, beside the watch over radios
(byz-radio.service, unstick.py), which has no rights; it is done by listen.py, which has them.

It is never due while there is anybody: a phone or a node at an access point, a neighbour, or a way to any node. Between
two times it waits longer each time, and never the same as its neighbours, for who listens is not heard meanwhile. In an
ad-hoc cell, which listening does not break, it is due now and then in company too, to tell people of what came later.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.backends import airing, interfaces, routes
from byzwizard.backends.printable import printable_bytes
from byzwizard.duty import replace, tell

if TYPE_CHECKING:
    from byzwizard.backends.facts import Facts
    from byzwizard.backends.system import System

FOLDER = "/run/byzantium/radio"
STATE = f"{FOLDER}/alone.json"
BESIDE = "/run/byzantium/beside.json"  # the names of access points of its mesh that were heard beside its cell
FLAG = "listen"  # of duty.tell
FIRST, LONGEST = 120.0, 900.0  # seconds alone until it listens, at the most; twice as long each time
GRACE = 60  # seconds in which a way over an access point is found, once it is joined


@dataclass
class Alone:
    """Pure: the clock and chance are handed in. `due` is None while somebody is near."""

    tries: int = 0
    due: float | None = None
    first: float = FIRST

    def step(self, company: bool, now: float, chance: float) -> bool:
        """Is it time to listen? `chance` is from 0 to 1."""
        if company:
            self.tries, self.due = 0, None
            return False
        if self.due is not None and now < self.due:
            return False
        listens = self.due is not None
        self.tries += listens
        self.due = now + min(LONGEST, self.first * 2 ** min(self.tries, 10)) * (1 + chance) / 2
        return listens


def company(system: System, known: Facts) -> bool:
    """Is anybody near? A station that is turned away again and again has joined nobody, and one that finds no way over
    its access point is at somebody else's: the name is no secret."""
    return (
        any(_joined(system, link.name, link.kind) for link in known.links if link.kind != "wired")
        or any(airing.stations(system, name) for name in known.access_points)
        or _led(routes.read())
    )


def _joined(system: System, name: str, kind: str) -> bool:
    if kind == "station":
        return interfaces.attribute(system, name, "carrier") == "1" and fresh(system, name)
    return any(kind != "802.11s" or station.plink == "ESTAB" for station in airing.stations(system, name))


def fresh(system: System, name: str) -> bool:
    """Was the access point joined so lately that there need be no way over it yet?"""
    times = [station.connected_s for station in airing.stations(system, name)]
    return any(seconds is not None and seconds <= GRACE for seconds in times)


def leads(system: System, known: Facts, table: routes.Table) -> bool:
    """Does a way go over a link of this node? Each hub of this mesh announces its own network at least; but where two
    links lead to the same nodes, the kernel has the better way alone, so that a station without one may be right."""
    numbers = {interfaces.attribute(system, link.name, "ifindex") for link in known.links}
    return any(str(route.interface) in numbers for route in table.nodes)


def in_cell(known: Facts) -> bool:
    return any(link.kind == "ibss" for link in known.links)


def _led(table: routes.Table) -> bool:
    """Does routing know a way to any node?"""
    return bool(table.nodes or table.sixes)


def look(
    system: System, known: Facts, alone: Alone, beside: Alone, now: float, say: Callable[[str], None]
) -> None:
    """One look of the watch: what it comes to is kept for `status` and for the next start of it. `beside` counts while
    somebody is in the cell."""
    folder, near = Path(system.path(FOLDER)), company(system, known)
    if beside.step(not (near and in_cell(known)), now, random.random()):
        tell(folder, FLAG)
    due, listens = alone.due, alone.step(near, now, random.random())
    if alone.due == due:
        return
    replace(folder / "alone.json", json.dumps({"tries": alone.tries, "due": alone.due}) + "\n")
    if alone.due is None:
        say("somebody is near: nobody else is listened for")
        return
    if listens:
        tell(folder, FLAG)
    what = "it listens" if listens else "nobody is near"
    say(f"{what}, and again in {alone.due - now:.0f} s while nobody is near")


def read(system: System) -> Alone:
    """As the watch left it; fresh where there is nothing of it."""
    try:
        told = json.loads(system.read(STATE) or "{}")
        return Alone(int(told["tries"]), None if told["due"] is None else float(told["due"]))
    except (ValueError, KeyError, TypeError):
        return Alone()


def read_beside(system: System) -> list[str]:
    """The names of access points that listen.py has heard beside the cell, as they can be shown."""
    try:
        return [printable_bytes(bytes.fromhex(name)) for name in json.loads(system.read(BESIDE) or "[]")]
    except (ValueError, TypeError):
        return []


def forget(system: System) -> None:
    """This node does not listen any more."""
    system.path(STATE).unlink(missing_ok=True)
