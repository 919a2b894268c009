"""The least of HTTP: one request, and the body of its answer. Nothing is followed, little is read."""

import re
import socket

HEADERS = 8 * 1024  # bytes


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


def request(address: str, path: str) -> bytes:
    """HTTP/1.0, so that the answer comes in one piece and the connection ends with it."""
    host = f"[{address}]" if ":" in address else address
    return f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode()


def get(address: str, path: str, limit: int, timeout: float) -> bytes:
    """The body of http://ADDRESS/PATH, at most `limit` bytes; `timeout` in seconds for each part. Raises NotFetched."""
    most = HEADERS + limit + 1
    data = b""
    try:
        with socket.create_connection((address, 80), timeout) as link:
            link.sendall(request(address, path))
            while len(data) < most and (part := link.recv(most - len(data))):
                data += part
    except OSError as fault:
        raise NotFetched(f"no connection: {fault}") from fault
    return parse(data, limit)
