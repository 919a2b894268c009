"""Each service switched on alone on a node in a container (tests/net/booted.py): how long from `enable` until a phone
gets its first good answer, and how much of the memory that it may have it takes then.

IPsec is not among them: whether it can be had depends on the kernel of the computer that measures.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from byzwizard import catalogue
from byzwizard.catalogue import Descriptor
from tests.bench.figure import Figure
from tests.net.booted import Node, laboratory
from tests.net.each import memory
from tests.net.spaces import within

WAY_OUT = "198.51.100.1"  # RFC 5737
LONGEST = 120.0  # seconds
ANSWER = 5.0  # seconds
SHARE = 0.5  # of its memory: what is left over is for those who use it
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # RFC 6455, 1.3

# What the descriptor says is heard of a service that works (health), asked from elsewhere.
HEAR = """
import json, socket, ssl, sys
address, port, tls, say, hear = json.loads(sys.argv[1])
try:
    link = socket.create_connection((address, port), 5)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = context.wrap_socket(link)
    link.sendall(say.encode("latin-1"))
    said = b""
    while len(said) < len(hear) and (part := link.recv(len(hear) - len(said))):
        said += part
    print(said.decode("latin-1") == hear)
except OSError:
    print(False)
"""


@dataclass(frozen=True)
class Took:
    """`seconds` until the first good answer; `memory` of its units in bytes, `peak` where the kernel counts it."""

    seconds: float
    memory: int
    peak: int | None


def answers(node: Node, far: str, one: Descriptor) -> bool:
    """Does a phone get what it comes for? Who is to come over the Internet comes from there."""
    host, reach = f"{node.id}.byzantium.mesh", {port.number: port.reach for port in one.ports}
    health = one.health
    if health.port is not None and reach[health.port] != "node":
        space, address = (far, WAY_OUT) if reach[health.port] == "outside" else (node.phone, node.address)
        words = json.dumps([address, health.port, health.tls, health.say, health.hear])
        return node.made.python(space, HEAR, words) == "True"
    status, _headers, authority = node.pages("/ca.crt")
    if status != 200:
        return False
    if one.web is not None and one.web.socket is not None:
        headers = {**UPGRADE, "Origin": f"https://{host}"}
        return node.pages(f"/{one.name}/{one.web.socket}", host, authority, headers=headers, most=0)[0] == 101
    path = health.path if one.web is not None and one.web.keeps_path else f"/{one.name}{health.path}"
    return node.pages(str(path), host, authority)[0] == 200


def peak(node: Node, unit: str) -> int | None:
    told = node.do("systemctl", "show", "--value", "--property=MemoryPeak", unit).strip()
    return int(told) if told.isdecimal() and int(told) < 1 << 63 else None


def switch_on(node: Node, far: str, one: Descriptor) -> Took:
    began = time.monotonic()
    node.do("byzwizard", "enable", one.name)
    if not within(LONGEST, partial(answers, node, far, one)):
        raise TimeoutError(f"{one.name} gives a phone no answer")
    seconds = time.monotonic() - began
    units = (one.unit, *one.health.units)
    peaks = [each for unit in units if (each := peak(node, unit)) is not None]
    took = Took(seconds, sum(memory(node, unit) for unit in units), sum(peaks) if peaks else None)
    node.do("byzwizard", "disable", one.name)
    return took


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, laboratory(Path(folder)) as found:
        found.line("ab")
        node = found.nodes[0]
        found.apply(node)
        far = found.made.add("far")
        found.made.cable(node.space, "out0", far, "out0")
        found.made.ip(node.space, f"addr add {WAY_OUT}/24 dev out0")
        found.made.ip(far, "addr add 198.51.100.2/24 dev out0")
        for name, one in catalogue.here().services.items():
            if name == "ipsec":
                continue
            took = switch_on(node, far, one)
            print(f"# {name}: {took}", flush=True)
            yield Figure(f"{name}, from `enable` to a phone's first answer", took.seconds, "s", ANSWER)
            yield Figure(f"{name}, memory / what it may have", took.memory / one.memory_bytes, "ratio", SHARE)


if __name__ == "__main__":
    for figure in measure():
        print(figure.line(), flush=True)
