"""Wired ports and the Internet with the real udhcpc, nftables, babeld and dnsmasq: a provider, a node with its cable, a
second node behind the mesh, and a phone of each.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import firewall, gateway, strangers, uplinks
from byzwizard.backends.routing import configuration
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]
KNOWN = ("9.9.9.9", "149.112.112.112", "1.1.1.1")  # the first three of internet.dns
ABROAD, PRINTER = "203.0.113.5", "192.168.7.9"  # somebody on the Internet, somebody in the owner's own network
MACHINE = Machine(wired=(Wired(interface="eth0", mac="02:00:00:00:00:01", driver=None, carrier=True),))


def node(letter: str, subnet: str, share: Any = "ask") -> Resolved:
    it = resolved(letter, subnet=subnet)
    internet = it.answers.internet.model_copy(update={"share": share})
    return replace(it, answers=it.answers.model_copy(update={"internet": internet}),
                   links=(MeshLink(interface="mesh0", name="mesh0", kind="802.11s"),))


@dataclass
class Lab:
    made: Spaces
    root: Path
    here: str = ""
    there: str = ""
    provider: str = ""
    phone: str = ""
    far: str = ""
    duty: subprocess.Popen[str] | None = None
    babels: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def uplink(self) -> Path:
        return self.root / "run/byzantium/uplink"

    def port(self, name: str = "eth0") -> dict[str, Any]:
        try:
            rows: list[dict[str, Any]] = json.loads((self.uplink / "state.json").read_text())["ports"]
        except FileNotFoundError:
            rows = []
        return next((row for row in rows if row["port"] == name), {"state": None})

    def reaches(self, who: str, target: str) -> bool:
        return self.made.run(who, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def leads_out(self, who: str) -> bool:
        return "via" in self.made.run(who, "ip", "route", "show", "type", "unicast", "default", "proto", "babel").stdout

    def begin(self, share: Any) -> None:
        """The stages of the node with the cable, and its duty as the unit starts it."""
        it = node("h", "10.1.1.0/24", share)
        for step in firewall.STAGE.steps(node("t", "10.2.2.0/24"), Machine()):
            step.apply(Inside(self.there, self.root / "there"), lambda done, total: None)
        system = Inside(self.here, self.root)
        for stage in (firewall.STAGE, gateway.STAGE):
            for step in stage.steps(it, MACHINE):
                if step.id != "gateway":
                    step.apply(system, lambda done, total: None)
        self.duty = self.program("from byzwizard import gateway\ngateway.main()\n")

    def program(self, code: str) -> subprocess.Popen[str]:
        """Python on the node, with the real paths in a file system of its own."""
        given = ("from byzwizard.backends import listening\n"
                 f"listening.SCRIPT = {str(TREE / 'iso/overlay/usr/lib/byzantium/lease')!r}\n")
        return self.made.start(self.here, "unshare", "--mount", "sh", "-c",
                               'mkdir -p /run/byzantium; mount --bind "$0" /run/byzantium; exec "$@"',
                               str(self.root / "run/byzantium"), sys.executable, "-c", given + code)

    def end(self) -> None:
        assert self.duty is not None
        self.duty.terminate()
        self.duty.wait(15)

    def route(self, space: str, it: Resolved) -> None:
        place = self.root / f"{space}.babel"
        place.write_text(configuration(it).replace("/run/byzantium/babel/socket", str(self.root / f"{space}.socket")))
        self.babels.append(self.made.start(space, "babeld", "-I", "", "-S", "", "-c", str(place)))


def _node(made: Spaces, name: str, it: Resolved) -> str:
    space = made.add(name)
    made.ip(space, "link add clients0 type bridge forward_delay 0", "link add keep0 type veth peer name keep1",
            "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up",
            f"addr add {it.address}/24 dev clients0", f"addr add {it.ula_address}/64 dev clients0 nodad")
    made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv4/conf/all/rp_filter=0",
             "net/ipv4/conf/default/rp_filter=0", "net/ipv6/conf/all/forwarding=1")
    return space


def _phone(made: Spaces, name: str, space: str, address: str) -> str:
    phone = made.add(name)
    made.cable(space, f"to-{name}", phone, "wlan0")
    made.ip(space, f"link set to-{name} master clients0")
    made.ip(phone, f"addr add {address}/24 dev wlan0", f"route add default via {address.rpartition('.')[0]}.1")
    return phone


def provide(lab: Lab) -> None:
    """The provider's DHCP server, and its name servers at the well-known addresses."""
    lab.made.start(lab.provider, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", f"--dhcp-leasefile={lab.root}/provider.leases",
                   "--dhcp-range=192.168.7.50,192.168.7.99,255.255.255.0,2m", "--dhcp-authoritative",
                   "--address=/www.example.org/203.0.113.5")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with spaces() as made:
        found = Lab(made, tmp_path)
        here, there = node("h", "10.1.1.0/24"), node("t", "10.2.2.0/24")
        found.here, found.there = _node(made, "here", here), _node(made, "there", there)
        found.provider = made.add("provider")
        made.cable(found.here, "mesh0", found.there, "mesh0")
        made.cable(found.here, "eth0", found.provider, "lan0")
        made.ip(found.here, "link set eth0 down")
        made.ip(found.provider, "addr add 192.168.7.1/24 dev lan0", f"addr add {PRINTER}/24 dev lan0",
                f"addr add {ABROAD}/32 dev lo", *(f"addr add {address}/32 dev lo" for address in KNOWN))
        found.phone = _phone(made, "phone", found.here, "10.1.1.50")
        found.far = _phone(made, "far", found.there, "10.2.2.50")
        (tmp_path / "run/byzantium/uplink").mkdir(parents=True)
        try:
            yield found
        finally:
            if found.duty and found.duty.poll() is None:
                found.end()


def test_shared_while_it_answers(lab: Lab) -> None:
    provide(lab)
    lab.begin("auto")
    lab.route(lab.here, node("h", "10.1.1.0/24"))
    lab.route(lab.there, node("t", "10.2.2.0/24"))
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert lab.port()["router"] == "192.168.7.1"
    assert lab.reaches(lab.phone, ABROAD)
    assert within(30, lambda: lab.leads_out(lab.there))
    assert within(10, lambda: lab.reaches(lab.far, ABROAD)), "the other node's phone goes out by the mesh"
    for who in (lab.phone, lab.far):
        assert not lab.reaches(who, PRINTER), "the owner's own network is nobody's business"
        assert not lab.reaches(who, "192.168.7.1")
    assert not lab.reaches(lab.provider, "10.1.1.50")
    lab.made.ip(lab.provider, "route add 10.0.0.0/8 via " + lab.port()["address"].partition("/")[0])
    assert not lab.reaches(lab.provider, "10.1.1.50"), "nobody comes in"
    assert not lab.reaches(lab.provider, "10.1.1.1")

    # Two of three answer: it stays. One of three: it is withdrawn, everywhere.
    lab.made.ip(lab.provider, f"addr del {KNOWN[0]}/32 dev lo")
    time.sleep(12)
    assert lab.port()["shared"]
    lab.made.ip(lab.provider, f"addr del {KNOWN[1]}/32 dev lo")
    began = time.monotonic()
    assert within(15, lambda: not lab.port()["shared"])
    assert within(15 - (time.monotonic() - began), lambda: not lab.leads_out(lab.there))
    print(f"withdrawn after {time.monotonic() - began:.1f} s")
    assert not lab.reaches(lab.phone, ABROAD)
    assert lab.port()["state"] == "uplink", "what answered once is never served"

    lab.made.ip(lab.provider, f"addr add {KNOWN[1]}/32 dev lo")
    assert within(15, lambda: bool(lab.port()["shared"]))
    assert within(20, lambda: lab.leads_out(lab.there))
    lab.end()
    assert within(15, lambda: not lab.leads_out(lab.there))
    addresses = lab.made.run(lab.here, "ip", "-4", "addr", "show", "dev", "eth0").stdout
    assert "192.168.7" not in addresses


@pytest.mark.parametrize("share", ["ask", "never"])
def test_nothing_is_shared_unasked(lab: Lab, share: str) -> None:
    provide(lab)
    lab.begin(share)
    assert within(20, lambda: bool(lab.port().get("working"))), lab.port()
    assert (lab.port()["state"], lab.port()["shared"]) == ("uplink", False)
    time.sleep(3)
    assert lab.made.run(lab.here, "ip", "route", "show", "proto", "150").stdout == ""
    assert not lab.reaches(lab.phone, ABROAD)
    assert not lab.reaches(lab.phone, PRINTER)
    assert lab.reaches(lab.here, ABROAD), "the owner's own computer has it"


def test_a_port_that_is_named(lab: Lab) -> None:
    provide(lab)
    lab.begin(("eth0",))
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert lab.reaches(lab.phone, ABROAD)


def in_bridge(lab: Lab) -> bool:
    return "master clients0" in lab.made.run(lab.here, "ip", "link", "show", "eth0").stdout


def test_silence_makes_a_client_port_until_another_server_speaks(lab: Lab) -> None:
    lab.begin("auto")
    began = time.monotonic()
    assert within(20, lambda: in_bridge(lab))
    assert time.monotonic() - began >= 9
    lab.made.ip(lab.provider, "addr add 10.1.1.77/24 dev lan0")
    assert lab.reaches(lab.provider, "10.1.1.1"), "who is plugged in is a client"
    provide(lab)
    assert within(5, lambda: ":67 " in lab.made.run(lab.provider, "ss", "-Hlun").stdout)
    asking = lab.made.start(lab.phone, sys.executable, str(TREE / "tests/net/dhcp_client.py"), "wlan0")
    assert within(10, lambda: lab.port()["state"] == "refused")
    assert not in_bridge(lab)
    shown = json.loads(lab.made.run(lab.provider, "ip", "-j", "link", "show", "lan0").stdout)
    assert lab.port()["stranger"] == f"{shown[0]['address']} (192.168.7.1)", "it is named"
    assert asking.wait(15) != 0, "the stranger's address has reached nobody"


def test_a_router_without_dhcp_is_not_served(lab: Lab) -> None:
    lab.made.start(lab.provider, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", "--port=0", "--enable-ra",
                   "--dhcp-range=fd77:1::,ra-only,64,30m", f"--dhcp-leasefile={lab.root}/ra.leases")
    lab.made.ip(lab.provider, "addr add fd77:1::1/64 dev lan0 nodad")
    lab.begin("auto")
    assert within(20, lambda: lab.port()["state"] == "uplink"), lab.port()
    time.sleep(3)
    assert not in_bridge(lab)
    assert not lab.port()["shared"]


def test_a_port_that_somebody_else_set_up_is_left_alone(lab: Lab) -> None:
    provide(lab)
    lab.made.ip(lab.here, "link set eth0 up", "addr add 192.168.7.20/24 dev eth0",
                "route add default via 192.168.7.1 dev eth0")
    lab.begin("auto")
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert lab.port()["state"] == "held"
    assert lab.reaches(lab.phone, ABROAD)
    lab.end()
    kept = lab.made.run(lab.here, "ip", "-4", "addr", "show", "dev", "eth0").stdout
    assert "192.168.7.20/24" in kept


def test_the_cable_is_pulled_and_plugged_in(lab: Lab) -> None:
    provide(lab)
    lab.begin("auto")
    assert within(20, lambda: bool(lab.port().get("shared")))
    lab.made.ip(lab.provider, "link set lan0 down")
    assert within(5, lambda: lab.port()["state"] == "empty")
    assert within(8, lambda: lab.made.run(lab.here, "ip", "route", "show", "default").stdout == "")
    lab.made.ip(lab.provider, "link set lan0 up")
    assert within(20, lambda: bool(lab.port().get("shared")))


@pytest.mark.parametrize(("provider", "first", "last", "clash"), [
    ("10.1.0.1/16", "10.1.7.2", "10.1.7.9", "10.1.0.0/16\n"),
    ("10.1.1.129/25", "10.1.1.130", "10.1.1.140", "10.1.1.128/25\n"),
])
def test_an_uplink_around_the_clients_network_is_told_and_not_served(
    lab: Lab, provider: str, first: str, last: str, clash: str
) -> None:
    """byz-move.path watches that file; no address is taken there until the clients have another network."""
    lab.made.ip(lab.provider, f"addr add {provider} dev lan0")
    lab.made.start(lab.provider, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", f"--dhcp-leasefile={lab.root}/provider.leases",
                   f"--dhcp-range={first},{last},2m", "--dhcp-authoritative")
    lab.begin("auto")
    assert within(20, lambda: lab.port()["state"] == "uplink"), lab.port()
    assert within(5, lambda: (lab.uplink / "clash").read_text() == clash)
    assert not in_bridge(lab)
    assert "inet 10." not in lab.made.run(lab.here, "ip", "-4", "addr", "show", "dev", "eth0").stdout
    lab.made.ip(lab.provider, "link set lan0 down")
    assert within(10, lambda: (lab.uplink / "clash").read_text() == "")


def test_ports_that_come_later_are_looked_after(lab: Lab) -> None:
    """An adapter with a router at it, and one with a computer that becomes a DHCP server; then both are pulled out."""
    lab.begin("auto")
    assert within(20, lambda: lab.port()["state"] is not None)
    lab.made.cable(lab.provider, "lan1", lab.here, "eth1")
    lab.made.ip(lab.provider, "link add lan type bridge", "link set lan0 down", "addr flush dev lan0",
                "link set lan1 master lan up", "addr add 192.168.7.1/24 dev lan", "link set lan up")
    provide(lab)
    other = lab.made.add("other")
    lab.made.cable(other, "lan0", lab.here, "eth2")
    assert within(25, lambda: bool(lab.port("eth1").get("shared"))), lab.port("eth1")
    assert lab.reaches(lab.phone, ABROAD)
    assert within(25, lambda: lab.port("eth2")["state"] == "clients"), lab.port("eth2")
    assert "master clients0" in lab.made.run(lab.here, "ip", "link", "show", "eth2").stdout
    lab.made.ip(other, "addr add 10.1.1.88/24 dev lan0")
    assert lab.reaches(other, "10.1.1.1")
    lab.made.python(other, OFFER.replace("wlan0", "lan0"))
    assert within(10, lambda: lab.port("eth2")["state"] == "refused"), lab.port("eth2")
    assert "(10.1.1.88)" in lab.port("eth2")["stranger"]
    lab.made.ip(lab.here, "link del eth1", "link del eth2")
    assert within(10, lambda: lab.port("eth1")["state"] is None and lab.port("eth2")["state"] is None)
    assert not lab.reaches(lab.phone, ABROAD)


LOOK = """
from byzwizard.backends import cables
from byzwizard.backends.system import System
for cable in cables.look(System(), ["eth0", "eth1", "eth2"]):
    print(cable.port, cable.state, cable.router)
"""


def test_the_page_hears_each_cable_and_leaves_it_as_it_was(lab: Lab) -> None:
    """Before a node is set up: eth0 has a DHCP server, eth1 a silent computer, eth2 nothing."""
    provide(lab)
    lab.made.cable(lab.here, "eth1", lab.made.add("silent"), "lan0")
    lab.made.ip(lab.here, "link add eth2 type veth peer name eth2-end", "link set eth1 down")
    looking = lab.program(LOOK)
    told, _errors = looking.communicate(timeout=30)
    assert told.splitlines() == ["eth0 leads 192.168.7.1", "eth1 silent None", "eth2 empty None"]
    shown = json.loads(lab.made.run(lab.here, "ip", "-j", "address", "show").stdout)
    ports = [link for link in shown if link["ifname"].startswith("eth")]
    assert not any("UP" in link["flags"] or link["addr_info"] for link in ports)
    assert list(lab.uplink.iterdir()) == []


HEAR = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.bind(("", 68))
    link.settimeout(5)
    print("hears", flush=True)
    try:
        print(link.recvfrom(100), flush=True)
    except TimeoutError:
        print("nothing", flush=True)
"""
OFFER = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wlan0")
    link.bind(("", 67))
    link.sendto(b"come here", ("255.255.255.255", 68))
"""


def test_a_phone_that_gives_out_addresses_is_noted(lab: Lab) -> None:
    rogue = lab.made.add("rogue")
    lab.made.cable(lab.here, "ap0", rogue, "wlan0")
    lab.made.ip(lab.here, "link set ap0 master clients0")
    lab.made.ip(rogue, "addr add 10.1.1.66/24 dev wlan0")
    lab.begin("never")
    system = Inside(lab.here, lab.root)
    assert within(10, lambda: lab.reaches(rogue, "10.1.1.1"))
    assert strangers.read(system) == {}
    lab.made.python(rogue, OFFER)
    shown = json.loads(lab.made.run(rogue, "ip", "-j", "link", "show", "wlan0").stdout)
    who = f"{shown[0]['address']} (10.1.1.66)"
    assert strangers.read(system) == {"ap0": who}
    _ports, checks = uplinks.look(system)
    assert any(who in check.text for check in checks), "and named in status"


ADVERTISE = """
import socket
link = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
says = bytes([134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0])  # RFC 4861: a router for 1800 s
link.sendto(says, ("ff02::1", 0, 0, socket.if_nametoindex("wlan0")))
"""
FLOOD = """
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind(("wlan0", 0))
    for n in range(1, 1001):
        mac = bytes([2, 0, 0, 0, n >> 8, n & 255])
        udp = bytes([0, 67, 0, 68, 0, 8, 0, 0])
        ip = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, n >> 8, n & 255, 255, 255, 255, 255])
        total = sum(int.from_bytes(ip[at:at + 2]) for at in range(0, 20, 2))
        total = ~(total + (total >> 16)) & 0xffff
        link.send(b"\\xff" * 6 + mac + bytes([8, 0]) + ip[:10] + total.to_bytes(2) + ip[12:] + udp)
"""


def test_a_thousand_strangers_fill_no_memory_and_open_no_way(lab: Lab) -> None:
    rogue = lab.made.add("rogue")
    lab.made.cable(lab.here, "ap0", rogue, "wlan0")
    lab.made.ip(lab.here, "link set ap0 master clients0")
    lab.made.ip(rogue, "addr add fe80::99/64 dev wlan0 nodad")
    lab.begin("never")
    lab.made.python(rogue, ADVERTISE)
    told = lab.made.run(lab.here, "nft", "-j", "list", "table", "bridge", "byz-ports").stdout
    assert "(fe80::" in strangers.parse(told)["ap0"], "a router is noted as well"
    lab.made.python(rogue, FLOOD)
    table = lab.made.run(lab.here, "nft", "list", "set", "bridge", "byz-ports", "strangers").stdout
    assert 100 <= table.count("expires") <= 256
    hearing = lab.made.start(lab.phone, sys.executable, "-c", HEAR)
    assert hearing.stdout is not None
    assert hearing.stdout.readline() == "hears\n"
    lab.made.python(rogue, FLOOD)
    assert hearing.stdout.readline() == "nothing\n"
