"""babeld with our configuration between namespaces: a line of three, whose links have no IPv4 address."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard.backends import babel_socket
from byzwizard.backends.babel import BABEL, configuration
from byzwizard.backends.mesh import link_settings
from byzwizard.backends.protocol import Speaking
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("babeld") is None, reason="babeld is not installed"),
]


def node(letter: str, *links: str, mesh: str = "") -> Resolved:
    return replace(resolved(letter, mesh), links=tuple(
        MeshLink(interface=link, name=link, kind="wired" if link.startswith("eth") else "802.11s") for link in links))


class Line:
    """Computers that run babeld; `root` has a folder for each, which stands for its /."""

    def __init__(self, made: Spaces, root: Path) -> None:
        self.made = made
        self.root = root

    def computer(self, name: str, it: Resolved) -> str:
        space = self.made.add(name)
        self.made.clients(space, f"{it.address}/24", f"{it.ula_address}/64")
        self.made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv6/conf/all/forwarding=1")
        return space

    def route(self, space: str, it: Resolved) -> Inside:
        """Start babeld as the unit does: when the links are ready."""
        folder = self.root / space / "run/byzantium/babel"
        folder.mkdir(parents=True)
        text = configuration(it).replace("/run/byzantium/babel/socket", str(folder / "socket"))
        (folder / "babel.conf").write_text(text)
        names = list(it.routed)
        ready = self.made.run(space, "python3", "-I", "-S", str(TREE / "backends/ready.py"), *names)
        assert ready.returncode == 0, ready.stderr
        self.made.start(space, "babeld", "-I", "", "-S", "", "-c", str(folder / "babel.conf"))
        system = Inside(space, self.root / space)
        speaking = Speaking(BABEL, (), it.subnet)
        assert within(10, lambda: speaking(system))
        assert set(babel_socket.read(system).up) == set(names)
        return system

    def reaches(self, space: str, target: str) -> bool:
        return self.made.run(space, "ping", "-c", "1", "-W", "1", target).returncode == 0


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with spaces() as made:
        yield Line(made, tmp_path)


def test_three_in_a_line(line: Line) -> None:
    first, middle, last = node("a", "mesh0"), node("b", "mesh0", "eth0"), node("c", "eth0")
    a, b, c = (line.computer(name, it) for name, it in (("a", first), ("b", middle), ("c", last)))
    line.made.cable(a, "mesh0", b, "mesh0")
    line.made.cable(b, "eth0", c, "eth0")
    line.made.ip(c, "route add unreachable 10.77.0.0/24")  # known here, and nobody else's business
    for space, it in ((a, first), (b, middle), (c, last)):
        system = line.route(space, it)
    assert within(30, lambda: line.reaches(a, last.address))
    assert within(5, lambda: line.reaches(a, last.ula_address))
    route = line.made.run(a, "ip", "route", "get", last.address).stdout
    assert "via inet6 fe80::" in route
    assert f"src {first.address} " in route
    assert "10.77.0.0" not in line.made.run(a, "ip", "route").stdout
    assert set(babel_socket.read(system).own) == {last.subnet, last.ula}


@pytest.mark.parametrize(("one", "other"), [
    ("  passphrase: correct horse\n", "  passphrase: battery staple\n"),
    ("  passphrase: correct horse\n", "  security: open\n"),
])
def test_another_secret_makes_no_neighbour(line: Line, one: str, other: str) -> None:
    here, there = node("a", "mesh0", mesh=one), node("b", "mesh0", mesh=other)
    a, b = line.computer("a", here), line.computer("b", there)
    line.made.cable(a, "mesh0", b, "mesh0")
    system = line.route(a, here)
    line.route(b, there)
    time.sleep(6)  # three hellos, of which none may count
    assert babel_socket.read(system).ways == ()
    assert not line.reaches(a, there.address)


def test_ready_waits_for_a_settled_link_local_address(line: Line) -> None:
    a, b = line.made.add("a"), line.made.add("b")
    line.made.cable(a, "mesh0", b, "mesh0")
    line.made.ip(a, "link set mesh0 down")
    waiting = line.made.start(a, "python3", "-I", "-S", str(TREE / "backends/ready.py"), "mesh0")
    line.made.ip(a, "link set mesh0 up")
    assert waiting.wait(timeout=10) == 0
    addresses = line.made.run(a, "ip", "-6", "addr", "show", "dev", "mesh0").stdout
    assert "fe80::" in addresses
    assert "tentative" not in addresses


def test_of_several_links_those_that_are_there_wait_for_no_other(line: Line) -> None:
    a, b = line.made.add("a"), line.made.add("b")
    line.made.cable(a, "mesh0", b, "mesh0")
    done = line.made.run(a, "python3", "-I", "-S", str(TREE / "backends/ready.py"), "--seconds", "3", "mesh0", "mesh1")
    assert (done.returncode, done.stderr) == (0, "mesh1 is not there, even after 3 s.\n")


def test_ready_gives_up_with_a_sentence(line: Line) -> None:
    a = line.made.add("a")
    done = line.made.run(a, "python3", "-I", "-S", str(TREE / "backends/ready.py"), "--seconds", "0.2", "mesh0")
    assert (done.returncode, done.stderr) == (1, "mesh0 is not there, even after 0 s.\n")


def test_a_link_has_an_address_of_its_own_whoever_had_it_before(line: Line) -> None:
    """NetworkManager leaves an interface that it lets go of without (addrgenmode none)."""
    a, b = line.made.add("a"), line.made.add("b")
    line.made.cable(a, "mesh0", b, "mesh0")
    line.made.ip(a, "link set mesh0 down", "link set mesh0 addrgenmode none", "link set mesh0 up")
    assert "fe80::" not in line.made.run(a, "ip", "-6", "addr", "show", "dev", "mesh0").stdout
    for path, value in link_settings("mesh0"):
        assert line.made.run(a, "sysctl", "-q", "-w", f"net/{path}={value}").returncode == 0, path
    line.made.ip(a, "link set mesh0 down", "link set mesh0 up")
    assert within(5, lambda: "fe80::" in line.made.run(a, "ip", "-6", "addr", "show", "dev", "mesh0").stdout)
