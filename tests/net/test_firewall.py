"""The real ruleset in network namespaces: a neighbour in the mesh, a client and an uplink look for open doors."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byzwizard.backends import tables
from byzwizard.backends.firewall import OFFERED, STAGE, TABLE
from byzwizard.backends.tables import LoadTable
from byzwizard.errors import StepFailed
from byzwizard.machine import Machine
from tests.net.spaces import Inside, Spaces, resolved, spaces

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
TCP = (22, 53, 80, 443, 2050, 6696, 33123)
UDP = (53, 67, 68, 547, 5353, 6696)
# Listens everywhere, and says on the standard output which datagrams came.
LISTEN = """
import select, socket, sys
tcp, udp = eval(sys.argv[1]), eval(sys.argv[2])
servers = [socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in tcp]
boxes = {}
for port in udp:
    box = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    box.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    box.bind(("", port))
    boxes[box] = port
print("listening", flush=True)
while True:
    for ready in select.select([*servers, *boxes], [], [])[0]:
        if ready in boxes:
            _data, sender = ready.recvfrom(100)
            ready.sendto(b"here", sender)
        else:
            ready.accept()[0].close()
"""
SCAN = """
import socket, sys, time
target, kind, ports = sys.argv[1], sys.argv[2], eval(sys.argv[3])
source = (sys.argv[4], int(sys.argv[5])) if len(sys.argv) > 4 else None
info = socket.getaddrinfo(target, 0, type=socket.SOCK_STREAM)[0]
tries = []
for port in ports:
    s = socket.socket(info[0], socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.setblocking(False)
    if source:
        s.bind(source)
    address = (info[4][0], port, *info[4][2:])
    try:
        s.connect(address)
        s.send(b"hello")
    except (BlockingIOError, OSError):
        pass
    tries.append((port, s))
end, found = time.monotonic() + 0.7, set()
while time.monotonic() < end:
    for port, s in tries:
        if kind == "tcp":
            try:
                s.getpeername()
                found.add(port)
            except OSError:
                pass
        else:
            try:
                s.recv(10)
                found.add(port)
            except OSError:
                pass
    time.sleep(0.02)
print(sorted(found))
"""

# How many connections to port 443 these two addresses of this device get of 20 each.
MANY = """
import socket, sys
links = []
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    for _each in range(20):
        try:
            links.append(socket.create_connection((target, 443), 2, (source, 0)))
        except ConnectionRefusedError:
            pass
print(len(links))
"""


@dataclass
class Lab:
    spaces: Spaces
    system: Inside
    node: str
    neighbour: str
    client: str
    uplink: str

    def open(self, who: str, target: str, kind: str = "tcp") -> list[int]:
        """Which ports of `target` answer to `who`."""
        ports = TCP if kind == "tcp" else UDP
        found: list[int] = eval(self.spaces.python(who, SCAN, target, kind, repr(ports)))
        return found

    def reaches(self, who: str, target: str, *more: str) -> bool:
        return self.spaces.run(who, "ping", "-c", "1", "-W", "1", *more, target).returncode == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with spaces() as made:
        node, neighbour, client, uplink = (made.add(name) for name in ("node", "mesh", "client", "uplink"))
        made.cable(node, "mesh0", neighbour, "mesh0")
        made.cable(node, "port0", client, "eth0")
        made.cable(node, "eth0", uplink, "eth0")
        made.ip(node, "link add clients0 type bridge", "link set port0 master clients0", "link set clients0 up",
                "addr add 10.1.1.1/24 dev clients0", f"addr add {NODE.ula_address}/64 dev clients0 nodad",
                "addr add 192.0.2.1/24 dev eth0", "route add 10.9.9.0/24 dev mesh0",
                "addr add fe80::1/64 dev mesh0 nodad", "addr add 10.255.255.1/32 dev lo",
                f"route add {NODE.ula_mesh} via fe80::2 dev mesh0")
        made.ip(neighbour, "addr add 10.9.9.1/24 dev mesh0", "route add default via 10.1.1.1 dev mesh0 onlink",
                "addr add fe80::2/64 dev mesh0 nodad", "addr add 10.1.1.66/32 dev lo",
                f"addr add {NODE.ula_mesh.removesuffix('::/48')}:9999::1/64 dev lo",
                f"route add {NODE.ula} via fe80::1 dev mesh0")
        made.ip(client, "addr add 10.1.1.50/24 dev eth0", "route add default via 10.1.1.1",
                f"addr add {NODE.ula.removesuffix('/64')}50/64 dev eth0 nodad", "addr add 10.9.9.77/32 dev lo",
                f"route add default via {NODE.ula_address}")
        made.ip(uplink, "addr add 192.0.2.2/24 dev eth0", "route add 10.0.0.0/8 via 192.0.2.1")
        for setting in ("ipv4/conf/all/forwarding=1", "ipv6/conf/all/forwarding=1"):
            assert made.run(node, "sysctl", "-q", "-w", f"net/{setting}").returncode == 0
        assert made.run(node, "nft", "-f", "-", stdin=OTHER).returncode == 0
        system = Inside(node, tmp_path_factory.mktemp("root"))
        step, = STAGE.steps(NODE, Machine())
        assert step.before(system) is None
        step.apply(system, lambda done, total: None)
        listener = made.start(node, "python3", "-c", LISTEN, repr(TCP), repr(UDP))
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        yield Lab(made, system, node, neighbour, client, uplink)


OTHER = """table inet other {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 12345 counter drop
	}
}
"""


def test_the_mesh_sees_the_front_page_only(lab: Lab) -> None:
    for address in ("10.1.1.1", "10.255.255.1", NODE.ula_address):
        assert lab.open(lab.neighbour, address) == [80], address
    assert lab.open(lab.neighbour, "10.1.1.1", "udp") == []
    assert lab.open(lab.neighbour, "fe80::1%mesh0") == []


def test_routing_is_spoken_from_link_local_only(lab: Lab) -> None:
    assert lab.open(lab.neighbour, "fe80::1%mesh0", "udp") == [6696]
    assert lab.open(lab.neighbour, NODE.ula_address, "udp") == []


def test_clients_see_addresses_names_and_the_front_page(lab: Lab) -> None:
    assert lab.open(lab.client, "10.1.1.1") == [53, 80]
    assert lab.open(lab.client, NODE.ula_address) == [53, 80]
    assert lab.open(lab.client, "10.1.1.1", "udp") == [53]
    # A socket of port 68 speaks to one target only.
    assert lab.spaces.python(lab.client, SCAN, "10.1.1.1", "udp", "(67,)", "0.0.0.0", "68") == "[67]"


def test_one_device_has_so_many_connections_to_services_whatever_its_addresses(lab: Lab) -> None:
    ways = ("10.1.1.50", "10.1.1.1", f"{NODE.ula.removesuffix('/64')}50", NODE.ula_address)
    tables.put(lab.system, TABLE, dict.fromkeys(OFFERED, frozenset({("tcp", 443)})))
    try:
        assert lab.spaces.python(lab.client, MANY, *ways).strip() == "32"
        assert lab.spaces.python(lab.client, MANY, *ways).strip() == "32", "when the former ones are closed"
    finally:
        tables.put(lab.system, TABLE, dict.fromkeys(OFFERED, frozenset()))


def test_everybody_can_ping(lab: Lab) -> None:
    assert lab.reaches(lab.neighbour, "10.1.1.1")
    assert lab.reaches(lab.client, "10.1.1.1")
    assert lab.reaches(lab.client, NODE.ula_address)


def test_mesh_and_clients_reach_each_other(lab: Lab) -> None:
    assert lab.reaches(lab.client, "10.9.9.1")
    assert lab.reaches(lab.neighbour, "10.1.1.50")
    assert lab.reaches(lab.client, f"{NODE.ula_mesh.removesuffix('::/48')}:9999::1")


def test_nobody_gets_out_or_in_by_the_uplink(lab: Lab) -> None:
    assert not lab.reaches(lab.client, "192.0.2.2")
    assert not lab.reaches(lab.neighbour, "192.0.2.2")
    assert not lab.reaches(lab.uplink, "10.1.1.50")
    assert not lab.reaches(lab.uplink, "10.9.9.1")


def test_the_mesh_is_a_way_to_the_internet_and_clients_get_answers_alone(lab: Lab) -> None:
    """203.0.113.5 is behind the neighbour, who has it from a gateway."""
    lab.spaces.ip(lab.neighbour, "addr add 203.0.113.5/32 dev lo")
    lab.spaces.ip(lab.node, "route add 203.0.113.0/24 dev mesh0")
    assert lab.reaches(lab.client, "203.0.113.5")
    assert not lab.reaches(lab.neighbour, "10.1.1.50", "-I", "203.0.113.5")
    assert lab.reaches(lab.client, "203.0.113.5")
    lab.spaces.ip(lab.neighbour, "addr add 192.168.77.1/32 dev lo")
    lab.spaces.ip(lab.node, "route add 192.168.77.0/24 dev mesh0")
    assert not lab.reaches(lab.client, "192.168.77.1"), "somebody's own network is not the Internet"
    lab.spaces.ip(lab.node, "route del 203.0.113.0/24", "route del 192.168.77.0/24")


def test_nobody_speaks_under_the_address_of_others(lab: Lab) -> None:
    assert not lab.reaches(lab.neighbour, "10.1.1.1", "-I", "10.1.1.66")
    assert not lab.reaches(lab.client, "10.9.9.1", "-I", "10.9.9.77")


def test_interfaces_that_are_not_ours_stay_as_they_are(lab: Lab) -> None:
    assert 22 in lab.open(lab.uplink, "192.0.2.1")


def test_other_tables_are_not_touched(lab: Lab) -> None:
    assert lab.spaces.run(lab.node, "nft", "-s", "list", "table", "inet", "other").stdout == OTHER


def test_needed_is_what_the_kernel_has(lab: Lab, tmp_path: Path) -> None:
    step, = STAGE.steps(NODE, Machine())
    assert not step.needed(lab.system)
    assert lab.spaces.run(lab.node, "nft", "flush", "chain", "inet", "byz-filter", "from_mesh").returncode == 0
    assert step.needed(lab.system)
    former = step.before(lab.system)
    step.apply(lab.system, lambda done, total: None)
    assert not step.needed(lab.system)
    step.undo(lab.system, former)
    listing = lab.spaces.run(lab.node, "nft", "list", "chain", "inet", "byz-filter", "from_mesh").stdout
    assert "accept" not in listing
    step.undo(lab.system, None)
    assert "byz-filter" not in lab.spaces.run(lab.node, "nft", "list", "tables").stdout
    step.apply(lab.system, lambda done, total: None)


# Asks until it is told to stop, a few hundred times a second. Who refuses has been reached too.
KNOCK = """
import select, socket, sys
print("knocking", flush=True)
tried = reached = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    with socket.socket() as link:
        link.setblocking(False)
        link.connect_ex((sys.argv[1], 22))
        tried += 1
        reached += bool(select.select([], [link], [], 0.002)[1])
print(tried, reached)
"""


def test_no_door_is_open_while_the_rules_are_loaded_anew(lab: Lab) -> None:
    step, = STAGE.steps(NODE, Machine())
    with subprocess.Popen(("ip", "netns", "exec", lab.neighbour, sys.executable, "-c", KNOCK, "10.1.1.1"), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as knocking:
        assert knocking.stdout is not None
        assert knocking.stdout.readline() == "knocking\n"
        for _time in range(20):
            step.apply(lab.system, lambda done, total: None)
        told, _err = knocking.communicate("stop\n", timeout=30)
    tried, reached = map(int, told.split())
    assert tried > 20
    assert reached == 0


def test_rules_with_a_broken_line_leave_the_old_ones(lab: Lab) -> None:
    step, = STAGE.steps(NODE, Machine())
    assert isinstance(step, LoadTable)
    before = lab.spaces.run(lab.node, "nft", "-s", "list", "table", "inet", "byz-filter").stdout
    first, _brace, last = step.rules.rpartition("}")
    rules = f"{first}chain other {{ tcp dport what }}\n}}{last}"
    broken = LoadTable(id="broken", text="", table="byz-filter", rules=rules)
    with pytest.raises(StepFailed):
        broken.apply(lab.system, lambda done, total: None)
    assert lab.spaces.run(lab.node, "nft", "-s", "list", "table", "inet", "byz-filter").stdout == before
    assert lab.open(lab.neighbour, "10.1.1.1") == [80]
