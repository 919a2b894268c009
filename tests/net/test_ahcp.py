"""An address leased by an AHCP server: nodes in containers with the image's own units, Debian's ahcpd as the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.net.booted import NEEDS, Lab, Node, laboratory
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]
LEASED = "  addresses: ahcp\n"
MADE = "  addresses: hash\n"


class Server:
    """ahcpd in server mode, on a computer that is no node of ours: `cable` leads to the first of the line."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.host = lab, lab.boot("s")
        lab.made.cable(self.host.space, "lan0", lab.nodes[0].space, "eth9")
        assert within(90, self.host.is_up)

    def serve(self, *prefixes: str) -> None:
        """Instead of what it gave out before."""
        words = "\n".join(["mode server", *(f"prefix {prefix}" for prefix in prefixes), "lease-dir /run/leases"])
        self.stop()
        self.host.do("mkdir", "-p", "/run/leases")
        self.host.do("tee", "/run/ahcp.conf", stdin=words + "\n")
        self.host.do("systemd-run", "--unit=ahcp", "/usr/sbin/ahcpd", "-c", "/run/ahcp.conf", "-i", "/run/ahcp.id",
                     "-I", "/run/ahcp.pid", "lan0")

    def stop(self) -> None:
        self.host.run("systemctl", "stop", "ahcp")
        self.host.do("rm", "-rf", "/run/leases")

    @property
    def id(self) -> str:
        return bytes.fromhex(self.host.do("od", "-An", "-tx1", "/run/ahcp.id").replace(" ", "").strip()).hex(":")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Server]]:
    """Three nodes in a line, the server on a cable at the first; all ask for a lease."""
    with laboratory(tmp_path_factory.mktemp("ahcp")) as lab:
        for letter in "abc":
            interface(lab, lab.boot(letter))
        for one, other in ((0, 1), (1, 2)):
            lab.made.cable(lab.nodes[one].space, f"eth{other}", lab.nodes[other].space, f"eth{one}")
        server = Server(lab)
        a, b, c = lab.nodes[:3]
        assert within(90, lambda: all(node.is_up() for node in (a, b, c)))
        lab.apply(a, LEASED, "eth9, eth1")
        lab.apply(b, LEASED, "eth0, eth2")
        lab.apply(c, LEASED, "eth1")
        yield lab, server


def interface(lab: Lab, node: Node) -> None:
    """Not every kernel that runs these tests has dummy interfaces."""
    lab.made.ip(node.space, "link add ahcp0 type veth peer name ahcp1", "link set ahcp1 up")


def check(node: Node) -> dict[str, Any]:
    said = node.run("byzwizard", "status", "--json")
    assert said.stdout, said.stderr
    found = json.loads(said.stdout)["checks"]
    told: dict[str, Any] = next(one for one in found if one["id"] == "lease")
    return told


def leased(node: Node) -> list[str]:
    """What its interface has, IPv4 first."""
    shown = node.run("ip", "-br", "addr", "show", "dev", "ahcp0").stdout.split()
    return [word for word in shown[2:] if not word.startswith("fe80:")]


def reaches(node: Node, address: str) -> bool:
    return node.run("ping", "-c", "1", "-W", "1", address).returncode == 0


def journal(node: Node) -> str:
    return node.do("journalctl", "-q", "-o", "cat", "-u", "byz-lease")


def test_nobody_answers_and_the_node_works(place: tuple[Lab, Server]) -> None:
    lab, _server = place
    a, _b, c = lab.nodes[:3]
    assert within(60, lambda: reaches(a, c.address))
    said = check(c)
    assert said["ok"]
    assert said["text"] == f"No AHCP server of the mesh answers: this node goes by {c.address} alone."
    assert "mesh.addresses" in said["advice"]


def test_an_address_is_leased_over_hops_and_reached_over_hops(place: tuple[Lab, Server]) -> None:
    lab, server = place
    a, _b, c = lab.nodes[:3]
    server.serve("10.200.7.0/24", "fd99:8877:6655:4433::/64")
    lab.apply(c, LEASED, "eth1")  # nothing to do, and it works at once
    for node in lab.nodes[:3]:
        node.do("systemctl", "restart", "byz-ahcp")  # who asked for long asks seldom
    assert within(90, lambda: len(leased(c)) == 2), c.do("journalctl", "-o", "cat", "-u", "byz-ahcp", "-u", "byz-lease")
    four, six = leased(c)
    assert four.startswith("10.200.7.")
    assert four.endswith("/32")
    assert six.startswith("fd99:8877:6655:4433:")
    assert six.endswith("/128")
    assert within(60, lambda: reaches(a, four.removesuffix("/32")))
    assert within(60, lambda: reaches(a, six.removesuffix("/128")))
    said = check(c)
    assert (said["ok"], said["advice"]) == (True, None)
    assert said["text"] == (f"The AHCP server {server.id} has leased {four.removesuffix('/32')}, "
                            f"{six.removesuffix('/128')} to this node.")


def test_a_second_apply_does_nothing(place: tuple[Lab, Server]) -> None:
    lab, _server = place
    c = lab.nodes[2]
    before = leased(c)
    done = c.do("byzwizard", "apply", "/tmp/answers.yaml", "--yes", "--json")
    steps = [json.loads(line) for line in done.splitlines()]
    assert not [step for step in steps if step.get("changed") and step.get("stage")]
    assert leased(c) == before
    plan = json.loads(c.do("byzwizard", "plan", "/tmp/answers.yaml", "--json"))
    lease = next(stage for stage in plan["stages"] if stage["name"] == "lease")
    assert [(step["id"], step["needed"]) for step in lease["steps"]] == [("lease", False)]


def test_the_server_is_gone_and_the_node_keeps_working(place: tuple[Lab, Server]) -> None:
    lab, server = place
    a, _b, c = lab.nodes[:3]
    server.stop()
    c.do("systemctl", "restart", "byz-ahcp")
    assert within(30, lambda: not leased(c))
    assert within(30, lambda: check(c)["text"].startswith("No AHCP server of the mesh answers"))
    assert reaches(a, c.address)
    assert c.run("byzwizard", "status").returncode == 0


@pytest.mark.parametrize("prefix", ["10.255.255.0/29", "192.168.5.0/24", "10.66.0.0/24", "own"])
def test_what_a_stranger_may_not_lease_is_refused_and_told(place: tuple[Lab, Server], prefix: str) -> None:
    lab, server = place
    c = lab.nodes[2]
    if prefix == "own":
        prefix = c.address.removesuffix(".1") + ".0/24"
    if prefix.startswith("10.66."):  # the network of an uplink
        lab.made.ip(c.space, "link add up0 type veth peer name up1", "link set up0 up", "link set up1 up",
                    "addr add 10.66.0.9/16 dev up0")
    server.serve(prefix)
    c.do("systemctl", "restart", "byz-ahcp")
    start = prefix.rpartition(".")[0] + "."
    assert within(90, lambda: check(c)["text"].startswith(start)), journal(c)
    said = check(c)
    assert said["ok"]
    assert "of an AHCP server is not taken" in said["text"]
    assert "other addresses" in said["advice"]
    assert leased(c) == []
    assert f"{start}1 of a server is refused" in journal(c)
    server.stop()


def test_hash_again_leaves_nothing(place: tuple[Lab, Server]) -> None:
    lab, server = place
    a, _b, c = lab.nodes[:3]
    server.serve("10.200.8.0/24")
    c.do("systemctl", "restart", "byz-ahcp")
    assert within(90, lambda: bool(leased(c)))
    address = leased(c)[0].removesuffix("/32")
    assert within(60, lambda: reaches(a, address))
    lab.apply(c, MADE, "eth1")
    assert c.run("ip", "link", "show", "dev", "ahcp0").returncode != 0
    for unit in ("byz-ahcp.service", "byz-lease.path"):
        assert c.run("systemctl", "is-active", "--quiet", unit).returncode != 0
    assert "5359" not in c.do("nft", "list", "table", "inet", "byz-filter")
    assert within(60, lambda: not reaches(a, address))
    assert within(60, lambda: reaches(a, c.address))
