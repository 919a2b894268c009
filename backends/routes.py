"""The kernel's routes to other nodes' networks, read and watched by rtnetlink (RFC 3549) with the standard library:
pyroute2 would double the memory of the small process that needs them.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from byzwizard.routings import ROUTINGS

PROTO_SHARED = 150  # of the default route that byzwizard.gateway puts in,
PROTO_ENDING = 151  # and for the moments before it takes it out again
_LEARNT = frozenset(routing.kernel for routing in ROUTINGS.values() if routing.kernel is not None)
_GETROUTE, _NEWROUTE = 26, 24  # RTM_
_DONE, _ERROR = 3, 2  # NLMSG_
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_DST, _OIF, _GATEWAY, _PRIORITY, _VIA = 1, 4, 5, 6, 18  # RTA_
_CHANGES = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE
_UNICAST = 1  # RTN_UNICAST


@dataclass(frozen=True)
class Route:
    """A way to a node's clients: `network` 10.x.y.0 (a /24), `via` the next hop, mostly IPv6 link-local."""

    network: str
    via: str | None
    interface: int
    metric: int

    @property
    def node(self) -> str:
        """The node's own address, .1 of its network."""
        return self.network.removesuffix(".0") + ".1"


@dataclass(frozen=True)
class Table:
    """`nodes` are the routes that routing has put in, of the form 10.x.y.0/24, `sixes` the addresses ::1 of the nodes
    behind its routes to a /64; `out`: does the mesh, or a port of this node that is shared, lead to the Internet?
    `shares`: does a port of this node?"""

    nodes: tuple[Route, ...]
    sixes: frozenset[str]
    out: bool
    shares: bool


def read() -> Table:
    """Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as link:
        link.settimeout(5)
        link.bind((0, 0))
        found: list[Route] = []
        ways: set[int] = set()
        for message in _dump(link, socket.AF_INET):
            if route := _route(message):
                found.append(route)
            ways |= _leads_out(message)
        sixes = frozenset(node for message in _dump(link, socket.AF_INET6) if (node := _six(message)))
        return Table(tuple(found), sixes, bool(ways), PROTO_SHARED in ways)


def _dump(link: socket.socket, family: int) -> Iterator[bytes]:
    """The kernel's routes of one family. Raises OSError."""
    body = struct.pack("=8BI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    link.send(struct.pack("=IHHII", 16 + len(body), _GETROUTE, _REQUEST_DUMP, 1, 0) + body)
    while True:
        for kind, message in _messages(link.recv(1 << 17)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -struct.unpack_from("=i", message)[0]
                raise OSError(code, os.strerror(code))
            if kind == _NEWROUTE:
                yield message


def watch() -> socket.socket:
    """A non-blocking socket that becomes readable when routes change. Raises OSError."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
                         socket.NETLINK_ROUTE)
    link.bind((0, _CHANGES))
    return link


def drain(link: socket.socket) -> None:
    """Empty a watch(): what changed is read anew, so a lost message (ENOBUFS) does not matter."""
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                link.recv(1 << 16)
            except OSError as fault:
                if fault.errno != errno.ENOBUFS:
                    raise


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return
        yield kind, data[at + 16:at + length]
        at += (length + 3) & ~3


def _leads_out(message: bytes) -> set[int]:
    """The protocol number of a way to the Internet."""
    family, prefix, _source, _tos, _table, proto, _scope, kind = struct.unpack_from("=8B", message)
    leads = (family, prefix, kind) == (socket.AF_INET, 0, _UNICAST) and (proto in _LEARNT or proto == PROTO_SHARED)
    return {proto} if leads else set()


def _route(message: bytes) -> Route | None:
    family, prefix, _source, _tos, _table, proto, _scope, kind = struct.unpack_from("=8B", message)
    if (family, prefix, kind) != (socket.AF_INET, 24, _UNICAST) or proto not in _LEARNT:
        return None
    fields = _fields(message)
    network = fields.get(_DST, b"")
    if len(network) != 4 or network[0] != 10 or network[3] != 0:
        return None
    return Route(socket.inet_ntoa(network), _next_hop(fields), _number(fields.get(_OIF)),
                 _number(fields.get(_PRIORITY)))


def _six(message: bytes) -> str | None:
    """The address ::1 in a /64 that routing has a way to."""
    family, prefix, _source, _tos, _table, proto, _scope, kind = struct.unpack_from("=8B", message)
    if (family, prefix, kind) != (socket.AF_INET6, 64, _UNICAST) or proto not in _LEARNT:
        return None
    network = _fields(message).get(_DST, b"")
    return socket.inet_ntop(socket.AF_INET6, network[:8] + bytes(7) + b"\1") if len(network) == 16 else None


def _fields(message: bytes) -> dict[int, bytes]:
    """The attributes of a route, by their number."""
    fields: dict[int, bytes] = {}
    at = 12
    while at + 4 <= len(message):
        length, name = struct.unpack_from("=HH", message, at)
        if length < 4:
            break
        fields[name & 0x3FFF] = message[at + 4:at + length]
        at += (length + 3) & ~3
    return fields


def _next_hop(fields: dict[int, bytes]) -> str | None:
    if len(fields.get(_GATEWAY, b"")) == 4:
        return socket.inet_ntoa(fields[_GATEWAY])
    via = fields.get(_VIA, b"")  # struct rtvia: family, address
    if len(via) == 18 and struct.unpack_from("=H", via)[0] == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, via[2:])
    return None


def _number(data: bytes | None) -> int:
    return struct.unpack("=I", data)[0] if data is not None and len(data) == 4 else 0
