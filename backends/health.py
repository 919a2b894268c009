"""Is a service healthy? One question to its own port, and one over TLS to those that nginx leads to it."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends.units import running

if TYPE_CHECKING:
    from byzwizard import catalogue
    from byzwizard.backends.system import System

STATUS = re.compile(rb"HTTP/1\.[01] 200\b")
MOST = 64  # bytes: the first line says it
PATIENCE = 5.0  # seconds for each thing that is waited for; on a slow computer a handshake of TLS alone takes two


@dataclass(frozen=True)
class Health:
    """`port` of this computer answers, over TLS where `tls`: it says 200 for `path`, or, asked `say`, begins with
    `hear`, `within` seconds of a start. (That it lets us in says nothing: the kernel does so for what hangs.) Without
    a port its unit is up no sooner than it is healthy. `units` are further ones that run."""

    port: int | None
    path: str | None
    within: int
    tls: bool = False
    say: str = ""
    hear: str = ""
    units: tuple[str, ...] = ()


def of(told: catalogue.Health) -> Health:
    """As a descriptor has it, field by field."""
    return Health(**told.model_dump())


def healthy(system: System, probe: Health, timeout: float = PATIENCE) -> bool:
    if not all(running(system, unit) for unit in probe.units):
        return False
    if probe.port is None:
        return True
    try:
        with socket.create_connection(("127.0.0.1", probe.port), timeout) as link:
            if not probe.tls:
                return _right(link, probe)
            with _secured(link) as secured:
                return _right(secured, probe)
    except OSError:  # ssl.SSLError is one
        return False


def _secured(link: socket.socket) -> socket.socket:
    """Whose certificate it is says nothing about its health, and this computer is nobody else."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(link)


def _right(link: socket.socket, probe: Health) -> bool:
    if probe.path is not None:
        link.sendall(f"GET {probe.path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return STATUS.match(_first(link)) is not None
    link.sendall(probe.say.encode("latin-1"))
    hear = probe.hear.encode("latin-1")
    said = b""
    while len(said) < len(hear) and (part := link.recv(len(hear) - len(said))):
        said += part
    return said == hear


def vouched_for(address: str, host: str, authority: str, timeout: float = PATIENCE) -> bool:
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
