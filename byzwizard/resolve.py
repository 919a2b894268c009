"""Resolve: every `auto` and `null` replaced once, from the answers, the machine and the node's identity."""

import hashlib
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from byzwizard import later
from byzwizard.answers import Answers, Clone
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.identity import Identity
from byzwizard.islands import Island, islands, private_key
from byzwizard.machine import Machine
from byzwizard.routings import ROUTINGS

LinkKind = Literal["802.11s", "ibss", "station", "wired"]
CLIENTS = "clients0"  # the bridge of phones, on which a hub speaks with its stations


@dataclass(frozen=True)
class MeshLink:
    """One interface that meshes. `interface` is its own name as found, `name` what it is called on a node.

    `phy` is None when wired, `channel` and `mhz` also for a station, which goes where its hub is; `mac` is None where
    the address stays as it is. `bssid` is the cell of an IBSS; `network` the name of the access point that a station
    joins, `passphrase` what it asks for.
    """

    interface: str
    name: str
    kind: LinkKind
    phy: str | None = None
    channel: int | None = None
    mhz: int | None = None
    mac: str | None = None
    bssid: str | None = None
    network: bytes | None = None
    passphrase: str | None = None

    @property
    def encrypted(self) -> bool:
        """On the air, when the mesh is not open; a cable, which is not, is told of by itself."""
        return self.kind in ("802.11s", "wired") or self.passphrase is not None


@dataclass(frozen=True)
class AccessPointPlan:
    """One access point for phones. `shares` names the mesh link on the same radio, None when it has its own;
    then `interface` is the radio's own interface, which becomes `name`. `hub`: other nodes join it as well."""

    name: str
    phy: str
    interface: str | None
    shares: str | None
    ssid: str
    channel: int
    mhz: int
    mac: str | None
    passphrase: str | None
    hub: bool = False


@dataclass(frozen=True)
class WifiPlan:
    """A Wi-Fi network that leads to the Internet. `interface` is the radio's own, which becomes `name`."""

    interface: str
    phy: str
    mac: str | None
    ssid: str
    passphrase: str | None
    name: str = "wifi0"


@dataclass(frozen=True)
class Keys:
    """What the mesh's secret derives into: `sae` is the SAE password, `babel` 64 hex digits; both None when open. `hub`
    is the passphrase of a private mesh's hubs that have none of their own."""

    air_id: str
    sae: str | None
    babel: str | None
    kind: Literal["public", "private", "open"]
    hub: str | None = None


@dataclass(frozen=True)
class Resolved:
    """Nothing here is auto or null that a backend would have to guess. `answers` is what is kept for the next boot."""

    answers: Answers
    name: str
    node_id: str
    country: str
    links: tuple[MeshLink, ...]
    access_points: tuple[AccessPointPlan, ...]
    keys: Keys
    subnet: str  # 10.x.y.0/24
    address: str  # 10.x.y.1
    ula: str  # fdxx:xxxx:xxxx:yyyy::/64
    ula_address: str  # …::1
    ula_mesh: str  # the mesh's /48
    notes: tuple[str, ...] = ()  # sentences that Review and `plan` show
    clone: Clone = field(default_factory=Clone)  # done once, and so not in `answers`
    uplink: WifiPlan | None = None
    islands: tuple[Island, ...] = ()
    island_key: str = field(default="", repr=False)  # this node's WireGuard key, which is secret
    without: frozenset[str] = frozenset()  # services of the answers that this boot leaves out
    missing: frozenset[str] = frozenset()  # what is named in the answers and was not plugged in at this boot

    @property
    def services(self) -> tuple[str, ...]:
        """What was chosen and can be now."""
        return tuple(name for name in self.answers.services if name not in self.without)

    @property
    def routed(self) -> tuple[str, ...]:
        """The interfaces on which nodes tell each other of ways: the mesh links, or the one that is made of them, what
        leads to islands, and on a hub the clients' bridge."""
        names = tuple(link.name for link in self.links)
        whole = ROUTINGS[self.answers.mesh.routing].whole
        names = (whole,) if names and whole is not None else names
        names = (*names, *(island.name for island in self.islands))
        return (*names, CLIENTS) if self.is_hub else names

    @property
    def is_hub(self) -> bool:
        return any(point.hub for point in self.access_points)


def resolve(
    answers: Answers, machine: Machine, identity: Identity, taken: Collection[str] = (), former: str | None = None,
    without: Collection[str] = (), missing: Collection[str] = ()
) -> Resolved:
    """Pure. `taken` are prefixes that were found in use, `former` the clients' network that this node had, `without`
    the services that a boot leaves out, `missing` as in absent.py. Raises CannotHere naming the key to change."""
    from byzwizard import absent
    from byzwizard.assign import assign
    from byzwizard.keys import derive

    later.refuse(answers, machine, without)
    node_id = identity.id
    name = answers.node.name or identity.default_name
    keys = derive(answers.mesh)
    links, access_points, uplink, reasons = assign(absent.without(answers, frozenset(missing)), machine, identity, keys)
    subnet = answers.mesh.subnet if answers.mesh.subnet != "auto" else client_prefix(node_id, taken, former)
    ula_mesh, ula = ula_prefixes(answers.mesh.name, node_id)
    kept = answers.model_copy(
        update={
            "node": answers.node.model_copy(update={"name": name}),
            "mesh": answers.mesh.model_copy(update={"subnet": subnet}),
            "clone": Clone(),
        }
    )
    return Resolved(
        answers=kept,
        name=name,
        node_id=node_id,
        country=answers.node.country,
        links=links,
        access_points=access_points,
        keys=keys,
        subnet=subnet,
        address=subnet.removesuffix("0/24") + "1",
        ula=ula,
        ula_address=ula.removesuffix("/64") + "1",
        ula_mesh=ula_mesh,
        notes=(*reasons, *_notes(answers, machine, keys, links, access_points)),
        clone=answers.clone,
        uplink=uplink,
        islands=islands(answers.internet.islands, identity),
        island_key=private_key(identity),
        without=frozenset(without),
        missing=frozenset(missing),
    )


ALL_CLIENTS = IPv4Network("10.0.0.0/8")
SALTS = 1000


def client_prefix(node_id: str, taken: Collection[str], former: str | None = None) -> str:
    """The first 10.h1.h2.0/24 of the node's own sequence that overlaps none that is taken; `former` where it is of the
    sequence and free. 10.255.0.0/16 is reserved. Who has all of 10/8 cannot be avoided."""
    wide = [IPv4Network(prefix) for prefix in taken if not prefix.endswith("/24")]
    wide = [other for other in wide if not other.supernet_of(ALL_CLIENTS)]
    sequence: Iterator[str] = (_salted(node_id, salt) for salt in range(SALTS))
    if former is not None and any(former == _salted(node_id, salt) for salt in range(SALTS)):
        sequence = itertools.chain((former,), sequence)
    for prefix in sequence:
        if not prefix.startswith("10.255.") and prefix not in taken and not _overlaps(prefix, wide):
            return prefix
    raise CannotHere(
        _("No free network was found for the phones of this node."), _("Set mesh.subnet to one that is free.")
    )


def _overlaps(prefix: str, others: Collection[IPv4Network]) -> bool:
    return any(IPv4Network(prefix).overlaps(other) for other in others)


def _salted(node_id: str, salt: int) -> str:
    high, low = hashlib.sha256(f"byzantium subnet/{node_id}/{salt}".encode()).digest()[:2]
    return f"10.{high}.{low}.0/24"


def ula_prefixes(mesh_name: str, node_id: str) -> tuple[str, str]:
    """The mesh's /48 and the node's /64 in it (RFC 4193, the global ID from the mesh's name), as the kernel and every
    daemon spell them: without leading zeros (RFC 5952)."""
    mesh = hashlib.sha256(f"byz{mesh_name}".encode()).hexdigest()[:10]
    node = hashlib.sha256(f"byzantium ula/{node_id}".encode()).hexdigest()[:4]
    start = f"fd{mesh[:2]}:{mesh[2:6]}:{mesh[6:]}"
    return str(IPv6Network(f"{start}::/48")), str(IPv6Network(f"{start}:{node}::/64"))


def _notes(
    answers: Answers,
    machine: Machine,
    keys: Keys,
    links: tuple[MeshLink, ...],
    access_points: tuple[AccessPointPlan, ...],
) -> tuple[str, ...]:
    notes = []
    routing = ROUTINGS[answers.mesh.routing]
    hub = any(point.hub for point in access_points)
    over_air = any(link.kind != "wired" for link in links)
    if keys.kind == "public" and any(link.kind == "802.11s" for link in links):
        notes.append(
            _(
                "The mesh is public: anyone with Byzantium can join it. What goes over the air is encrypted against "
                "listeners, but nobody's name is proven."
            )
        )
    elif keys.kind == "public" and (over_air or (hub and not links)):
        notes.append(_("The mesh is public: anyone with Byzantium can join it."))
    elif keys.kind == "public" and links:
        notes.append(_("The mesh is public: anyone with Byzantium and a cable can join. The cable is not encrypted."))
    if keys.kind == "public":
        notes += [
            _("What goes over {interface} is not encrypted: anyone near can listen. Names are not proven.").format(
                interface=link.interface
            )
            for link in links
            if not link.encrypted
        ]
    if keys.kind == "private" or (keys.kind == "public" and over_air):  # a public one of cables alone is told of above
        notes += [
            _("What goes over the cable {name} is not encrypted.").format(name=link.interface)
            for link in links
            if link.kind == "wired"
        ]
    if not set(answers.internet.dns) & set(answers.internet.servers) and answers.internet.share != "never":
        notes.append(_("internet.dns names no server with an IPv4 address: those that Byzantium knows are asked too."))
    if keys.kind == "open" and links:
        notes.append(_("The mesh is open: nothing on the air is encrypted, and anyone can listen and join."))
    if access_points and access_points[0].passphrase is None:
        notes.append(
            _("The network for phones is open: anyone near can join and listen.")
        )
    if not links and not hub:
        notes.append(_("No wireless card here can mesh: this node serves phones and stands alone."))
    elif links and not access_points and answers.access_point.enable == "auto":
        notes.append(_("No wireless card here can serve phones while it meshes."))
    if keys.kind == "private" and access_points and not hub and routing.over_hubs:
        notes.append(
            _("Computers whose cards cannot mesh join this mesh only over an access point with a passphrase.")
        )
    if keys.kind != "open" and links and not routing.keyed:
        notes.append(
            _(
                "Routing by {routing} has no key: whoever is on a link of the mesh is believed. On a cable or an "
                "ad-hoc link, anybody near can lead its traffic astray."
            ).format(routing=routing.name)
        )
    if links and not routing.sixes:
        notes.append(
            _(
                "Routing by {routing} knows IPv4 alone, so two nodes with one network for their phones do not find "
                "out: in a mesh of 30 nodes that is one case in 150. Give one of them another mesh.subnet."
            ).format(routing=routing.name)
        )
    if answers.internet.share == "ask" and any(port.carrier for port in machine.wired):
        notes.append(_("An Internet connection is not shared with the mesh."))
    if answers.clone.to and answers.clone.content != "blank" and keys.kind == "private":
        notes.append(_("The copies carry the mesh's passphrase: whoever finds such a stick can join your mesh."))
    return tuple(notes)
