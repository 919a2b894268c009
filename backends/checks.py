"""The checks of `status` that look at this node's own parts. Each is a small function: what it sees, and what to do."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from byzwizard import alone, move
from byzwizard.backends import ahcp, airing, clients, interfaces, island, leased, names, neighbours, routes, tables, web
from byzwizard.backends import clock as clock_stage
from byzwizard.backends import portal as portal_stage
from byzwizard.backends.facts import WIFI, Facts
from byzwizard.backends.printable import printable
from byzwizard.backends.routing import PROTOCOLS
from byzwizard.backends.units import running
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext
from byzwizard.locking import LOCK
from byzwizard.routings import ROUTINGS

if TYPE_CHECKING:
    from byzwizard.backends.system import System

OFF = 2.0  # seconds between clocks that agree, at the most: more than a mesh of many hops delays
PATIENCE = 3.0  # seconds for a daemon's answer: an old computer under load takes its time


@dataclass(frozen=True)
class Check:
    """One line of `status`. `advice` says what to try, None where nothing needs to be tried; `routing` is the
    mesh.routing that would help, where it would."""

    id: str
    ok: bool
    text: str
    advice: str | None = None
    routing: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "routing" or value is not None}


def _log(unit: str) -> str:
    return _("See `journalctl -u {unit}`; `byzwizard apply` starts it again.").format(unit=unit)


def _daemon(system: System, check: str, unit: str, fine: str, stopped: str, answers: bool, mute: str) -> Check:
    """A daemon runs, and does what it is for (`answers`)."""
    if not running(system, unit):
        return Check(check, False, stopped, _log(unit))
    return Check(check, True, fine) if answers else Check(check, False, mute, _log(unit))


def radio(system: System, facts: Facts) -> Check:
    if not facts.links and facts.hubs:
        return Check("radio", True, _("This node is a hub: other nodes join its network ({names}), as phones do."
                                      ).format(names=", ".join(facts.hubs)))
    if not facts.links:
        return Check("radio", True, _("No link of this node meshes; it stands alone."),
                     _("A wireless card that can mesh joins it to others: `byzwizard inspect` tells which can."))
    for link in facts.links:
        if interfaces.index(link.name) is None:
            return Check("radio", False, _("The mesh link {name} is gone.").format(name=link.name),
                         _("Plug it in again: then this node takes it again by itself."))
        for kind, switch in (("hard", _("Turn it on with the switch or key on this computer.")),
                             ("soft", _("`rfkill unblock wifi` turns it on."))):
            if interfaces.blocked(system, link.name, kind):
                return Check("radio", False, _("The radio of {name} is switched off.").format(name=link.name), switch)
        if link.kind == "wired" and not interfaces.is_up(system, link.name):
            return Check("radio", False, _("The mesh link {name} is there, and off.").format(name=link.name),
                         _("Plug it in again: then this node takes it again by itself."))
        present = interfaces.mac(system, link.name)
        if link.mac is not None and present is not None and present.lower() != link.mac.lower():
            return Check("radio", True,
                         _("{name} meshes under the card's own hardware address.").format(name=link.name),
                         _("Its driver does not take a random one; another card would hide it."))
    return Check("radio", True, _("The mesh link {names} is there.").format(
        names=", ".join(link.name for link in facts.links)))


def mesh(system: System, facts: Facts) -> Check | None:
    wireless = {link.name: link.kind for link in facts.links if link.kind != "wired"}
    for name, kind in wireless.items():
        unit = f"byz-mesh@{name}.service"
        if not running(system, unit):
            return Check("mesh", False, _("{name} is not in the mesh.").format(name=name), _log(unit))
        joined = interfaces.attribute(system, name, "carrier") == "1"
        if kind == "station" and (told := _astray(system, facts, name) if joined else _waiting(system, name)):
            return told
        if not joined:
            return Check("mesh", False, _("{name} has not joined the mesh.").format(name=name), _log(unit))
    if not wireless:
        return None
    kinds = {"802.11s": "802.11s", "ibss": _("ad-hoc mode"), "station": _("an access point")}
    ways = ", ".join(dict.fromkeys(kinds[kind] for kind in wireless.values()))
    return Check("mesh", True, _("The mesh “{mesh}” is joined by {ways}.").format(mesh=facts.mesh, ways=ways))


def _waiting(system: System, name: str) -> Check:
    """A station that has joined no access point."""
    if airing.turned_away(system, name):
        return Check("mesh", True, _("The access point that {name} would join turns it away.").format(name=name),
                     _("Compare the mesh's passphrase on both, letter by letter, and access_point.passphrase."))
    return Check("mesh", True, _("{name} waits for a Byzantium access point of this mesh.").format(name=name),
                 _("Bring one within reach, with the same mesh name and passphrases. This node listens again "
                   "by itself."))


def _astray(system: System, facts: Facts, name: str) -> Check | None:
    """A station that has joined one over which no way of this mesh goes, nor over another link."""
    if alone.fresh(system, name) or alone.leads(system, facts, routes.read()):
        return None
    return Check("mesh", True, _("No way of this mesh goes over the access point that {name} has joined.").format(
        name=name), _("It may be one of another mesh that has the same name; this node looks for another by itself. "
                      "Bring one of this mesh nearer, or give the access points of the two meshes different names."))


def security(facts: Facts) -> Check:
    """What keeps strangers out, and from listening."""
    keyed = ROUTINGS[facts.routing].keyed
    advice = None if keyed or facts.kind == "open" else _(
        "Routing by {routing} has no key: keep strangers off the mesh's cables, or set mesh.routing to babel on all "
        "nodes.").format(routing=facts.routing)
    return Check("security", True, " ".join([_kind(facts), *_cables(facts)]), advice)


def _cables(facts: Facts) -> list[str]:
    return [_("What goes over the cable {name} is not encrypted.").format(name=link.name)
            for link in facts.links if link.kind == "wired"]


def _kind(facts: Facts) -> str:
    """But for its cables."""
    if facts.kind == "private":
        return _("The mesh is private: who joins knows its passphrase.")
    if facts.kind == "public" and facts.unencrypted:
        return _("The mesh is public: anyone can join it. What goes over {names} is not encrypted: anyone near can "
                 "listen.").format(names=", ".join(facts.unencrypted))
    if facts.kind == "public" and facts.links and all(link.kind == "wired" for link in facts.links) and not facts.hubs:
        return _("The mesh is public: anyone with a cable to it can join it.")
    if facts.kind == "public":
        return _("The mesh is public: encrypted on the air, but anyone can join it.")
    return _("The mesh is open: nothing on the air is encrypted, anyone can listen and join.")


def access_point(system: System, facts: Facts) -> Check | None:
    for name in facts.access_points:
        unit = f"byz-ap@{name}.service"
        if not running(system, unit) or interfaces.attribute(system, name, "carrier") != "1":
            return Check("access-point", False, _("The network for phones ({name}) is off.").format(name=name),
                         _log(unit))
    return Check("access-point", True, _("The network for phones is on.")) if facts.access_points else None


def addresses(system: System, facts: Facts) -> Check:
    v4 = interfaces.ipv4("clients0")
    v6 = interfaces.ipv6(system, "clients0")
    for address in facts.addresses:
        if ":" not in address:
            there = v4 == f"{address}/24"
        else:
            flags = v6.get(f"{address}/64")
            there = flags is not None and not flags & (interfaces.TENTATIVE | interfaces.DADFAILED)
        if not there:
            return Check("addresses", False, _("The address {address} is missing.").format(address=address),
                         _("`byzwizard apply` with the node's answers gives it again."))
    fine = _("The addresses are there: {addresses}.").format(addresses=", ".join(facts.addresses))
    if move.reason(system, facts) is not None:
        return Check("addresses", True, fine, _(
            "Another network has the same one for its clients: this node takes another, and its phones join anew."))
    return Check("addresses", True, fine)


def twice(system: System, facts: Facts) -> Check | None:
    """Nodes with one /64: it is 16 bits of a hash, and nobody moves for it (as for an IPv4 network)."""
    held = defaultdict(list)
    try:
        for node in json.loads(system.read(neighbours.NODES) or "{}").get("nodes", []):
            held[node["ula"]].append(printable(node["label"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    for address in facts.addresses:
        held[address].insert(0, facts.name)
    found = next((address for address in sorted(filter(None, held)) if len(held[address]) > 1), None)
    if found is None:
        return None
    return Check("twice", True, _("{nodes} have the same IPv6 network, {network}: one of them is not reached there."
                                  ).format(nodes=_(" and ").join(held[found]), network=f"{found.removesuffix('1')}/64"),
                 _("Their names lead to IPv4, which works as ever. A fresh identity for one of them ends it."))


def lease(system: System, facts: Facts) -> Check | None:
    """What AHCP servers of the mesh have given this node. Nothing is no failure: they are not ours."""
    if not facts.leased:
        return None
    if not running(system, ahcp.UNIT):
        return Check("lease", False, _("No AHCP server is asked for an address."), _log(ahcp.UNIT))
    now, given = leased.noted(system), ", ".join(leased.on_interface(system))
    bad = now.refused[0] if now.refused else None
    refused = None if bad is None else _("{address} of an AHCP server is not taken: {why}.").format(
        address=bad.address, why=leased.REASONS[bad.why]())
    if given:
        who = ahcp.lessor(system)
        return Check("lease", True, _("The AHCP server {server} has leased {addresses} to this node.").format(
            server=who, addresses=given) if who else _("An AHCP server has leased {addresses} to this node.").format(
            addresses=given), refused)
    if refused:
        return Check("lease", True, refused, _(
            "Have its owner give out other addresses; until then this node goes by {address} alone.").format(
                address=facts.addresses[0]))
    return Check("lease", True, _("No AHCP server of the mesh answers: this node goes by {address} alone.").format(
        address=facts.addresses[0]), _(
            "It works so. Run `ahcpd` as a server on a computer of the mesh, or set mesh.addresses to hash."))


def routing(system: System, facts: Facts, answers: bool) -> Check | None:
    spoken = PROTOCOLS.get(facts.routing)
    if spoken is None or not facts.routed:
        return None
    if (fault := spoken.amiss(system, facts)) is not None:
        return Check("routing", False, fault, _("`byzwizard apply` with the node's answers mends it."))
    return _daemon(system, "routing", spoken.unit, _("Routing runs."), _("Routing is stopped."), answers,
                   _("Routing runs, but does not answer."))


def name_server(system: System, facts: Facts) -> Check:
    return _daemon(system, "names", "byz-dnsmasq.service", _("Names and addresses are given out."),
                   _("Names and addresses are not given out."), names.answers(facts.name, facts.addresses[0], PATIENCE),
                   _("The name server does not know this node's own name."))


def leases(system: System) -> Check | None:
    """Whether the next phone gets an address. Strangers can take all of them, by many hardware addresses."""
    ends = [end for _mac, end in clients.parse_leases(system.read(clients.LEASES) or "", time.time())]
    if len(ends) < names.LEASES:
        return None
    minutes = max(1, math.ceil((min(ends) - time.time()) / 60))
    return Check("leases", False, _("All {n} addresses for phones are taken: who joins now gets none.").format(
        n=names.LEASES), ngettext("The next one is free in {n} minute at the latest.",
                                  "The next one is free in {n} minutes at the latest.", minutes).format(n=minutes))


def front_page(system: System, facts: Facts) -> Check:
    return _daemon(system, "web", "byz-web.service", _("The front page is shown."), _("The front page is not shown."),
                   web.serves(system, facts.addresses[0], PATIENCE), _("The front page does not answer."))


def portal(system: System, facts: Facts) -> Check | None:
    if not facts.portal:
        return None
    try:
        caught = tables.loaded(system, portal_stage.TABLE) is not None
    except ByzantiumError:
        caught = False
    if caught and portal_stage.answers(facts.addresses[0], PATIENCE):
        return Check("portal", True, _("Phones that join are shown the welcome page."))
    return Check("portal", False, _("Phones that join are not shown the welcome page."),
                 _("`byzwizard apply` with the node's answers mends it; `journalctl -u byz-web` says more."))


def islands(system: System) -> list[Check]:
    """The meshes that are to be joined over the Internet, a line each."""
    if not running(system, island.UNIT):
        return []
    found = []
    for one in json.loads(system.read(island.STATE) or '{"islands": []}')["islands"]:
        if one["joined"]:
            found.append(Check("island", True, _("The island {key} is joined.").format(key=one["key"])))
            continue
        calls = _("It is called at {host}, again and again.").format(host=one["host"]) if one["host"] else _(
            "It has to call this node, at UDP port {port} of its address on the Internet.").format(port=one["listen"])
        found.append(Check("island", True, _("The island {key} does not answer.").format(key=one["key"]), _(
            "{calls} Both nodes need the Internet, and each the other's key in internet.islands.").format(calls=calls)))
    return found


def directory(system: System) -> Check:
    watching = system.path(names.HOSTS).exists()
    return _daemon(system, "directory", "byz-tend.service", _("Names of other nodes are learnt."),
                   _("Names of other nodes are not learnt."), watching,
                   _("Names of other nodes are not written down."))


def clock(system: System) -> Check | None:
    """A clock that is off keeps no node from working: it is told."""
    if not clock_stage.is_set_here(system):
        return None
    told = clock_stage.read(system, PATIENCE) if running(system, clock_stage.UNIT) else None
    if told is None:
        return Check("clock", True, _("The time is not agreed on with other nodes."), _log(clock_stage.UNIT))
    if told.worst is not None and told.worst > OFF:
        return Check("clock", True, _("The clock of this node disagrees with the mesh by {seconds:.0f} s.").format(
            seconds=told.worst), _("It is set within two minutes, here or there. If not, see `journalctl -u {unit}`."
                                   ).format(unit=clock_stage.UNIT))
    if told.follows is None:
        return Check("clock", True, _("The time is that of this computer; others follow it."))
    return Check("clock", True, _("The time is that of {source}.").format(source=told.follows))


def firewall(system: System) -> Check:
    try:
        there = " byz-filter" in system.run("nft", "list", "tables", timeout=5).out
    except ByzantiumError:
        there = False
    if there:
        return Check("firewall", True, _("The firewall is loaded."))
    return Check("firewall", False, _("The firewall is not loaded: neighbours reach everything on this computer."),
                 _("`byzwizard apply` with the node's answers loads it."))


def missing(facts: Facts) -> Check | None:
    """What the answers name, and the last start did not find."""
    if not facts.missing:
        return None
    names = [_("a card for internet.wifi") if name == WIFI else name for name in facts.missing]
    return Check("missing", False, _("Not plugged in: {names}.").format(names=", ".join(names)),
                 _("Plug it in: then this node takes it by itself. Or take it out of the answers."))


def under_way(system: System) -> bool:
    """Does an apply or undo run now? They hold a lock; trying it here could get in the way of one that starts."""
    try:
        number = system.path(LOCK).stat().st_ino
    except FileNotFoundError:  # nothing was applied since power-on
        return False
    with open("/proc/locks", encoding="ascii") as locks:
        return any(words[1] == "FLOCK" and words[5].endswith(f":{number}")
                   for words in map(str.split, locks) if len(words) > 5)


def not_a_node(system: System) -> Check:
    """On a computer without node.json: new, or one on which apply has not got that far."""
    from byzwizard import journal
    from byzwizard.boot import problem as boot_problem

    if under_way(system):
        return Check("node", False, _("This computer is becoming a node just now."), _("Look again in a while."))
    if problem := boot_problem(system):
        return Check("node", False, _("The answers of this start were not applied: {why}").format(why=problem),
                     _("Mend them and apply again, or run `byzwizard`."))
    record = journal.read(system)
    if record is None or record.status in (None, 0) or not record.entries:
        return Check("node", False, _("This computer is not a node yet."),
                     _("Run `byzwizard`: Just start makes it one."))
    return Check("node", False, _("This computer is only half a node: the last apply failed on the way."),
                 _("`journalctl -u byz-node` and the apply itself say why. Apply again, or `byzwizard undo`."))


def last_change(system: System) -> list[Check]:
    """What was cut off, before this start or since; a network change that waits to be kept."""
    from byzwizard import journal
    from byzwizard.backends import cutoff, revert

    found = [Check("cut-off", True, text) for text in cutoff.told(system)]
    if under_way(system):
        return [*found, Check("change", True, _("A change of this node is under way."))]
    cut_off = journal.unfinished(system)
    if cut_off is not None:
        found.append(Check("change", False, cut_off, _("Apply again, or `byzwizard undo`.")))
    seconds = revert.waiting(system)
    if seconds is not None:
        found.append(Check("confirm", True, _("A change of the network is taken back in {seconds:.0f} s.").format(
            seconds=seconds), _("`byzwizard confirm` keeps it.")))
    return found
