"""A node that is alone listens again, and joins an access point of its mesh that it hears (byz-listen.service).

alone.py tells when. An access point cannot listen, so this node's own one is silent meanwhile, and stays so where it
joins another: of two hubs that listen at the same time at most one hears the other. So never both of them join, and the
one that heard nobody is there again when the other one comes. What is heard is handed to an apply of the node's own
answers, as the wizard's Review does; the ladder chooses.

Nobody leaves an ad-hoc cell with somebody in it: a radio is in one cell only, and the others may not hear the access
point, and would be cut off from whom they have. So people are told of it, and decide (`status`).
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from byzwizard import again, alone, beacon
from byzwizard.backends import facts, interfaces, keep, revert
from byzwizard.backends.retire import unit_of
from byzwizard.backends.system import System
from byzwizard.backends.units import running
from byzwizard.errors import ByzantiumError

if TYPE_CHECKING:
    from byzwizard.answers import Answers
    from byzwizard.backends.facts import Facts
    from byzwizard.machine import Hub
    from byzwizard.prepare import Prepared
    from byzwizard.resolve import MeshLink, Resolved

ANSWERS = "/run/byzantium/listening.yaml"
# The access points that are off meanwhile; a run that was killed leaves it behind.
PAUSED = "/run/byzantium/listening.paused"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def silent(system: System, known: Facts) -> Iterator[None]:
    """The access points that have a radio of their own are off meanwhile. Those that are still wanted come back."""
    meshing = {interfaces.phy_of(system, link.name) for link in known.links}
    left = (system.read(PAUSED) or "").split()
    paused = [
        name
        for name in known.access_points
        if interfaces.phy_of(system, name) not in meshing and (name in left or running(system, unit_of(name)))
    ]
    try:
        system.write(PAUSED, "".join(f"{name}\n" for name in paused))
        for name in paused:
            system.run("systemctl", "stop", unit_of(name), timeout=90)
            # hostapd leaves the kind that it found, which is its own where an earlier one was killed.
            interfaces.ip(system, f"link set dev {name} down")
            system.run("iw", "dev", name, "set", "type", "managed", ok=range(256))
        yield
    finally:
        resume(system)


def resume(system: System) -> None:
    """The access points that are off come back, those that the node still has."""
    now = facts.read(system)
    for name in (system.read(PAUSED) or "").split():
        if now is not None and name in now.access_points and not running(system, unit_of(name)):
            system.run("systemctl", "start", unit_of(name), timeout=90)
    system.remove(PAUSED)


def change(system: System, known: Facts, resolved: Resolved, heard: Sequence[Hub]) -> str | None:
    """What the node does about it, in a line; None where it stays as it is."""
    if resolved.keys.babel is None:
        return None  # no hubs in this mesh
    ours = beacon.content(resolved.keys.air_id).hex()
    names = {bytes.fromhex(hub.ssid) for hub in heard if hub.element == ours}
    stations = [link for link in resolved.links if link.kind == "station"]
    for link in stations:
        if link.network in names and not _goes_there(system, known, link):
            return f"an access point of this mesh is heard: {link.interface} joins it"
    if not stations and any(link.kind == "station" for link in known.links):
        return "the access point that it waits for is not heard: it begins by itself"
    return None


def _goes_there(system: System, known: Facts, link: MeshLink) -> bool:
    """Does this link join that access point already, as soon as it is let in?"""
    assert link.network is not None
    if not any(one.name == link.name and one.kind == "station" for one in known.links):
        return False
    return f"\tssid={link.network.hex()}\n" in (system.read(f"/run/byzantium/mesh/{link.name}.conf") or "")


def prepared(system: System, answers: Answers) -> Prepared:
    """What these answers come to with what is heard now; without the stages, for nothing is planned yet."""
    from byzwizard.answers import save_text
    from byzwizard.prepare import prepare

    system.write(ANSWERS, save_text(answers), mode=0o600)
    return prepare(system, system.path(ANSWERS), None, (), again=True)


def listen(system: System, known: Facts) -> None:
    """Raises ByzantiumError."""
    from byzwizard.backends import hearing
    from byzwizard.locking import only_one

    answers = keep.present(system)
    if answers is None or revert.armed(system):
        return  # a change that waits for `byzwizard confirm`, or an apply that is not through yet
    with contextlib.ExitStack() as stack:
        stack.callback(system.remove, ANSWERS)
        with only_one(system):
            stack.enter_context(silent(system, known))
            ready = prepared(system, answers)
        heard = ready.machine.heard or ()
        what = change(system, known, ready.resolved, heard)
        say(what or "no other access point of this mesh is heard: it stays as it is")
        if what is not None:
            again.apply(system, answers, ANSWERS, "--heard", hearing.written(heard))


def beside(system: System, known: Facts) -> None:
    """What is heard beside a cell with somebody in it; access points of other radios go on. Raises ByzantiumError."""
    from byzwizard.backends import hearing, remembered
    from byzwizard.backends.probe import machine_for
    from byzwizard.locking import only_one

    phys = {interfaces.phy_of(system, link.name) for link in known.links if link.kind == "ibss"}
    with only_one(system):
        machine = remembered.recall(system) or machine_for(system, None)
        heard = hearing.hubs(system, [radio for radio in machine.radios if radio.phy in phys])
    ours = beacon.content(known.air_id).hex()
    names = sorted({hub.ssid for hub in heard if hub.element == ours})
    system.write(alone.BESIDE, json.dumps(names) + "\n")
    say("an access point of this mesh is heard beside the cell: it stays in the cell, which would lose it" if names
        else "no access point of this mesh is heard beside the cell")


def main() -> int:
    """Exit status 0: what could not be is told, and tried again when it is due again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is paused comes back
    system = System()
    if sys.argv[1:] == ["resume"]:  # after one that was killed
        resume(system)
        return 0
    known = facts.read(system)
    if known is None or not known.listens:
        return 0
    near = alone.company(system, known)
    if near and not alone.in_cell(known):
        return 0
    try:
        if near:
            beside(system, known)
        else:
            system.remove(alone.BESIDE)
            listen(system, known)
    except ByzantiumError as fault:
        say(str(fault))
    return 0


if __name__ == "__main__":
    sys.exit(main())
