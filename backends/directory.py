"""The directory document of a node, /.well-known/byzantium.json: made, signed, and checked when others send theirs.

What comes from other nodes is hostile until `check` has passed it. The file needs nothing but the standard
library and identity.py, because the process that reads strangers' documents stays small.
"""

import base64
import binascii
import hashlib
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from byzwizard.backends.alerts import Alert, said
from byzwizard.identity import Identity, canonical, verify
from byzwizard.values import OFFERED, RESERVED

PATH = "/.well-known/byzantium.json"
LIMIT = 16 * 1024  # bytes
DEPTH = 16  # brackets within brackets
DOMAIN = "byzantium.mesh"
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
CANONICAL = re.compile(r"[a-z2-7]{32}")
MESH = ipaddress.ip_network("10.0.0.0/8")
ANYCAST = ipaddress.ip_network("10.255.0.0/16")
LINK_LOCAL = ipaddress.IPv6Network("fe80::/64")
SERVICES = 32  # of one node, at the most
LINKS = 32  # that mesh, of one node
SERVICE = re.compile(r"[a-z][a-z0-9-]{0,31}")
ADDRESS = re.compile(OFFERED.replace("HOST", r"([a-z2-7]{32})\.byzantium\.mesh"))
TYPE = re.compile(r"_(?=[0-9-]*[a-z])(?!-|[a-z0-9-]*--)[a-z0-9-]{1,15}(?<!-)\._(?:tcp|udp)")
"""Of a service in DNS-SD (RFC 6763, 7; RFC 6335, 5.1)."""
ANNOUNCED = 4  # types of one service, at the most
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
TITLE = 60  # characters
LINK = "fe80--"  # how names begin that are a link-local address


class BadDocument(ValueError):
    """The document is not to be believed; the sentence says why (for the log and nodes.json)."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a node offers, in its own words: one line of text, and an address on that node itself. `program` is one more
    for programs of its kind, empty where there is none. `certificate`: by which it is known where it links itself with
    that of other nodes (SHA-256 in hex), empty where it does not. `announce`: types of DNS-SD, and where each is."""

    name: str
    title: str
    url: str
    program: str = ""
    certificate: str = ""
    announce: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Document:
    """A document that was checked. `address` is where it came from: the node's 10.x.y.1, or its ULA where another node
    has that one too; `ula` is the node's own or None; `claims` are all the 10.x.y.1 that it says it has, `links` the
    link-local addresses of its mesh links."""

    name: str
    id: str
    address: str
    ula: str | None
    serial: int
    claims: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    alerts: tuple[Alert, ...] = ()


def canonical_json(fields: Mapping[str, Any]) -> bytes:
    """What is signed: sorted keys, no spaces, UTF-8, without "signature". Raises BadDocument on lone surrogates."""
    signed = {key: value for key, value in fields.items() if key != "signature"}
    try:
        return json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (UnicodeEncodeError, ValueError, RecursionError) as fault:
        raise BadDocument("it holds text that is no Unicode") from fault


def make(identity: Identity, name: str, addresses: Iterable[str], serial: int, links: Iterable[str] = (),
         services: Iterable[Mapping[str, Any]] = (), alerts: Iterable[Alert] = ()) -> str:
    """The signed document as text; `links` are the link-local addresses of the node's mesh links (of which others take
    no more than LINKS), `services` as Service has them, `alerts` as they are now."""
    fields: dict[str, Any] = {
        "byzantium": 1,
        "name": name,
        "id": identity.id,
        "key": base64.b64encode(identity.public).decode(),
        "addresses": list(addresses),
        "link_local": list(links)[:LINKS],
        "serial": serial,
        "services": [dict(service) for service in services],
        "alerts": [asdict(alert) for alert in alerts],
    }
    fields["signature"] = base64.b64encode(identity.sign(canonical_json(fields))).decode()
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"


def node_part(node_id: str) -> int:
    """The 16 bits of a node in the mesh's ULA /48 (as resolve.ula_prefixes, which must not be imported here)."""
    return int(hashlib.sha256(f"byzantium ula/{node_id}".encode()).hexdigest()[:4], 16)


def check(body: bytes, fetched_from: str, mesh_ula: str | None) -> Document:
    """A stranger's document. `mesh_ula` is the mesh's /48, None where it is not known. Raises BadDocument."""
    fields = _parse(body)
    if fields.get("byzantium") is not True and fields.get("byzantium") == 1:
        pass
    else:
        raise BadDocument("it is of another format")
    key, signature = _bytes(fields, "key", 32), _bytes(fields, "signature", 64)
    node_id = canonical(key)
    if fields.get("id") != node_id:
        raise BadDocument("its id is not that of its key")
    if not verify(key, signature, canonical_json(fields)):
        raise BadDocument("its signature is wrong")
    name, serial = fields.get("name"), fields.get("serial")
    if not isinstance(name, str) or not LABEL.fullmatch(name) or name in RESERVED or name.startswith(LINK):
        raise BadDocument("its name is not allowed")
    if CANONICAL.fullmatch(name) and name != node_id:
        raise BadDocument("its name is the id of another node")
    if not isinstance(serial, int) or isinstance(serial, bool) or not 0 < serial < 2**53:
        raise BadDocument("its serial is no date")
    found = _addresses(fields, fetched_from)
    claims = tuple(str(address) for address in found if address.version == 4)
    return Document(name, node_id, fetched_from, _ula(found, node_id, mesh_ula), serial, claims, _links(fields),
                    offered(fields, node_id), said(fields))


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > LIMIT:
        raise BadDocument("it is longer than 16 kB")
    depth = 0
    for byte in body:
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > DEPTH:
            raise BadDocument("it is nested too deeply")
    try:
        fields = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as fault:
        raise BadDocument("it is not JSON") from fault
    if not isinstance(fields, dict):
        raise BadDocument("it is not a JSON object")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _bytes(fields: Mapping[str, Any], key: str, length: int) -> bytes:
    text = fields.get(key)
    if not isinstance(text, str):
        raise BadDocument(f"its {key} is missing")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadDocument(f"its {key} is not base64") from fault
    if len(data) != length:
        raise BadDocument(f"its {key} is not {length} bytes long")
    return data


def _addresses(fields: Mapping[str, Any], fetched_from: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    texts = fields.get("addresses")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 8 or not all(isinstance(text, str) for text in texts):
        raise BadDocument("its addresses are no list of addresses")
    if fetched_from not in texts:
        raise BadDocument("its addresses are not the one it came from")
    try:
        found = [ipaddress.ip_address(text) for text in texts]
    except ValueError as fault:
        raise BadDocument("its addresses are no addresses") from fault
    for address in found:
        if isinstance(address, ipaddress.IPv4Address) and (
                address not in MESH or address in ANYCAST or int(address) & 0xFF != 1):
            raise BadDocument("one of its addresses is no node's")
    return found


def _ula(addresses: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address], node_id: str,
         mesh_ula: str | None) -> str | None:
    """The node's own ULA ::1 if it claims it. Another's cannot be claimed: the /64 follows from the id."""
    claimed = [address for address in addresses if isinstance(address, ipaddress.IPv6Address)]
    if not claimed or mesh_ula is None:
        return None
    mesh = ipaddress.IPv6Network(mesh_ula)
    own = mesh.network_address + (node_part(node_id) << 64) + 1
    if claimed != [own]:
        raise BadDocument("its IPv6 address is not its own")
    return str(own)


def _links(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Nothing where an older program has signed it."""
    texts = fields.get("link_local", [])
    if not isinstance(texts, list) or len(texts) > LINKS or not all(isinstance(text, str) for text in texts):
        raise BadDocument("its link-local addresses are no list of addresses")
    if not all(link_label(text) for text in texts):
        raise BadDocument("one of its link-local addresses is none")
    return tuple(dict.fromkeys(texts))


def offered(fields: Mapping[str, Any], node_id: str) -> tuple[Service, ...]:
    """The services of a document that are as they should be: a later program may say more of them, or others. Each
    leads to the node that offers it, so that nobody sends people elsewhere in another's name."""
    found: dict[str, Service] = {}
    listed = fields.get("services")
    for one in listed[:SERVICES] if isinstance(listed, list) else ():
        name, title, url = (one.get(key) for key in ("name", "title", "url")) if isinstance(one, dict) else (0, 0, 0)
        if not isinstance(name, str) or not isinstance(title, str) or not isinstance(url, str):
            continue
        if (SERVICE.fullmatch(name) and 0 < len(title) <= TITLE and title.isprintable() and title.strip()
                and _leads_to(url, node_id)):
            program, known = one.get("program"), one.get("certificate")
            found.setdefault(name, Service(
                name, title, url,
                program if isinstance(program, str) and _leads_to(program, node_id) else "",
                known if isinstance(known, str) and FINGERPRINT.fullmatch(known) else "",
                _announced(one.get("announce"))))
    return tuple(found.values())


def _announced(told: Any) -> tuple[tuple[str, int], ...]:
    """Those that are as they should be; of one type the first."""
    found: dict[str, int] = {}
    for one in told[:ANNOUNCED] if isinstance(told, list) else ():
        kind, port = (one.get("type"), one.get("port")) if isinstance(one, dict) else (None, None)
        if (isinstance(kind, str) and TYPE.fullmatch(kind) and isinstance(port, int) and not isinstance(port, bool)
                and 0 < port < 1 << 16):
            found.setdefault(kind, port)
    return tuple(found.items())


def _leads_to(url: str, node_id: str) -> bool:
    right = ADDRESS.fullmatch(url) if len(url) <= 200 else None
    return right is not None and right[1] == node_id


def link_label(address: str) -> str | None:
    """fe80::21c:bfff:fe35:84c2 as fe80--21c-bfff-fe35-84c2; None for what is no link-local address of an interface, as
    the kernel spells it (RFC 5952)."""
    try:
        right = ipaddress.IPv6Address(address)
    except ValueError:
        return None
    label = address.replace(":", "-")
    told = str(right) == address and right in LINK_LOCAL and LABEL.fullmatch(label) and label.startswith(LINK)
    return label if told else None


def told_apart(name: str, node_id: str) -> str:
    """What a node is called where another has chosen the same name."""
    return f"{name[:56]}-{node_id[:6]}"


def labels(documents: Iterable[Document], own: Iterable[str]) -> dict[str, str]:
    """Each node's label by its id: its name, or name-<6 of its id> where two have one name.

    `own` are the labels of the node we are on, which nobody else gets. A label that is still not unique (somebody
    chose another's told-apart name) becomes the canonical name.
    """
    documents = list(documents)
    taken = RESERVED | frozenset(own)
    names = Counter(document.name for document in documents)
    told = {
        document.id: document.name if names[document.name] == 1 and document.name not in taken
        else told_apart(document.name, document.id)
        for document in documents
    }
    shown = Counter(told.values())
    return {node: label if shown[label] == 1 and label not in taken else node for node, label in told.items()}


def moves(own: str, other: str) -> bool:
    """Of two nodes with one network for their clients, is it the one with the id `own` that takes another? The greater
    id moves: both sides know both ids, and come to the same answer without a word about it."""
    return own > other


def hosts(documents: Iterable[Document], own: Iterable[str], own_addresses: Iterable[str] = ()) -> str:
    """The text of the hosts file. The label stands first, so that the reverse name is the one people know. An IPv6
    address that two nodes have (each is 16 bits of a hash), or say that they have, leads to neither by name."""
    documents = sorted(documents, key=lambda document: document.id)
    known = labels(documents, own)
    holders = Counter(own_addresses)
    for document in documents:
        holders.update({*document.links, document.ula or ""})
    lines = ["# Names of other nodes, from their signed documents. Written by byzwizard tend."]
    for document in documents:
        links = [link for link in document.links if holders[link] == 1]
        addresses = [document.address, document.ula if holders[document.ula or ""] == 1 else None]
        lines += entries((known[document.id], document.id), [address for address in addresses if address], links)
    return "\n".join(lines) + "\n"


def entries(labels: Iterable[str], addresses: Iterable[str], links: Iterable[str]) -> list[str]:
    """The lines of one node. Each link-local address has a name of its own, which leads to the node from everywhere."""
    marks = {link: str(link_label(link)) for link in links}
    text = " ".join(f"{name}.{DOMAIN}" for name in dict.fromkeys((*labels, *marks.values())))
    return ([f"{address} {text}" for address in dict.fromkeys(addresses)]
            + [f"{link} {mark}.{DOMAIN}" for link, mark in marks.items()])
