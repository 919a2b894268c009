"""copyparty, but that it hears out who still sends when it has answered, as it does where the disk is full.

It would close at once; the kernel then resets the connection, and nginx tells people of a bad gateway in place of the
answer.
"""

from __future__ import annotations

import contextlib
import socket
import time

PATIENCE = 5.0  # seconds: nginx goes as soon as it has the answer
MOST = 256 << 20  # bytes
PIECE = 64 << 10


def part(_log: object, link: socket.socket, _seconds: float = PATIENCE) -> None:
    """Stands in for copyparty.util.shut_socket."""
    end, left = time.monotonic() + PATIENCE, MOST
    with link, contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_WR)
        while left > 0 and (seconds := end - time.monotonic()) > 0:
            link.settimeout(seconds)
            got = len(link.recv(PIECE))
            if not got:
                return
            left -= got


def main() -> None:
    from copyparty import httpsrv
    from copyparty.__main__ import main as serve

    assert callable(httpsrv.shut_socket), "this copyparty closes in another way"
    httpsrv.shut_socket = part
    serve()


if __name__ == "__main__":
    main()
