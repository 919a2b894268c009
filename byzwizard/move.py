"""Another network for this node's clients, when the present one is another node's too (byz-move.service).

Two meshes that meet may have one 10.x.y.0/24 twice. tend finds that out from the nodes' signed documents and by a rule
that both sides work out alone (directory.moves); this part is told no more than an id, looks at it again, and applies
the node's own answers with the next network of its own sequence that nobody has. Clients are made to ask for an address
anew. The same where an uplink turns out to be in the clients' network.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from byzwizard import again
from byzwizard.backends import control, directory, facts, keep, prefixes
from byzwizard.backends.interfaces import ip
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError

if TYPE_CHECKING:
    from byzwizard.backends.facts import Facts

CLASH = "/run/byzantium/names/clash"  # written by tend
ANSWERS = "/run/byzantium/moving.yaml"
MOVED = "/run/byzantium/moved"  # how often, and when last (monotonic seconds)
PORTS = "/run/byzantium/uplink/state.json"
FIRST, LONGEST = 30.0, 3600.0  # seconds between two moves: twice as long each time, so that nobody drives us about


def reason(system: System, known: Facts) -> str | None:
    """Why this node has to move; None when it has not. Whoever wrote the files is not believed more than that."""
    own = known.addresses[0]
    try:
        told = json.loads(system.read(CLASH) or "null")
        if (told is not None and own in told["addresses"] and directory.CANONICAL.fullmatch(told["id"])
                and directory.moves(known.id, told["id"])):
            return f"{told['id']} has it too"
    except (ValueError, KeyError, TypeError):
        pass
    offered = (system.read(prefixes.CLASH) or "").strip()
    with contextlib.suppress(ValueError):
        network = ipaddress.IPv4Network(offered) if offered else None
        # Who has all of 10/8 cannot be avoided.
        if network is not None and network.prefixlen > 8 and ipaddress.IPv4Address(own) in network:
            return f"an uplink is in {offered}"
    return None


def wait_left(system: System, now: float) -> float:
    """Seconds until this node may move again."""
    times, last = _moved(system)
    return max(0.0, last + min(LONGEST, FIRST * 2 ** min(times - 1, 10)) - now) if times else 0.0


def _moved(system: System) -> tuple[int, float]:
    with contextlib.suppress(ValueError, TypeError):
        times, last = json.loads(system.read(MOVED) or "null")
        return int(times), float(last)
    return 0, 0.0


def choose(system: System, known: Facts) -> str:
    """The next network of this node's own sequence that is free. Raises CannotHere."""
    from byzwizard.resolve import client_prefix

    present = known.addresses[0].removesuffix(".1") + ".0/24"
    return client_prefix(known.id, {present, *prefixes.in_use(system)})


def ask_anew(system: System, known: Facts) -> None:
    """Clients ask for an address anew when they join: phones are sent away for a moment, and so are cables. Their
    former address is refused then (dnsmasq is authoritative), and they get one of the new network."""
    for name in known.access_points:
        control.ask(system.path(f"/run/byzantium/ap/control/{name}"), "DEAUTHENTICATE ff:ff:ff:ff:ff:ff")
    ports: dict[str, Any] = json.loads(system.read(PORTS) or '{"ports": []}')
    for port in ports["ports"]:
        if port["state"] in ("clients", "listening"):
            with contextlib.suppress(ByzantiumError):  # it went with its device
                ip(system, f"link set dev {port['port']} down", f"link set dev {port['port']} up")


def apply(system: System, subnet: str) -> int:
    """The node's answers with another network. Raises ByzantiumError."""
    answers = keep.present(system)
    if answers is None:
        return again.BUSY  # a change that waits for `byzwizard confirm`, or an apply that is not through yet
    mesh = answers.mesh.model_copy(update={"subnet": subnet})
    return again.apply(system, answers.model_copy(update={"mesh": mesh}), ANSWERS)


def main() -> int:
    """Exit status 0: nothing to do, or done; anything else is tried again by systemd."""
    system = System()
    known = facts.read(system)
    why = reason(system, known) if known is not None else None
    if known is None or why is None:
        return 0
    now = time.monotonic()
    if wait_left(system, now):
        return again.BUSY
    try:
        subnet = choose(system, known)
        status = apply(system, subnet)
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return again.BUSY
    if status == 0:
        print(f"The clients' network {known.addresses[0]}/24 is left, because {why}; {subnet} is taken.",
              file=sys.stderr, flush=True)
        system.write(MOVED, json.dumps([_moved(system)[0] + 1, now]))
        ask_anew(system, known)
    return status


if __name__ == "__main__":
    sys.exit(main())
