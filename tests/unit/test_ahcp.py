"""mesh.addresses ahcp: what a stranger's server may lease, what is planned and undone, and what status says of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from byzwizard import ahcp as duty
from byzwizard.answers import parse
from byzwizard.backends import ahcp, babel, checks, facts, firewall, interfaces, leased, prefixes
from byzwizard.backends.leased import Around, Refused, Verdict
from byzwizard.backends.system import Result, System
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio
from byzwizard.machine import Verdict as Grade
from byzwizard.resolve import Resolved, resolve

RADIO = Radio(interface="wlan0", phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None,
              verdict=Grade(grade="A", link="802.11s", access_point=True, reason="", advice=None))
NEAR = Around(own=(IPv4Network("10.1.1.0/24"), IPv6Network("fd00:1:2::/48")),
              others=(IPv4Network("10.66.0.0/16"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:7::/64")))
GROUP = "/sys/fs/cgroup/system.slice/byz-ahcp.service/cgroup.procs"
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def node(mesh: str = "  addresses: ahcp\n") -> Resolved:
    return resolve(parse(f"byzantium: 1\nmesh:\n  subnet: 10.1.1.0/24\n{mesh}"), Machine(radios=(RADIO,)),
                   Identity(b"n" * 32))


class Computer(System):
    """`ip` on one interface, and a systemd whose units run once they are started."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.given: set[str] = set()
        self.set = ""
        self.links: set[str] = set()
        self.path("/run/systemd/units").mkdir(parents=True)

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        if argv[:2] == ("ip", "-batch"):
            for line in (stdin or "").splitlines():
                assert "ahcp0" in line
                self.one(line.split())
        if argv[:2] in (("systemctl", "restart"), ("systemctl", "stop")):
            self.switch(argv[1] == "restart")
        if argv[:2] == ("ip", "-j"):
            own = [{"local": "fe80::1", "scope": "link"}]
            given = [{"local": one.partition("/")[0], "scope": "global"} for one in sorted(self.given)]
            return Result(0, json.dumps([{"addr_info": own + given}]), "")
        return Result(0, self.set, "") if argv[0] == "nft" else Result(0, "", "")

    def one(self, words: list[str]) -> None:
        match words:
            case ["link", "add", name, *_more]:
                self.links.add(name)
                self.write(f"/sys/class/net/{name}/flags", "0x1\n")
            case ["link", "del", "dev", name]:
                self.links.remove(name)
                self.given.clear()
            case ["addr", verb, address, *_more]:
                (self.given.add if verb == "add" else self.given.remove)(address)

    def switch(self, on: bool) -> None:
        sign = self.path("/run/systemd/units/invocation:byz-ahcp.service")
        sign.unlink(missing_ok=True)
        self.remove(GROUP)
        if on:
            self.write(GROUP, "4711\n")
            sign.symlink_to("id1")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    found = Computer(tmp_path)
    found.links.add("ahcp0")
    for module in (interfaces, ahcp):
        monkeypatch.setattr(module, "index", lambda name: 7 if name in found.links else None)
    return found


@pytest.mark.parametrize(("address", "why"), [
    ("10.9.8.7", None), ("fd00:9::1", None), ("2001:db8:8::1", None),
    ("10.255.255.1", "reserved"), ("10.255.0.9", "reserved"),
    ("192.168.7.9", "outside"), ("8.8.8.8", "outside"), ("0.0.0.0", "outside"), ("127.0.0.1", "outside"),
    ("224.0.0.1", "outside"), ("fe80::1", "outside"), ("ff02::1", "outside"), ("::1", "outside"), ("::", "outside"),
    ("::ffff:a09:807", "outside"),
    ("10.1.1.1", "own"), ("10.1.1.77", "own"), ("fd00:1:2:3::1", "own"),
    ("10.66.3.4", "in-use"), ("2001:db8:7::9", "in-use"),
])
def test_one_address_is_taken_or_refused(address: str, why: str | None) -> None:
    verdict = leased.judge(address, NEAR)
    if why is None:
        assert verdict == Verdict(taken=(address,))
    else:
        assert verdict == Verdict(refused=(Refused(address, why),))


@pytest.mark.parametrize("word", ["10.9.8.0/24", "10.9", "x;reboot", "\x1b[2J", "1" * 500, "fd00::1%eth0"])
def test_what_is_no_address_is_refused_and_told_without_harm(word: str) -> None:
    verdict = leased.judge(word, NEAR)
    assert verdict.taken == ()
    told, = verdict.refused
    assert told.why == "none"
    assert told.address.isprintable()
    assert len(told.address) < 100


def test_one_of_each_kind_is_taken_and_no_more() -> None:
    offered = "10.255.255.1 10.9.8.7 10.9.8.8 fd00:9::1 fd00:9::2\n"
    assert leased.judge(offered, NEAR).taken == ("10.9.8.7", "fd00:9::1")
    assert len(leased.judge("x " * 1000, NEAR).refused) <= 16
    assert leased.judge("", NEAR) == Verdict()


def test_nothing_but_addresses_is_read_of_a_server() -> None:
    given = {"AHCP_IPv4_ADDRESS": "10.9.8.7 10.9.8.8", "AHCP_IPv6_ADDRESS": "fd00:9::1", "AHCP_NAMESERVER": "10.9.9.9",
             "AHCP_NTP_SERVER": "10.9.9.8", "AHCP_IPv4_PREFIX_DELEGATION": "10.0.0.0/8", "AHCP_INTERFACES": "mesh0"}
    assert duty.offered(given) == "10.9.8.7 10.9.8.8 fd00:9::1\n"
    assert duty.offered({}) == "\n"


def test_networks_around_are_those_of_uplinks_nodes_and_interfaces(system: Computer) -> None:
    system.write(prefixes.ROUTES, HEAD + "eth0\t0000420A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
    system.write(leased.IN_USE, "20010db8000700000000000000000009 02 40 00 80 eth0\n"
                                "fd000009000000000000000000000001 07 80 00 80 ahcp0\n")
    near = leased.around(system, ("10.1.1.0/24", "fd00:1:2::/48"))
    assert near.own == NEAR.own
    assert set(near.others) == {IPv4Network("10.66.0.0/16"), IPv6Network("2001:db8:7::/64")}


def test_a_lease_comes_changes_and_goes(system: Computer, capsys: pytest.CaptureFixture[str]) -> None:
    own = ("10.1.1.0/24", "fd00:1:2::/48")
    for offered, has in (("10.9.8.7 fd00:9::1", {"10.9.8.7/32", "fd00:9::1/128"}), ("10.9.8.9", {"10.9.8.9/32"}),
                         ("10.255.255.1", set()), ("10.9.8.9", {"10.9.8.9/32"}), ("", set())):
        system.write(leased.OFFERED, offered)
        duty.settle(system, own)
        assert system.given == has
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "A server has leased 10.9.8.7, fd00:9::1."
    assert "10.255.255.1 of a server is refused: 10.255.0.0/16 is for what every node has." in said
    assert said[-1] == "There is no leased address any more."
    duty.settle(system, own)
    assert capsys.readouterr().err == ""


def test_a_lease_ends_when_an_uplink_turns_out_to_be_there(system: Computer) -> None:
    system.write(leased.OFFERED, "10.66.3.4")
    duty.settle(system, ("10.1.1.0/24",))
    assert system.given == {"10.66.3.4/32"}
    system.write(prefixes.ROUTES, HEAD + "eth0\t0000420A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
    duty.settle(system, ("10.1.1.0/24",))
    assert system.given == set()
    assert leased.noted(system).refused == (Refused("10.66.3.4", "in-use"),)


def test_nothing_is_left_of_it_where_addresses_are_made() -> None:
    made = node(mesh="")
    assert ahcp.asked(made) == ()
    step, = ahcp.STAGE.steps(made, Machine())
    assert step.text == "Take no address from AHCP servers"
    assert "5359" not in firewall.ruleset(made)
    assert "ahcp0" not in babel.configuration(made)
    assert "eq 32" not in babel.configuration(made)


def test_one_step_explains_it_and_servers_are_asked_on_mesh_links_alone() -> None:
    it = node()
    step, = ahcp.STAGE.steps(it, Machine())
    assert isinstance(step, ahcp.Lease)
    assert "AHCP servers of the mesh" in step.text
    assert it.address in step.text
    assert (step.links, step.own) == (("mesh0",), ("10.1.1.0/24", it.ula_mesh))
    assert len(step.identity.encode()) == 8
    batman = node("  addresses: ahcp\n  routing: batman-adv\n  interfaces: [wlan0]\n")
    assert ahcp.asked(batman) == ("bat0",)
    assert ahcp.asked(replace(it, links=())) == ()


def test_routing_announces_the_leased_address_alone_and_the_firewall_lets_servers_in() -> None:
    it = node()
    text = babel.configuration(it).splitlines()
    assert text.index("redistribute local if ahcp0 ip 10.0.0.0/8 eq 32 allow") < text.index("redistribute local deny")
    assert text.index("in ip 10.255.0.0/16 deny") < text.index("in ip 10.0.0.0/8 eq 32 allow")
    # A single address in the networks that nodes make themselves would take it away from one of them.
    assert text.index(f"in ip {it.ula_mesh} deny") < text.index("in ip fc00::/7 eq 128 allow")
    rules = firewall.ruleset(it)
    mesh = rules.partition("chain from_mesh")[2].partition("chain from_clients")[0]
    assert "ip6 saddr fe80::/10 udp dport 5359 accept" in mesh
    assert rules.count("5359") == mesh.count("5359") == 2


def test_it_is_begun_ended_and_each_taken_back(system: Computer) -> None:
    system.links.clear()
    on, = ahcp.STAGE.steps(node(), Machine())
    off, = ahcp.STAGE.steps(node(mesh=""), Machine())
    assert not off.needed(system)
    assert on.needed(system)
    nothing = on.before(system)
    on.apply(system, quiet)
    assert not on.needed(system)
    assert off.needed(system)
    before = off.before(system)
    off.apply(system, quiet)
    assert (off.needed(system), system.links) == (False, set())
    off.undo(system, before)
    assert not on.needed(system)
    on.undo(system, nothing)
    assert (off.needed(system), system.links) == (False, set())
    assert system.read(ahcp.SETTINGS) is None


def quiet(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(("state", "has", "said", "advised"), [
    (Verdict(), (), "No AHCP server of the mesh answers: this node goes by 10.1.1.1 alone.", "mesh.addresses to hash"),
    (Verdict(("10.9.8.7",)), ("10.9.8.7/32",),
     "The AHCP server 30:55:93:79:36:e6:43:bf has leased 10.9.8.7 to this node.", None),
    (Verdict((), (Refused("10.255.255.1", "reserved"),)), (),
     "10.255.255.1 of an AHCP server is not taken: 10.255.0.0/16 is for what every node has.", "other addresses"),
    (Verdict(("10.9.8.7",), (Refused("fe80::1", "outside"),)), ("10.9.8.7/32",),
     "The AHCP server 30:55:93:79:36:e6:43:bf has leased 10.9.8.7 to this node.", "fe80::1 of an AHCP server"),
])
def test_status_says_who_has_leased_what(
    system: Computer, monkeypatch: pytest.MonkeyPatch, state: Verdict, has: tuple[str, ...], said: str,
    advised: str | None,
) -> None:
    monkeypatch.setattr(checks, "running", lambda _system, unit: unit == "byz-ahcp.service")
    system.given = set(has)
    # As nft 1.1.3 words it; the server whose word is the newest counts.
    system.set = json.dumps({"nftables": [{"metainfo": {}}, {"set": {"name": "lessors", "elem": [
        {"elem": {"val": 1, "expires": 500}}, {"elem": {"val": 0x3055937936E643BF, "expires": 93593}}]}}]})
    leased.note(system, state)
    told = checks.lease(system, facts.of(node()))
    assert told is not None
    assert (told.ok, told.text) == (True, said)
    assert (told.advice is None) == (advised is None)
    assert advised is None or advised in (told.advice or "")


def test_a_daemon_that_is_stopped_is_a_fault_and_hash_has_no_check(
    system: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "running", lambda _system, _unit: False)
    told = checks.lease(system, facts.of(node()))
    assert told is not None
    assert not told.ok
    assert checks.lease(system, facts.of(node(mesh=""))) is None


def test_a_server_whose_id_is_of_the_upper_half_is_named_too(system: Computer) -> None:
    """nft 1.1.3 writes such a number as a negative one."""
    system.set = json.dumps({"nftables": [{"set": {"name": "lessors", "elem": [{"elem": {"val": -2, "expires": 5}}]}}]})
    assert ahcp.lessor(system) == "ff:ff:ff:ff:ff:ff:ff:fe"


def test_the_server_is_not_named_where_it_is_not_known(system: Computer) -> None:
    system.set = json.dumps({"nftables": [{"metainfo": {}}, {"set": {"name": "lessors"}}]})
    assert ahcp.lessor(system) is None
