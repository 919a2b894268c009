"""The Internet of a cable shared with the mesh: with the real udhcpc, nftables, babeld and dnsmasq."""

import os
import shutil
import subprocess
import time

import pytest

from tests.net.lab import ABROAD, KNOWN, PRINTER, Lab, node, provide
from tests.net.spaces import within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]

TUNNEL = ("setpriv", "--reuid=970", "--regid=970", "--clear-groups")  # as what fetches for the tunnel's users
ECHO = """
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("", 8443), Echo).serve_forever()
"""
# Says "there" when it is answered, and stays until it is no more.
ASK = """
import socket, sys, time
try:
    with socket.create_connection((sys.argv[1], 8443), 2) as link:
        for turn in range(int(sys.argv[2])):
            link.sendall(b"x\\n")
            if link.recv(2) and turn == 0:
                print("there", flush=True)
            time.sleep(0.1)
except OSError:
    print("lost", flush=True)
"""


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


def tunnel_asks(lab: Lab, target: str, turns: int = 1) -> subprocess.Popen[str]:
    return lab.made.start(lab.here, *TUNNEL, "/usr/bin/python3", "-I", "-c", ASK, target, str(turns))


def tunnel_reaches(lab: Lab, target: str) -> bool:
    return tunnel_asks(lab, target).communicate(timeout=20)[0] == "there\n"


def serve(lab: Lab) -> None:
    """Somebody abroad, and the tunnel's own program."""
    for space, user in ((lab.provider, ()), (lab.here, TUNNEL)):
        lab.made.start(space, *user, "/usr/bin/python3", "-I", "-c", ECHO)
    assert within(10, lambda: all(":8443 " in lab.made.run(space, "ss", "-Hltn").stdout
                                  for space in (lab.provider, lab.here)))


@pytest.mark.parametrize("share", ["ask", "never"])
def test_who_comes_by_the_tunnel_has_no_line_that_is_not_shared(lab: Lab, share: str) -> None:
    provide(lab)
    serve(lab)
    lab.begin(share)
    assert within(20, lambda: bool(lab.port().get("working"))), lab.port()
    assert lab.made.python(lab.here, ASK, ABROAD, "1") == "there", "the owner himself has it"
    for target in (ABROAD, KNOWN[0], PRINTER):
        assert not tunnel_reaches(lab, target)
    for target in ("127.0.0.1", "10.1.1.1", lab.port()["address"].partition("/")[0]):
        assert tunnel_reaches(lab, target), "this node itself"
    assert lab.made.python(lab.provider, ASK, lab.port()["address"].partition("/")[0], "1") == "there", "it answers"


def test_who_comes_by_the_tunnel_has_the_internet_while_it_is_shared(lab: Lab) -> None:
    provide(lab)
    serve(lab)
    lab.begin("auto")
    assert within(20, lambda: bool(lab.port().get("shared"))), lab.port()
    assert tunnel_reaches(lab, ABROAD)
    asking = tunnel_asks(lab, ABROAD, 600)
    assert asking.stdout is not None
    assert asking.stdout.readline() == "there\n"
    assert lab.duty is not None
    lab.duty.kill()  # or it would share again
    lab.duty.wait()
    lab.made.run(lab.here, "nft", "flush", "set", "inet", "byz-gateway", "shared")
    assert asking.stdout.readline() == "lost\n", "also what was begun meanwhile"
