"""Addresses and names in network namespaces: a node and a client, with the real dnsmasq and the real tend."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byzwizard.backends import addresses, directory, dns, names
from byzwizard.backends.templates import fill
from byzwizard.identity import Identity
from byzwizard.resolve import ula_prefixes

HERE = Path(__file__).parent
TREE = HERE.parent.parent
OURS, THEIRS = Identity(b"o" * 32), Identity(b"t" * 32)


def ula(identity: Identity) -> str:
    return ula_prefixes("byzantium", identity.id)[1].removesuffix("/64")


pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="dnsmasq-base is not installed"),
]


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


def within(seconds: float, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Lab:
    """`node` and `client` are namespaces; `folder` stands for /run/byzantium."""

    node: str
    client: str
    folder: Path
    started: list[subprocess.Popen[bytes]]

    def start(self, namespace: str, *argv: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(("ip", "netns", "exec", namespace, *argv), cwd=self.folder,
                                   env={**os.environ, "PYTHONPATH": str(TREE)})
        self.started.append(process)
        return process

    def client_python(self, *argv: str) -> str:
        done = subprocess.run(("ip", "netns", "exec", self.client, sys.executable, *argv), check=True, timeout=30,
                              capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TREE)})
        return done.stdout

    def client_address(self) -> str:
        shown = run("ip", "-n", self.client, "-o", "-4", "addr", "show", "dev", "wlan0").split()
        return shown[shown.index("inet") + 1].partition("/")[0]

    def ask(self, server: str, name: str, kind: int = dns.A) -> list[str]:
        """What the client is told; raises CalledProcessError when nobody answers."""
        code = f"print(json.dumps(dns.ask({server!r}, {name!r}, {kind})))"
        code = f"import json; from byzwizard.backends import dns; {code}"
        found: list[str] = json.loads(self.client_python("-c", code))
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    node, client = f"byz-node-{os.getpid()}", f"byz-client-{os.getpid()}"
    tmp_path.chmod(0o755)
    (tmp_path / "names").mkdir()
    made = Lab(node, client, tmp_path, [])
    try:
        for namespace in (node, client):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        for command in (
            f"-n {node} link add clients0 type bridge",
            f"link add port0 netns {node} type veth peer name wlan0 netns {client}",
            f"-n {node} link set port0 master clients0 up",
            f"-n {node} link set clients0 up",
            f"-n {node} addr add 10.20.30.1/24 dev clients0",
            f"-n {node} addr add {ula(OURS)}1/64 dev clients0 nodad",
            f"-n {client} link set wlan0 up",
        ):
            run("ip", *command.split())
        yield made
    finally:
        for process in made.started:
            process.terminate()
            process.wait(10)
        for namespace in (node, client):
            subprocess.run(("ip", "netns", "del", namespace), check=False)


@pytest.fixture
def server(lab: Lab) -> Lab:
    """With dnsmasq running on the node, its paths below the test's folder."""
    text = fill("dnsmasq.conf", name="lighthouse", id=OURS.id, address="10.20.30.1", ula_address=f"{ula(OURS)}1",
                here=addresses.HERE, net="10.20.30", reversed="30.20.10", ula_net=ula(OURS),
                portal_names="", portal_option="", leases="241")
    (lab.folder / "dnsmasq.conf").write_text(
        text.replace("/run/byzantium/dnsmasq", str(lab.folder)).replace("/run/byzantium", str(lab.folder)))
    (lab.folder / "names/hosts").write_text("")
    (lab.folder / "names/servers").write_text("server=/#/\n")
    lab.start(lab.node, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--log-facility=-",
              "-C", str(lab.folder / "dnsmasq.conf"))
    return lab


@pytest.fixture
def resolver(lab: Lab) -> Iterator[Path]:
    """What `ip netns exec` lays over /etc/resolv.conf of the node."""
    folder = Path("/etc/netns") / lab.node
    folder.mkdir(parents=True)
    yield folder / "resolv.conf"
    shutil.rmtree(folder)


def lease(lab: Lab) -> dict[str, object]:
    given: dict[str, object] = json.loads(lab.client_python(str(HERE / "dhcp_client.py"), "wlan0"))
    run("ip", "-n", lab.client, "addr", "replace", f"{given['address']}/24", "dev", "wlan0")
    run("ip", "-n", lab.client, "route", "replace", "default", "via", str(given["router"]))
    return given


def test_a_client_gets_address_names_and_ipv6(server: Lab) -> None:
    given = lease(server)
    assert 10 <= int(str(given.pop("address")).rpartition(".")[2]) <= 250
    assert given == {"mask": "255.255.255.0", "router": "10.20.30.1", "dns": "10.20.30.1",
                     "domain": "byzantium.mesh", "portal": None, "proxy": "\n", "seconds": 1800}
    asked = {
        ("lighthouse.byzantium.mesh", dns.A): ["10.20.30.1"],
        (f"{OURS.id}.byzantium.mesh", dns.A): ["10.20.30.1"],
        ("lighthouse.byzantium.mesh", dns.AAAA): [f"{ula(OURS)}1".replace(":0", ":")],
        ("here.byzantium.mesh", dns.A): ["10.255.255.1"],
        ("byzantium.mesh", dns.A): ["10.255.255.1"],
        ("1.30.20.10.in-addr.arpa", dns.PTR): ["lighthouse.byzantium.mesh"],
        ("1.255.255.10.in-addr.arpa", dns.PTR): ["here.byzantium.mesh"],
        ("nobody.byzantium.mesh", dns.A): [],
        ("www.example.org", dns.A): [],
        ("www.example.org", dns.AAAA): [],
    }
    assert {question: server.ask("10.20.30.1", *question) for question in asked} == asked

    def global_ipv6() -> bool:
        return ula(OURS).removesuffix("::") in run("ip", "-n", server.client, "-6", "addr", "show", "dev", "wlan0")

    within(15, global_ipv6)
    assert "pref low" in run("ip", "-n", server.client, "-6", "route", "show", "default")


def test_a_name_is_known_soon_after_its_route_and_forgotten_after_it(server: Lab) -> None:
    """The second node's web server stands in the client's namespace, behind a route as babeld makes it."""
    given = lease(server)
    place = server.folder / ("served" + directory.PATH)
    place.parent.mkdir(parents=True)
    place.write_text(directory.make(THEIRS, "harbour", ["10.9.8.1", f"{ula(THEIRS)}1"], 5))
    own = server.folder / "own.json"
    own.write_text(directory.make(OURS, "lighthouse", ["10.20.30.1", f"{ula(OURS)}1"], 5))
    run("ip", "-n", server.client, "addr", "add", "10.9.8.1/24", "dev", "wlan0")
    # TCPServer, because HTTPServer asks for its own name in the DNS first, which takes long here.
    server.start(server.client, sys.executable, "-c", f"""
import functools, http.server, socketserver
files = functools.partial(http.server.SimpleHTTPRequestHandler, directory={str(server.folder / 'served')!r})
socketserver.TCPServer(("10.9.8.1", 80), files).serve_forever()
""")
    server.start(server.node, sys.executable, "-c", f"""
import asyncio, contextlib
from pathlib import Path
from byzwizard import book, tend
book.GONE_AFTER = 2.0
with contextlib.suppress(asyncio.CancelledError):
    folder = Path({str(server.folder)!r})
    asyncio.run(tend.Tend(folder / "names", Path({str(own)!r}), folder).run())
""")
    hosts = server.folder / "names/hosts"
    hosts.unlink()
    within(10, hosts.exists)
    local = run("ip", "-n", server.client, "-o", "-6", "addr", "show", "dev", "wlan0", "scope", "link").split()[3]
    run("ip", "-n", server.node, "route", "add", "10.9.8.0/24", "via", "inet6", local.partition("/")[0],
        "dev", "clients0", "onlink", "proto", "babel", "src", "10.20.30.1")
    within(15, lambda: "10.9.8.1 harbour.byzantium.mesh" in hosts.read_text())
    server.started[0].send_signal(1)  # what byz-names.service does: SIGHUP
    within(5, lambda: server.ask("10.20.30.1", "harbour.byzantium.mesh") == ["10.9.8.1"])
    assert server.ask("10.20.30.1", "1.8.9.10.in-addr.arpa", dns.PTR) == ["harbour.byzantium.mesh"]
    assert given["router"] == "10.20.30.1"
    run("ip", "-n", server.node, "route", "del", "10.9.8.0/24")
    within(15, lambda: "harbour" not in hosts.read_text())


def test_a_name_server_that_is_silent_keeps_no_name_away(server: Lab) -> None:
    """The first of two takes questions and never answers; a phone that asks again, as they do, is told."""
    lease(server)
    run("ip", "-n", server.client, "addr", "add", "9.9.9.9/32", "dev", "lo")
    run("ip", "-n", server.client, "addr", "add", "1.1.1.1/32", "dev", "lo")
    run("ip", "-n", server.node, "route", "add", "default", "via", server.client_address())
    server.start(server.client, sys.executable, "-c", """
import socket
box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
box.bind(("9.9.9.9", 53))
open("asked", "w").close()
while True:
    open("asked", "ab").write(box.recv(1000))
""")
    server.start(server.client, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                 "--no-hosts", "--conf-file=/dev/null", "--listen-address=1.1.1.1", "--bind-interfaces",
                 "--address=/example.org/93.184.215.14")
    asked = server.folder / "asked"
    within(10, asked.exists)
    (server.folder / "names/servers").write_text("server=9.9.9.9\nserver=1.1.1.1\n")
    server.started[0].send_signal(1)

    def told(name: str) -> bool:
        try:
            return server.ask("10.20.30.1", name) == ["93.184.215.14"]
        except subprocess.CalledProcessError:  # it waits for the silent one
            return False

    within(15, lambda: told("www.example.org"))
    within(15, lambda: told("map.example.org"))
    assert b"example" in asked.read_bytes(), "the silent one was asked too"


def test_names_of_others_are_asked_for_while_something_leads_out(server: Lab) -> None:
    """The client's namespace is the Internet too: a name server stands at an address there."""
    lease(server)
    run("ip", "-n", server.client, "addr", "add", "9.9.9.9/32", "dev", "lo")
    server.start(server.client, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                 "--no-hosts", "--conf-file=/dev/null", "--listen-address=9.9.9.9", "--bind-interfaces",
                 "--address=/www.example.org/93.184.215.14", "--address=/evil.example.org/10.20.30.1")
    (server.folder / "servers").write_text("server=9.9.9.9\n")
    (server.folder / "probes").write_text("10.255.255.1 captive.apple.com\n")
    server.start(server.node, sys.executable, "-c", f"""
import asyncio, contextlib
from pathlib import Path
from byzwizard import tend
folder = Path({str(server.folder)!r})
with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(tend.Tend(folder / "names", folder / "own.json", folder).run())
""")
    servers, probes = server.folder / "names/servers", server.folder / "names/probes"
    within(10, lambda: probes.exists() and "apple" in probes.read_text())
    assert server.ask("10.20.30.1", "www.example.org") == []
    local = run("ip", "-n", server.client, "-o", "-6", "addr", "show", "dev", "wlan0", "scope", "link").split()[3]
    run("ip", "-n", server.node, "-4", "route", "add", "0.0.0.0/0", "via", "inet6", local.partition("/")[0],
        "dev", "clients0", "onlink", "proto", "babel", "src", "10.20.30.1")
    within(5, lambda: "9.9.9.9" in servers.read_text())
    assert probes.read_text() == ""
    server.started[0].send_signal(1)  # what byz-names.service does: SIGHUP
    within(5, lambda: server.ask("10.20.30.1", "www.example.org") == ["93.184.215.14"])
    assert server.ask("10.20.30.1", "lighthouse.byzantium.mesh") == ["10.20.30.1"]
    assert server.ask("10.20.30.1", "evil.example.org") == [], "no name out there points into the mesh"
    run("ip", "-n", server.node, "route", "del", "default")
    within(5, lambda: "9.9.9.9" not in servers.read_text())
    server.started[0].send_signal(1)
    within(5, lambda: server.ask("10.20.30.1", "www.example.org") == [])


def test_a_way_that_is_not_shared_gives_names_to_the_node_alone(server: Lab, resolver: Path) -> None:
    """A name server stands behind a port of the node; no route is there that the mesh or phones may use."""
    lease(server)
    run("ip", "-n", server.client, "addr", "add", "9.9.9.9/32", "dev", "lo")
    run("ip", "-n", server.node, "route", "add", "default", "via", server.client_address(), "proto", "dhcp")
    server.start(server.client, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                 "--no-hosts", "--conf-file=/dev/null", "--listen-address=9.9.9.9", "--bind-interfaces",
                 "--address=/example.org/93.184.215.14")
    resolver.write_text(names.resolver(["9.9.9.9"]))
    (server.folder / "servers").write_text("server=9.9.9.9\n")
    server.start(server.node, sys.executable, "-c", f"""
import asyncio, contextlib
from pathlib import Path
from byzwizard import tend
folder = Path({str(server.folder)!r})
with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(tend.Tend(folder / "names", folder / "own.json", folder, uplink=folder).run())
""")
    within(20, (server.folder / "names/nodes.json").exists)

    def asked(name: str) -> tuple[int, str]:
        done = subprocess.run(("ip", "netns", "exec", server.node, "getent", "ahostsv4", name), check=False, timeout=30,
                              capture_output=True, text=True)
        return done.returncode, done.stdout.partition(" ")[0]

    within(10, lambda: asked("www.example.org") == (2, ""))  # nobody knows yet that the port leads on
    (server.folder / "state.json").write_text('{"ports": [{"port": "eth0", "working": true, "shared": false}]}')
    within(10, lambda: (server.folder / "names/servers").read_text() == "")
    assert "pool " in (server.folder / "names/clock/mesh.sources").read_text()
    server.started[0].send_signal(1)  # what byz-names.service does: SIGHUP
    within(10, lambda: asked("www.example.org") == (0, "93.184.215.14"))
    assert asked("lighthouse.byzantium.mesh") == (0, "10.20.30.1")
    assert asked("nobody.byzantium.mesh") == (2, "")
    assert server.ask("10.20.30.1", "www.example.org") == [], "a phone gets no answer by it"
    assert server.ask("10.20.30.1", "lighthouse.byzantium.mesh") == ["10.20.30.1"]
