"""/run/byzantium/node.json: what this node was set up as, without secrets, for `status` to compare with what is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from byzwizard.backends.units import ConfigFile
from byzwizard.i18n import _
from byzwizard.islands import public_key

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.resolve import Resolved

FACTS = "/run/byzantium/node.json"
WIFI = "internet.wifi"  # among what is missing


@dataclass(frozen=True)
class Link:
    """A mesh link: `name` on the node (mesh0), `kind` as in resolve.LinkKind, `mac` the address it should have, if any.
    """

    name: str
    kind: str
    mac: str | None


@dataclass(frozen=True)
class Facts:
    name: str
    id: str
    addresses: tuple[str, ...]
    mesh: str
    air_id: str
    kind: Literal["public", "private", "open"]
    routing: str
    links: tuple[Link, ...]
    routed: tuple[str, ...]  # the interfaces that routing speaks on
    access_points: tuple[str, ...]
    portal: bool
    hubs: tuple[str, ...] = ()  # the access points over which other nodes mesh
    island_key: str = ""  # the public WireGuard key that owners of islands are told
    leased: bool = False  # AHCP servers are asked for a further address
    unencrypted: tuple[str, ...] = ()  # the links and hubs that anyone near can listen to, of a mesh that is not open
    language: str = "en"  # in which it is looked after
    listens: bool = False  # what its radios do depends on who is near, so that it listens again while it is alone
    missing: tuple[str, ...] = ()  # what its answers name and was not plugged in at its start


def of(resolved: Resolved, listens: bool = False) -> Facts:
    return Facts(
        name=resolved.name,
        id=resolved.node_id,
        addresses=(resolved.address, resolved.ula_address),
        mesh=resolved.answers.mesh.name,
        air_id=resolved.keys.air_id,
        kind=resolved.keys.kind,
        routing=resolved.answers.mesh.routing,
        links=tuple(Link(link.name, link.kind, link.mac) for link in resolved.links),
        routed=resolved.routed,
        access_points=tuple(point.name for point in resolved.access_points),
        portal=resolved.answers.portal,
        hubs=tuple(point.name for point in resolved.access_points if point.hub),
        island_key=public_key(resolved.island_key) if resolved.island_key else "",
        leased=resolved.answers.mesh.addresses == "ahcp" and bool(resolved.links),
        unencrypted=_unencrypted(resolved),
        language=resolved.answers.node.language,
        listens=listens,
        missing=tuple(sorted(resolved.missing)),
    )


def _unencrypted(resolved: Resolved) -> tuple[str, ...]:
    if resolved.keys.kind == "open":
        return ()
    points = (point.name for point in resolved.access_points if point.hub and point.passphrase is None)
    return (*(link.name for link in resolved.links if not link.encrypted), *points)


def step(resolved: Resolved, listens: bool) -> ConfigFile:
    from dataclasses import asdict

    content = json.dumps(asdict(of(resolved, listens)), ensure_ascii=False, indent=1) + "\n"
    return ConfigFile(
        id="names-facts", path=FACTS, content=content,
        text=_("Note what this node is, so that its state can be told"))


def read(system: System) -> Facts | None:
    """None on a computer that is not set up (or where an older program wrote the file)."""
    text = system.read(FACTS)
    if text is None:
        return None
    try:
        data: dict[str, Any] = json.loads(text)
        return Facts(**{
            **data,
            "addresses": tuple(data["addresses"]),
            "links": tuple(Link(**link) for link in data["links"]),
            "routed": tuple(data["routed"]),
            "access_points": tuple(data["access_points"]),
            "hubs": tuple(data.get("hubs", ())),
            "unencrypted": tuple(data.get("unencrypted", ())),
            "missing": tuple(data.get("missing", ())),
        })
    except (ValueError, KeyError, TypeError):
        return None


def waits(system: System) -> bool:
    """Does this node join access points, or wait for one? Then it is a node also where none is heard."""
    known = read(system)
    return known is not None and any(link.kind == "station" for link in known.links)
