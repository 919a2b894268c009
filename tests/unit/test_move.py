"""Who takes another network for its clients when two nodes have the same, and which."""

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byzwizard import move
from byzwizard.answers import parse
from byzwizard.backends import directory, facts, keep, prefixes
from byzwizard.backends.facts import Facts
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.resolve import client_prefix

NODE = Identity(b"n" * 32).id
SMALLER, GREATER = "2" * 32, "z" * 32
IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=32, max_size=32)
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000100A\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
mesh0\t0003020A\t00000000\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
clients0\t0009080A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tunnel0\t0009080A\t00000000\t0001\t0\t0\t0\tF8FFFFFF\t0\t0\t0
"""


def known(address: str, node_id: str = NODE) -> Facts:
    return Facts("lighthouse", node_id, (address, "fd00::1"), "byzantium", "byzantium~pub", "public", "babel", (), (),
                 (), portal=True)


@given(IDS, IDS)
def test_of_two_nodes_exactly_one_moves(one: str, other: str) -> None:
    assert directory.moves(one, other) + directory.moves(other, one) == (one != other)


@given(st.lists(IDS, min_size=2, max_size=6, unique=True))
def test_of_several_all_but_one_move_whomever_each_looks_at_first(ids: list[str]) -> None:
    staying = [own for own in ids if not any(directory.moves(own, other) for other in ids if other != own)]
    assert staying == [min(ids)]


def test_routes_of_uplinks_and_nodes_are_in_use_and_the_clients_own_are_not() -> None:
    assert prefixes.routed(ROUTES) == {"10.16.0.0/12", "10.2.3.0/24"}


def test_the_network_is_never_inside_one_that_is_in_use() -> None:
    first = client_prefix(NODE, ())
    around = str(IPv4Network(first).supernet(new_prefix=12))
    chosen = client_prefix(NODE, {around, "192.168.0.0/16", "169.254.0.0/16"})
    assert not IPv4Network(chosen).overlaps(IPv4Network(around))


def test_an_uplink_that_has_all_of_it_cannot_be_avoided() -> None:
    assert client_prefix(NODE, {"10.0.0.0/8"}) == client_prefix(NODE, ())


def test_both_halves_taken_are_no_place_at_all() -> None:
    with pytest.raises(CannotHere):
        client_prefix(NODE, {"10.0.0.0/9", "10.128.0.0/9"})


def test_the_former_network_stays_while_it_is_free_and_of_the_node_itself() -> None:
    first = client_prefix(NODE, ())
    second = client_prefix(NODE, {first})
    assert client_prefix(NODE, (), second) == second
    assert client_prefix(NODE, {second}, second) == first
    assert client_prefix(NODE, (), "10.1.2.0/24") == first, "that was another's"


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def told(system: System, other: str, address: str) -> None:
    system.write(move.CLASH, json.dumps({"id": other, "addresses": [address, "fd00::1"]}))


def test_it_moves_for_a_smaller_id_with_its_present_address(system: System) -> None:
    here = known("10.1.2.1")
    assert move.reason(system, here) is None
    told(system, SMALLER, "10.1.2.1")
    assert move.reason(system, here) == f"{SMALLER} has it too"
    told(system, GREATER, "10.1.2.1")
    assert move.reason(system, here) is None, "the other one moves"
    told(system, SMALLER, "10.9.9.1")
    assert move.reason(system, here) is None, "it has moved already"


@pytest.mark.parametrize("text", ["", "x", "[]", "7", '{"id": 5, "addresses": ["10.1.2.1"]}',
                                  '{"id": "../../etc", "addresses": ["10.1.2.1"]}', '{"id": "a", "addresses": 1}'])
def test_what_is_no_request_moves_nobody(system: System, text: str) -> None:
    system.write(move.CLASH, text)
    assert move.reason(system, known("10.1.2.1")) is None


def test_it_moves_out_of_an_uplinks_network(system: System) -> None:
    system.write(prefixes.CLASH, "10.1.0.0/16\n")
    assert move.reason(system, known("10.1.2.1")) == "an uplink is in 10.1.0.0/16"
    assert move.reason(system, known("10.2.2.1")) is None
    assert move.choose(system, known("10.1.2.1")) not in ("10.1.2.0/24",)
    system.write(prefixes.CLASH, "10.0.0.0/8\n")
    assert move.reason(system, known("10.1.2.1")) is None, "there is no way out of that"


def test_it_takes_none_that_is_heard_of(system: System) -> None:
    first = client_prefix(NODE, ())
    second = client_prefix(NODE, {first})
    third = client_prefix(NODE, {first, second})
    here = known(first.replace(".0/24", ".1"))
    assert move.choose(system, here) == second
    system.write(prefixes.NODES, json.dumps({"nodes": [{"address": second.replace(".0/24", ".1")},
                                                       {"address": "fd00::5"}]}))
    assert move.choose(system, here) == third


def test_nobody_can_drive_a_node_about(system: System) -> None:
    assert move.wait_left(system, 1000.0) == 0
    waits = []
    for times in range(1, 12):
        system.write(move.MOVED, json.dumps([times, 1000.0]))
        waits.append(move.wait_left(system, 1000.0))
    assert waits[:3] == [30, 60, 120]
    assert waits[-1] == move.LONGEST
    system.write(move.MOVED, json.dumps([1, 1000.0]))
    assert move.wait_left(system, 1031.0) == 0


def test_the_kept_answers_tell_the_former_network(system: System) -> None:
    assert prefixes.former(system) is None
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\nmesh: {subnet: 10.4.5.0/24}\n")
    assert prefixes.former(system) == "10.4.5.0/24"
    system.write("/etc/byzantium/answers.yaml", "byzantium: [")
    assert prefixes.former(system) is None
    system.write(facts.FACTS, json.dumps({**known("10.6.7.1").__dict__, "links": []}))
    assert prefixes.former(system) == "10.6.7.0/24"


def test_it_moves_with_the_way_out_that_is_not_kept(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def run(words: list[str]) -> int:
        told.append(parse(Path(words[1]).read_text(), words[1]))
        return 0

    monkeypatch.setattr("byzwizard.cli.run", run)
    system.write(keep.ANSWERS, "byzantium: 1\n")
    system.write(keep.APPLIED, "byzantium: 1\ninternet: {wifi: {ssid: Harbour, passphrase: gulls and herring}}\n")
    assert move.apply(system, "10.4.5.0/24") == 0
    wifi = told[0].internet.wifi
    assert wifi is not None
    assert (wifi.ssid, told[0].mesh.subnet) == ("Harbour", "10.4.5.0/24")
    assert system.read(move.ANSWERS) is None
