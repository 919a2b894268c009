"""Is a service healthy? One question to its own port, and one over TLS to those that nginx leads to it."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

STATUS = re.compile(rb"HTTP/1\.[01] 200\b")
MOST = 64  # bytes: the first line says it


@dataclass(frozen=True)
class Health:
    """`port` of this computer answers, and says 200 for `path` where there is one, `within` seconds of a start. Without
    a port its unit is up no sooner than it is healthy."""

    port: int | None
    path: str | None
    within: int


def healthy(probe: Health, timeout: float = 2.0) -> bool:
    if probe.port is None:
        return True
    try:
        with socket.create_connection(("127.0.0.1", probe.port), timeout) as link:
            if probe.path is None:
                return True
            link.sendall(f"GET {probe.path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return STATUS.match(_first(link)) is not None
    except OSError:
        return False


def vouched_for(address: str, host: str, authority: str, timeout: float = 2.0) -> bool:
    """Does port 443 of `address` speak TLS with a certificate for `host` by this authority (PEM), and answer?"""
    import ssl

    try:
        trusted = ssl.create_default_context(cadata=authority)
        with (socket.create_connection((address, 443), timeout) as link,
              trusted.wrap_socket(link, server_hostname=host) as secured):
            secured.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return _first(secured).startswith(b"HTTP/1.")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False


def _first(link: socket.socket) -> bytes:
    said = b""
    while len(said) < MOST and b"\n" not in said and (part := link.recv(MOST - len(said))):
        said += part
    return said
