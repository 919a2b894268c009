"""A telephone that speaks SIP (RFC 3261), as small as the tests need it: sip_phone.py WORDS, a line of JSON.

`act`: "options" and "register" print the status; "answer" registers, says ready, takes one call, prints what it heard;
"call" calls `to` and prints the statuses, that of its own goodbye as well; with `waits` the other one ends it.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
from typing import Any


class Phone:
    """At `address` of its node, which is `host`; `transport` is UDP, TCP or TLS."""

    def __init__(self, address: str, host: str, user: str, transport: str = "UDP", authority: str = "",
                 **_more: Any) -> None:
        self.host, self.user, self.transport = host, user, transport
        kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
        self.link = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        self.link.settimeout(20)
        self.link.connect((address, 5061 if transport == "TLS" else 5060))
        if transport == "TLS":
            trusted = ssl.create_default_context(cadata=authority)
            self.link = trusted.wrap_socket(self.link, server_hostname=host)
        own, port = self.link.getsockname()[:2]
        own = f"[{own}]" if ":" in own else own
        self.contact = f"sip:{user}@{own}:{port};transport={transport.lower()}"
        self.via = f"SIP/2.0/{transport} {own}:{port};rport;branch=z9hG4bK"
        self.count, self.buffered = 0, b""
        self.call = f"call-{user}-{port}"

    def send(self, first: str, headers: list[str], body: str = "") -> None:
        said = [first, *headers, f"Content-Length: {len(body)}", "", body]
        self.link.sendall("\r\n".join(said).encode())

    def ask(self, method: str, uri: str, to: str, more: list[str], body: str = "", number: int = 0) -> None:
        if not number:
            self.count += 1
        self.send(f"{method} {uri} SIP/2.0", [
            f"Via: {self.via}{method}{number or self.count}", "Max-Forwards: 70",
            f"From: <sip:{self.user}@{self.host}>;tag=from{self.user}", f"To: {to}", f"Call-ID: {self.call}",
            f"CSeq: {number or self.count} {method}", f"Contact: <{self.contact}>", *more], body)

    def heard(self) -> str:
        """One message, without its body."""
        if self.transport == "UDP":
            return self.link.recv(65536).decode()
        while b"\r\n\r\n" not in self.buffered:
            self.buffered += self.link.recv(65536)
        head, _, rest = self.buffered.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^Content-Length: *(\d+)", head)
        assert length
        size = int(length[1])
        while len(rest) < size:
            rest += self.link.recv(65536)
        self.buffered = rest[size:]
        return head.decode() + "\r\n"

    def answered(self, method: str) -> tuple[int, str]:
        """The next answer to that question that is not for now alone (1xx)."""
        while True:
            said = self.heard()
            found = re.match(r"SIP/2\.0 (\d+)", said)
            if found and int(found[1]) >= 200 and re.search(rf"(?m)^CSeq: \d+ {method}", said):
                return int(found[1]), said

    def register(self) -> int:
        me = f"<sip:{self.user}@{self.host}>"
        self.ask("REGISTER", f"sip:{self.host}", me, ["Expires: 300"])
        return self.answered("REGISTER")[0]

    def reply(self, asked: str, status: str, body: str = "") -> None:
        kept = re.findall(r"(?m)^((?:Via|From|Call-ID|CSeq|Record-Route):.*?)\r", asked)
        to = re.search(r"(?m)^To: (.*?)\r", asked)
        assert to
        tag = "" if "tag=" in to[1] else f";tag=to{self.user}"
        self.send(f"SIP/2.0 {status}", [*kept, f"To: {to[1]}{tag}", f"Contact: <{self.contact}>"], body)


def values(name: str, said: str) -> list[str]:
    return [one.strip() for line in re.findall(rf"(?m)^{name}: (.*?)\r", said) for one in line.split(",")]


def goodbye(phone: Phone, remote: str, to: str, routes: list[str]) -> int:
    phone.ask("BYE", remote, to, [f"Route: {route}" for route in routes])
    return phone.answered("BYE")[0]


def answer(phone: Phone, ends: bool) -> list[Any]:
    assert phone.register() == 200
    print("ready", flush=True)
    called = phone.heard()
    phone.reply(called, "180 Ringing")
    phone.reply(called, "200 OK", "v=0\r\n")
    heard: list[Any] = []
    while "ACK" not in heard:
        heard.append(phone.heard().split()[0])
    caller = values("From", called)[0]
    if ends:
        remote = values("Contact", called)[0].strip("<>")
        phone.link.settimeout(20)
        # Within the call, as the one who was called.
        phone.count = 100
        phone.send(f"BYE {remote} SIP/2.0", [
            f"Via: {phone.via}bye", "Max-Forwards: 70", f"From: {values('To', called)[0]};tag=to{phone.user}",
            f"To: {caller}", f"Call-ID: {values('Call-ID', called)[0]}", "CSeq: 100 BYE",
            *[f"Route: {route}" for route in values("Record-Route", called)]])
        return [*heard, phone.answered("BYE")[0]]
    while "BYE" not in heard:
        said = phone.heard()
        heard.append(said.split()[0])
    phone.reply(said, "200 OK")
    return heard


def call(phone: Phone, to: str, waits: bool) -> list[Any]:
    assert phone.register() == 200
    phone.ask("INVITE", to, f"<{to}>", ["Content-Type: application/sdp"], "v=0\r\n")
    invited = phone.count
    status, said = phone.answered("INVITE")
    other, routes = values("To", said)[0], list(reversed(values("Record-Route", said)))
    if status >= 300:
        return [status]
    remote = values("Contact", said)[0].strip("<>")
    phone.ask("ACK", remote, other, [f"Route: {route}" for route in routes], number=invited)
    if waits:
        while (ended := phone.heard()).split()[0] != "BYE":
            pass
        phone.reply(ended, "200 OK")
        return [status, "BYE"]
    return [status, goodbye(phone, remote, other, routes)]


def main() -> None:
    words = json.loads(sys.argv[1])
    phone = Phone(**words)
    match words["act"]:
        case "options":
            phone.ask("OPTIONS", f"sip:{phone.host}", f"<sip:{phone.host}>", [])
            print(phone.answered("OPTIONS")[0])
        case "register":
            print(phone.register())
        case "answer":
            print(json.dumps(answer(phone, words.get("ends", False))))
        case "call":
            print(json.dumps(call(phone, words["to"], words.get("waits", False))))


if __name__ == "__main__":
    main()
