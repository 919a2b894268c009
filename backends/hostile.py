"""What others in the mesh have said that this node does not believe, for `status`: it is told, and does no harm.

Prefixes that babel.conf refuses are not among it. babeld forgets them at once, and there is no harmless way to have it
keep them: what comes in with `metric 65534` it puts into the kernel as unreachable, and each update of what `install`
denies is a line of its log and a retraction on the air.
"""

from __future__ import annotations

import ipaddress
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from byzwizard.backends.checks import Check
from byzwizard.backends.neighbours import NODES, Known
from byzwizard.backends.printable import printable
from byzwizard.backends.protocol import Dump
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.backends.uplinks import PortState

# Networks of one node, of IPv4 or of IPv6: it has one, perhaps a leased address, and keeps a former one for a moment.
CROWD = 4
NAMED = 3  # of many that did the same


def look(
    system: System, ports: Sequence[PortState], dump: Dump | None, names: Mapping[str, Known]
) -> list[Check]:
    """`dump` is None while routing does not answer."""
    known = dump or Dump()
    found = [_names(system), _twin(known), _crowd(known, names), _inside(ports, known), _unkeyed(system, dump)]
    return [check for check in found if check is not None]


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:NAMED]) + (" …" if len(words) > NAMED else "")


def _names(system: System) -> Check | None:
    """Documents that tend refused. It reads strangers' words itself, so its own are looked at twice."""
    try:
        refused = json.loads(system.read(NODES) or "{}").get("refused", [])
        said = [printable(f"{node['address']} ({node['reason']})") for node in refused]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not said:
        return None
    return Check("refused-names", True, ngettext(
        "The name of {n} node is not believed: {nodes}.", "The names of {n} nodes are not believed: {nodes}.",
        len(said)).format(n=len(said), nodes=_some(said)),
        _("A fault, or somebody who pretends to be another. They can be reached by their address alone."))


def _twin(dump: Dump) -> Check | None:
    """Somebody else who announces the network that follows from this node's own id."""
    own = {prefix for prefix in dump.own if prefix.startswith("fd") and prefix.endswith("::/64")}
    if any(way.prefix in own for way in dump.ways):
        return Check("twin", False, _("Another node has this node's identity: one of the two sticks is a copy."),
                     _("Switch one of them off. Delete what it keeps (`byzwizard persist delete`), and it starts as a "
                       "node of its own; `byzwizard clone` makes copies that are."))
    return None


def _crowd(dump: Dump, names: Mapping[str, Known]) -> Check | None:
    """One node that announces many networks, where each has one."""
    networks: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    by: dict[str, str] = {}
    for way in dump.ways:
        six = way.prefix.startswith("fd") and way.prefix.endswith("::/64")
        if six or (way.prefix.startswith("10.") and way.prefix.endswith((".0/24", "/32"))):
            networks[way.origin][six].add(way.prefix)
            if way.installed:
                by[way.origin] = way.via
    many = {origin: sum(map(len, networks[origin])) for origin in by if max(map(len, networks[origin])) > CROWD}
    if not many:
        return None
    origin = max(many, key=lambda each: many[each])
    near = dump.announced_by(by[origin])
    node = near.prefix.removesuffix("0/24") + "1" if near else None
    said = (_("A node announces more than {n} networks of the mesh; each node has one. The way to it goes by {via}.")
            if dump.cut else
            _("A node announces {n} networks of the mesh; each node has one. The way to it goes by {via}."))
    return Check(
        "crowd", True,
        said.format(n=many[origin], via=names[node].label if node and node in names else by[origin]),
        _("It takes addresses of others for itself, or is out of order. Find it, or give the mesh another passphrase."))


def _inside(ports: Sequence[PortState], dump: Dump) -> Check | None:
    """Prefixes of the mesh that lie in the network of an uplink."""
    lans = [(ipaddress.IPv4Interface(port.address).network, port) for port in ports
            if port.address and port.state in ("uplink", "held")]
    for way in dump.ways:
        if way.installed and way.prefix.startswith("10."):
            network = ipaddress.IPv4Network(way.prefix)
            for lan, port in lans:
                if network.overlaps(lan):
                    return Check("inside-uplink", True, _(
                        "The mesh announces {prefix}, which is in the network of {port}: this computer keeps its own "
                        "way there.").format(prefix=way.prefix, port=port.name),
                        _("Where that is an honest node, give it another mesh.subnet."))
    return None


def _unkeyed(system: System, dump: Dump | None) -> Check | None:
    """Who speaks of routes without the key of this mesh: heard by the firewall, and no neighbour of babeld."""
    if dump is None:
        return None
    try:
        told = system.run("nft", "-j", "list", "set", "inet", "byz-filter", "speakers", ok=(0, 1)).out
        heard = {str(element["elem"]["val"]) for entry in json.loads(told or '{"nftables": []}')["nftables"]
                 for element in entry.get("set", {}).get("elem", ())}
    except (ByzantiumError, ValueError, KeyError, TypeError):
        return None
    others = sorted(heard - {neighbour.address for neighbour in dump.neighbours if neighbour.reach})
    if not others:
        return None
    return Check("unkeyed", True, ngettext(
        "{n} computer announces ways without the key of this mesh: {who}. None of them is taken.",
        "{n} computers announce ways without the key of this mesh: {who}. None of them is taken.",
        len(others)).format(n=len(others), who=_some(others)),
        _("It has another passphrase or another kind of mesh, or tries to lead the mesh astray."))
