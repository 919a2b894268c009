"""What the tests of single services share: three nodes in a line, and a service enabled alone on the first."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from byzwizard import catalogue
from byzwizard.backends import firewall
from tests.net.booted import Lab, Node, laboratory
from tests.net.spaces import within


@contextmanager
def three_nodes(folder: Path) -> Iterator[Lab]:
    """The last is two hops from the first."""
    with laboratory(folder) as found:
        found.line("abc")
        for node in found.nodes:
            found.apply(node, interfaces="eth0, eth1" if node.letter == "b" else "eth0")
        a, _b, c = found.nodes
        for one, other in ((a, c), (c, a)):
            assert within(60, partial(reaches, one, other)), f"{one.letter} has no way to {other.letter}"
        yield found


def reaches(who: Node, whom: Node) -> bool:
    """The phone of the one the other node."""
    return who.made.run(who.phone, "ping", "-c", "1", "-W", "1", whom.address).returncode == 0


@contextmanager
def all_off_again(node: Node) -> Iterator[Node]:
    """A node with nothing switched on; afterwards all is off again, and closed."""
    yield node
    on = [row["name"] for row in node.services() if row["state"] != "off" and row["node"] is None]
    if on:
        node.do("byzwizard", "disable", *on)
    for name in on:
        ports = catalogue.here().services[name].ports
        assert node.state(name) == "off"
        assert not any(is_open(node, port.number) for port in ports if port.protocol == "tcp")
        assert not any((port.protocol, port.number) in let_in(node) for port in ports), "of UDP nobody says it"


def let_in(node: Node) -> set[tuple[str, int]]:
    """The ports of services that the firewall lets clients or the mesh come to."""
    said = "".join(node.do("nft", "list", "set", "inet", firewall.TABLE, name)
                   for name in firewall.OFFERED)
    return {(protocol, int(number)) for protocol, number in re.findall(r"\b(tcp|udp) \. (\d+)", said)}


OPEN = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print("open")
except OSError:
    print("closed")
"""


def is_open(node: Node, port: int) -> bool:
    """Does its phone get as far as a connection?"""
    return node.made.python(node.phone, OPEN, node.address, str(port)) == "open"


def memory(node: Node, unit: str) -> int:
    """Bytes of the processes of a unit; what several share counts by its part (proc_pid_smaps_rollup(5))."""
    said = node.do("sh", "-c", 'while read -r process; do grep ^Pss: "/proc/$process/smaps_rollup"; done'
                               f" </sys/fs/cgroup/system.slice/{unit}/cgroup.procs")
    return sum(int(line.split()[1]) << 10 for line in said.splitlines())


def enable(node: Node, name: str) -> None:
    """Within its sandbox, and with half of the memory that it may have left over."""
    began = time.monotonic()
    node.do("byzwizard", "enable", name)
    took = time.monotonic() - began
    assert node.state(name) == "on"
    one = catalogue.here().services[name]
    said = node.do("systemd-analyze", "security", "--no-pager", one.unit).strip().splitlines()[-1]
    used = memory(node, one.unit)
    print(f"{name}: {took:.1f} s, {used >> 20} MB of {one.memory_bytes >> 20}; {said}")
    assert float(said.partition(": ")[2].split()[0]) <= 1.5, said
    assert 0 < used < one.memory_bytes / 2
    for port in one.ports:
        assert ((port.protocol, port.number) in let_in(node)) == (port.reach in ("mesh", "clients"))
        assert port.reach != "node" or not is_open(node, port.number), "strangers come through nginx alone"
