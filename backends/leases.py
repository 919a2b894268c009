"""What a DHCP server on a wired port has given us, as /usr/lib/byzantium/lease wrote it: hostile until read here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class Lease:
    """`address` with its length; `router` None where the server knows no way on; `server` who answered."""

    address: str
    router: str | None
    dns: tuple[str, ...]
    server: str | None

    @property
    def network(self) -> str:
        return str(ipaddress.IPv4Interface(self.address).network)


def _usable(text: str) -> str | None:
    """An address that one host can have; None for everything else."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return None
    special = (address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved
               or address.is_link_local)  # RFC 3927: nobody gives those out, and they lead nowhere
    return None if special else str(address)


def parse(text: str) -> Lease | None:
    """None for what is no lease."""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    address = _usable(fields.get("ip", ""))
    try:
        length = int(fields.get("mask") or "24")
    except ValueError:
        return None
    if address is None or not 1 <= length <= 32:
        return None
    routers = [_usable(word) for word in fields.get("router", "").split()]
    servers = [_usable(word) for word in fields.get("dns", "").split()]
    return Lease(
        f"{address}/{length}",
        next((router for router in routers if router and router != address), None),
        tuple(server for server in servers if server)[:3],
        _usable(fields.get("server", "")))
