"""Is there an IPv6 router on a wired port? One question (RFC 4861, router solicitation), and an ear for the answer."""

from __future__ import annotations

import contextlib
import socket
import struct

SOLICIT, ADVERTISE = 133, 134
_FILTER = 1  # ICMP6_FILTER: a bit for each type that is not passed
ALL_ROUTERS = "ff02::2"


class Adverts:
    """Hears what routers say on one port. Raises OSError where there is no IPv6."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._link = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        try:
            blocked = bytearray(b"\xff" * 32)
            struct.pack_into("=I", blocked, ADVERTISE // 32 * 4, 0xFFFFFFFF & ~(1 << ADVERTISE % 32))
            self._link.setsockopt(socket.IPPROTO_ICMPV6, _FILTER, bytes(blocked))
            self._link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, port.encode())
            self._link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            self._link.setblocking(False)
        except OSError:
            self.close()
            raise

    def ask(self) -> None:
        """Nothing happens while the port has no address yet: asked again soon."""
        with contextlib.suppress(OSError):
            self._link.sendto(bytes([SOLICIT, 0, 0, 0, 0, 0, 0, 0]),
                              (ALL_ROUTERS, 0, 0, socket.if_nametoindex(self._port)))

    def heard(self) -> bool:
        """Has a router said that it leads on (its lifetime is not zero)?"""
        found = False
        with contextlib.suppress(OSError):
            while True:
                message, sender = self._link.recvfrom(2048)
                local = sender[0].startswith("fe80:") and len(message) >= 16
                found = found or (local and message[0] == ADVERTISE and message[6:8] != b"\0\0")
        return found

    def close(self) -> None:
        self._link.close()
