"""A small file from another node, over HTTP: one request, one answer, nothing followed, little read, and soon over."""

import asyncio
import socket

from byzwizard.backends.webanswer import HEADERS, NotFetched, parse, request

FARTHEST = 12  # hops that are counted
IP_RECVERR, IPV6_RECVERR = 11, 25  # linux/in.h, in6.h; not in the socket module of Python 3.11


async def fetch(address: str, path: str, limit: int, timeout: float) -> bytes:
    """The body of http://ADDRESS/PATH, at most `limit` bytes, within `timeout` seconds. Raises NotFetched."""
    try:
        async with asyncio.timeout(timeout):
            return parse(await _exchange(address, path, HEADERS + limit + 1), limit)
    except TimeoutError:
        raise NotFetched(f"it did not answer within {timeout:.0f} s") from None
    except OSError as fault:
        raise NotFetched(f"no connection: {fault}") from fault


async def _exchange(address: str, path: str, most: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, 80, limit=4096)
    try:
        writer.write(request(address, path))
        parts: list[bytes] = []
        got = 0
        while got < most and (part := await reader.read(most - got)):
            parts.append(part)
            got += len(part)
        return b"".join(parts)
    finally:
        writer.transport.abort()


async def hops(address: str, timeout: float) -> int | None:
    """How many nodes' radios away: the least TTL with which a connection comes about, at most FARTHEST.

    Routing tells a cost and no count. `timeout` in seconds is for one try; None when no try succeeds.
    """
    loop = asyncio.get_running_loop()
    family, level, limit, errors = (
        (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, IPV6_RECVERR) if ":" in address
        else (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TTL, IP_RECVERR))
    for ttl in range(1, FARTHEST + 1):
        with socket.socket(family, socket.SOCK_STREAM) as link:
            link.setblocking(False)
            link.setsockopt(level, limit, ttl)
            # A node on the way that says "time exceeded" ends the try at once.
            link.setsockopt(level, errors, 1)
            try:
                async with asyncio.timeout(timeout):
                    await loop.sock_connect(link, (address, 80))
                return ttl
            except OSError:  # TimeoutError is one too
                continue
    return None
