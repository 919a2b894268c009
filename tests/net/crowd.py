"""A crowd of nodes on this computer: a namespace each, joined by cables as radios that hear each other would be, and
babeld in all of them. What is asked is their state: does every node have a way to every other one that gets there?
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from byzwizard.backends import routes
from byzwizard.backends.babel import configuration
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import Spaces, resolved, spaces

Edge = tuple[int, int]
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(space: str) -> Iterator[None]:
    """This thread is in the namespace meanwhile: sockets that it opens are there."""
    with open("/proc/self/ns/net", "rb") as here, open(f"/run/netns/{space}", "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


def graph(count: int, seed: int = 1, degree: float = 6) -> list[Edge]:
    """Points strewn over a square, joined where they are near: in the mean each hears `degree` others, all in one."""
    chance = random.Random(seed)
    at = [(chance.random(), chance.random()) for _node in range(count)]
    reach = math.sqrt(degree / (count * math.pi))
    while True:
        edges = [(one, other) for one in range(count) for other in range(one)
                 if math.dist(at[one], at[other]) < reach]
        if joined(count, edges):
            return edges
        reach *= 1.05


def joined(count: int, edges: list[Edge]) -> bool:
    group = list(range(count))
    for one, other in edges:
        here, there = group[one], group[other]
        group = [here if which == there else which for which in group]
    return len(set(group)) == 1


def to_cut(count: int, edges: list[Edge], share: float = 0.1, seed: int = 2) -> list[Edge]:
    """Edges without which all are still joined."""
    chance = random.Random(seed)
    cut: list[Edge] = []
    for edge in chance.sample(edges, len(edges)):
        if len(cut) < share * len(edges) and joined(count, [each for each in edges if each not in (*cut, edge)]):
            cut.append(edge)
    return cut


def plain(text: str) -> str:
    """Our configuration with babeld's own times and without a key: the same networks, on the same radios."""
    lines = [line for line in text.splitlines() if not line.startswith(("key ", "default "))]
    return "\n".join(lines) + "\n"


@dataclass
class Crowd:
    """Node n announces 10.7.n.0/24; its end of the cable to node m is called to<m>."""

    made: Spaces
    folder: Path
    edges: list[Edge]
    names: list[str] = field(default_factory=list)
    ends: list[dict[int, int]] = field(default_factory=list)  # of each node: index of an interface, and who is there
    cut_off: set[Edge] = field(default_factory=set)

    def neighbours(self, node: int) -> list[int]:
        return [one + other - node for one, other in self.edges if node in (one, other)]

    def build(self, count: int) -> None:
        for node in range(count):
            space = self.made.add(f"{self.folder.name}{node}")
            self.names.append(space)
            self.made.run(space, "sysctl", "-q", "-w", "net/ipv6/conf/default/accept_dad=0",
                          "net/ipv4/conf/all/forwarding=1", "net/ipv6/conf/all/forwarding=1")
            it = self._node(node)
            self.made.ip(space, "link add clients0 type veth peer name keep1", "link set keep1 up",
                         "link set clients0 up", f"addr add {it.address}/24 dev clients0",
                         f"addr add {it.ula_address}/64 dev clients0 nodad")
        for one, other in self.edges:
            self.made.cable(self.names[one], f"to{other}", self.names[other], f"to{one}")
        for space in self.names:
            shown = json.loads(self.made.run(space, "ip", "-j", "link", "show").stdout)
            self.ends.append({link["ifindex"]: int(link["ifname"].removeprefix("to")) for link in shown
                              if link["ifname"].startswith("to")})

    def _node(self, node: int) -> Resolved:
        base = resolved("a")
        ula = f"{base.ula_mesh.split('::')[0]}:{node + 1:x}::"
        links = tuple(MeshLink(interface=f"to{n}", name=f"to{n}", kind="802.11s") for n in self.neighbours(node))
        return replace(base, links=links, subnet=f"10.7.{node}.0/24", address=f"10.7.{node}.1", ula=f"{ula}/64",
                       ula_address=f"{ula}1")

    def start(self, ours: bool) -> None:
        for node, space in enumerate(self.names):
            text = configuration(self._node(node)).replace("/run/byzantium/babel/socket", str(self._socket(node)))
            path = self.folder / f"{node}.conf"
            path.write_text(text if ours else plain(text))
            self.made.start(space, "babeld", "-I", "", "-S", "", "-L", str(self.folder / f"{node}.log"), "-c",
                            str(path))

    def _socket(self, node: int) -> Path:
        return self.folder / f"{node}.socket"

    def cut(self, edges: list[Edge]) -> None:
        """Nothing comes through any more, and nobody is told: the ends stay up, as those of radios do."""
        self.cut_off |= set(edges)
        ends: dict[int, list[str]] = {}
        for one, other in edges:
            ends.setdefault(one, []).append(f'"to{other}"')
            ends.setdefault(other, []).append(f'"to{one}"')
        for node, names in ends.items():
            rules = ("table inet cut {\n chain in {\n  type filter hook prerouting priority -300\n"
                     f"  iifname {{ {', '.join(names)} }} drop\n }}\n}}\n")
            done = self.made.run(self.names[node], "nft", "-f", "-", stdin=rules)
            assert done.returncode == 0, done.stderr

    def ways(self, node: int) -> dict[int, int]:
        """The next node on the way to each other one, by the kernel's table: babeld is not kept from its work."""
        ends = self.ends[node]
        with inside(self.names[node]):
            return {int(route.network.split(".")[2]): ends[route.interface] for route in routes.read().nodes}

    def missing(self) -> int:
        """Of all pairs of nodes, those whose way does not get there over the cables that are left."""
        count = len(self.names)
        ways = [self.ways(node) for node in range(count)]
        return sum(not self._arrives(ways, one, other) for one in range(count) for other in range(count)
                   if one != other)

    def _arrives(self, ways: list[dict[int, int]], at: int, to: int) -> bool:
        for _hop in ways:
            if at == to:
                return True
            by = ways[at].get(to)
            if by is None or {(at, by), (by, at)} & self.cut_off:
                return False
            at = by
        return False

    def sent(self) -> int:
        """Bytes that went out over the cables, all of them routing."""
        total = 0
        for space in self.names:
            shown = json.loads(self.made.run(space, "ip", "-j", "-s", "link", "show").stdout)
            total += sum(link["stats64"]["tx"]["bytes"] for link in shown if link["ifname"].startswith("to"))
        return total


@contextlib.contextmanager
def crowd(folder: Path, count: int, seed: int = 1) -> Iterator[Crowd]:
    """Built, and not started. `folder` has a short name that tells crowds apart."""
    folder.mkdir(parents=True)
    with spaces() as made:
        it = Crowd(made, folder, graph(count, seed))
        it.build(count)
        yield it
