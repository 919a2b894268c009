"""What is heard at each wired port, for a person who decides what becomes of it. Nothing is served and nothing kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from byzwizard.backends import gateway, uplinks
from byzwizard.backends.interfaces import attribute, index, ip, ipv4, is_up
from byzwizard.backends.listening import Listener
from byzwizard.backends.units import running
from byzwizard.backends.waiting import check_stop
from byzwizard.desk import Cable

if TYPE_CHECKING:
    from byzwizard.backends.system import System

CARRIER = 4.0  # seconds that two ends take to agree on a speed
STEP = 0.2
STATES: dict[str, Literal["empty", "listening", "leads", "silent", "stranger"]] = {
    "empty": "empty", "listening": "listening", "uplink": "leads", "held": "leads", "clients": "silent",
    "refused": "stranger"}


def look(system: System, names: Sequence[str]) -> list[Cable]:
    """As the duty of the ports knows them; without it, after listening for 10 s at most. Needs root. Raises
    StepFailed."""
    known = uplinks.ports(system) if running(system, gateway.UNIT) else None
    if known is not None:
        return [Cable(port.interface, STATES[port.state], port.router, port.stranger, port.working, port.network)
                for port in known]
    return _listen(system, [name for name in names if index(name) is not None])


def _listen(system: System, names: Sequence[str]) -> list[Cable]:
    """On all ports at once; one that was down is up for this while."""
    down = [name for name in names if not is_up(system, name)]
    if down:
        ip(system, *(f"link set dev {name} up" for name in down))
    try:
        found = _ask(system, _plugged(system, names))
    finally:
        here = [name for name in down if index(name) is not None]
        if here:
            ip(system, *(f"link set dev {name} down" for name in here))
    return [found.get(name, Cable(name, "empty")) for name in names]


def _plugged(system: System, names: Sequence[str]) -> set[str]:
    deadline = time.monotonic() + CARRIER
    while True:
        found = {name for name in names if attribute(system, name, "carrier") == "1"}
        if len(found) == len(names) or time.monotonic() > deadline:
            return found
        check_stop()
        time.sleep(STEP)


def _ask(system: System, names: set[str]) -> dict[str, Cable]:
    folder = system.path(gateway.FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    now = time.monotonic()
    found = {name: Cable(name, "leads") for name in names if ipv4(name)}  # somebody else has set it up
    asking = {name: Listener(name, system, folder, now, once=True) for name in names - found.keys()}
    try:
        while asking.keys() - found.keys():
            check_stop()
            time.sleep(STEP)
            now = time.monotonic()
            for name in asking.keys() - found.keys():
                listener = asking[name]
                listener.ask(now)
                lease = listener.lease()
                if lease or listener.router_heard():
                    found[name] = Cable(name, "leads", (lease.router or lease.server) if lease else None)
                elif listener.silent(now):
                    found[name] = Cable(name, "silent")
    finally:
        for listener in asking.values():
            listener.close()
    return found
