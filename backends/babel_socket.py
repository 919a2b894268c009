"""What babeld tells on its local socket: its neighbours and the ways it knows (its manual, "local interface")."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from byzwizard.backends.protocol import Dump, Neighbour, NotAnswering, Way

if TYPE_CHECKING:
    from byzwizard.backends.system import System

SOCKET = "/run/byzantium/babel/socket"
UNREACHABLE = 65535  # RFC 8966: infinity
MOST = 4 << 20  # bytes: some 20,000 routes; more is a flood, and what came of it tells whose


def _cost(text: str) -> int | None:
    return None if int(text) >= UNREACHABLE else int(text)


def parse(lines: Iterable[str]) -> Dump:
    """From the lines of `dump`; kinds of lines that are not known here are passed over. Raises NotAnswering."""
    neighbours, ways, own, up = [], [], [], []
    try:
        for line in lines:
            words = line.split()
            if len(words) < 3 or words[0] != "add":
                continue
            fields = dict(zip(words[3::2], words[4::2], strict=False))
            if words[1] == "neighbour":
                neighbours.append(Neighbour(
                    fields["address"], fields["if"], int(fields["reach"], 16), int(fields["rxcost"]),
                    int(fields["txcost"]), _cost(fields["cost"])))
            elif words[1] == "route":
                ways.append(Way(fields["prefix"], fields["installed"] == "yes", _cost(fields["metric"]),
                                int(fields["refmetric"]), fields["via"], fields["if"], fields["id"]))
            elif words[1] == "xroute":
                own.append(fields["prefix"])
            elif words[1] == "interface" and fields["up"] == "true":
                up.append(words[2])
    except (KeyError, ValueError) as fault:
        raise NotAnswering(line) from fault
    return Dump(tuple(neighbours), tuple(ways), tuple(own), tuple(up))


def _until_ok(link: socket.socket) -> tuple[list[str], bool]:
    """The lines of an answer, and whether it was left off at MOST."""
    data = b""
    while not data.endswith((b"\nok\n", b"\nno\n", b"\nbad\n")) and data not in (b"ok\n", b"no\n", b"bad\n"):
        if len(data) > MOST:
            return data.decode(errors="replace").splitlines()[:-1], True  # the last line may be half of one
        part = link.recv(65536)
        if not part:
            raise NotAnswering("the answer has no end")
        data += part
    return data.decode(errors="replace").splitlines(), False


def read(system: System, path: str = SOCKET, timeout: float = 1.0) -> Dump:
    """Ask babeld for what it knows: its neighbours and what is its own come first, so that a flood of ways cuts off
    none of them. Raises NotAnswering."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout)
        try:
            link.connect(str(system.path(path)))
            greeting, _cut = _until_ok(link)
            if not greeting[0].startswith("BABEL 1."):
                raise NotAnswering("it is not babeld")
            link.send(b"dump\n")
            lines, cut = _until_ok(link)
            return replace(parse(lines), cut=cut)
        except OSError as fault:
            raise NotAnswering(str(fault)) from fault
