"""One DNS question over UDP (RFC 1035), to ask this node's own dnsmasq whether it answers."""

import os
import socket
import struct

A, AAAA, PTR = 1, 28, 12
NXDOMAIN = 3


class NoAnswer(Exception):
    """Nobody answered in time, or not in the form of an answer."""


def _skip_name(message: bytes, at: int) -> int:
    """The offset behind a name. Raises IndexError at the end of the message."""
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def _read_name(message: bytes, at: int) -> str:
    labels: list[str] = []
    while message[at] and len(labels) < 128:
        if message[at] >= 0xC0:
            at = struct.unpack_from(">H", message, at)[0] & 0x3FFF
            labels.append("")  # counts jumps too, so that a loop ends
            continue
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii", "replace"))
        at += message[at] + 1
    return ".".join(label for label in labels if label)


def _answers(message: bytes, question: bytes, kind: int) -> list[str]:
    identity, flags, _questions, answers, _authority, _more = struct.unpack_from(">6H", message)
    if message[:2] != question[:2] or not flags & 0x8000 or message[12:len(question)] != question[12:]:
        raise NoAnswer(f"id {identity}")
    found: list[str] = []
    at = len(question)
    for _each in range(answers):
        at = _skip_name(message, at)
        what, _class, _ttl, length = struct.unpack_from(">HHIH", message, at)
        data = message[at + 10:at + 10 + length]
        if what == kind == PTR:
            found.append(_read_name(message, at + 10))
        elif what == kind:
            found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        at += 10 + length
    return found


def ask(server: str, name: str, kind: int = A, timeout: float = 1.0, mark: int = 0) -> list[str]:
    """Addresses, or names for PTR; empty when there is no such name. `mark` is what the kernel's rules know the packet
    by (CAP_NET_ADMIN), 0 for none. Raises NoAnswer."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    question = os.urandom(2) + struct.pack(">5H", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(timeout)
        try:
            if mark:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            link.connect((server, 53))
            link.send(question)
            return _answers(link.recv(4096), question, kind)
        except (OSError, struct.error, IndexError, ValueError) as fault:
            raise NoAnswer(str(fault)) from fault
