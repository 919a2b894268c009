"""One link of many hops, as batman-adv makes it: everybody is a neighbour there, and the nearest gateway still wins.
The link is three taps, and a program that hands frames on as late as nodes in between would."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byzwizard.backends.babel import configuration
from byzwizard.backends.routes import PROTO_SHARED
from byzwizard.resolve import Resolved
from tests.net.spaces import Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not shutil.which("babeld"), reason="babeld is missing"),
    pytest.mark.timeout(240),
]
AIR = """
import contextlib, fcntl, heapq, itertools, os, select, struct, sys, time
from pathlib import Path
taps = []
for number in range(3):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"tap%d" % number, 0x1002))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
    taps.append(tap)
waiting, count = [], itertools.count()
while True:
    left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    for tap in select.select(taps, (), (), left)[0]:
        frame, late = os.read(tap, 65536), dict(zip(taps, map(float, Path(sys.argv[1]).read_text().split())))
        for other in set(taps) - {tap}:
            heapq.heappush(waiting, (time.monotonic() + (late[tap] + late[other]) / 1000, next(count), other, frame))
    while waiting and waiting[0][0] <= time.monotonic():
        with contextlib.suppress(OSError):  # who is not up yet
            os.write(waiting[0][2], waiting[0][3])
        heapq.heappop(waiting)
"""


@dataclass
class Node:
    made: Spaces
    space: str
    it: Resolved

    @property
    def link_local(self) -> str:
        shown = self.made.run(self.space, "ip", "-o", "-6", "address", "show", "bat0", "scope", "link").stdout.split()
        return shown[shown.index("inet6") + 1].split("/")[0] if "inet6" in shown else ""

    def out(self) -> str:
        """The next node on the way to the Internet."""
        words = self.made.run(self.space, "ip", "route", "show", "default", "proto", "babel").stdout.split()
        return words[words.index("inet6") + 1] if "inet6" in words else ""


@dataclass
class Whole:
    nodes: list[Node]
    late: Path

    def far(self, *milliseconds: float) -> None:
        """How long a frame takes to or from each."""
        self.late.write_text(" ".join(map(str, milliseconds)))


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with spaces() as made:
        late, air = tmp_path / "late", made.add("air")
        link = Whole([], late)
        link.far(0, 1, 15)
        made.start(air, sys.executable, "-c", AIR, str(late))
        assert within(10, lambda: "tap2" in made.run(air, "ip", "-o", "link").stdout)
        for number, letter in enumerate("abc"):
            it = resolved(letter, "  routing: batman-adv\n", f"10.1.{number}.0/24")
            assert it.routed == ("bat0",)
            node = Node(made, made.add(f"node{number}"), it)
            made.ip(air, f"link set tap{number} netns {node.space} name bat0")
            made.clients(node.space, f"{it.address}/24", f"{it.ula_address}/64")
            made.ip(node.space, "link set bat0 up")
            if number:
                made.ip(node.space, "link add up0 type veth peer name up1", "link set up0 up",
                        "link set up1 up", f"route add default dev up0 proto {PROTO_SHARED}")
            link.nodes.append(node)
        for node in link.nodes:
            place = tmp_path / f"{node.space}.conf"
            place.write_text(configuration(node.it).replace("/run/byzantium/babel/socket", f"{place}.socket"))
            assert within(10, lambda node=node: bool(node.link_local))  # type: ignore[misc]  # bound per turn
            made.start(node.space, "babeld", "-I", "", "-S", "", "-c", str(place))
        yield link


def test_the_nearest_gateway_wins_where_all_are_neighbours(whole: Whole) -> None:
    here, one, other = whole.nodes
    assert within(60, lambda: here.out() == one.link_local), here.out()
    whole.far(0, 15, 1)  # it has walked over to the other one
    assert within(90, lambda: here.out() == other.link_local), here.out()
