"""A small file from another node, over HTTP: one request, one answer, nothing followed, little read, and soon over."""

import asyncio
import re
import socket

HEADERS = 8 * 1024  # bytes
FARTHEST = 12  # hops that are counted
IP_RECVERR = 11  # linux/in.h; not in the socket module of Python 3.11


class NotFetched(Exception):
    """Nothing to be had there; the sentence says why."""


def parse(answer: bytes, limit: int) -> bytes:
    """The body of a whole HTTP/1.x answer to a request that asked for no chunks. Raises NotFetched."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank or len(head) > HEADERS:
        raise NotFetched("it answered with something that is not HTTP")
    lines = head.split(b"\r\n")
    status = re.fullmatch(rb"HTTP/1\.[01] (\d{3})(?: .*)?", lines[0])
    if not status:
        raise NotFetched("it answered with something that is not HTTP")
    if status[1] != b"200":
        raise NotFetched(f"it answered with status {status[1].decode()}")
    for line in lines[1:]:
        name, _colon, value = line.partition(b":")
        if name.strip().lower() == b"transfer-encoding":
            raise NotFetched("it answered in chunks, which were not asked for")
        if name.strip().lower() == b"content-length" and value.strip() != str(len(body)).encode():
            raise NotFetched("the answer was cut off")
    if len(body) > limit:
        raise NotFetched(f"it sent more than {limit} bytes")
    return body


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
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n".encode())
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
    for ttl in range(1, FARTHEST + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            # A node on the way that says "time exceeded" ends the try at once.
            link.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            try:
                async with asyncio.timeout(timeout):
                    await loop.sock_connect(link, (address, 80))
                return ttl
            except OSError:  # TimeoutError is one too
                continue
    return None
