"""A hub in namespaces: a station's routing comes in among phones, by its key alone, and its traffic with it."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard.backends import babel_socket, portal
from byzwizard.backends.babel import configuration
from byzwizard.backends.firewall import STAGE
from byzwizard.backends.protocol import NotAnswering
from byzwizard.backends.tables import LoadTable
from byzwizard.machine import Machine
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not (shutil.which("babeld") and shutil.which("nft")), reason="babeld or nftables is missing"),
]
# A datagram from a forged address.
FORGE = """
import socket, sys
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.bind((sys.argv[1], 0))
box.sendto(b"forged", (sys.argv[2], 4444))
"""
# Something on the Internet that answers, and who asks it.
ANSWERS = "import socket\nbox = socket.create_server(('', 443))\nwhile True:\n    box.accept()[0].close()"
ASKS = "import socket\nsocket.create_connection(('203.0.113.9', 443), 3)"
# Who has come as far as here, before any rule of ours.
SEEN = """
table ip seen {
	set sources { type ipv4_addr; flags dynamic; size 100; }
	chain arriving { type filter hook prerouting priority raw; udp dport 4444 update @sources { ip saddr }; }
}
"""


class Hub:
    """far -mesh0- hub -clients0- station and phone."""

    def __init__(self, made: Spaces, root: Path, mesh: str = "") -> None:
        self.made, self.root = made, root
        self.hub, self.far = resolved("h", mesh), _without_phones(resolved("f", mesh))
        self.station = _without_phones(resolved("s", mesh))
        link = MeshLink(interface="wlan0", name="mesh0", kind="station", network=b"Byzantium")
        self.station = replace(self.station, links=(link,))
        self.phone = self.hub.subnet.replace(".0/24", ".77")
        self.h, self.f = self._computer("h", self.hub), self._computer("f", self.far)
        self.s, self.p = self._computer("s", self.station), made.add("p")
        made.cable(self.f, "mesh0", self.h, "mesh0")
        for space, name in ((self.s, "ap0"), (self.p, "ap1")):
            made.cable(space, "mesh0" if space == self.s else "eth0", self.h, name)
            made.ip(self.h, f"link set {name} master clients0")
        made.ip(self.p, f"addr add {self.phone}/24 dev eth0", "addr add 10.9.9.9/32 dev eth0",
                f"route add default via {self.hub.address}")

    def _computer(self, name: str, it: Resolved) -> str:
        space = self.made.add(name)
        self.made.ip(space, "link add clients0 type bridge", "link add keep0 type veth peer name keep1",
                     "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up",
                     f"addr add {it.address}/24 dev clients0", f"addr add {it.ula_address}/64 dev clients0 nodad")
        self.made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv6/conf/all/forwarding=1",
                      "net/ipv4/conf/all/rp_filter=0", "net/ipv4/conf/default/rp_filter=0")
        return space

    def guard(self, space: str, it: Resolved) -> None:
        """Its own firewall."""
        for step in STAGE.steps(it, Machine()):
            step.apply(Inside(space, self.root / f"{space}-nft"), lambda _done, _total: None)

    def route(self, space: str, it: Resolved) -> Inside:
        folder = self.root / space / "run/byzantium/babel"
        folder.mkdir(parents=True)
        text = configuration(it).replace("/run/byzantium/babel/socket", str(folder / "socket"))
        (folder / "babel.conf").write_text(text)
        ready = self.made.run(space, "python3", "-I", "-S", str(TREE / "backends/ready.py"), *it.routed)
        assert ready.returncode == 0, ready.stderr
        self.made.start(space, "babeld", "-I", "", "-S", "", "-c", str(folder / "babel.conf"))
        return Inside(space, self.root / space)

    def own(self, space: str, name: str) -> str:
        """The link-local address of an interface; empty until it has one."""
        said = json.loads(self.made.run(space, "ip", "-j", "-6", "addr", "show", "dev", name).stdout)
        return next((one["local"] for one in said[0]["addr_info"] if one["scope"] == "link"), "")

    def leads_on(self) -> None:
        """The station shares an Internet, where 203.0.113.9 answers: the ways that babeld would tell of."""
        made, w = self.made, self.made.add("w")
        made.cable(self.s, "eth0", w, "eth0")
        made.ip(self.s, "addr add 198.51.100.2/24 dev eth0", "route add default via 198.51.100.1")
        made.ip(w, "addr add 198.51.100.1/24 dev eth0", "addr add 203.0.113.9/32 dev lo",
                "route add default via 198.51.100.2")
        made.start(w, "python3", "-c", ANSWERS)
        made.run(self.s, "nft", "flush", "ruleset")
        assert within(10, lambda: all((self.own(self.s, "mesh0"), self.own(self.h, "clients0"))))
        to_station = f"via inet6 {self.own(self.s, 'mesh0')} dev clients0"
        made.ip(self.h, f"route add {self.station.subnet} {to_station}", f"route add 0.0.0.0/0 {to_station}")
        made.ip(self.s, f"route add 10.0.0.0/8 via inet6 {self.own(self.h, 'clients0')} dev mesh0")

    def asks(self, space: str) -> bool:
        return self.made.run(space, "python3", "-c", ASKS).returncode == 0

    def reaches(self, space: str, source: str, target: str) -> bool:
        return self.made.run(space, "ping", "-c", "1", "-W", "1", "-I", source, target).returncode == 0


def _without_phones(it: Resolved) -> Resolved:
    return replace(it, access_points=())


def ways(system: Inside) -> set[str]:
    """The networks to which babeld knows a way; none while it starts."""
    try:
        return {way.prefix for way in babel_socket.read(system).ways}
    except NotAnswering:
        return set()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with spaces() as made:
        it = Hub(made, tmp_path)
        for space, node in ((it.h, it.hub), (it.f, it.far), (it.s, it.station)):
            it.guard(space, node)
        yield it


def test_a_station_reaches_the_mesh_behind_its_hub_and_is_reached(hub: Hub) -> None:
    for space, node in ((hub.f, hub.far), (hub.h, hub.hub), (hub.s, hub.station)):
        hub.route(space, node)
    assert within(40, lambda: hub.reaches(hub.s, hub.station.address, hub.far.address))
    assert within(10, lambda: hub.reaches(hub.f, hub.far.address, hub.station.address))
    assert within(10, lambda: hub.reaches(hub.s, hub.station.ula_address, hub.far.ula_address))
    assert within(10, lambda: hub.reaches(hub.s, hub.station.address, hub.hub.address))
    assert hub.reaches(hub.p, hub.phone, hub.station.address), "a phone of the hub"
    addresses = hub.made.run(hub.s, "ip", "-4", "addr", "show", "dev", "mesh0").stdout
    assert "inet " not in addresses, "a station takes no address from its hub"


def test_who_has_no_key_is_not_heard_among_the_phones(hub: Hub) -> None:
    other = replace(hub.station, keys=replace(hub.station.keys, babel="00" * 32))
    system = hub.route(hub.h, hub.hub)
    hub.route(hub.s, other)
    there = hub.route(hub.f, hub.far)
    assert within(30, lambda: hub.hub.subnet in ways(there)), "the hub and its neighbour speak meanwhile"
    assert within(10, lambda: hub.far.subnet in ways(system))
    assert hub.station.subnet not in ways(system)
    assert not hub.reaches(hub.s, hub.station.address, hub.hub.address)


def test_a_phone_cannot_come_from_a_network_that_is_elsewhere(hub: Hub) -> None:
    """What it sends under such an address goes no farther than the hub."""
    for space, node in ((hub.f, hub.far), (hub.h, hub.hub), (hub.s, hub.station)):
        hub.route(space, node)
    assert within(40, lambda: hub.reaches(hub.s, hub.station.address, hub.far.address))
    assert hub.made.run(hub.f, "nft", "-f", "-", stdin=SEEN).returncode == 0
    for source in ("10.9.9.9", hub.phone):
        hub.made.python(hub.p, FORGE, source, hub.far.address)
    seen = ("nft", "list", "set", "ip", "seen", "sources")
    assert within(10, lambda: hub.phone in hub.made.run(hub.f, *seen).stdout)
    assert "10.9.9.9" not in hub.made.run(hub.f, *seen).stdout


def test_the_internet_of_a_station_is_for_whom_the_hub_lets_through(hub: Hub) -> None:
    hub.leads_on()
    made, table = hub.made, LoadTable(id="p", text="", table="byz-portal", rules=portal.ruleset(hub.hub))
    made.ip(hub.f, f"route add 0.0.0.0/0 via inet6 {hub.own(hub.h, 'mesh0')} dev mesh0 src {hub.far.address}")
    made.ip(hub.h, f"route add {hub.far.subnet} via inet6 {hub.own(hub.f, 'mesh0')} dev mesh0")
    assert within(10, lambda: hub.asks(hub.p))
    assert hub.asks(hub.f), "another node of the mesh"
    table.apply(Inside(hub.h, hub.root / "portal"), lambda _done, _total: None)
    assert not hub.asks(hub.p), "before Go on is pressed"
    assert hub.asks(hub.f)
    mac = json.loads(made.run(hub.p, "ip", "-j", "link", "show", "dev", "eth0").stdout)[0]["address"]
    made.run(hub.h, "nft", f"add element inet byz-portal released {{ {mac} }}")
    assert hub.asks(hub.p)
    assert hub.reaches(hub.p, hub.phone, hub.station.address)
    made.run(hub.h, "nft", f"add element inet byz-filter blocked {{ {hub.station.subnet} }}")
    assert not hub.reaches(hub.p, hub.phone, hub.station.address), "a station that is blocked"
