"""Which routing is spoken on a link by others, whatever it is that this node speaks: told by the frames that come."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterable, Iterator

from byzwizard.backends.routing import PROTOCOLS

LISTEN = 2.5  # seconds: batman-adv speaks each second, the others each two as we set them


def protocol(kind: int, frame: bytes) -> str | None:
    """mesh.routing of who sent the frame, which begins behind its Ethernet header; anybody may have sent it."""
    return next((each.name for each in PROTOCOLS.values() if each.frames == kind and each.speaks(frame)), None)


def heard(interfaces: Iterable[str], but: str, seconds: float = LISTEN) -> str | None:
    """The first routing other than `but` that is heard on the links; None where there is none in so many seconds.
    Needs root. A link that is gone is passed over."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for name in interfaces:
            for link in _listening(name):
                selector.register(stack.enter_context(link), selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                found = _read(key.fileobj)  # type: ignore[arg-type]  # what was registered
                if found not in {None, but}:
                    return found
        return None


def _listening(name: str) -> Iterator[socket.socket]:
    """Sockets that get what comes in at the interface."""
    for kind in {each.frames for each in PROTOCOLS.values()}:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.htons(kind))
        try:
            link.bind((name, kind))
        except OSError:
            link.close()
        else:
            link.setblocking(False)
            yield link


def _read(link: socket.socket) -> str | None:
    try:
        frame, address = link.recvfrom(128)
    except OSError:  # the interface went away, or another look has read it
        return None
    return protocol(address[1], frame) if address[2] != socket.PACKET_OUTGOING else None
