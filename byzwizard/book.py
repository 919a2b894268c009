"""The nodes that are known: routes to peers, peers to documents, documents to the texts that others read.

For tend, which reads what strangers wrote: it imports little. Pure but for the clock handed in.
"""

import ipaddress
import json
import random
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from byzwizard import catalogue_names
from byzwizard.backends import alerts, announced, directory, linked, offered
from byzwizard.backends.alerts import Alert, Told

# Seconds without a route; one that flaps must not take the name with it. The neighbours of a node that died may hold on
# to their routes for a minute before.
GONE_AFTER = 45.0
STALE_AFTER = 600.0  # seconds in which a node with a route sent nothing that holds
AGAIN = 120.0  # seconds until a node is asked again
PATIENCE = 15.0  # seconds: the longest pause before a silent node is asked again; one that starts has its route first
LATER = 4.0  # seconds in which a node's /64 is explained by its document, before it is asked there
CLOCKS = 4  # nodes that are asked for the time, and as many near
POOL = "pool 2.debian.pool.ntp.org iburst maxsources 3"
MOST = 1000  # nodes; more would be somebody's attempt to fill our memory
# Bytes of all documents, from which on those that are longer than FAIR are believed but for what they offer and tell:
# what is written for others holds all of it at once, and one letter in it may make every other four bytes long.
ROOM, FAIR = 2 * 2**20, 4096
HIDDEN = 100  # nodes asked at their IPv6 address; of more,
TRIES = 3  # those that stay silent more often give way
FORMER = "a blocked node of an earlier run"
# What nodes tell their neighbours of documents that are newer by now.
NEWS = 64  # lines
NEWS_FOR = 150.0  # seconds: longer than until everybody was asked anyway
NEWS_LINE = re.compile(r"([0-9a-f.:]{7,39}) ([1-9][0-9]{0,15})")  # an address, and the serial of its document
NEAR = 8  # neighbours that are asked for news, of many any
ASKED_BEFORE = 5.0  # seconds in which a node is not asked again for what others say of it


@dataclass
class Peer:
    """What is known of the node behind one route. Times are of the monotonic clock."""

    address: str
    routed: float  # when it was last seen in the routing table
    due: float = 0.0
    failures: int = 0
    document: directory.Document | None = None
    bytes: int = 0  # of that document
    fetched: float = 0.0
    learned: float = 0.0  # when the document came that is known now
    told: int = 0  # the newest serial that another node told, and
    told_by: "Peer | None" = None
    unheard: float = 0.0  # until when its own news are not believed
    hops: int | None = None
    counted: float | None = None  # when that count began
    trouble: str | None = None
    lied: bool = False  # it answered, and was not believed
    asking: bool = False


@dataclass(frozen=True)
class Own:
    """What we say of ourselves: labels that nobody else gets, addresses, and the mesh's ULA /48."""

    labels: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    mesh_ula: str | None = None
    name: str = ""
    id: str = ""
    links: tuple[str, ...] = ()  # link-local addresses of the mesh links
    services: tuple[directory.Service, ...] = ()
    alerts: tuple[Alert, ...] = ()
    serial: int = 0

    def entries(self) -> list[str]:
        """Lines of the hosts file for the names that others give us; dnsmasq itself knows the others."""
        if not self.id:
            return []
        return directory.entries((directory.told_apart(self.name, self.id),), sorted(self.addresses), self.links)


def read_own(path: Path) -> Own:
    """From this node's own document; nothing while there is none."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        addresses = [str(address) for address in fields["addresses"]]
        ulas = [address for address in addresses if ":" in address]
        mesh = str(ipaddress.ip_network(f"{ulas[0]}/48", strict=False)) if ulas else None
        name, node_id = str(fields["name"]), str(fields["id"])
        links = tuple(link for link in fields.get("link_local", ()) if directory.link_label(link))
        return Own(frozenset((name, node_id, directory.told_apart(name, node_id))), frozenset(addresses), mesh, name,
                   node_id, links, directory.offered(fields, node_id), alerts.said(fields), int(fields["serial"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Own()


class Book:
    """The nodes that are known. Pure but for the clock handed in: the loop around it does the talking."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.peers: dict[str, Peer] = {}
        self.own = Own()
        self.own_learned = 0.0  # when our own document came that is known now
        self.blocked: frozenset[str] = frozenset()  # ids
        self._cut: dict[str, str] = {}  # addresses that are not let through, to the id of the node, or FORMER

    def know_own(self, own: Own) -> None:
        """What we say of ourselves now."""
        if own.serial != self.own.serial:
            self.own_learned = self._clock()
        self.own = own

    def routed(self, addresses: set[str]) -> None:
        """The routing table has these nodes now: new ones are due at once, lost ones go after a while."""
        now = self._clock()
        others = addresses - self.own.addresses
        for address in others & self.peers.keys():
            self.peers[address].routed = now
        strangers = others - self.peers.keys()
        self._make_room(self.peers.values(), len(self.peers) + len(strangers) - MOST)
        for address in _any(strangers, MOST - len(self.peers)):
            self.peers[address] = Peer(address, routed=now, due=now)
        for address, peer in list(self.peers.items()):
            if now - peer.routed > GONE_AFTER or address in self.own.addresses:
                del self.peers[address]
            elif peer.document is not None and now - peer.fetched > STALE_AFTER:
                peer.document = None

    def routed_six(self, addresses: frozenset[str]) -> None:
        """The same for the nodes' /64, which follow from their ids: where no document explains one, its node is hidden
        behind another with the same network for clients, and is asked under this address."""
        if self.own.mesh_ula is None:
            return
        now, mesh = self._clock(), ipaddress.IPv6Network(self.own.mesh_ula)
        explained = {peer.document.ula for peer in self.peers.values() if peer.document and ":" not in peer.address}
        for address in [address for address in self.peers if address in explained]:
            del self.peers[address]
        others = addresses - self.own.addresses - explained
        for address in others & self.peers.keys():
            self.peers[address].routed = now
        strangers = {one for one in others - self.peers.keys() if ipaddress.IPv6Address(one) in mesh}
        hidden = [peer for peer in self.peers.values() if ":" in peer.address]
        self._make_room(hidden, len(hidden) + len(strangers) - HIDDEN, TRIES)
        for address in _any(strangers, HIDDEN - sum(":" in address for address in self.peers)):
            self.peers[address] = Peer(address, routed=now, due=now + LATER)

    def clash(self) -> directory.Document | None:
        """Another node that has our network for clients too; of several the one with the smallest id."""
        others = [peer.document for peer in self.peers.values()
                  if peer.document and ":" in peer.address and self.own.addresses.intersection(peer.document.claims)]
        return min(others, key=lambda document: document.id, default=None)

    def _make_room(self, among: Iterable[Peer], over: int, tries: int = 0) -> None:
        """Of more nodes than there is memory for, those that have not answered give way, the longest silent first."""
        silent = sorted((peer for peer in among if peer.failures > tries and peer.document is None
                         and not peer.asking), key=lambda peer: -peer.failures)
        for peer in silent[:max(0, over)]:
            del self.peers[peer.address]

    def due(self, room: int) -> list[Peer]:
        """At most `room`. Those that are silent come last, so that a thousand of them keep nobody's name away."""
        now = self._clock()
        waiting = [peer for peer in self.peers.values() if peer.due <= now and not peer.asking]
        return sorted(waiting, key=lambda peer: (peer.failures, peer.due))[:room]

    def settled(self) -> bool:
        """Has every node been asked? Until then the names of an earlier run stay, so that a restart takes none away."""
        return all(peer.document is not None or peer.failures for peer in self.peers.values())

    def answered(self, peer: Peer, body: bytes) -> None:
        """Raises directory.BadDocument when the answer is not to be believed."""
        document = directory.check(body, peer.address, self.own.mesh_ula)
        if document.id in self.own.labels:
            raise directory.BadDocument("it has this node's own identity: one of the two sticks is a copy")
        if peer.document is not None and peer.document.id == document.id and document.serial < peer.document.serial:
            raise directory.BadDocument("it is older than the one known")
        others = sum(other.bytes for other in self.peers.values() if other.document and other is not peer)
        whole = len(body) <= FAIR or others + len(body) <= ROOM
        if not whole:
            document = replace(document, services=(), alerts=())
        now = self._clock()
        if peer.document is None or (peer.document.id, peer.document.serial) != (document.id, document.serial):
            peer.learned = now
        if document.serial < peer.told and peer.told_by is not None:
            peer.told_by.unheard = now + STALE_AFTER
        peer.told, peer.told_by = document.serial, None
        peer.document, peer.fetched, peer.failures = document, now, 0
        peer.bytes = len(body) if whole else 0
        peer.trouble = None if whole else "what it offers is left out: all nodes together say too much"
        peer.lied = not whole
        peer.due = now + AGAIN * random.uniform(0.8, 1.2)

    def failed(self, peer: Peer, why: str, lied: bool = False) -> None:
        peer.failures += 1
        peer.trouble, peer.lied = why, lied
        peer.due = self._clock() + min(PATIENCE, 2.0 ** min(peer.failures - 1, 10)) * random.uniform(0.8, 1.2)

    def near(self) -> list[Peer]:
        """Whom to ask for news: neighbours, any NEAR of them; where none is known to be one, of all nodes."""
        now = self._clock()
        known = [peer for peer in self.peers.values() if peer.unheard <= now
                 and peer.document is not None and peer.document.id not in self.blocked]
        near = [peer for peer in known if peer.hops == 1] or known
        return random.sample(near, min(NEAR, len(near)))

    def news(self) -> str:
        """For our neighbours: our own document, and those of others that are new to us, the newest first."""
        now = self._clock()
        fresh = sorted((now - peer.learned, peer.address, peer.document.serial) for peer in self.peers.values()
                       if peer.document is not None and now - peer.learned < NEWS_FOR)
        lines = [f"{address} {self.own.serial}\n" for address in sorted(self.own.addresses) if self.own.serial]
        lines += [f"{address} {serial}\n" for _age, address, serial in fresh]
        return "".join(lines[:NEWS])

    def heard(self, teller: Peer, news: str) -> None:
        """A neighbour's news: whoever has a newer document than we know is asked for it soon. Only hints: what counts
        is what the node itself sends, and who told of what is not there is not listened to for a while."""
        now = self._clock()
        for line in news.splitlines()[:NEWS]:
            found = NEWS_LINE.fullmatch(line)
            peer = self.peers.get(found[1]) if found else None
            if found is None or peer is None or peer.asking:
                continue
            serial = int(found[2])
            if serial > max(peer.told, peer.document.serial if peer.document else 0):
                peer.told, peer.told_by = serial, teller
                peer.due = min(peer.due, max(now, peer.fetched + ASKED_BEFORE))

    def alerts(self) -> list[Told]:
        """Our own, then those of the nearest nodes."""
        now, documents = self._clock(), self.documents()
        labels = directory.labels(documents, self.own.labels)
        documents.sort(key=lambda one: (_hops(self.peers[one.address]), labels[one.id]))
        return alerts.in_turn([
            alerts.stand(None, self.own.id, self.own.alerts, self.own_learned, now),
            *(alerts.stand(labels[one.id], one.id, one.alerts, self.peers[one.address].learned, now)
              for one in documents)])

    def to_count(self, peer: Peer) -> bool:
        """Is it time to count the hops to it? Then it counts as begun: more often than nodes are asked is no use."""
        now = self._clock()
        if peer.counted is not None and now - peer.counted < AGAIN / 2:
            return False
        peer.counted = now
        return True

    def documents(self) -> list[directory.Document]:
        """One for each node: of two addresses that show one identity, the newer document holds."""
        newest: dict[str, directory.Document] = {}
        for peer in self.peers.values():
            document = peer.document
            if document is None or document.id in self.blocked:
                continue
            if document.id not in newest or self._rank(newest[document.id]) < self._rank(document):
                newest[document.id] = document
        return list(newest.values())

    @staticmethod
    def _rank(document: directory.Document) -> tuple[int, bool]:
        return document.serial, ":" not in document.address

    def blocked_networks(self) -> str:
        """The clients' networks of blocked nodes, a line each, for byzwizard.gateway: of each the one where it answers,
        not what else it says it has. Who answers no more is let through no more than before, until it does so elsewhere
        or another node there."""
        here = {peer.address: peer.document.id for peer in self.peers.values()
                if peer.document and ":" not in peer.address}
        silent = (self.blocked | {FORMER} if self.blocked else self.blocked) - {*here.values()}
        self._cut = {address: node for address, node in self._cut.items() if node in silent and address not in here}
        self._cut |= {address: node for address, node in here.items() if node in self.blocked}
        return "".join(f"{address.removesuffix('.1')}.0/24\n" for address in sorted(self._cut))

    def know_former(self, networks: str) -> None:
        """What an earlier run said of blocked nodes; whose each network is will show."""
        self._cut = {f"{line.removesuffix('.0/24')}.1": FORMER for line in networks.split()}

    def hosts(self) -> str:
        text = directory.hosts(self.documents(), self.own.labels, {*self.own.addresses, *self.own.links})
        return text + "".join(f"{line}\n" for line in self.own.entries())

    def clocks(self, out: bool) -> str:
        """For chronyd: whom to ask for the time. All nodes ask those with the lowest addresses, so that they agree on
        one of them where nobody knows better; from those near comes what a node with Internet has told them. `out`:
        does a port of this node lead there?"""
        nodes = [document.address for document in self.documents() if ":" not in document.address]
        nodes.sort(key=ipaddress.IPv4Address)
        near = [address for address in nodes if self.peers[address].hops == 1]
        asked = dict.fromkeys((*nodes[:CLOCKS], *near[:CLOCKS]))
        lines = [f"server {address} iburst minpoll 4 maxpoll 6" for address in asked]
        return "".join(f"{line}\n" for line in [*lines, *([POOL] if out else [])])

    def links(self, service: linked.Templates) -> str:
        """For a service of this node: what its configuration says of the other nodes that offer it."""
        return linked.lines(service, self.own.id, (
            linked.Node(document.id, document.address, one.certificate, _hops(self.peers[document.address]))
            for document in self.documents() for one in document.services if one.name == service.name))

    def pieces(self) -> dict[str, str]:
        """What the front page and programs are told of services and nodes, by file: the nearest nodes first."""
        nodes, own, others = self._places()
        offers = [(place.label, place.service) for place in others]
        return {
            **{f"services.{language}.html": offered.page(self.own.services, offers, titles)
               for language, titles in catalogue_names.titles().items()},
            "nodes.html": offered.nodes(nodes),
            "alerts.html": alerts.page(self.alerts(), self.own.name, self._clock()),
            "announced": announced.records(own, others),
        }

    def on_air(self) -> dict[str, str]:
        """The same for programs that ask all around, in a folder of files for avahi."""
        _nodes, own, others = self._places()
        return announced.groups(own, others)

    def _places(self) -> tuple[list[tuple[str, str, int | None]], list[announced.Place], list[announced.Place]]:
        """Label, id and hops of the other nodes; our services, and those of the others."""
        documents = self.documents()
        labels = directory.labels(documents, self.own.labels)
        documents.sort(key=lambda one: (_hops(self.peers[one.address]), labels[one.id]))
        own = [announced.Place(self.own.name, self.own.id, service) for service in self.own.services]
        others = [announced.Place(labels[one.id], one.id, service) for one in documents for service in one.services]
        return [(labels[one.id], one.id, self.peers[one.address].hops) for one in documents], own, others

    def state(self) -> str:
        """nodes.json: what status shows. `name` is what the node calls itself, `label` what it is called here."""
        documents = self.documents()
        labels = directory.labels(documents, self.own.labels)
        nodes = [
            {"address": document.address, "ula": document.ula, "name": document.name, "label": labels[document.id],
             "id": document.id, "serial": document.serial, "hops": self.peers[document.address].hops,
             "services": [{"name": one.name, "title": one.title, "url": one.url} for one in document.services]}
            for document in sorted(documents, key=lambda document: labels[document.id])
        ]
        told: dict[bool, list[dict[str, str]]] = {False: [], True: []}
        for peer in sorted(self.peers.values(), key=lambda peer: peer.address):
            if peer.trouble:
                told[peer.lied].append({"address": peer.address, "reason": peer.trouble})
        state = {"nodes": nodes, "silent": told[False], "refused": told[True],
                 "alerts": [asdict(alert) for alert in self.alerts()]}
        return json.dumps(state, ensure_ascii=False) + "\n"  # with an indent it takes ten times as long


def _any(addresses: set[str], room: int) -> list[str]:
    """As many as there is room for: whom to hear first is nobody's choice."""
    return random.sample(sorted(addresses), max(0, min(room, len(addresses))))


def _hops(peer: Peer) -> int:
    return peer.hops if peer.hops is not None else 1000
