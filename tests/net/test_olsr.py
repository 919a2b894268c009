"""olsrd with our configuration between namespaces: a line of three, of which the first two have two links. Debian has
no package of olsrd: where it is not on the PATH (its plugins where the linker looks), this is skipped."""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends.olsr import FOLDER, configuration
from byzwizard.backends.routes import PROTO_ENDING, PROTO_SHARED
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("olsrd") is None, reason="olsrd is not installed: Debian has no package of it"),
]

# What a step or a reader of the program does in a namespace, whose /proc it sees.
TOLD = """
import dataclasses, json
from byzwizard.backends import olsr_info, routes
from byzwizard.backends.system import System
told, table = olsr_info.read(System()), routes.read()
print(json.dumps({"told": dataclasses.asdict(told), "nodes": [one.node for one in table.nodes], "out": table.out}))
"""
ADDRESSES = """
import sys
from pathlib import Path
from byzwizard.backends import olsr
from byzwizard.backends.interfaces import ipv4
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.backends.system import System
system, nothing = System(Path(sys.argv[1])), lambda _done, _total: None
given = LinkAddresses(id="", text="", file=olsr.LINKS, links=("mesh0", "eth0"), address="10.1.1.1")
moved = LinkAddresses(id="", text="", file=olsr.LINKS, links=("mesh0",), address="10.2.2.1")
ended = LinkAddresses(id="", text="", file=olsr.LINKS)
for step in (given, moved, ended):
    before = step.before(system)
    assert step.needed(system)
    step.apply(system, nothing)
    assert not step.needed(system)
    print(ipv4("mesh0"), ipv4("eth0"))
    step.undo(system, before)
    print(ipv4("mesh0"), ipv4("eth0"))
    step.apply(system, nothing)
"""


class Line:
    def __init__(self, made: Spaces, root: Path) -> None:
        self.made = made
        self.root = root

    def computer(self, name: str, it: Resolved) -> str:
        space = self.made.add(name)
        self.made.clients(space, f"{it.address}/24")
        self.made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv4/conf/all/rp_filter=0",
                      "net/ipv4/conf/default/rp_filter=0")
        return space

    def route(self, space: str, it: Resolved) -> None:
        self.made.ip(space, *(f"addr add {it.address}/32 dev {name}" for name in it.routed))
        folder = self.root / space
        folder.mkdir()
        (folder / "olsrd.conf").write_text(configuration(it).replace(FOLDER, str(folder)))
        self.made.start(space, "olsrd", "-f", str(folder / "olsrd.conf"), "-nofork")

    def told(self, space: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.made.python(space, TOLD))
        return found

    def reaches(self, space: str, target: str) -> bool:
        return self.made.run(space, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def leads_out(self, space: str) -> bool:
        return "via" in self.made.run(space, "ip", "route", "show", "default").stdout


def node(letter: str, *links: str) -> Resolved:
    return dataclasses.replace(resolved(letter, "  routing: olsr\n"), links=tuple(
        MeshLink(interface=link, name=link, kind="wired" if link.startswith("eth") else "802.11s") for link in links))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Line, list[str], list[Resolved]]]:
    with spaces() as made:
        found = Line(made, tmp_path)
        nodes = [node("a", "mesh0", "mesh1"), node("b", "mesh0", "mesh1", "eth0"), node("c", "eth0")]
        a, b, c = (found.computer(name, it) for name, it in zip("abc", nodes, strict=True))
        made.cable(a, "mesh0", b, "mesh0")
        made.cable(a, "mesh1", b, "mesh1")
        made.cable(b, "eth0", c, "eth0")
        made.ip(c, "route add unreachable 10.77.0.0/24")  # known here, and nobody else's business
        for space, it in zip((a, b, c), nodes, strict=True):
            found.route(space, it)
        assert within(60, lambda: found.reaches(a, nodes[2].address)), "no way through the line"
        yield found, [a, b, c], nodes


def test_a_line_finds_its_ways_and_tells_of_them(line: tuple[Line, list[str], list[Resolved]]) -> None:
    lab, (a, _b, c), (first, middle, last) = line
    assert f"src {first.address} " in lab.made.run(a, "ip", "route", "get", last.address).stdout
    assert "10.77.0.0" not in lab.made.run(a, "ip", "route").stdout
    found = lab.told(a)
    assert set(found["nodes"]) == {middle.address, last.address}
    assert found["told"]["own"] == [first.subnet]
    assert set(found["told"]["up"]) == {"mesh0", "mesh1"}
    assert {one["interface"] for one in found["told"]["neighbours"]} == {"mesh0", "mesh1"}
    ways = {one["prefix"]: one for one in found["told"]["ways"]}
    assert ways[middle.subnet]["refmetric"] == 0
    assert ways[last.subnet]["refmetric"] > 0
    assert ways[last.subnet]["via"].startswith("fe80::"), "who was spoken with goes by the address of its link"
    assert ways[last.subnet]["origin"] == last.address
    asked = lab.made.run(c, "curl", "-s", "-m", "2", f"http://{last.address}:6980/links")
    assert asked.returncode == 7, "nobody else is told"


def test_a_way_to_the_internet_is_announced_while_it_is_shared(line: tuple[Line, list[str], list[Resolved]]) -> None:
    lab, (a, _b, c), (_first, _middle, last) = line
    lab.made.ip(c, "link add up0 type veth peer name up1", "link set up0 up", "link set up1 up",
                "addr add 192.168.7.2/24 dev up0")

    def way(proto: int) -> None:
        lab.made.ip(c, f"route replace default via 192.168.7.1 dev up0 proto {proto} metric 600")

    way(3)  # somebody else's, which is not shared
    time.sleep(6)  # three rounds of announcements, of which none may have it
    assert not lab.leads_out(a)
    way(PROTO_SHARED)
    assert within(15, lambda: lab.leads_out(a))
    assert lab.told(a)["out"]
    assert f"{last.address}" in {one["origin"] for one in lab.told(a)["told"]["ways"] if one["prefix"] == "0.0.0.0/0"}
    way(PROTO_ENDING)
    assert within(15, lambda: not lab.leads_out(a))


def test_the_links_carry_the_address_that_is_wanted_now(tmp_path: Path) -> None:
    with spaces() as made:
        here, there = made.add("here"), made.add("there")
        made.cable(here, "mesh0", there, "mesh0")
        made.cable(here, "eth0", there, "eth0")
        assert made.python(here, ADDRESSES, str(tmp_path)).splitlines() == [
            "10.1.1.1/32 10.1.1.1/32", "None None",
            "10.2.2.1/32 None", "10.1.1.1/32 10.1.1.1/32",
            "None None", "10.2.2.1/32 None",
        ]
