"""Two nodes of one mesh with Internet, and two between them: the nearest is taken, and the other one when it fails."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from byzwizard.backends import firewall, gateway
from byzwizard.backends.babel import configuration
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import MeshLink, Resolved
from tests.net.lab import ABROAD, KNOWN
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "busybox", "dnsmasq", "babeld")),
                       reason="tools are missing"),
    pytest.mark.timeout(240),
]
MACHINE = Machine(wired=(Wired(interface="eth0", mac="02:00:00:00:00:01", driver=None, carrier=True),))
DUTY = f"""
from byzwizard import gateway
from byzwizard.backends import listening
listening.SCRIPT = {str(TREE / 'iso/overlay/usr/lib/byzantium/lease')!r}
gateway.main()
"""


@dataclass
class Node:
    """`root` stands for its /, `provider` is the namespace at the other end of its cable, or None."""

    made: Spaces
    space: str
    root: Path
    it: Resolved
    provider: str | None = None

    def begin(self) -> None:
        system = Inside(self.space, self.root)
        for stage in (firewall.STAGE, gateway.STAGE):
            for step in stage.steps(self.it, MACHINE if self.provider else Machine()):
                if step.id != "gateway":
                    step.apply(system, lambda done, total: None)
        if self.provider:
            self.made.start(self.space, "unshare", "--mount", "sh", "-c",
                            'mkdir -p /run/byzantium; mount --bind "$0" /run/byzantium; exec "$@"',
                            str(self.root / "run/byzantium"), sys.executable, "-c", DUTY)
        place = self.root / "babel.conf"
        place.write_text(configuration(self.it).replace("/run/byzantium/babel/socket", str(self.root / "socket")))
        self.made.start(self.space, "babeld", "-I", "", "-S", "", "-c", str(place))

    def shares(self) -> bool:
        try:
            rows = json.loads((self.root / "run/byzantium/uplink/state.json").read_text())["ports"]
        except FileNotFoundError:
            return False
        return any(row["shared"] for row in rows)

    def out(self) -> str:
        """The link by which the mesh leads this node to the Internet."""
        words = self.made.run(self.space, "ip", "route", "show", "default", "proto", "babel").stdout.split()
        return words[words.index("dev") + 1] if "dev" in words else ""

    def reaches(self, target: str) -> bool:
        source = self.it.address
        return self.made.run(self.space, "ping", "-c", "1", "-W", "1", "-I", source, target).returncode == 0

    def fail(self) -> None:
        """Behind the provider nothing answers any more; the cable stays."""
        assert self.provider
        self.made.ip(self.provider, *(f"addr del {address}/32 dev lo" for address in (*KNOWN, ABROAD)))

    def work(self) -> None:
        assert self.provider
        self.made.ip(self.provider, *(f"addr add {address}/32 dev lo" for address in (*KNOWN, ABROAD)))


def node(made: Spaces, root: Path, number: int, shares: bool) -> Node:
    it = resolved("abcd"[number], subnet=f"10.1.{number}.0/24")
    links = [name for name, there in (("mesh0", number > 0), ("mesh1", number < 3)) if there]
    internet = it.answers.internet.model_copy(update={"share": "auto" if shares else "never"})
    it = replace(it, answers=it.answers.model_copy(update={"internet": internet}),
                 links=tuple(MeshLink(interface=name, name=name, kind="802.11s") for name in links))
    space = made.add(f"node{number}")
    place = root / space
    (place / "run/byzantium/uplink").mkdir(parents=True)
    made.ip(space, "link add clients0 type bridge forward_delay 0", "link add keep0 type veth peer name keep1",
            "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up",
            f"addr add {it.address}/24 dev clients0", f"addr add {it.ula_address}/64 dev clients0 nodad")
    made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv4/conf/all/rp_filter=0",
             "net/ipv4/conf/default/rp_filter=0", "net/ipv6/conf/all/forwarding=1")
    made_node = Node(made, space, place, it)
    if shares:
        made_node.provider = provider = made.add(f"provider{number}")
        made.cable(space, "eth0", provider, "lan0")
        made.ip(provider, "addr add 192.168.7.1/24 dev lan0")
        made_node.work()
        made.start(provider, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", f"--dhcp-leasefile={place}/provider.leases",
                   "--dhcp-range=192.168.7.50,192.168.7.99,255.255.255.0,2m", "--dhcp-authoritative")
    return made_node


@pytest.fixture
def line(tmp_path: Path) -> Iterator[list[Node]]:
    """Four in a line; the ends have Internet of their own, by the same private network as most modems have."""
    with spaces() as made:
        nodes = [node(made, tmp_path, number, number in (0, 3)) for number in range(4)]
        for one, other in pairwise(nodes):
            made.cable(one.space, "mesh1", other.space, "mesh0")
        for each in nodes:
            each.begin()
        yield nodes


def test_the_nearest_gateway_wins_and_the_other_one_when_it_fails(line: list[Node]) -> None:
    first, second, third, last = line
    assert within(60, lambda: first.shares() and last.shares())
    assert within(90, lambda: (second.out(), third.out()) == ("mesh0", "mesh1")), "each goes to the end that is near"
    assert within(30, lambda: second.reaches(ABROAD) and third.reaches(ABROAD))

    began = time.monotonic()
    last.fail()
    assert within(15, lambda: not last.shares())
    assert within(30, lambda: third.out() == "mesh0" and third.reaches(ABROAD))
    print(f"by the other gateway after {time.monotonic() - began:.1f} s")
    assert within(30, lambda: last.reaches(ABROAD)), "the one that lost its own goes by the mesh as well"
    assert second.out() == "mesh0"

    last.work()
    assert within(90, lambda: last.shares() and third.out() == "mesh1")
    assert within(10, lambda: third.reaches(ABROAD))
