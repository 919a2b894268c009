"""Wired ports that listen before they serve, and who else gives out addresses: with the real udhcpc and nftables."""

import json
import os
import shutil
import sys
import time

import pytest

from byzwizard.backends import strangers, uplinks
from tests.net.lab import ABROAD, Lab, provide
from tests.net.spaces import TREE, Inside, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld", "arping")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]


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


def test_an_address_that_a_port_made_up_leads_nowhere(lab: Lab) -> None:
    """RFC 3927: somebody else has set it up, without a router. Nothing of it is shared until it has a real one."""
    provide(lab)
    lab.made.ip(lab.provider, "addr add 169.254.7.1/16 dev lan0")
    lab.made.ip(lab.here, "link set eth0 up", "addr add 169.254.7.20/16 dev eth0",
                "route add default via 169.254.7.1 dev eth0")
    lab.begin("auto")
    assert within(20, lambda: lab.port()["state"] == "held"), lab.port()
    assert lab.reaches(lab.here, "9.9.9.9"), "though it would lead out"
    assert not within(8, lambda: lab.port()["shared"]), lab.port()
    assert lab.port()["address"] is None
    assert not in_bridge(lab)
    assert not lab.leads_out(lab.there)
    lab.made.ip(lab.here, "addr del 169.254.7.20/16 dev eth0", "addr add 192.168.7.20/24 dev eth0",
                "route add default via 192.168.7.1 dev eth0")
    assert within(20, lambda: bool(lab.port()["shared"])), lab.port()


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


def switch(lab: Lab, *ports: str) -> None:
    """The provider is a switch without an address instead."""
    lab.made.ip(lab.provider, "addr flush dev lan0", "link add switch type bridge forward_delay 0 mcast_snooping 0",
                "link set switch up", *(f"link set {port} master switch" for port in ports))


def admitted(lab: Lab) -> set[str]:
    shown = json.loads(lab.made.run(lab.here, "ip", "-j", "link", "show", "master", "clients0").stdout)
    return {link["ifname"] for link in shown} & {"eth0", "eth1"}


def states(lab: Lab) -> list[str | None]:
    assert len(admitted(lab)) < 2, "frames would go round for ever"
    return [lab.port(name)["state"] for name in ("eth0", "eth1")]


def test_a_cable_that_leads_back_to_this_node_is_refused_and_nobody_moves(lab: Lab) -> None:
    switch(lab, "lan0")
    lab.made.start(lab.here, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", "--port=0", f"--dhcp-leasefile={lab.root}/own.leases",
                   "--interface=clients0", "--bind-dynamic", "--dhcp-authoritative", "--enable-ra",
                   "--dhcp-range=10.1.1.10,10.1.1.250,2m", "--dhcp-range=fd01::,ra-only")
    lab.begin("auto")
    assert within(25, lambda: lab.port()["state"] == "clients"), lab.port()
    lab.made.cable(lab.provider, "lan1", lab.here, "eth1")
    lab.made.ip(lab.provider, "link set lan1 master switch")
    assert within(25, lambda: states(lab) == ["clients", "refused"]), states(lab)
    assert lab.port("eth1")["stranger"] is None
    assert (lab.uplink / "clash").read_text() == ""
    lab.made.ip(lab.provider, "link set lan1 down", "link set lan1 nomaster", "addr add 192.168.7.1/24 dev lan1")
    assert within(5, lambda: lab.port("eth1")["state"] == "empty")
    lab.made.ip(lab.provider, "link set lan1 up")
    provide(lab)
    assert within(25, lambda: bool(lab.port("eth1").get("address"))), "what was heard before counts no more"
    assert lab.port("eth1")["state"] == "uplink"


def test_of_two_cables_plugged_into_one_switch_at_once_one_serves(lab: Lab) -> None:
    """Though no server of this node answers yet."""
    lab.made.cable(lab.provider, "lan1", lab.here, "eth1")
    switch(lab, "lan0", "lan1")
    lab.made.ip(lab.provider, "addr add 10.1.1.77/24 dev switch")
    lab.begin("auto")
    assert within(40, lambda: sorted(map(str, states(lab))) == ["clients", "refused"]), states(lab)
    serving, = admitted(lab)
    other = "eth1" if serving == "eth0" else "eth0"
    shown = json.loads(lab.made.run(lab.here, "ip", "-j", "link", "show", other).stdout)
    answers = lab.made.run(lab.provider, "arping", "-c", "3", "-I", "switch", "10.1.1.1").stdout
    assert "reply from 10.1.1.1" in answers
    assert shown[0]["address"].upper() not in answers, "whoever goes there is not let in"
    lab.end()
    assert "NOARP" not in lab.made.run(lab.here, "ip", "link", "show", other).stdout, "as it was found"


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


def phone_with(lab: Lab, address: str) -> str:
    """One more on the access point, of a node that shares nothing."""
    rogue = lab.made.add("rogue")
    lab.made.cable(lab.here, "ap0", rogue, "wlan0")
    lab.made.ip(lab.here, "link set ap0 master clients0")
    lab.made.ip(rogue, f"addr add {address} dev wlan0" + " nodad" * (":" in address))
    lab.begin("never")
    return rogue


def test_a_phone_that_gives_out_addresses_is_noted(lab: Lab) -> None:
    rogue = phone_with(lab, "10.1.1.66/24")
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
    rogue = phone_with(lab, "fe80::99/64")
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


# A router's word in frames that carry it otherwise, and one that is let through behind them. After the addresses: the
# tags of a VLAN 0 and of two, and the old form of a frame, with SNAP (RFC 1042).
DRESSED = """
import socket
ours = bytes([2, 0xaa, 0, 0, 0, 1])
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind(("wlan0", 0))
    for number, dress in enumerate((b"\\x81\\0\\0\\0\\x86\\xdd", b"\\x88\\xa8\\0\\0\\x81\\0\\0\\0\\x86\\xdd",
                  b"\\0\\x44\\xaa\\xaa\\3\\0\\0\\0\\x86\\xdd", b"\\x88\\xb5")):
        link.send(b"\\xff" * 6 + ours + dress + bytes(60) + bytes([number]))
"""
HEARS_ALL = """
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
    link.bind(("wlan0", 3))
    link.settimeout(10)
    print("hears", flush=True)
    while True:
        frame = link.recv(200)
        if frame[6:12] == bytes([2, 0xaa, 0, 0, 0, 1]):
            print(frame[-1], flush=True)
"""


def test_what_hides_from_the_guard_in_another_frame_is_not_passed_on(lab: Lab) -> None:
    rogue = phone_with(lab, "10.1.1.66/24")
    hearing = lab.made.start(lab.phone, sys.executable, "-c", HEARS_ALL)
    assert hearing.stdout is not None
    assert hearing.stdout.readline() == "hears\n"
    lab.made.python(rogue, DRESSED)
    assert hearing.stdout.readline() == "3\n", "an ordinary one alone"
