"""What olsrd tells by its plugin jsoninfo (lib/jsoninfo, lib/info/README_INFO): its links, and the networks
that it knows."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from byzwizard.backends.airing import link_local
from byzwizard.backends.protocol import Dump, Neighbour, NotAnswering, Way

if TYPE_CHECKING:
    from byzwizard.backends.system import System

HERE, PORT = "127.0.0.1", 6980
ASKED = b"/links/routes/hna/interfaces\n"
BROKEN = 1 << 22  # LINK_COST_BROKEN of src/lq_plugin.h: no way at all
PERFECT = 256  # a transmission that always gets there, in babeld's costs
MOST = 8 << 20  # bytes: some 20,000 networks
ARP = "/proc/net/arp"


def neighbours_at(text: str) -> dict[tuple[str, str], str]:
    """From /proc/net/arp: (IPv4 address, interface) to the IPv6 link-local address of who has it there."""
    found = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) == 6 and len(words[3]) == 17 and words[3] != "00:00:00:00:00:00":
            found[words[0], words[5]] = link_local(words[3])
    return found


def _cost(etx: float) -> int | None:
    return None if etx >= BROKEN else round(etx * PERFECT)


def parse(text: str, at: Mapping[tuple[str, str], str]) -> Dump:
    """From the answer to ASKED. Nodes go by their link-local address where `at` knows it, as they do on the air and in
    babeld's words. Raises NotAnswering."""
    try:
        told = json.loads(text)
        interfaces = [one["olsrInterface"] for one in told["interfaces"] if one.get("olsrInterface", {}).get("up")]
        own = {one["ipAddress"] for one in interfaces}
        return Dump(
            tuple(_neighbour(link, at) for link in told["links"]),
            tuple(_ways(told, own, at)),
            tuple(f"{net['destination']}/{net['genmask']}" for net in told["hna"] if net["gateway"] in own),
            tuple(one["name"] for one in interfaces),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise NotAnswering(text[:80]) from fault


def _neighbour(link: Mapping[str, Any], at: Mapping[tuple[str, str], str]) -> Neighbour:
    """A link counts as heard while both sides hear each other."""
    heard, name = link["currentLinkStatus"] == "SYMMETRIC", link["olsrInterface"]
    here, there = (round(PERFECT / part) if part else BROKEN for part in (
        float(link["linkQuality"]), float(link["neighborLinkQuality"])))
    return Neighbour(at.get((link["remoteIP"], name), link["remoteIP"]), name, 0xFFFF if heard else 0, here, there,
                     _cost(link["linkCost"]) if heard else None)


def _ways(told: Mapping[str, Any], own: set[str], at: Mapping[tuple[str, str], str]) -> list[Way]:
    """The networks that others announce. Of several who have the same one, the first that it came by has the route."""
    routes = {f"{route['destination']}/{route['genmask']}": route for route in told["routes"]}
    ways = []
    for net in told["hna"]:
        prefix = f"{net['destination']}/{net['genmask']}"
        if net["gateway"] in own:
            continue
        route = routes.pop(prefix, None)
        if route is None:
            ways.append(Way(prefix, False, None, 0, "", "", net["gateway"]))
            continue
        via, name = route["gateway"], route["networkInterface"]
        ways.append(Way(prefix, True, _cost(route["etx"]), route["metric"] - 1, at.get((via, name), via), name,
                        net["gateway"]))
    return ways


def read(system: System, port: int = PORT, timeout: float = 1.0) -> Dump:
    """Ask olsrd for what it knows. Raises NotAnswering."""
    data = b""
    try:
        with socket.create_connection((HERE, port), timeout) as link:
            link.sendall(ASKED)
            while part := link.recv(65536):
                data += part
                if len(data) > MOST:
                    raise NotAnswering("the answer has no end")
    except OSError as fault:
        raise NotAnswering(str(fault)) from fault
    return parse(data.decode(errors="replace"), neighbours_at(system.read(ARP) or ""))
