"""IPv4 networks that are in use around this node, and the one that it gave its clients so far."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
from typing import TYPE_CHECKING

from byzwizard.backends import facts
from byzwizard.errors import ByzantiumError

if TYPE_CHECKING:
    from byzwizard.backends.system import System

ROUTES = "/proc/net/route"  # Documentation/networking/proc.rst: main table, numbers in the machine's byte order
CLASH = "/run/byzantium/uplink/clash"  # byzwizard.gateway: what an uplink offers, and is ours
NODES = "/run/byzantium/names/nodes.json"
OURS = {"clients0", "here0", "lo", "tunnel0"}


def _address(digits: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(digits, 16)))


def routed(text: str) -> set[str]:
    """From the text of /proc/net/route: networks of uplinks and of other nodes, never a default route."""
    found = set()
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[0] not in OURS and int(words[7], 16):
            found.add(str(ipaddress.IPv4Network((_address(words[1]), _address(words[7])), strict=False)))
    return found


def _offered(text: str) -> set[str]:
    """From what byzwizard.gateway wrote: one network, or nothing."""
    try:
        return {str(ipaddress.IPv4Network(text.strip()))} if text.strip() else set()
    except ValueError:
        return set()


def _of_nodes(text: str) -> set[str]:
    """From tend's nodes.json: of nodes that are known, and have no route just now."""
    try:
        addresses = [str(node["address"]) for node in json.loads(text or "{}").get("nodes", ())]
        return {str(ipaddress.IPv4Network(f"{address}/24", strict=False)) for address in addresses
                if ":" not in address}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def in_use(system: System) -> set[str]:
    """What the clients' network must not overlap."""
    return (routed(system.read(ROUTES) or "") | _offered(system.read(CLASH) or "")
            | _of_nodes(system.read(NODES) or ""))


def former(system: System) -> str | None:
    """The clients' network that this node has, or had at the last start; None on a new one."""
    from byzwizard.backends import keep

    known = facts.read(system)
    if known is not None:
        return known.addresses[0].removesuffix(".1") + ".0/24"
    try:
        kept = keep.answers(system)
    except ByzantiumError:  # damaged: as good as none
        return None
    return kept.mesh.subnet if kept is not None else None
