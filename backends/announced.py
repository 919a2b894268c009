"""The services of the mesh as DNS-SD (RFC 6763), so that ordinary programs find them: records in the words of dnsmasq's
configuration for who asks the node, and files of avahi for who asks all around (mDNS, RFC 6762), from documents that
were checked. For tend: it imports little.

What strangers call their services goes into a file that a program obeys. For dnsmasq only the letters of ASCII, digits
and single spaces of it are left, which would put any others into Punycode besides; for avahi it is XML.
"""

import html
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from byzwizard.backends.directory import DOMAIN, Service

MOST = 200  # ways to other nodes: a browser's one question is answered with all of them
ON_AIR = 40  # ways to other nodes: what is said to everybody around goes at the slowest rate
KINDS = 50  # types: all are told in one answer
TYPES = {  # IANA: service names and ports
    "https": ("_https._tcp", 443), "ircs": ("_ircs-u._tcp", 6697), "mumble": ("_mumble._tcp", 64738)}
WORDS, LABEL = 28, 32  # characters; with " - " the 63 that RFC 1035 gives a label


@dataclass(frozen=True)
class Place:
    """A service of one node; `label` is what the node is called here, `node` its id."""

    label: str
    node: str
    service: Service


@dataclass(frozen=True)
class Way:
    """To a service, for programs of one kind."""

    place: Place
    kind: str
    port: int
    path: str


def _ways(own: Iterable[Place], others: Iterable[Place], most: int) -> Iterator[Way]:
    """To the own services first; `others` come nearest first, to which so many at the most."""
    kinds: set[str] = set()
    near = itertools.islice((way for place in others for way in _to(place)), most)
    for way in itertools.chain((way for place in own for way in _to(place)), near):
        if way.kind in kinds or len(kinds) < KINDS:
            kinds.add(way.kind)
            yield way


def _to(place: Place) -> Iterator[Way]:
    """By its addresses, and by the types that it says it is of besides."""
    for url in (place.service.url, place.service.program):
        found = urlsplit(url)
        kind, usual = TYPES.get(found.scheme, ("", 0))
        port = int(found.netloc.partition(":")[2] or usual)
        if kind and port <= 65535:
            yield Way(place, kind, port, found.path)
    for kind, port in place.service.announce:
        yield Way(place, kind, port, "")


def records(own: Iterable[Place], others: Iterable[Place]) -> str:
    """The text of dnsmasq's file."""
    lines = ["# The services of the mesh, from signed documents. Written by byzwizard tend."]
    types: set[str] = set()
    taken: set[str] = set()
    for way in _ways(own, others, MOST):
        name = next((each for each in _names(way.place, way.kind) if each not in taken), None)
        if name is not None:
            types.add(way.kind)
            taken.add(name)
            lines += _lines(name, way.kind, f"{way.place.node}.{DOMAIN},{way.port}", way.path)
    lines += [f"ptr-record=services._dns-sd._udp.{DOMAIN},{kind}.{DOMAIN}" for kind in sorted(types)]
    return "\n".join(lines) + "\n"


def groups(own: Iterable[Place], others: Iterable[Place]) -> dict[str, str]:
    """avahi.service(5): the text of each file by its name."""
    return {f"{way.place.node}-{way.place.service.name}{way.kind}.service": _group(way)
            for way in _ways(own, others, ON_AIR)}


def _group(way: Way) -> str:
    """A label has 63 bytes at the most (RFC 6763, 4.1.1); of two that are called the same, avahi renames one."""
    name = f"{way.place.service.title} - {way.place.label}".encode()[:63].decode(errors="ignore")
    path = f"<txt-record>path={html.escape(way.path)}</txt-record>" if way.path else ""
    return ('<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE service-group SYSTEM "avahi-service.dtd">\n'
            f"<service-group><name>{html.escape(name)}</name><service><type>{way.kind}</type>"
            f"<host-name>{way.place.node}.{DOMAIN}</host-name><port>{way.port}</port>{path}"
            "</service></service-group>\n")


def _lines(name: str, kind: str, where: str, path: str) -> Iterator[str]:
    yield f"ptr-record={kind}.{DOMAIN},{name}"
    yield f"srv-host={name},{where}"
    # There is always one (RFC 6763, 6.1); `path` is a key of IANA's entry for http.
    yield f'txt-record={name},"path={path}"' if path else f"txt-record={name}"


def _names(place: Place, kind: str) -> Iterator[str]:
    """What the instance is called: by its title and its node, else by what nobody else has."""
    plain = unicodedata.normalize("NFKD", place.service.title).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z0-9]+", " ", plain).strip()[:WORDS].strip() or place.service.name[:WORDS]
    yield f"{words} - {place.label[:LABEL]}.{kind}.{DOMAIN}"
    yield f"{place.service.name[:WORDS]} - {place.node}.{kind}.{DOMAIN}"
