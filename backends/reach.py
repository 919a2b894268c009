"""Does a wired port lead to the Internet? Well-known name servers are asked through this port and no other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Sequence

ENOUGH, ASKED = 2, 3
HALF = 1.0  # seconds for the question, and again for the connection where nobody answered it


def _through(port: str, kind: socket.SocketKind) -> socket.socket:
    link = socket.socket(socket.AF_INET, kind)
    try:
        link.setblocking(False)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, port.encode())
    except OSError:
        link.close()
        raise
    return link


async def _named(port: str, server: str) -> bool:
    """Any answer to a question for the name servers of the root."""
    loop = asyncio.get_running_loop()
    number = os.urandom(2)
    with _through(port, socket.SOCK_DGRAM) as link:
        await loop.sock_connect(link, (server, 53))
        await loop.sock_sendall(link, number + struct.pack(">5HB2H", 0x0100, 1, 0, 0, 0, 0, 2, 1))
        answer = await asyncio.wait_for(loop.sock_recv(link, 1500), HALF)
    return len(answer) >= 12 and answer[:2] == number and bool(answer[2] & 0x80)


async def _connected(port: str, server: str) -> bool:
    """Some networks keep questions for names to themselves; these servers listen for https too."""
    with _through(port, socket.SOCK_STREAM) as link:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(link, (server, 443)), HALF)
    return True


async def _answers(port: str, server: str) -> bool:
    for way in (_named, _connected):
        with contextlib.suppress(OSError, TimeoutError):
            if await way(port, server):
                return True
    return False


async def reaches(port: str, servers: Sequence[str]) -> bool:
    """Two of the first three answer (or all, where fewer are known). Takes two seconds at most; raises nothing."""
    asked = servers[:ASKED]
    found = await asyncio.gather(*(_answers(port, server) for server in asked))
    return bool(asked) and sum(found) >= min(ENOUGH, len(asked))
