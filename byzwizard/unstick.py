"""Radios that hear nobody any more where they heard somebody (byz-radio.service): drivers get stuck, and a mesh that a
radio has left without being told looks like one that has gone away. A node that has met nobody yet is watched over
too, where it could listen again (alone.py), and a station that is at somebody else's access point: all it has to know
one by is the name, which others use as well. And a radio that was switched off and on by a key of the computer: the
kernel does not put it up again, and its daemon is not told.

It runs as the user of wpa_supplicant, has no right but to speak with it, and asks it to look around, then to end:
systemd starts it again, and it joins. Between two tries it waits longer each time, up to an hour, for mostly the others
have really gone away.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard import alone
from byzwizard.backends import airing, control, facts, interfaces, routes
from byzwizard.backends.system import System
from byzwizard.duty import notify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONTROL = "/run/byzantium/mesh/control"
CONTROLS = (CONTROL, "/run/byzantium/ap/control", "/run/byzantium/wifi/control")
DOWN = 3  # looks that find a radio down which is not switched off
EVERY = 5.0  # seconds between two looks
FIRST, LONGEST = 30.0, 3600.0  # seconds without a peer until something is done, and twice as long each time
LOOK, ANEW = "SCAN", "TERMINATE"  # of wpa_supplicant's control interface
WORDS = {LOOK: "it looks around", ANEW: "it joins anew"}
# wpa_supplicant 2.10 (bssid_ignore.c) passes over what it was told once for 10 s, and for 120 s when it was told four
# times, so that the third of three has its turn as well; but never where it hears no other one of that name.
# Once it has joined it, it counts anew.
AVOID, TIMES, ELSEWHERE = "BSSID_IGNORE", 4, "REASSOCIATE"


@dataclass
class Radio:
    """One mesh link or ad-hoc cell. Pure: the clock and the number of its peers are handed in."""

    name: str
    kind: str = "802.11s"
    met: bool = False  # has it had a peer since it was started or given up on?
    tries: int = 0
    due: float = 0.0

    def step(self, peers: int, now: float) -> str | None:
        """What to ask of wpa_supplicant now."""
        if peers:
            self.met, self.tries, self.due = True, 0, now + FIRST
            return None
        if not self.met or now < self.due:
            return None
        self.tries += 1
        self.due = now + min(LONGEST, FIRST * 2 ** min(self.tries - 1, 10))
        return LOOK if self.tries == 1 else ANEW


@dataclass
class Way:
    """One station. Pure, as Radio is."""

    name: str
    bssid: str | None = None  # the access point that it has joined
    tries: int = 0
    due: float = 0.0

    def step(self, bssid: str | None, leads: bool, now: float) -> bool:
        """Is it time to leave that access point? `leads`: a way goes over it, or over another link."""
        if bssid != self.bssid:
            self.bssid, self.due = bssid, max(self.due, now + alone.GRACE)
        if leads:
            self.tries, self.due = 0, now + alone.GRACE
        if bssid is None or now < self.due:
            return False
        self.tries += 1
        self.due = now + min(alone.LONGEST, alone.GRACE * 2 ** min(self.tries - 1, 10))
        return True


def peers(system: System, radio: Radio) -> int:
    """Of a cell, whoever was heard there in the last minute (IEEE80211_IBSS_PEER_INACTIVITY_LIMIT of the kernel)."""
    found = airing.stations(system, radio.name)
    return sum(radio.kind == "ibss" or station.plink == "ESTAB" for station in found)


def look(system: System, radios: Sequence[Radio], now: float, say: Callable[[str], None]) -> None:
    for radio in radios:
        found, tried = peers(system, radio), radio.tries
        command = radio.step(found, now)
        if command is not None:
            control.ask(system.path(f"{CONTROL}/{radio.name}"), command)
            say(f"{radio.name}: nobody is heard any more; {WORDS[command]}")
        elif found and tried:
            say(f"{radio.name}: {found} heard again")


def look_on(system: System, known: facts.Facts, ways: Sequence[Way], now: float, say: Callable[[str], None]) -> None:
    """Stations, as look() does radios that peer."""
    table = routes.read() if ways else None
    for way in ways:
        path = system.path(f"{CONTROL}/{way.name}")
        found = control.status(path)
        bssid = found.get("bssid") if found.get("wpa_state") == "COMPLETED" else None
        if table is not None and way.step(bssid, alone.leads(system, known, table), now):
            for command in (*[f"{AVOID} {bssid}"] * TIMES, ELSEWHERE):
                control.ask(path, command)
            say(f"{way.name}: no way of this mesh goes over the access point {bssid}; it looks for another")


def look_at_switches(system: System, down: dict[Path, int], say: Callable[[str], None]) -> None:
    """Every daemon of a radio that is down though it may be up is ended, and started again by systemd. `down` counts
    for how many looks that is so."""
    for path in (path for folder in CONTROLS for path in system.path(folder).glob("*")):
        name = path.name
        off = interfaces.index(name) is not None and not interfaces.is_up(system, name)
        down[path] = down.get(path, 0) + 1 if off and not interfaces.blocked(system, name) else 0
        if down[path] and down[path] % DOWN == 0:
            control.ask(path, ANEW)
            say(f"{name}: it is down, and not switched off any more; it begins anew")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Until SIGTERM. Exit status 0."""
    system = System()
    known = facts.read(system)
    kinds = ("802.11s", "ibss")
    radios = [Radio(link.name, link.kind) for link in known.links if link.kind in kinds] if known else []
    ways = [Way(link.name) for link in known.links if link.kind == "station"] if known else []
    down: dict[Path, int] = {}
    hermit, beside = alone.read(system), alone.Alone(first=alone.LONGEST)
    if known is None or not known.listens:
        alone.forget(system)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    notify("READY=1")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            look_at_switches(system, down, say)
            look(system, radios, time.monotonic(), say)
            if known is not None:
                look_on(system, known, ways, time.monotonic(), say)
            if known is not None and known.listens:
                alone.look(system, known, hermit, beside, time.monotonic(), say)
            notify("WATCHDOG=1")
            time.sleep(EVERY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
