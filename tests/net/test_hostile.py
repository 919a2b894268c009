"""Hostile neighbours, with the real babeld, nftables and tend: forged names, a flood of prefixes, prefixes inside of an
uplink, and who has no key. Nothing is injected, memory has an end, and `status` says what was refused."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard.backends import babel_socket, directory, firewall, hostile, neighbours, ownlan
from byzwizard.backends.babel import configuration
from byzwizard.backends.leases import Lease
from byzwizard.backends.protocol import Dump, NotAnswering
from byzwizard.backends.uplinks import PortState
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "babeld")), reason="tools are missing"),
    pytest.mark.timeout(300),
]
MANY, SIXES = 10_000, 2_000
MEMORY = 64 << 10  # kB: MemoryMax of byz-babel.service
THEIRS = Identity(b"t" * 32)
SERVE = """
import socketserver, sys
from pathlib import Path
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        body = Path(sys.argv[1], self.server.server_address[0]).read_bytes()
        self.request.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + body)
servers = [socketserver.TCPServer((address, 80), Answer) for address in sys.argv[2:]]
import threading
for server in servers:
    threading.Thread(target=server.serve_forever).start()
"""


def node(letter: str, subnet: str, *links: str, mesh: str = "") -> Resolved:
    named = tuple(MeshLink(interface=name, name=name, kind="802.11s") for name in links)
    return replace(resolved(letter, mesh, subnet), links=named)


class Lab:
    """`here` is the node that is attacked, between `honest` (mesh1) and `other` (mesh0), who does what a test lets
    it do; all three have the key of the mesh."""

    def __init__(self, made: Spaces, root: Path) -> None:
        self.made, self.root = made, root
        self.it = node("h", "10.1.1.0/24", "mesh0", "mesh1")
        self.good = node("g", "10.2.2.0/24", "mesh1")
        self.here, self.honest, self.other = (made.add(name) for name in ("here", "honest", "other"))
        made.cable(self.here, "mesh0", self.other, "mesh0")
        made.cable(self.here, "mesh1", self.honest, "mesh1")
        for space, it in ((self.here, self.it), (self.honest, self.good)):
            made.ip(space, "link add clients0 type bridge", "link add keep0 type veth peer name keep1",
                    "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up",
                    f"addr add {it.address}/24 dev clients0", f"addr add {it.ula_address}/64 dev clients0 nodad")
            made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv4/conf/all/rp_filter=0",
                     "net/ipv4/conf/default/rp_filter=0")
        self.system = Inside(self.here, root / self.here)
        rules, = firewall.STAGE.steps(self.it, Machine())
        rules.apply(self.system, lambda done, total: None)
        self.babel = self.route(self.here, configuration(self.it))
        self.route(self.honest, configuration(self.good))

    def route(self, space: str, text: str) -> subprocess.Popen[str]:
        folder = self.root / space / "run/byzantium/babel"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "babel.conf").write_text(text.replace("/run/byzantium/babel/socket", str(folder / "socket")))
        links = [line.split()[1] for line in text.splitlines() if line.startswith("interface ")]
        ready = self.made.run(space, "python3", "-I", "-S", str(TREE / "backends/ready.py"), *links)
        assert ready.returncode == 0, ready.stderr
        return self.made.start(space, "babeld", "-I", "", "-S", "", "-c", str(folder / "babel.conf"))

    def attack(self, *prefixes: str, key: bool = True) -> None:
        """What the other one announces: whatever is in its table under protocol 99."""
        self.made.ip(self.other, *(f"route add unreachable {prefix} proto 99" for prefix in prefixes))
        text = configuration(node("x", "10.66.66.0/24", "mesh0", mesh="" if key else "  security: open\n"))
        others = ("redistribute", "in ", "install", "interface clients0")
        kept = [line for line in text.splitlines() if not line.startswith(others)]
        self.route(self.other, "\n".join([*kept, "redistribute proto 99 allow", "redistribute deny", "in deny"]) + "\n")

    def dump(self) -> Dump:
        try:
            return babel_socket.read(self.system, timeout=10)
        except NotAnswering:
            return Dump()

    def said(self, *ports: PortState) -> dict[str, str]:
        return {check.id: check.text for check in hostile.look(self.system, ports, self.dump(), {})}

    def reaches(self, target: str) -> bool:
        return self.made.run(self.here, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def routes(self) -> list[str]:
        shown = self.made.run(self.here, "ip", "-4", "route", "show", "proto", "babel").stdout.splitlines()
        return [line.split()[0] for line in shown]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with spaces() as made:
        yield Lab(made, tmp_path)


def announced(told: str) -> int:
    return int(told.removeprefix("A node announces ").removeprefix("more than ").split()[0])


def memory(process: subprocess.Popen[str]) -> int:
    """kB."""
    status = Path(f"/proc/{process.pid}/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])


def test_ten_thousand_prefixes_of_one_node(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert within(30, lambda: lab.reaches(lab.good.address))
    before = memory(lab.babel)
    lab.attack(*(f"10.{100 + n // 200}.{n % 200}.0/24" for n in range(MANY)),
               *(f"{lab.it.ula_mesh.removesuffix('::/48')}:{n:x}::/64" for n in range(1, SIXES + 1)))
    assert within(150, lambda: len(lab.routes()) > MANY * 0.9), len(lab.routes())
    print(f"babeld: {before} kB before, {memory(lab.babel)} kB with {len(lab.routes())} ways")
    assert memory(lab.babel) < MEMORY
    assert lab.reaches(lab.good.address), "who was there before is reached as before"
    listed = neighbours.listed((), lab.dump(), {"10.2.2.1": neighbours.Known("honest", 1)})
    assert len(listed) <= neighbours.MOST + 2
    assert within(60, lambda: announced(lab.said()["crowd"]) > (MANY + SIXES) * 0.9), lab.said()
    told = lab.said()["crowd"]
    assert "fe80::" in told
    monkeypatch.setattr(babel_socket, "MOST", 1 << 20)  # as a flood beyond the limit is
    cut = lab.said()["crowd"]
    assert "more than" in cut
    assert 0 < announced(cut) < announced(told)
    assert cut.rpartition(" ")[2] == told.rpartition(" ")[2], "and who does it"
    monkeypatch.undo()
    assert lab.said()["crowd"] == told, "babeld goes on telling after somebody has left in the middle"


def test_prefixes_that_are_none_of_the_meshs_are_not_taken(lab: Lab) -> None:
    lab.attack("192.168.0.0/16", "0.0.0.0/1", "128.0.0.0/1", "9.9.9.9/32", "10.0.0.0/8", "10.3.3.3/32",
               "10.255.255.0/24", "10.1.1.128/25", "10.1.1.0/24", "10.77.7.0/24")
    assert within(30, lambda: "10.77.7.0/24" in lab.routes())
    assert within(30, lambda: "10.2.2.0/24" in lab.routes())
    assert sorted(lab.routes()) == ["10.2.2.0/24", "10.77.7.0/24"]
    assert lab.reaches("10.1.1.1"), "and this node's own network is its own"


def test_a_default_route_of_somebody_without_the_key(lab: Lab) -> None:
    lab.attack("0.0.0.0/0", "10.77.7.0/24", key=False)
    assert within(30, lambda: "unkeyed" in lab.said())
    assert within(30, lambda: "10.2.2.0/24" in lab.routes())
    shown = json.loads(lab.made.run(lab.other, "ip", "-j", "-6", "address", "show", "mesh0").stdout)
    address = next(one["local"] for one in shown[0]["addr_info"])
    time.sleep(5)  # three hellos, of which none may count
    told = lab.said()["unkeyed"]
    assert told.startswith("1 computer announces")
    assert address in told, "and the honest one, who has the key, is not named"
    assert lab.routes() == ["10.2.2.0/24"]


def test_a_prefix_inside_of_an_uplink(lab: Lab) -> None:
    """The owner's own network is 10.50.0.0/16; the other one announces the part of it that the router is in."""
    router = lab.made.add("router")
    lab.made.cable(lab.here, "eth0", router, "lan0")
    lab.made.ip(lab.here, "addr add 10.50.3.7/16 dev eth0")
    lab.made.ip(router, "addr add 10.50.3.1/16 dev lan0")
    assert lab.reaches("10.50.3.1")
    lab.attack("10.50.3.0/24")
    assert within(30, lambda: "10.50.3.0/24" in lab.routes())
    assert not lab.reaches("10.50.3.1"), "a /24 beats the /16"
    lease = Lease("10.50.3.7/16", "10.50.3.1", (), "10.50.3.1")
    kept = ownlan.OwnWays(lab.system)
    kept.keep([("eth0", lease)], [])
    assert lab.reaches("10.50.3.1")
    port = PortState("eth0", "uplink", "10.50.3.7/16", "10.50.3.1", None, None, True, True, True, False, None, "eth0")
    assert "10.50.3.0/24, which is in the network of eth0" in lab.said(port)["inside-uplink"]
    kept.keep([], [])
    assert "lookup 150" not in lab.made.run(lab.here, "ip", "rule").stdout
    assert lab.made.run(lab.here, "ip", "route", "show", "table", "150").stdout == ""


def forged(address: str, **changes: object) -> bytes:
    """A document of which something was changed after it was signed."""
    return json.dumps(json.loads(directory.make(THEIRS, "harbour", [address], 5)) | changes).encode()


def strange(address: str, name: str) -> bytes:
    """One that is signed as it is."""
    return directory.make(THEIRS, name, [address], 5).encode()


DOCUMENTS = {
    "10.70.1.1": forged("10.70.1.1", name="lighthouse"),
    "10.70.2.1": strange("10.70.2.1", "\x1b]0;owned\x07\x1b[2J"),
    "10.70.3.1": strange("10.70.3.1", "evil\n10.1.1.1 bank.example.org"),
    "10.70.4.1": strange("10.70.1.1", "elsewhere"),
    "10.70.5.1": b"\x1b[31m" * 40000,
    "10.70.6.1": b'{"byzantium": 1, "name": ' + b"[" * 10000,
    "10.70.7.1": strange("10.70.7.1", "harbour"),
    "10.70.8.1": strange("10.70.8.1", "here"),
}


def test_forged_names_and_words_for_the_terminal(lab: Lab) -> None:
    place = lab.root / "documents"
    place.mkdir()
    for address, body in DOCUMENTS.items():
        (place / address).write_bytes(body)
    local = json.loads(lab.made.run(lab.other, "ip", "-j", "-6", "address", "show", "mesh0").stdout)[0]["addr_info"]
    lab.made.ip(lab.other, *(f"addr add {address}/32 dev lo" for address in DOCUMENTS))
    lab.made.ip(lab.other, f"route add {lab.it.address}/32 via inet6 {_own(lab, 'mesh0')} dev mesh0")
    lab.made.ip(lab.here, *(f"route add {address.removesuffix('.1')}.0/24 via inet6 {local[0]['local']} dev mesh0 "
                            f"proto babel src {lab.it.address}" for address in DOCUMENTS))
    lab.made.start(lab.other, sys.executable, "-c", SERVE, str(place), *DOCUMENTS)
    names = lab.root / lab.here / "run/byzantium/names"
    names.mkdir(parents=True)
    (lab.root / "own.json").write_text(directory.make(Identity(b"o" * 32), "lighthouse", [lab.it.address], 5))
    lab.made.start(lab.here, sys.executable, "-c", f"""
import asyncio
from pathlib import Path
from byzwizard import tend
asyncio.run(tend.Tend(Path({str(names)!r}), Path({str(lab.root / 'own.json')!r}), Path({str(lab.root)!r})).run())
""")

    def refused() -> set[str]:
        try:
            return {node["address"] for node in json.loads((names / "nodes.json").read_text())["refused"]}
        except OSError:
            return set()

    liars = set(DOCUMENTS) - {"10.70.7.1", "10.70.5.1"}
    assert within(40, lambda: refused() == liars), refused() ^ liars
    hosts = (names / "hosts").read_text()
    known = [line.split()[:2] for line in hosts.splitlines()[1:] if not line.startswith(f"{lab.it.address} ")]
    assert known == [["10.70.7.1", "harbour.byzantium.mesh"]]
    told = lab.said()["refused-names"]
    assert told.startswith("The names of 6 nodes are not believed: 10.70.1.1 (its signature is wrong)")
    for text in (hosts, (names / "nodes.json").read_text(), told):
        assert text.replace("\n", "").isprintable()


def _own(lab: Lab, link: str) -> str:
    shown = json.loads(lab.made.run(lab.here, "ip", "-j", "-6", "address", "show", link).stdout)
    return str(shown[0]["addr_info"][0]["local"])
