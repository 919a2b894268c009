"""What status makes of what the tools say: pure readings, no process."""

import json
import struct
import time
from pathlib import Path

import pytest

from byzwizard.backends import airing, babel_socket, checks, clients, dns, facts, neighbours, status
from byzwizard.backends.facts import Facts, Link
from byzwizard.backends.protocol import Dump, NotAnswering
from byzwizard.backends.system import System
from byzwizard.commands.status import lines
from byzwizard.locking import only_one

NEAR, OTHER = "fe80::58d4:21ff:fe0e:bf1f", "fe80::ff:fe00:200"
BABEL = f"""\
add interface mesh0 up true ipv6 fe80::2c55:5fff:feca:de70
add neighbour a address {NEAR} if mesh0 reach f800 ureach 0000 rxcost 273 txcost 292 cost 311
add neighbour a address {OTHER} if mesh0 reach 0000 ureach 0000 rxcost 65535 txcost 256 cost 65535
add xroute 10.1.1.0/24-0.0.0.0/0 prefix 10.1.1.0/24 from 0.0.0.0/0 metric 0
add route a prefix 10.1.2.0/24 from 0.0.0.0/0 installed yes id 1c:2c metric 311 refmetric 0 via {NEAR} if mesh0
add route a prefix 10.1.3.0/24 from 0.0.0.0/0 installed yes id 6c:ba metric 700 refmetric 389 via {NEAR} if mesh0
add route a prefix fd00:1::/64 from ::/0 installed yes id 6c:ba metric 700 refmetric 389 via {NEAR} if mesh0
add route a prefix 10.1.4.0/24 from 0.0.0.0/0 installed no id 6c:bb metric 65535 refmetric 65535 via {NEAR} if mesh0
"""
STATIONS = """\
Station 5a:d4:21:0e:bf:1f (on mesh0)
\tinactive time:\t4 ms
\trx bytes:\t8714
\tsignal:  \t-61 [-61, -63] dBm
\tsignal avg:\t-60 dBm
\tmesh plink:\tESTAB
\tauthorized:\tyes
\ttx bitrate:\t65.0 MBit/s MCS 7
\texpected throughput:\t36.621Mbps
\tconnected time:\t95 seconds
Station 02:00:00:00:02:00 (on mesh0)
\tinactive time:\t20 ms
\tsignal:  \t-70 dBm
\ttx bitrate:\t6.5 MBit/s
\tmesh plink:\tBLOCKED
\tconnected time:\t30 seconds
"""


def test_a_dump_of_babeld_is_read() -> None:
    dump = babel_socket.parse(BABEL.splitlines())
    assert [neighbour.cost for neighbour in dump.neighbours] == [311, None]
    assert dump.own == ("10.1.1.0/24",)
    way = dump.announced_by(NEAR)
    assert way is not None
    assert way.prefix == "10.1.2.0/24"
    assert dump.announced_by(OTHER) is None


@pytest.mark.parametrize("line", ["add neighbour x address", "add route x prefix 10.0.0.0/24",
                                  "add neighbour x address a if b reach zz rxcost 1 txcost 1 cost 1"])
def test_another_babeld_is_no_traceback(line: str) -> None:
    with pytest.raises(NotAnswering):
        babel_socket.parse([line])


def test_stations_are_read() -> None:
    near, refusing = airing.parse_stations(STATIONS)
    assert near == airing.Station("5a:d4:21:0e:bf:1f", -61, "ESTAB", 95, 36.621)
    assert near.link_local == NEAR
    assert refusing.plink == "BLOCKED"
    assert refusing.throughput_mbps == 6.5  # where the driver expects nothing of the link
    assert airing.parse_stations("") == []


def test_neighbours_come_first_with_signal_and_the_rest_of_the_mesh_after() -> None:
    nodes = neighbours.listed(airing.parse_stations(STATIONS), babel_socket.parse(BABEL.splitlines()),
                              {"10.1.2.1": neighbours.Known("pier", 1), "10.1.3.1": neighbours.Known("dock", 2)})
    assert [node.as_json() for node in nodes] == [
        {"name": "pier", "address": "10.1.2.1", "signal_dbm": -61, "metric": 311, "hops": 1,
         "throughput_mbps": 36.621, "via": None},
        {"name": "dock", "address": "10.1.3.1", "signal_dbm": None, "metric": 700, "hops": 2,
         "throughput_mbps": None, "via": "10.1.2.1"},
    ]


def test_a_neighbour_without_a_route_goes_by_its_link() -> None:
    nodes = neighbours.listed(airing.parse_stations(STATIONS), Dump(), {})
    assert [(node.name, node.address, node.metric) for node in nodes] == [(None, NEAR, None)]


def test_a_wrong_secret_is_told_and_a_joined_peer_is_not() -> None:
    log = ("mesh0: MESH-SAE-AUTH-FAILURE addr=02:00:00:00:02:00\nmesh0: MESH-SAE-AUTH-BLOCKED addr=5A:D4:21:0E:BF:1F "
           "duration=300\nmesh0: MESH-PEER-CONNECTED 5a:d4:21:0e:bf:1f\n")
    refused = airing.parse_refusals(log)
    assert refused == {"02:00:00:00:02:00", "5a:d4:21:0e:bf:1f"}
    told, = status.refusal(airing.parse_stations(STATIONS), refused)
    assert told.ok
    assert "1 node near has another secret" in told.text
    assert status.refusal([], set()) == []


def test_a_station_that_is_turned_away_knows_until_it_is_let_in() -> None:
    away = 'mesh0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="B" auth_failures=1 duration=10 reason=WRONG_KEY\n'
    let_in = "mesh0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=0 id_str=]\n"
    assert airing.parse_turned_away(let_in + away)
    assert not airing.parse_turned_away(away + let_in)
    assert not airing.parse_turned_away("")


def test_nodes_on_an_access_point_are_neighbours_and_no_phones(tmp_path: Path) -> None:
    """In an ad-hoc cell and on a hub there is no peering: who speaks as nodes do is one."""
    node, phone = airing.Station("5a:d4:21:0e:bf:1f", -61, None, 95), airing.Station("02:00:00:00:02:00", -70, None, 9)
    routes = babel_socket.parse(BABEL.splitlines())
    near = [one for one in neighbours.listed([node, phone], routes, {}) if one.hops == 1]
    assert [(one.address, one.signal_dbm) for one in near] == [("10.1.2.1", -61)]
    assert clients.count(System(tmp_path), [node, phone], {NEAR}) == 1


def test_what_is_not_encrypted_of_a_public_mesh_is_named() -> None:
    assert "encrypted on the air" in checks.security(known()).text
    plain = checks.security(known(unencrypted=("mesh0", "ap0")))
    assert plain.ok
    assert "over mesh0, ap0 is not encrypted" in plain.text


def test_a_cable_is_not_said_to_be_encrypted() -> None:
    cable, radio = Link("eth0", "wired", None), Link("mesh0", "802.11s", None)
    told = "What goes over the cable eth0 is not encrypted."
    alone = checks.security(known(links=(cable,))).text
    assert told in alone
    assert "on the air" not in alone
    both = checks.security(known(links=(radio, cable))).text
    assert told in both
    assert "encrypted on the air" in both
    assert told in checks.security(known(links=(radio, cable), kind="private")).text


def test_a_hub_alone_is_no_node_that_stands_alone(tmp_path: Path) -> None:
    hub = known(links=(), hubs=("ap0",), routed=("clients0",))
    assert "a hub" in checks.radio(System(tmp_path), hub).text
    assert "stands alone" in checks.radio(System(tmp_path), known(links=(), routed=())).text
    assert checks.routing(System(tmp_path), known(links=(), routed=()), False) is None


def known(**changes: object) -> Facts:
    fields: dict[str, object] = {
        "name": "pier", "id": "a" * 32, "addresses": ("10.1.1.1", "fd00::1"), "mesh": "fest", "air_id": "fest~pub",
        "kind": "public", "routing": "babel", "links": (Link("mesh0", "802.11s", None),),
        "routed": ("mesh0",), "access_points": (),
        "portal": True}
    return Facts(**{**fields, **changes})  # type: ignore[arg-type]  # each test names the fields it means


def test_the_same_name_in_another_kind_is_told() -> None:
    heard = airing.parse_mesh_ids(
        "BSS 02\n\tMESH ID: fest~prv\nBSS 03\n\tMESH ID: f\\xc3\\xaate~pub\n\tMESH ID: fest~pub\n")
    assert heard == {"fest~prv", "fête~pub", "fest~pub"}
    told, = status.other_kinds(known(), heard)
    assert "private" in told.text
    assert status.other_kinds(known(), {"fest~pub", "else~prv"}) == []


def test_joined_without_routing_is_told_after_a_minute() -> None:
    stations = airing.parse_stations(STATIONS)
    def nothing() -> None:
        asked.append(True)

    asked: list[bool] = []
    assert status.silent_links(stations, babel_socket.parse(BABEL.splitlines()), "babel", nothing) == []
    assert not asked  # nobody listens where all is well
    told, = status.silent_links(stations, Dump(), "babel", nothing)
    assert told.id == "unrouted"
    other, = status.silent_links(stations, Dump(), "babel", lambda: "batman-adv")
    assert other.advice is not None
    assert "set mesh.routing to batman-adv" in other.advice
    assert other.as_json()["routing"] == "batman-adv"
    assert set(told.as_json()) == {"id", "ok", "text", "advice"}
    fresh = [airing.Station("5a:d4:21:0e:bf:1f", -61, "ESTAB", 20)]
    assert status.silent_links(fresh, Dump(), "babel", nothing) == []


def test_nobody_near_is_no_failure() -> None:
    told, = status.company([], "Nobody.")
    assert told.ok
    assert told.text == "Nobody."
    assert told.advice


def test_a_node_that_is_near_by_radio_and_by_cable_is_one() -> None:
    twice = [neighbours.Neighbour("pier", "10.1.2.1", signal, 96, 1) for signal in (-61, None)]
    told, = status.company(twice, "Nobody.")
    assert told.text == "1 node is near."


def test_nodes_with_one_ipv6_network_are_told(tmp_path: Path) -> None:
    """This node's own, and one that two others have."""
    system = System(tmp_path)

    def told(*nodes: tuple[str, str | None]) -> str | None:
        system.write(neighbours.NODES, json.dumps({"nodes": [{"label": name, "ula": ula} for name, ula in nodes]}))
        check = checks.twice(system, known(addresses=("10.1.1.1", "fd00:0:0:a::1")))
        assert check is None or check.ok, "everything works by IPv4"
        return check.text if check else None

    assert told() is told(("dock", "fd00:0:0:b::1"), ("quay", None), ("mole", None)) is None
    own = told(("dock", "fd00:0:0:a::1"))
    assert own is not None
    assert own.startswith("pier and dock have the same IPv6 network, fd00:0:0:a::/64")
    assert (told(("dock", "fd00:0:0:b::1"), ("quay", "fd00:0:0:b::1")) or "").startswith("dock and quay have")
    system.write(neighbours.NODES, "[1")
    assert checks.twice(system, known()) is None


def test_leases_that_hold_and_are_near_are_clients() -> None:
    leases = "2000 AA:00:00:00:00:01 10.1.1.10 * *\n" \
             "900 aa:00:00:00:00:02 10.1.1.11 * *\nduid 00:01\n2000 1 fd00::5 * *\n"
    assert clients.parse_leases(leases, 1000) == [("aa:00:00:00:00:01", 2000)]
    entry = struct.pack("=6sBBIBBH", bytes.fromhex("aa0000000001"), 1, 0, 5, 0, 0, 0)
    port = struct.pack("=6sBBIBBH", bytes.fromhex("aa00000000ff"), 1, 1, 5, 0, 0, 0)
    assert clients.parse_bridge(entry + port) == {"aa:00:00:00:00:01"}


def test_a_phone_that_would_get_no_address_is_told_of(tmp_path: Path) -> None:
    """One computer can take all of them, by as many ids as it likes."""
    system, soon = System(tmp_path), int(time.time()) + 600
    taken = [f"{soon + n} aa:00:00:00:00:01 10.1.1.{n} * {n}\n" for n in range(10, 251)]
    system.write(clients.LEASES, "".join(taken[1:]))
    assert checks.leases(system) is None
    system.write(clients.LEASES, "".join(taken))
    told = checks.leases(system)
    assert told is not None
    assert (told.ok, told.advice) == (False, "The next one is free in 11 minutes at the latest.")


def test_facts_come_back_as_they_were(tmp_path: Path) -> None:
    from dataclasses import asdict

    system = System(tmp_path)
    assert facts.read(system) is None
    system.write(facts.FACTS, json.dumps(asdict(known())))
    assert facts.read(system) == known()
    system.write(facts.FACTS, "{}")
    assert facts.read(system) is None


def test_a_computer_that_is_no_node_says_so(tmp_path: Path) -> None:
    found = status.read_status(System(tmp_path))
    assert not found["working"]
    assert found["node"] == {"name": None, "id": None, "addresses": []}
    assert [check["id"] for check in found["checks"]] == ["node"]
    assert lines(found, 80)[0].startswith("FAILS")


def test_a_change_under_way_is_no_change_cut_off(tmp_path: Path) -> None:
    system = System(tmp_path)
    assert not checks.under_way(system)
    with only_one(system):
        assert checks.under_way(system)
        assert [check["id"] for check in status.read_status(system)["checks"]] == ["change", "node"]
    assert not checks.under_way(system)


def test_people_read_it_in_their_width() -> None:
    found = status._shape(known(), status.company([], "Nobody."), neighbours.listed(
        airing.parse_stations(STATIONS), babel_socket.parse(BABEL.splitlines()),
        {"10.1.2.1": neighbours.Known("dock", 1)}), 2)
    text = lines(found, 60)
    assert text[0] == "pier.byzantium.mesh works."
    assert "2 phones and computers use this node." in text
    assert any("-61 dBm" in line and "37 Mb/s" in line and "near" in line for line in text)
    assert any("10.1.3.1" in line and line.endswith("by dock") for line in text)


def answer(question: bytes, records: bytes, count: int, flags: int = 0x8180) -> bytes:
    return question[:2] + struct.pack(">5H", flags, 1, count, 0, 0) + question[12:] + records


def test_a_dns_answer_is_read() -> None:
    question = b"\x12\x34" + struct.pack(">5H", 0x100, 1, 0, 0, 0) + b"\4pier\0" + struct.pack(">2H", dns.A, 1)
    record = b"\xc0\x0c" + struct.pack(">HHIH", dns.A, 1, 30, 4) + bytes((10, 1, 1, 1))
    assert dns._answers(answer(question, record, 1), question, dns.A) == ["10.1.1.1"]
    assert dns._answers(answer(question, b"", 0, 0x8183), question, dns.A) == []
    pointer = b"\xc0\x0c" + struct.pack(">HHIH", dns.PTR, 1, 30, 7) + b"\4dock\xc0\x11"
    assert dns._answers(answer(question, pointer, 1), question, dns.PTR) == ["dock"]
    with pytest.raises(dns.NoAnswer):
        dns._answers(answer(question, record, 1)[2:], question, dns.A)


def test_a_name_that_points_at_itself_ends() -> None:
    assert dns._read_name(b"\xc0\x00", 0) == ""


TRACKING = "0A010203,10.1.2.3,11,1790000000.5,0.000001,-0.000002,0.000003,1.0,0.0,0.1,0.002,0.001,16.2,Normal\n"
OWN_TIME = "7F7F0101,,10,1790000000.5,0.000000,0.000000,0.000000,0.0,0.0,0.0,0.0,0.0,0.0,Normal\n"
SOURCES = ("^,*,10.1.2.3,10,4,377,5,0.000200,0.000201,0.001\n^,-,10.4.5.6,11,4,17,5,-0.000300,0.000300,0.001\n"
           "^,?,10.7.8.9,0,4,0,4294967295,99.0,99.0,0.0\n")


def test_what_chronyd_says_is_read() -> None:
    from byzwizard.backends import clock

    told = clock.parse(TRACKING, SOURCES)
    assert told == clock.Told("10.1.2.3", 0.0003), "who does not answer does not count"
    assert clock.parse(OWN_TIME, "") == clock.Told(None, None)


@pytest.mark.parametrize(("told", "text"), [
    (None, "not agreed"), ((None, None), "this computer"), (("10.1.2.3", 0.01), "10.1.2.3"),
    (("10.1.2.3", 3600.0), "disagrees with the mesh by 3600 s"),
])
def test_a_clock_is_told_and_fails_nothing(
    told: tuple[str | None, float | None] | None, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from byzwizard.backends import checks, clock

    monkeypatch.setattr(checks, "running", lambda _system, _unit: True)
    monkeypatch.setattr(clock, "read", lambda _system, _timeout: None if told is None else clock.Told(*told))
    check = checks.clock(System(tmp_path))
    assert check is not None
    assert check.ok
    assert text in check.text


def test_a_container_has_the_clock_of_its_host(tmp_path: Path) -> None:
    from byzwizard.backends import checks, clock

    system = System(tmp_path)
    step = next(step for step in clock.ClockStage().steps(None, None) if step.id == "clock")  # type: ignore[arg-type]  # neither is read
    assert step.needed(system)
    system.write("/run/systemd/container", "systemd-nspawn\n")
    assert not step.needed(system)
    assert checks.clock(system) is None
