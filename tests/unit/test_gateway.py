"""The duty of the wired ports: what is believed of a lease, when a way counts as lost, and what may be shared."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from byzwizard.answers import parse
from byzwizard.backends import facts, gateway, leases, mesh, ownlan, strangers, uplinks
from byzwizard.backends.neighbours import Known
from byzwizard.backends.ports import Port
from byzwizard.backends.protocol import Dump, Neighbour, Way
from byzwizard.backends.system import Result, System
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.gateway import EVERY, FAULTY, LOST, Gateway, Health, Settings, blocked, replugged, settings
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict, Wired
from byzwizard.plan import Step
from byzwizard.resolve import Resolved, resolve

RADIO = Radio(interface="wlan0", phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None,
              verdict=Verdict(grade="A", link="802.11s", access_point=True, reason="", advice=None))
MACHINE = Machine(radios=(RADIO,), wired=tuple(
    Wired(interface=name, mac="02:00:00:00:01:00", driver=None, carrier=False) for name in ("eth0", "eth1")))


def node(text: str = "") -> Resolved:
    return resolve(parse(f"byzantium: 1\n{text}"), MACHINE, Identity(b"n" * 32))


def test_a_lease_is_read() -> None:
    text = "ip=192.168.7.50\nmask=24\nrouter=192.168.7.1 192.168.7.2\ndns=192.168.7.1 9.9.9.9\nserver=192.168.7.1\n"
    lease = leases.parse(text)
    assert lease == leases.Lease("192.168.7.50/24", "192.168.7.1", ("192.168.7.1", "9.9.9.9"), "192.168.7.1")
    assert lease.network == "192.168.7.0/24"


@pytest.mark.parametrize("text", [
    "", "ip=\n", "ip=127.0.0.1\nmask=8\n", "ip=224.0.0.1\nmask=24\n", "ip=0.0.0.0\nmask=0\n", "ip=10.1.1.1\nmask=33\n",
    "ip=10.1.1.1; reboot\nmask=24\n", "ip=10.1.1.1\nmask=x\n", "ip=fe80::1\nmask=64\n", "ip=255.255.255.255\nmask=32\n",
    "ip=169.254.3.4\nmask=16\n",
])
def test_what_no_host_can_have_is_no_lease(text: str) -> None:
    assert leases.parse(text) is None


def test_a_hostile_router_or_name_server_is_left_out() -> None:
    lease = leases.parse("ip=192.0.2.5\nmask=24\nrouter=dev 192.0.2.5 ::1\ndns=$(reboot) 0.0.0.0\nserver=\"\n")
    assert lease == leases.Lease("192.0.2.5/24", None, (), None)


def test_a_way_is_lost_after_two_rounds_and_back_after_one() -> None:
    health = Health()
    health.told(True, 100.0, EVERY)
    assert (health.working, health.due) == (True, 100.0 + EVERY)
    health.told(False, 105.0, EVERY)
    assert health.working, "one answer may get lost"
    assert health.due == 106.0
    health.told(False, 108.0, EVERY)
    assert (health.working, health.failures) == (False, LOST)
    health.told(True, 115.0, EVERY)
    assert health.working


def test_a_withdrawal_takes_less_than_fifteen_seconds() -> None:
    from byzwizard.backends.reach import HALF
    from byzwizard.gateway import AGAIN, TICK

    assert EVERY + TICK + 2 * HALF + AGAIN + TICK + 2 * HALF < 15


@pytest.mark.parametrize(("share", "allowed"), [("ask", ""), ("never", ""), ("auto", "eth0 eth1"), ("[eth1]", "eth1")])
def test_what_may_be_shared(share: str, allowed: str, tmp_path: Path) -> None:
    resolved = node(f"internet: {{share: {share}}}\n")
    (tmp_path / "settings.json").write_text(gateway.settings(resolved))
    read = settings(tmp_path)
    assert isinstance(read, Settings)
    assert [port for port in gateway.ports(resolved, MACHINE) if read.allows(port)] == allowed.split()
    assert read.subnet == resolved.subnet


def test_a_port_that_meshes_is_not_listened_to() -> None:
    assert gateway.ports(node(), MACHINE) == ("eth0", "eth1")
    assert gateway.ports(node("mesh: {interfaces: [wlan0, eth1]}\n"), MACHINE) == ("eth0",)


@pytest.mark.parametrize("text", [
    "internet: {share: [wlan0]}\n", "internet: {share: [eth7]}\n",
    "mesh: {interfaces: [wlan0, eth1]}\ninternet: {share: [eth1]}\n",
])
def test_what_cannot_be_shared_names_its_key(text: str) -> None:
    with pytest.raises(CannotHere, match=r"internet\.share"):
        gateway.STAGE.steps(node(text), MACHINE)


def test_the_duty_knows_which_ports_mesh(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(gateway.settings(node("mesh: {interfaces: [wlan0, eth1]}\n")))
    assert settings(tmp_path).meshing == ("eth1",)


def test_a_computer_without_ports_waits_for_some() -> None:
    found = gateway.STAGE.steps(node(), Machine(radios=(RADIO,)))
    assert "whatever is plugged in" in found[-1].text


def test_the_step_says_what_is_shared() -> None:
    def text(share: str) -> str:
        last: Step = gateway.STAGE.steps(node(f"internet: {{share: {share}}}\n"), MACHINE)[-1]
        return last.text

    assert "until asked" in text("ask")
    assert text("[eth1]").endswith("share the Internet of eth1")
    assert "eth0, eth1" in text("auto")


class Told(System):
    """Notes what ip(8) is told; of what a former run left behind nothing is there."""

    def __init__(self, root: Path = Path("/")) -> None:
        super().__init__(root)
        self.told: list[str] = []

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        self.told += (stdin or " ".join(argv[1:])).splitlines()
        return Result(2 if "pref" in argv and "lookup" not in argv else 0, "", "")

    def since(self) -> list[str]:
        told, self.told = self.told, []
        return told


def test_an_owners_ways_come_before_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownlan, "index", {"eth0": 2, "wifi0": 3}.get)
    system = Told()
    own = ownlan.OwnWays(system)
    own.keep([], [])
    assert system.since() == [*(f"-4 rule del pref {pref}" for pref in (900, 920, 921)),
                              *(f"-4 route flush table {table}" for table in (150, 152))], "of a run that was killed"
    known, beyond = "pref 920 iif lo lookup main suppress_prefixlength 0", "pref 921 iif lo lookup 152"
    cable = "default via 192.168.7.1 dev eth0 onlink table 152 metric 2"
    air = "default via 172.16.9.1 dev wifi0 onlink table 152 metric 3"
    own.keep([], [("eth0", "192.168.7.1")])
    assert system.since() == [f"route replace {cable}", f"rule add {known}", f"rule add {beyond}"]
    own.keep([], [("eth0", "192.168.7.1")])
    assert system.since() == [f"route replace {cable}"], "the kernel may have dropped it, and drops no rule"
    own.keep([], [("wifi0", "172.16.9.1")])
    assert system.since() == [f"route replace {air}", f"-4 route del {cable}"], "the rules stand all the while"
    own.keep([], [])
    assert system.since() == [f"-4 rule del {beyond}", f"-4 rule del {known}", f"-4 route del {air}"]


def test_two_ports_in_one_network_keep_a_way_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownlan, "index", {"eth0": 2, "wifi0": 3}.get)
    system = Told()
    own = ownlan.OwnWays(system)
    both = [(port, leases.Lease(f"10.50.3.{n}/16", None, (), None)) for n, port in enumerate(("eth0", "wifi0"), 7)]
    own.keep(both, [])
    system.since()
    own.keep(both[:1], [])
    assert system.since() == ["route replace 10.50.0.0/16 dev eth0 table 150 metric 2",
                              "-4 route del 10.50.0.0/16 dev wifi0 table 150 metric 3"]


@pytest.mark.parametrize(("mesh", "names"), [("babel", '"mesh*"'), ("batman-adv", '"mesh*", "bat0"')])
def test_what_is_for_the_mesh_is_so_by_its_own_interfaces(mesh: str, names: str) -> None:
    resolved = node(f"mesh: {{routing: {mesh}}}\n")
    lines = [line.strip() for line in gateway.ruleset(resolved).splitlines()]
    at = lines.index(f'iifname {{ {names}, "clients0", "tunnel0", "lo" }} accept')
    assert lines[at + 1:at + 3] == [f"ip daddr {{ {resolved.address}, 10.255.255.1 }} drop",
                                    f"ip6 daddr {resolved.ula_mesh} drop"]


def test_who_comes_by_the_tunnel_has_what_is_shared_alone() -> None:
    text = " ".join(gateway.ruleset(node()).replace("\\\n", "").split())
    assert ("hook output priority filter; policy accept; meta skuid 970 ct direction original "
            'oifname != { "mesh*", "clients0", "lo" } oifname != @shared reject with icmpx admin-prohibited }') in text
    users = Path(__file__).parents[2] / "iso/base/usr/lib/sysusers.d/byzantium.conf"
    assert f"u byz-tunnel {gateway.TUNNEL} " in users.read_text()


def test_what_cannot_be_looked_after_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The radio of the Wi-Fi uplink, switched off for a day."""
    (tmp_path / "settings.json").write_text(gateway.settings(node()))
    duty, port = Gateway(System(tmp_path), tmp_path), Port("wifi0", System(tmp_path), tmp_path, "10.1.1.0/24")
    steps: list[float] = []

    def off(now: float) -> bool:
        steps.append(now)
        raise StepFailed("RTNETLINK answers: Operation not possible due to RF-kill")

    monkeypatch.setattr(port, "step", off)
    for now in range(60):
        duty._step(port, float(now))
    assert len(steps) == 60 / FAULTY
    assert capsys.readouterr().err.count("RF-kill") == 1


def test_what_a_killed_duty_did_to_a_port_is_undone_also_where_it_meshes_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """eth0 led back to this node, eth1 served, eth2 was somebody else's."""
    monkeypatch.setattr("byzwizard.gateway.index", {"eth0": 2, "eth1": 3, "eth2": 4}.get)
    system = Told(tmp_path)
    for name, flags in (("eth0", "0x1083"), ("eth1", "0x1003"), ("eth2", "0x1083")):
        system.write(f"/sys/class/net/{name}/flags", f"{flags}\n")
    system.path("/sys/class/net/clients0").mkdir()
    system.path("/sys/class/net/eth1/master").symlink_to("../clients0")
    (tmp_path / "settings.json").write_text(gateway.settings(node("mesh: {interfaces: [wlan0, eth0, eth1]}\n")))
    (tmp_path / "state.json").write_text(json.dumps({"ports": [
        {"port": name, "state": state, "address": None}
        for name, state in (("gone", "refused"), ("eth0", "refused"), ("eth1", "clients"), ("eth2", "held"))]}))
    Gateway(system, tmp_path)._forget_former()
    assert [line for line in system.since() if "link" in line] == [
        "link set dev eth0 arp on", "link set dev eth1 nomaster"]


@pytest.mark.parametrize(("flags", "needed"), [("0x1003", False), ("0x1002", True), ("0x1083", True)])
def test_a_cable_that_meshes_is_up_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, needed: bool
) -> None:
    monkeypatch.setattr(mesh, "must_have", lambda name: 2)
    system = Told(tmp_path)
    system.write("/sys/class/net/eth1/flags", f"{flags}\n")
    step = mesh.CableUp(id="up", text="", interface="eth1")
    assert step.needed(system) == needed
    step.apply(system, lambda done, total: None)
    assert system.since() == ["link set dev eth1 arp on up"]


def test_strangers_are_read() -> None:
    told = {"nftables": [{"metainfo": {}}, {"set": {"name": "strangers", "elem": [
        {"elem": {"val": {"concat": ["eth0", "02:00:00:00:00:09", "10.1.1.66"]}, "timeout": 45, "expires": 40}}]}},
        {"set": {"name": "routers", "elem": [{"concat": ["ap0", "02:00:00:00:00:08", "fe80::8"]}]}},
        {"set": {"name": "served", "elem": ["eth0"]}}]}
    assert strangers.parse(json.dumps(told)) == {"eth0": "02:00:00:00:00:09 (10.1.1.66)",
                                                 "ap0": "02:00:00:00:00:08 (fe80::8)"}
    assert strangers.parse('{"nftables": [{"set": {"name": "strangers"}}]}') == {}


def test_who_leads_out() -> None:
    from tests.unit.test_status import known

    port = uplinks.PortState("eth0", "uplink", "192.0.2.5/24", "192.0.2.1", None, None, True, True, True, False, None,
                              "eth0")
    assert uplinks.shared_by([port], Dump(), known(), {}) == {
        "here": True, "interface": "eth0", "name": "pier", "via": "192.0.2.1", "address": "192.0.2.5/24"}
    near = Neighbour("fe80::1", "mesh0", 0xffff, 256, 256, 256)
    ways = (Way("10.1.2.0/24", True, 256, 0, "fe80::1", "mesh0"), Way("0.0.0.0/0", True, 256, 0, "fe80::1", "mesh0"))
    found = uplinks.shared_by([], Dump((near,), ways), known(), {"10.1.2.1": Known("dock", 1)})
    assert found is not None
    assert (found["here"], found["name"], found["via"]) == (False, "dock", "10.1.2.1")
    gone = (Way("0.0.0.0/0", True, None, 65535, "fe80::1", "mesh0"),)
    assert uplinks.shared_by([], Dump((near,), gone), known(), {}) is None


def test_what_status_says_of_a_port() -> None:
    def said(**changes: object) -> str:
        fields: dict[str, object] = {"port": "eth0", "state": "uplink", "address": None, "router": None, "server": None,
                                     "stranger": None, "shared": False, "allowed": False, "working": True,
                                     "asks": False, "network": None, "interface": "eth0"}
        port = uplinks.PortState(**{**fields, **changes})  # type: ignore[arg-type]  # each names the fields it means
        return " ".join(check.text for check in (uplinks._internet(port), uplinks._stranger(port)) if check)

    assert "is not shared" in said()
    assert "shared with the mesh" in said(shared=True, allowed=True)
    assert "does not lead" in said(allowed=True, working=False)
    assert "02:00" in said(state="refused", stranger="02:00:00:00:00:09")
    assert said(state="clients") == ""


def test_of_blocked_networks_all_are_those_of_other_nodes_or_none_counts(tmp_path: Path) -> None:
    told = tmp_path / "blocked"
    assert blocked(told, "10.1.1.0/24") == []
    told.write_text("10.3.3.0/24\n10.2.2.0/24\n10.1.1.0/24\n")
    assert blocked(told, "10.1.1.0/24") == ["10.2.2.0/24", "10.3.3.0/24"], "never its own"
    for wrong in ("0.0.0.0/0", "10.0.0.0/8", "10.255.255.0/24", "10.2.2.0/24 } ; flush ruleset"):
        told.write_text(f"10.2.2.0/24\n{wrong}\n")
        assert blocked(told, "10.1.1.0/24") == [], wrong


@pytest.mark.parametrize(("links", "here", "new", "taken"), [
    (("mesh0",), ("lo", "wlan0"), ("wlan0",), True),  # its radio, under another name
    (("mesh0",), ("lo", "mesh0", "wlan1"), ("wlan1",), False),  # one more
    ((), ("lo", "wlan0"), ("wlan0",), True),  # the first that there is
    (("mesh0",), ("lo", "eth9"), ("eth9",), False),
    (("eth1",), ("lo", "eth1"), ("eth1",), True),  # a cable that meshes, and is down
])
def test_a_radio_or_cable_that_the_node_lacks_is_taken_when_it_comes(
    tmp_path: Path, links: Sequence[str], here: Sequence[str], new: Sequence[str], taken: bool
) -> None:
    system = System(tmp_path)
    assert not replugged(system, frozenset(new), here), "this computer is no node"
    it = node()
    known = replace(facts.of(it), links=tuple(facts.Link(name, "wired", None) for name in links), access_points=())
    system.write(facts.FACTS, json.dumps(asdict(known)))
    for name in here:
        system.write(f"/sys/class/net/{name}/flags", "0x1002" if name in new else "0x1003")
        if name.startswith("wlan"):
            system.path(f"/sys/class/net/{name}/phy80211").mkdir()
    assert replugged(system, frozenset(new), here) == taken


@pytest.mark.parametrize(("missing", "new"), [("wlan1", "wlan1"), ("enx1", "enx1"), (facts.WIFI, "wlan7")])
def test_what_was_not_plugged_in_at_the_start_is_taken_when_it_comes(tmp_path: Path, missing: str, new: str) -> None:
    system = System(tmp_path)
    known = replace(facts.of(node()), missing=(missing,))
    system.write(facts.FACTS, json.dumps(asdict(known)))
    here = {link.name for link in known.links} | set(known.access_points)
    for name in (*here, new):
        system.write(f"/sys/class/net/{name}/flags", "0x1003")
    system.path(f"/sys/class/net/{new}/phy80211").mkdir()
    assert replugged(system, frozenset({new}), {*here, new})
    assert not replugged(system, frozenset({"eth9"}), {*here, "eth9"})
