"""A node that is alone, and whose part in the mesh depends on who is near (ladder.py), listens again: who began before
its neighbours were there would never find them else. When that is due is decided here, beside the watch over radios
(byz-radio.service, unstick.py), which has no rights; it is done by listen.py, which has them.

It is never due while there is anybody: a phone or a node at an access point, a neighbour, or a way to any node. Between
two times it waits longer each time, and never the same as its neighbours, for who listens is not heard meanwhile.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.backends import airing, interfaces, routes
from byzwizard.duty import replace, tell

if TYPE_CHECKING:
    from byzwizard.backends.facts import Facts
    from byzwizard.backends.system import System

FOLDER = "/run/byzantium/radio"
STATE = f"{FOLDER}/alone.json"
FLAG = "listen"  # of duty.tell
FIRST, LONGEST = 120.0, 900.0  # seconds alone until it listens, at the most; twice as long each time


@dataclass
class Alone:
    """Pure: the clock and chance are handed in. `due` is None while somebody is near."""

    tries: int = 0
    due: float | None = None

    def step(self, company: bool, now: float, chance: float) -> bool:
        """Is it time to listen? `chance` is from 0 to 1."""
        if company:
            self.tries, self.due = 0, None
            return False
        if self.due is not None and now < self.due:
            return False
        listens = self.due is not None
        self.tries += listens
        self.due = now + min(LONGEST, FIRST * 2 ** min(self.tries, 10)) * (1 + chance) / 2
        return listens


def company(system: System, known: Facts) -> bool:
    """Is anybody near? A station that is turned away again and again has joined nobody."""
    return (
        any(_joined(system, link.name, link.kind) for link in known.links if link.kind != "wired")
        or any(airing.stations(system, name) for name in known.access_points)
        or _led(routes.read())
    )


def _joined(system: System, name: str, kind: str) -> bool:
    if kind == "station":
        return interfaces.attribute(system, name, "carrier") == "1"
    return any(kind != "802.11s" or station.plink == "ESTAB" for station in airing.stations(system, name))


def _led(table: routes.Table) -> bool:
    """Does routing know a way to any node?"""
    return bool(table.nodes or table.sixes)


def look(system: System, known: Facts, alone: Alone, now: float, say: Callable[[str], None]) -> None:
    """One look of the watch: what it comes to is kept for `status` and for the next start of it."""
    due, listens = alone.due, alone.step(company(system, known), now, random.random())
    if alone.due == due:
        return
    folder = Path(system.path(FOLDER))
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


def forget(system: System) -> None:
    """This node does not listen any more."""
    system.path(STATE).unlink(missing_ok=True)
