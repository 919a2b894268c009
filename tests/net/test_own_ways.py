"""What lies behind a node's own ports: the owner's way out stays his own, and nobody there is let into the mesh or
passed on to another port, whatever is known of the port yet. With the real udhcpc, nftables and babeld."""

import json
import os
import shutil
import sys
from collections.abc import Callable

import pytest

from tests.net.lab import ABROAD, Lab, node, provide
from tests.net.spaces import within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]
ACROSS = "203.0.113.77"  # somebody on the Internet whom the mesh's way out leads to, and no other
# Writes down what comes; each datagram says itself where it was sent to.
LISTEN = """
import socket, sys
box = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
box.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
box.bind(("", 9999))
with open(sys.argv[1], "w", buffering=1) as heard:
    while True:
        print(box.recv(100).decode(), file=heard)
"""
# Twice: the first ones may wait for the neighbour's hardware address, each as long as it likes.
SEND = """
import socket, sys, time
for pause in 1, 0:
    for word in sys.argv[1:]:
        target = socket.getaddrinfo(word, 9999, type=socket.SOCK_DGRAM)[0]
        socket.socket(target[0], socket.SOCK_DGRAM).sendto(word.encode(), target[4])
    time.sleep(pause)
"""


def mesh_leads_out(lab: Lab) -> None:
    """The other node has the key, and says that it leads to the Internet."""
    lab.made.ip(lab.there, f"addr add {ACROSS}/32 dev lo", "route add unreachable default proto 150")
    lab.route(lab.here, node("h", "10.1.1.0/24"))
    lab.route(lab.there, node("t", "10.2.2.0/24"))


def rules(lab: Lab) -> str:
    return lab.made.run(lab.here, "ip", "rule").stdout


def way(lab: Lab) -> str:
    """The interface by which the node itself goes to the Internet."""
    words = lab.made.run(lab.here, "ip", "route", "get", ABROAD).stdout.split()
    return words[words.index("dev") + 1] if "dev" in words else ""


@pytest.mark.parametrize("share", ["ask", "never"])
def test_the_owners_way_out_is_his_own_and_phones_have_the_meshs(lab: Lab, share: str) -> None:
    provide(lab)
    lab.begin(share)
    mesh_leads_out(lab)
    assert within(20, lambda: bool(lab.port().get("working"))), lab.port()
    assert within(30, lambda: lab.leads_out(lab.here)), "the mesh's way out is there, and the best by its metric"
    assert way(lab) == "eth0"
    assert lab.reaches(lab.here, ABROAD)
    assert not lab.reaches(lab.here, ACROSS)
    assert within(10, lambda: lab.reaches(lab.phone, ACROSS)), "who joined here goes by the mesh as before"
    assert not lab.reaches(lab.phone, ABROAD)
    assert lab.reaches(lab.here, "10.2.2.1"), "and the mesh itself is where it is"

    lab.made.ip(lab.provider, "link set lan0 down")
    assert within(10, lambda: way(lab) == "mesh0")
    assert lab.reaches(lab.here, ACROSS), "without a cable the mesh's way is better than none"
    assert "lookup 152" not in rules(lab)


def test_what_a_killed_duty_left_is_put_right_by_the_next_one(lab: Lab) -> None:
    provide(lab)
    lab.begin("never")
    mesh_leads_out(lab)
    assert within(20, lambda: way(lab) == "eth0" and "lookup 152" in rules(lab))
    assert lab.duty is not None
    lab.duty.kill()
    lab.duty.wait()
    lab.made.ip(lab.provider, "link set lan0 down")
    assert "lookup 152" in rules(lab)
    lab.begin("never")
    assert within(20, lambda: "lookup 152" not in rules(lab) and way(lab) == "mesh0")

    lab.made.ip(lab.provider, "link set lan0 up")
    assert within(20, lambda: way(lab) == "eth0" and "lookup 152" in rules(lab))
    lab.end()
    assert "lookup 152" not in rules(lab)
    assert "suppress" not in rules(lab)
    assert lab.made.run(lab.here, "ip", "route", "show", "table", "152").stdout == ""


def kept(lab: Lab, table: str) -> str:
    return lab.made.run(lab.here, "ip", "route", "show", "table", table).stdout


def test_another_address_takes_no_way_along(lab: Lab) -> None:
    """With the last address of a port the kernel drops all routes over it, in every table."""
    def given(host: int) -> bool:
        (lab.uplink / "eth0.lease").write_text(f"ip=10.77.0.{host}\nmask=24\nrouter=10.77.0.1\n")
        return within(5, lambda: lab.port()["address"] == f"10.77.0.{host}/24")

    provide(lab)
    lab.made.ip(lab.provider, "addr add 10.77.0.1/24 dev lan0")
    lab.begin("never")
    mesh_leads_out(lab)
    assert within(20, lambda: bool(lab.port().get("working"))), lab.port()
    for host in (50, 60):
        assert given(host)
        assert within(5, lambda: "via 10.77.0.1" in kept(lab, "152") and "10.77.0.0/24" in kept(lab, "150")), host
        assert way(lab) == "eth0"


def test_what_the_owner_does_to_his_port_takes_no_way_along(lab: Lab) -> None:
    """Another address, and a port that is down for a moment."""
    back = "route replace default via 192.168.7.1 dev eth0"
    provide(lab)
    lab.made.ip(lab.here, "link set eth0 up", "addr add 192.168.7.20/24 dev eth0", back)
    lab.begin("never")
    mesh_leads_out(lab)
    assert within(20, lambda: bool(lab.port().get("working")) and "via" in kept(lab, "152")), lab.port()
    lab.made.ip(lab.here, "addr del 192.168.7.20/24 dev eth0", "addr add 192.168.7.21/24 dev eth0", back)
    assert kept(lab, "152") == ""
    assert within(20, lambda: "via" in kept(lab, "152") and way(lab) == "eth0")
    lab.made.ip(lab.here, "link set eth0 down", "link set eth0 up", back)
    assert within(20, lambda: "via" in kept(lab, "152") and way(lab) == "eth0")


def link_local(lab: Lab, space: str, name: str) -> str:
    shown = json.loads(lab.made.run(space, "ip", "-j", "-6", "address", "show", "dev", name).stdout)
    return next(str(one["local"]) for one in shown[0]["addr_info"] if one["scope"] == "link")


def written(lab: Lab) -> list[str]:
    return (lab.root / "heard").read_text().split()


def heard(lab: Lab, *targets: str) -> set[str]:
    """What of it arrives that the provider sends; the last one does."""
    lab.made.python(lab.provider, SEND, *targets)
    assert within(5, lambda: written(lab).count(targets[-1]) == 2), targets[-1]
    return set(written(lab))


@pytest.fixture
def ours(lab: Lab) -> tuple[str, ...]:
    """The addresses of the node that are for the mesh; whatever comes to any is written down."""
    address = node("h", "10.1.1.0/24").ula_address
    lab.made.ip(lab.here, "addr add 10.255.255.1/32 dev lo")
    lab.made.start(lab.here, sys.executable, "-c", LISTEN, str(lab.root / "heard"))
    assert within(20, (lab.root / "heard").exists)
    return "10.1.1.1", "10.255.255.1", address


def lead_in(lab: Lab, *ours: str) -> str:
    """Whoever is at the other end of the port takes the node for the router there; gives its fe80::."""
    near = link_local(lab, lab.here, "eth0")
    lab.made.ip(lab.provider, *(f"route add {address} dev lan0" for address in ours if ":" not in address),
                *(f"route add {address} via {near} dev lan0" for address in ours if ":" in address))
    return f"{near}%lan0"


def test_nobody_behind_a_port_that_listens_reaches_what_is_for_the_mesh(lab: Lab, ours: tuple[str, ...]) -> None:
    lab.begin("never")
    assert within(20, lambda: lab.port()["state"] == "listening")
    near = lead_in(lab, *ours)
    assert heard(lab, *ours, near) == {near}, "from fe80::"
    assert lab.port()["state"] == "listening"
    lab.made.python(lab.here, SEND, *ours)
    assert within(5, lambda: set(ours) <= set(written(lab))), "to itself the node speaks as ever"


def test_nobody_behind_an_uplink_reaches_what_is_for_the_mesh(lab: Lab, ours: tuple[str, ...]) -> None:
    provide(lab)
    lab.made.ip(lab.provider, "addr add fd99::1/64 dev lan0 nodad")
    lab.begin("never")
    assert within(30, lambda: lab.port()["state"] == "uplink"), lab.port()
    near, own = lead_in(lab, *ours), lab.port()["address"].partition("/")[0]
    assert heard(lab, *ours, near, own) == {near, own}, "what is offered outside is so at the uplink's own addresses"


def second(lab: Lab) -> Callable[[str], bool]:
    """Another port, with somebody at its other end who takes the node for a router."""
    cafe = lab.made.add("cafe")
    lab.made.cable(lab.here, "eth1", cafe, "lan0")
    lab.made.ip(cafe, "addr add 172.16.9.1/24 dev lan0", "route add default via 172.16.9.2")
    lab.made.ip(lab.here, "link set eth0 up", "addr add 192.168.7.20/24 dev eth0", "addr add 172.16.9.2/24 dev eth1",
                "route add default via 192.168.7.1 dev eth0")
    lab.made.ip(lab.provider, "route add 172.16.9.0/24 via 192.168.7.20")
    return lambda target: lab.reaches(cafe, target)


def test_nothing_is_passed_on_between_two_ports(lab: Lab) -> None:
    provide(lab)
    cafe_reaches = second(lab)
    lab.begin("auto")
    assert not cafe_reaches("192.168.7.1"), "before anything is known of them"
    assert within(20, lambda: bool(lab.port().get("shared")) and lab.port("eth1")["state"] == "held"), lab.port()
    assert cafe_reaches("172.16.9.2")
    assert not cafe_reaches("192.168.7.1")
    assert not cafe_reaches(ABROAD), "what is shared is so with the mesh"
    assert not lab.reaches(lab.provider, "172.16.9.1")
    assert lab.reaches(lab.here, "192.168.7.1")
    assert lab.reaches(lab.here, "172.16.9.1")
    assert within(10, lambda: lab.reaches(lab.phone, ABROAD))
    assert not cafe_reaches("10.1.1.50")
