"""A DHCP client of the least size: asks on one interface, prints what it was given as JSON (RFC 2131). One that was
somewhere else before asks to keep its address (4.3.2, INIT-REBOOT), and begins anew where that is refused."""

import json
import os
import socket
import struct
import sys
from pathlib import Path

COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6


def message(mac: bytes, number: bytes, kind: int, options: bytes = b"") -> bytes:
    head = struct.pack(">4B4sHH", 1, 1, 6, 0, number, 0, 0x8000) + bytes(16) + mac.ljust(16, b"\0") + bytes(192)
    return head + COOKIE + bytes([53, 1, kind]) + bytes([55, 6, 1, 3, 6, 15, 114, 252]) + options + b"\xff"


def options(data: bytes) -> dict[int, bytes]:
    found, at = {}, 240
    while data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2:at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def main(interface: str, former: str = "") -> None:
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().strip().replace(":", ""))
    number = os.urandom(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        link.bind(("", 68))
        link.settimeout(10)

        def ask(kind: int, wanted: bytes, extra: bytes = b"") -> bytes:
            link.sendto(message(mac, number, kind, extra), ("255.255.255.255", 67))
            while True:
                answer = link.recv(4096)
                if answer[4:8] == number and options(answer)[53] in [bytes([kind]) for kind in wanted]:
                    return answer

        answer = ask(REQUEST, bytes([ACK, NAK]), bytes([50, 4]) + socket.inet_aton(former)) if former else None
        if answer is None or options(answer)[53] == bytes([NAK]):
            offer = ask(DISCOVER, bytes([OFFER]))
            answer = ask(REQUEST, bytes([ACK]), bytes([50, 4]) + offer[16:20] + bytes([54, 4]) + options(offer)[54])
    given = options(answer)
    print(json.dumps({
        "address": socket.inet_ntoa(answer[16:20]),
        "mask": socket.inet_ntoa(given[1]),
        "router": socket.inet_ntoa(given[3]),
        "dns": socket.inet_ntoa(given[6]),
        "domain": given[15].decode(),
        "portal": given.get(114, b"").decode() or None,
        "proxy": given[252].decode(),
        "seconds": struct.unpack(">I", given[51])[0],
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
