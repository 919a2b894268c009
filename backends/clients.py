"""Who uses this node: phones on its access points, and computers on its client ports."""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from byzwizard.backends.airing import Station
    from byzwizard.backends.system import System

LEASES = "/run/byzantium/dnsmasq/leases"
BRIDGE = "/sys/class/net/clients0/brforward"


def parse_leases(text: str, now: float) -> list[tuple[str, int]]:
    """The IPv4 leases that have not run out, from dnsmasq's file (expiry, MAC, address, name, id): the MAC, and when it
    ends; 0 never."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0].isdigit() and "." in words[2] and (words[0] == "0" or int(words[0]) > now):
            found.append((words[1].lower(), int(words[0])))
    return found


def parse_bridge(data: bytes) -> set[str]:
    """The MACs that a bridge has learnt lately, without its own ports' (struct __fdb_entry of linux/if_bridge.h)."""
    return {":".join(f"{octet:02x}" for octet in data[at:at + 6])
            for at in range(0, len(data) - 15, 16) if not struct.unpack_from("B", data, at + 7)[0]}


def count(system: System, stations: Sequence[Station], nodes: Collection[str] = ()) -> int:
    """Stations of the access points but for those of the link-local addresses `nodes`, and whoever else has a lease and
    was heard on the bridge in 5 minutes."""
    phones = {station.mac for station in stations if station.link_local not in nodes}
    try:
        near = parse_bridge(system.path(BRIDGE).read_bytes())
    except OSError:
        near = set()
    leased = {mac for mac, _ends in parse_leases(system.read(LEASES) or "", time.time())}
    return len(phones | (leased & near))
