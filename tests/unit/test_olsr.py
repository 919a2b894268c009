"""mesh.routing olsr: what is written and planned where olsrd is installed, what is said where it is not, and what its
plugin jsoninfo told in a line of three nodes of which the first two have two links."""

import dataclasses
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from byzwizard.answers import Mesh, parse
from byzwizard.backends import batman, checks, firewall, olsr, olsr_info, routes, routing, status, uplinks
from byzwizard.backends.airing import Station
from byzwizard.backends.facts import Facts, Link
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.backends.neighbours import listed
from byzwizard.backends.protocol import NotAnswering
from byzwizard.backends.spoken import protocol
from byzwizard.backends.system import System
from byzwizard.backends.units import RunUnit
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict, Wired
from byzwizard.plan import Step
from byzwizard.resolve import Resolved, resolve
from byzwizard.routings import ROUTINGS

RADIO = Radio(interface="wlan0", phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None,
              verdict=Verdict(grade="A", link="802.11s", access_point=True, reason="", advice=None))
CABLE = Wired(interface="eth0", mac="02:00:00:00:01:00", carrier=True)
MACHINE = Machine(radios=(RADIO,), wired=(CABLE,), programs=("olsrd",))
TOLD = (Path(__file__).parent / "olsrd.json").read_text()
ARP = """IP address       HW type     Flags       HW address            Mask     Device
10.2.2.1         0x1         0x2         02:00:00:00:02:00     *        mesh0
10.2.2.1         0x1         0x2         02:00:00:00:02:01     *        mesh1
10.9.9.1         0x1         0x0         00:00:00:00:00:00     *        mesh0
"""
MIDDLE = "fe80::ff:fe00:200"


def node(text: str = "", machine: Machine = MACHINE) -> Resolved:
    return resolve(parse(f"byzantium: 1\nmesh:\n  routing: olsr\n  subnet: 10.1.1.0/24\n{text}"), machine,
                   Identity(b"n" * 32))


def steps(resolved: Resolved) -> dict[str, Step]:
    found: Sequence[Step] = routing.STAGE.steps(resolved, MACHINE)
    return {step.id: step for step in found}


def test_where_olsrd_is_missing_it_is_refused_with_what_to_do() -> None:
    with pytest.raises(CannotHere) as refused:
        node(machine=Machine(radios=(RADIO,)))
    assert refused.value.status == 4
    assert refused.value.message == (
        "mesh.routing: that needs the program olsrd, which neither Debian nor this stick has.")
    assert refused.value.hint == "Install olsrd on every node of the mesh, or set mesh.routing to babel on all of them."


def test_the_configuration_is_that_of_the_node() -> None:
    resolved = node("  interfaces: [wlan0, eth0]\n")
    assert resolved.routed == ("mesh0", "eth0")
    lines = [line.strip() for line in olsr.configuration(resolved).splitlines()]
    for line in ("MainIp 10.1.1.1", "10.1.1.0 255.255.255.0", "RtProto 152", "LinkQualityLevel 2", "SetIpForward no",
                 'PlParam "listen" "127.0.0.1"', 'PlParam "accept" "127.0.0.1"', "HelloInterval 2.0", "TcInterval 5.0"):
        assert line in lines, line
    text = "\n".join(lines)
    assert 'Interface "mesh0"\n{\nMode "mesh"\n}' in text
    assert 'Interface "eth0"\n{\nMode "ether"\n}' in text
    announced = text[text.index("Hna4"):text.index("LoadPlugin")]
    assert "0.0.0.0" not in announced, "a way to the Internet is announced by the plugin alone, while there is one"
    assert "proto 150 " in text


def test_its_links_carry_the_nodes_address_before_it_starts() -> None:
    found = steps(node())
    assert list(found) == ["babel-stop", "babel-addresses", "olsr-addresses", "olsr-file", "olsr"]
    addresses, run = found["olsr-addresses"], found["olsr"]
    assert isinstance(addresses, LinkAddresses)
    assert (addresses.links, addresses.address) == (("mesh0",), "10.1.1.1")
    assert isinstance(run, RunUnit)
    assert (run.unit, set(run.after)) == ("byz-olsr.service", {"olsr-addresses", "olsr-file"})


@pytest.mark.parametrize("other", ["babel", "batman-adv", "none"])
def test_with_another_routing_nothing_of_it_is_left(other: str) -> None:
    found = steps(resolve(parse(f"byzantium: 1\nmesh: {{routing: {other}}}\n"), MACHINE, Identity(b"n" * 32)))
    addresses = found["olsr-addresses"]
    assert isinstance(addresses, LinkAddresses)
    assert (addresses.links, addresses.after) == ((), ("olsr-stop",))
    assert ("babel" in found) != ("babel-stop" in found)
    lacking = routing.STAGE.steps(
        resolve(parse(f"byzantium: 1\nmesh: {{routing: {other}}}\n"), MACHINE, Identity(b"n" * 32)), Machine())
    assert not any(step.id.startswith("olsr") for step in lacking), "what cannot have run need not be ended"


def test_each_routing_opens_its_own_port_alone() -> None:
    rules = firewall.ruleset(node())
    assert "ip saddr 10.0.0.0/8 udp dport 698 accept" in rules
    assert "udp dport 6696" not in rules
    other = firewall.ruleset(resolve(parse("byzantium: 1\n"), MACHINE, Identity(b"n" * 32)))
    assert "udp dport 6696 accept" in other
    assert "698" not in other


def test_that_it_has_no_key_is_said() -> None:
    assert any("olsr has no key" in note for note in node("  passphrase: correct horse\n").notes)
    assert not any("no key" in note for note in node("  security: open\n").notes)
    assert any("with one network for their phones do not find out" in note for note in node().notes)
    found = checks.security(facts("olsr"))
    assert found.ok
    assert "olsr has no key" in (found.advice or "")
    assert checks.security(facts("babel")).advice is None


def facts(routing_: str) -> Facts:
    return Facts("lighthouse", "a" * 32, ("10.1.1.1", "fd00::1"), "byzantium", "byzantium~prv", "private", routing_,
                 (Link("mesh0", "802.11s", None),), ("bat0",) if routing_ == "batman-adv" else ("mesh0",), (), True)


def test_status_looks_at_the_daemon_of_the_routing(tmp_path: Path) -> None:
    for name, unit in (("babel", "byz-babel"), ("olsr", "byz-olsr")):
        found = checks.routing(System(tmp_path), facts(name), False)
        assert found is not None
        assert f"journalctl -u {unit}.service" in (found.advice or "")
    whole = checks.routing(System(tmp_path), facts("batman-adv"), True)
    assert whole is not None
    assert whole.text == "The mesh link mesh0 is not part of bat0."
    assert checks.routing(System(tmp_path), facts("none"), False) is None


def test_what_olsrd_tells_is_read() -> None:
    told = olsr_info.parse(TOLD, olsr_info.neighbours_at(ARP))
    assert told.own == ("10.1.1.0/24",)
    assert told.up == ("mesh0", "mesh1")
    assert [(one.address, one.interface, one.cost) for one in told.neighbours] == [
        (MIDDLE, "mesh0", 533), ("fe80::ff:fe00:201", "mesh1", 533)]
    near, far = (next(way for way in told.ways if way.prefix == prefix) for prefix in ("10.2.2.0/24", "10.3.3.0/24"))
    assert (near.via, near.refmetric, near.metric, near.origin) == (MIDDLE, 0, 533, "10.2.2.1")
    assert (far.via, far.refmetric, far.metric, far.origin) == (MIDDLE, 1, 1506, "10.3.3.1")
    assert told.announced_by(MIDDLE) == near
    assert [(one.address, one.hops, one.metric, one.via) for one in listed([], told, {})] == [
        ("10.2.2.1", 1, 533, None), ("fe80::ff:fe00:201", 1, 533, None), ("10.3.3.1", None, 1506, "10.2.2.1")]
    shared = uplinks.shared_by([], told, facts("olsr"), {})
    assert shared is not None
    assert shared["via"] == "10.2.2.1"


def test_a_neighbour_that_nobody_has_asked_for_goes_by_its_ipv4_address() -> None:
    told = olsr_info.parse(TOLD, {})
    assert {one.address for one in told.neighbours} == {"10.2.2.1"}
    assert told.announced_by("10.2.2.1") is not None
    joined = [Station("02:00:00:00:02:00", -50, "ESTAB", 300)]
    assert status.silent_links(joined, told, "olsr", lambda: None) == []
    mute, = status.silent_links([*joined, Station("02:00:00:00:07:00", -50, "ESTAB", 300)], told, "olsr", lambda: None)
    assert "journalctl -u byz-olsr`" in (mute.advice or "")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"links": 1}', TOLD[:200],
                                  '{"interfaces": [3], "links": [], "routes": [], "hna": []}'])
def test_another_daemon_is_no_traceback(text: str) -> None:
    with pytest.raises(NotAnswering):
        olsr_info.parse(text, {})


def test_its_frames_are_told_from_others() -> None:
    head = bytearray(b"\x45" + bytes(19))
    head[9] = 17
    udp = b"\x02\xba\x02\xba" + bytes(4)
    assert protocol(olsr.IPV4, bytes(head) + udp) == "olsr"
    assert protocol(olsr.IPV4, bytes(head) + b"\0\x35\0\x35" + bytes(4)) is None
    head[0] = 0x46  # with options
    assert protocol(olsr.IPV4, bytes(head) + bytes(4) + udp) == "olsr"
    assert protocol(olsr.IPV4, b"") is None
    assert protocol(batman.FRAMES, b"") == "batman-adv"


def test_addresses_of_links_are_given_once_and_taken_back(tmp_path: Path) -> None:
    step = LinkAddresses(file=olsr.LINKS, id="olsr-addresses", text="", links=("gone0",), address="10.1.1.1")
    system = System(tmp_path)
    assert step.needed(system)
    system.write(olsr.LINKS, "LINKS=gone0\nADDRESS=10.1.1.1\n")
    none = dataclasses.replace(step, links=(), address=None)
    assert none.needed(system)
    none.apply(system, lambda _done, _total: None)
    assert system.read(olsr.LINKS) is None
    assert not none.needed(system)


def test_each_routing_that_answers_can_name_is_known_and_driven() -> None:
    named = set(get_args(Mesh.model_fields["routing"].annotation))
    assert set(ROUTINGS) == named
    assert set(routing.PROTOCOLS) == named - {"none"}


@pytest.mark.parametrize("name", sorted(routing.PROTOCOLS))
def test_the_ways_of_each_routing_are_known_in_the_kernels_table(name: str) -> None:
    """As the kernel tells of 10.1.2.0/24 and of a /64 (linux/rtnetlink.h: struct rtmsg, then RTA_DST)."""
    proto = ROUTINGS[name].kernel
    assert proto is not None

    def told(family: int, length: int, network: bytes) -> bytes:
        return struct.pack("=8BI", family, length, 0, 0, 254, proto, 0, 1, 0) + struct.pack(
            "=HH", 4 + len(network), 1) + network

    found = routes._route(told(socket.AF_INET, 24, bytes((10, 1, 2, 0))))
    assert found is not None
    assert found.node == "10.1.2.1"
    assert routes._six(told(socket.AF_INET6, 64, b"\xfd" + bytes(15))) == "fd00::1"
    assert routes._leads_out(told(socket.AF_INET, 0, b"")) == {proto}
