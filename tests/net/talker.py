"""Somebody who chats: a phone's browser, as far as the network sees it (IRC over WebSocket over TLS), or a program.

    talker.py '["ADDRESS", PORT, "HOST", "AUTHORITY", "NICK", "ORIGIN"]'    says what it hears, sends what it is told

With an origin it comes by WebSocket (RFC 6455) at /chat/socket, without one by IRC over TLS.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import sys
import threading
from typing import BinaryIO

TEXT, PING, PONG = 1, 9, 10


class Browser:
    """A WebSocket; raises ConnectionError when the server refuses."""

    def __init__(self, link: socket.socket, host: str, origin: str) -> None:
        self._link, self._file = link, link.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall((
            f"GET /chat/socket HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: text.ircv3.net\r\n\r\n").encode())
        status = self._file.readline().decode().strip()
        while self._file.readline().strip():
            pass
        if " 101 " not in status:
            raise ConnectionError(status)

    def send(self, line: str, kind: int = TEXT) -> None:
        data, mask = line.encode(), os.urandom(4)
        head = bytes([0x80 | kind, 0x80 | len(data)]) if len(data) < 126 else struct.pack(
            ">BBH", 0x80 | kind, 0x80 | 126, len(data))
        self._link.sendall(head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)))

    def hear(self) -> str:
        """The next line. Raises EOFError at the end."""
        while True:
            kind, length = _take(self._file, 2)
            if length == 126:
                length = int.from_bytes(_take(self._file, 2))
            data = _take(self._file, length)
            if kind & 15 == TEXT:
                return data.decode()
            if kind & 15 == PING:
                self.send(data.decode(), PONG)


class Program:
    def __init__(self, link: socket.socket) -> None:
        self._link, self._file = link, link.makefile("rb")

    def send(self, line: str) -> None:
        self._link.sendall(line.encode() + b"\r\n")

    def hear(self) -> str:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line.decode().strip()


def _take(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    address, port, host, authority, nick, origin = json.loads(sys.argv[1])
    link = ssl.create_default_context(cadata=authority).wrap_socket(
        socket.create_connection((address, port), 5), server_hostname=host)
    link.settimeout(None)
    talk = Browser(link, host, origin) if origin else Program(link)
    for line in ("CAP REQ :server-time message-tags echo-message batch", f"NICK {nick}", f"USER {nick} 0 * :{nick}",
                 "CAP END"):
        talk.send(line)

    def told() -> None:
        for line in sys.stdin:
            talk.send(line.strip())

    threading.Thread(target=told, daemon=True).start()
    while True:
        line = talk.hear()
        if line.startswith("PING"):
            talk.send(line.replace("PING", "PONG", 1))
        if " 001 " in line:
            talk.send("JOIN #mesh")
        print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, OSError) as fault:
        sys.exit(f"{type(fault).__name__}: {fault}")
