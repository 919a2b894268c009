"""A mesh of a thousand nodes with ten services each: how long the real tend needs until all of them stand in its files,
how much memory, and whether twice as many cost twice as much. The nodes are one server that has all their addresses.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends import directory
from byzwizard.identity import Identity
from tests.bench.figure import Figure
from tests.net.spaces import TREE, spaces, within

NODES, SERVICES = 1000, 10
FEWER = 250
OWN = "10.254.1.1"
# What every node of the mesh answers: each line of the file is an address and its document.
SERVE = """
import asyncio, json, sys
documents = {}
for line in open(sys.argv[1]):
    address, body = json.loads(line)
    documents[address] = body.encode()
async def answer(reader, writer):
    asked = await reader.readuntil(b"\\r\\n\\r\\n")
    body = documents.get(writer.get_extra_info("sockname")[0]) if b"byzantium.json" in asked else None
    writer.write(b"HTTP/1.0 404 None\\r\\n\\r\\n" if body is None else b"HTTP/1.0 200 OK\\r\\n\\r\\n" + body)
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(quietly, "0.0.0.0", 80, backlog=1000) as server:
        await server.serve_forever()
async def quietly(reader, writer):
    try:
        await answer(reader, writer)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()
asyncio.run(main())
"""
TEND = """
import asyncio, sys
from pathlib import Path
from byzwizard import tend
names, own, config = map(Path, sys.argv[1:])
asyncio.run(tend.Tend(names, own, config).run())
"""


@dataclass(frozen=True)
class Took:
    """`wall` and `cpu` seconds, and the most memory in MB, of tend from its start until it knew all."""

    wall: float
    cpu: float
    memory: float


def document(number: int) -> tuple[str, str]:
    """The address of a node, and what it says of itself."""
    who, address = Identity(number.to_bytes(32, "big")), f"10.{1 + number // 200}.{number % 200}.1"
    offered = [{"name": f"service-{n}", "title": f"A service that node {number} offers, the {n}th",
                "url": f"https://{who.id}.byzantium.mesh/service-{n}/"} for n in range(SERVICES)]
    return address, directory.make(who, f"node-{number}", [address], 1 + number, services=offered)


def learn(count: int) -> Took:
    """Start tend in a mesh of `count` other nodes."""
    with tempfile.TemporaryDirectory() as folder, spaces() as made:
        root = Path(folder)
        documents = [document(number) for number in range(count)]
        (root / "documents").write_text("".join(f"{json.dumps(one)}\n" for one in documents))
        (root / "own.json").write_text(directory.make(Identity(b"o" * 32), "lamp", [OWN], 1))
        names = root / "names"
        names.mkdir()
        here, mesh = made.add("here"), made.add("mesh")
        made.cable(here, "mesh0", mesh, "mesh0")
        made.ip(mesh, "addr add 10.253.0.1/16 dev mesh0", "route add local 10.0.0.0/9 dev lo",
                f"route add {OWN}/32 dev mesh0")
        made.ip(here, f"addr add {OWN}/32 dev lo", "route add 10.253.0.1/32 dev mesh0", *(
            f"route add {address.removesuffix('.1')}.0/24 via 10.253.0.1 dev mesh0 proto babel src {OWN}"
            for address, _body in documents))
        made.start(mesh, sys.executable, "-c", SERVE, str(root / "documents"))
        assert within(10, lambda: made.run(mesh, "ss", "-Hltn", "sport = :80").stdout != "")
        began = time.monotonic()
        process = made.start(here, "env", f"PYTHONPATH={TREE}", sys.executable, "-c", TEND,
                             str(names), str(root / "own.json"), str(root))
        assert within(300, lambda: known(names) == (count, count * SERVICES)), known(names)
        wall = time.monotonic() - began
        status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return Took(wall, (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK"),
                    int(status["VmHWM"].split()[0]) / 1000)


def known(names: Path) -> tuple[int, int]:
    """How many nodes and services stand in nodes.json; looked at now and then, which costs time as well."""
    time.sleep(0.2)
    try:
        nodes = json.loads((names / "nodes.json").read_text())["nodes"]
    except FileNotFoundError:
        return 0, 0
    return len(nodes), sum(len(node["services"]) for node in nodes)


def measure() -> Iterator[Figure]:
    few, many = learn(FEWER), learn(NODES)
    print(f"# directory: {few} {many}", flush=True)
    yield Figure(f"directory-of-{NODES}-nodes", many.wall, "s", 10)
    yield Figure(f"directory-of-{NODES}-nodes-memory", many.memory, "MB", 80)
    yield Figure(f"directory-{NODES}/{FEWER}-nodes-cpu-per-node", many.cpu / NODES / (few.cpu / FEWER), "ratio", 1.5)
