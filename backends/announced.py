"""The services of the mesh as DNS-SD (RFC 6763), so that ordinary programs find them: records in the words of dnsmasq's
configuration, from documents that were checked. For tend: it imports little.

What strangers call their services goes into a file that a program obeys, so of their words only the letters of ASCII,
digits and single spaces are left; dnsmasq would put any others into Punycode besides.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from byzwizard.backends.directory import DOMAIN, Service

MOST = 200  # of other nodes: a browser's one question is answered with all of them
TYPES = {  # IANA: service names and ports
    "https": ("_https._tcp", 443), "ircs": ("_ircs-u._tcp", 6697), "mumble": ("_mumble._tcp", 64738)}
WORDS, LABEL = 28, 32  # characters; with " - " the 63 that RFC 1035 gives a label


@dataclass(frozen=True)
class Place:
    """A service of one node; `label` is what the node is called here, `node` its id."""

    label: str
    node: str
    service: Service


def records(own: Iterable[Place], others: Iterable[Place]) -> str:
    """The text of the file, the own services first; `others` come nearest first."""
    lines = ["# The services of the mesh, from signed documents. Written by byzwizard tend."]
    types: set[str] = set()
    taken: set[str] = set()
    places = itertools.chain(own, itertools.islice(others, MOST))
    ways = [(place, urlsplit(url)) for place in places for url in (place.service.url, place.service.program) if url]
    for place, found in ways:
        kind, usual = TYPES.get(found.scheme, (None, 0))
        port = int(found.netloc.partition(":")[2] or usual)
        if kind is None or port > 65535:
            continue
        name = next((each for each in _names(place, kind) if each not in taken), None)
        if name is not None:
            types.add(kind)
            taken.add(name)
            lines += _lines(name, kind, f"{place.node}.{DOMAIN},{port}", found.path)
    lines += [f"ptr-record=services._dns-sd._udp.{DOMAIN},{kind}.{DOMAIN}" for kind in sorted(types)]
    return "\n".join(lines) + "\n"


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
