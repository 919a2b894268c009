"""Somebody far away, whose network lets little through, comes to a node over the Internet by HTTP and by DNS."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.net.booted import ASK, NEEDS, Lab, Node
from tests.net.each import all_off_again, enable, is_open, three_nodes
from tests.net.spaces import Spaces, within
from tests.net.test_services import SEEN, authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
FOLDER = "/var/lib/byzantium/services/tunnel"
WAY_OUT = "198.51.100.1"  # RFC 5737


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with three_nodes(tmp_path_factory.mktemp("tunnel")) as found:
        yield found


@pytest.fixture
def a(lab: Lab) -> Iterator[Node]:
    with all_off_again(lab.nodes[0]) as node:
        yield node


@pytest.fixture(scope="module")
def far(lab: Lab) -> str:
    """A computer in the Internet, at the end of a cable to the first node."""
    made, node = lab.made, lab.nodes[0]
    space = made.add("far")
    made.cable(node.space, "out0", space, "out0")
    made.ip(node.space, f"addr add {WAY_OUT}/24 dev out0")
    made.ip(space, "addr add 198.51.100.2/24 dev out0")
    return space


WEB = "203.0.113.5"  # RFC 5737, too


@pytest.fixture(scope="module")
def web(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Something else in the Internet, at the end of another cable; its pages are at port 443 as well, in clear."""
    made, node = lab.made, lab.nodes[0]
    space = made.add("web")
    made.cable(node.space, "out1", space, "out0")
    made.ip(node.space, "addr add 203.0.113.1/24 dev out1")
    made.ip(space, f"addr add {WEB}/24 dev out0")
    pages = tmp_path_factory.mktemp("pages")
    (pages / "index.html").write_text("the world")
    for port in ("80", "443"):
        made.start(space, sys.executable, "-m", "http.server", "--directory", str(pages), port)
        assert within(20, partial(_there, made, node.space, f"{WEB}:{port}"))
    return WEB


def _there(made: Spaces, space: str, address: str) -> bool:
    return "the world" in made.python(space, PAGE, address)


# What answers the far one that asks the proxy for a way (CONNECT), and the page that it gets on it, if it gets one.
CONNECT = """
import json, socket, ssl, sys
way_out, host, authority, known, to = json.loads(sys.argv[1])
try:
    link = ssl.create_default_context(cadata=authority).wrap_socket(
        socket.create_connection((way_out, 8443), 5), server_hostname=host)
    link.sendall(f"CONNECT {to} HTTP/1.1\\r\\nHost: {to}\\r\\nProxy-Authorization: Basic {known}\\r\\n\\r\\n".encode())
    said = b""
    while b"\\r\\n\\r\\n" not in said and (piece := link.recv(4096)):
        said += piece
    status, page = int(said.split()[1]), b""
    if status == 200:
        link.sendall(b"GET / HTTP/1.0\\r\\nHost: here.byzantium.mesh\\r\\n\\r\\n")
        while piece := link.recv(4096):
            page += piece
    print(json.dumps([status, page.decode()]))
except OSError:
    print(json.dumps([0, ""]))
"""


def connect(far: str, a: Node, trusted: str, password: str, to: str) -> tuple[int, str]:
    known = base64.b64encode(f"tunnel:{password}".encode()).decode()
    status, page = json.loads(a.made.python(far, CONNECT, json.dumps([WAY_OUT, host(a), trusted, known, to])))
    return status, page


def test_by_http_over_tls_with_the_password_to_this_node_and_out_again(lab: Lab, a: Node, far: str, web: str) -> None:
    c = lab.nodes[2]
    enable(a, "tunnel")
    trusted, password = authority(a), a.do("cat", f"{FOLDER}/password")
    assert len(password) == 32
    status, page = connect(far, a, trusted, password, f"{a.address}:80")
    assert (status, "node-a" in page) == (200, True), page
    assert connect(far, a, trusted, "guessed", f"{a.address}:80")[0] == 407
    for elsewhere in (f"{a.address}:22", "127.0.0.1:80", f"{c.address}:80", "198.51.100.2:80", "[::1]:80"):
        assert connect(far, a, trusted, password, elsewhere)[0] == 403, elsewhere
    assert connect(far, a, trusted, password, f"{web}:443")[0] == 503, "the owner has not shared it"
    with shared(a, "out1"):
        status, page = connect(far, a, trusted, password, f"{web}:443")
        assert (status, "the world" in page) == (200, True), page
    assert connect(far, a, trusted, "guessed", f"{web}:443")[0] == 407
    assert not is_open(a, 8443), "it is for those from outside"
    status, _headers, page = a.pages("/tunnel/", host(a), trusted)
    assert (status, "8443" in page) == (200, True)
    assert password not in page

    def seen() -> list[str]:
        return [row["url"] for row in c.services() if row["node"] == "node-a"]

    assert within(SEEN, lambda: seen() == [f"https://{host(a)}/tunnel/"]), seen()
    assert password not in a.do("journalctl", "-b", "-o", "cat")
    assert password not in a.do("sh", "-c", "cat /proc/[0-9]*/cmdline")
    for name in ("password", "users"):
        assert a.do("stat", "-c", "%U %a", f"{FOLDER}/{name}").strip() == "byz-tunnel 600"
    a.do("byzwizard", "disable", "tunnel")
    assert connect(far, a, trusted, password, f"{a.address}:80")[0] == 0
    a.do("byzwizard", "enable", "tunnel")
    assert a.do("cat", f"{FOLDER}/password") == password, "it stays"


@contextmanager
def shared(node: Node, port: str) -> Iterator[None]:
    """As byz-gateway does while the Internet answers there and its owner agrees."""
    element = ("element", "inet", "byz-gateway", "shared", "{", port, "}")
    node.do("nft", "add", *element)
    yield
    node.do("nft", "delete", *element)


def iodine(far: str, a: Node, password: str) -> subprocess.Popen[str]:
    """The client of the image, at the far computer."""
    process = subprocess.Popen(
        ("nsenter", "-t", a.first, "-m", f"--net=/run/netns/{far}", "env", "-i", f"IODINE_PASS={password}",
         "PATH=/usr/sbin:/usr/bin", "iodine", "-f", "-d", "dns0", WAY_OUT, "tunnel.byzantium.mesh"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    a.made.started.append(process)
    return process


PAGE = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(f"http://{sys.argv[1]}/", timeout=5).read().decode())
except OSError:
    print("nothing")
"""


NAME = """
import sys
from byzwizard.backends import dns
try:
    print(*dns.ask(sys.argv[1], sys.argv[2]))
except dns.NoAnswer:
    print("no answer")
"""


def test_by_dns_with_the_password_to_this_node_and_where_it_shares(lab: Lab, a: Node, far: str, web: str) -> None:
    b = lab.nodes[1]
    enable(a, "tunnel")
    said = a.do("systemd-analyze", "security", "--no-pager", "byz-tunnel-dns.service").strip().splitlines()[-1]
    print(said)
    assert float(said.partition(": ")[2].split()[0]) <= 2.5, said
    password = a.do("cat", f"{FOLDER}/password")
    assert iodine(far, a, "guessed").wait(60) != 0
    client = iodine(far, a, password)
    assert within(60, lambda: "node-a" in a.made.python(far, PAGE, a.address)), a.made.run(far, "ip", "addr").stdout
    trusted, name = authority(a), host(a)
    assert a.made.python(far, NAME, a.address, name) == a.address, "the services are asked for by their names"
    words = {"address": a.address, "path": "/tunnel/", "host": name, "authority": trusted}
    assert json.loads(a.made.python(far, ASK, json.dumps(words)))[0] == 200
    # To the Internet, while that is shared.
    a.made.ip(far, f"route add {web} dev dns0")
    assert a.made.python(far, PAGE, web) == "nothing"
    with shared(a, "out1"):
        assert "the world" in a.made.python(far, PAGE, web)
    # Not to other nodes.
    a.made.ip(far, f"route add {b.address} dev dns0")
    assert a.made.python(far, PAGE, b.address) == "nothing"
    a.do("systemctl", "restart", "byz-dnsmasq.service")
    assert within(20, lambda: a.made.python(a.phone, NAME, a.address, host(a)) == a.address), "phones ask it as before"
    assert "users:" in a.do("sh", "-c", "ps -o user= -C iodined | grep -q byz-tunnel && echo users:")
    client.kill()
    client.wait()
    a.do("byzwizard", "disable", "tunnel")
    assert a.run("ip", "link", "show", "tunnel0").returncode != 0
    assert iodine(far, a, password).wait(90) != 0
