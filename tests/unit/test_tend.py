"""tend's book of nodes with a clock of its own, and the reading of HTTP answers."""

import contextlib
import ipaddress
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byzwizard import book as nodebook
from byzwizard import duty, tend
from byzwizard.backends import directory, linked
from byzwizard.backends.alerts import Alert
from byzwizard.backends.directory import BadDocument
from byzwizard.backends.webanswer import NotFetched, parse
from byzwizard.i18n import languages
from byzwizard.identity import Identity

LINK = "fe80::21c:bfff:fe35:84c2"
ALICE, BOB, OURS = Identity(b"a" * 32), Identity(b"b" * 32), Identity(b"o" * 32)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> nodebook.Book:
    book = nodebook.Book(clock)
    book.own = nodebook.Own(frozenset(("lighthouse", OURS.id)), frozenset(("10.20.30.1",)), None)
    return book


def document(identity: Identity, address: str, name: str = "harbour", serial: int = 5) -> bytes:
    return directory.make(identity, name, [address], serial).encode()


def test_a_new_route_is_asked_at_once_and_our_own_never(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1", "10.20.30.1"})
    assert [peer.address for peer in book.due(tend.AT_ONCE)] == ["10.1.1.1"]


def test_a_name_comes_with_the_document_and_goes_a_minute_after_the_route(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    assert "10.1.1.1 harbour.byzantium.mesh" in book.hosts()
    assert book.due(tend.AT_ONCE) == []
    clock.now += 30
    book.routed(set())
    assert "harbour" in book.hosts()
    clock.now += 31
    book.routed(set())
    assert "harbour" not in book.hosts()


def test_a_blocked_node_has_no_name_and_its_network_is_told(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    book.answered(book.peers["10.2.2.1"], document(BOB, "10.2.2.1", "quay"))
    assert book.blocked_networks() == ""
    book.blocked = frozenset((ALICE.id,))
    assert book.blocked_networks() == "10.1.1.0/24\n"
    assert "harbour" not in book.hosts()
    assert "quay" in book.hosts()
    assert [node["name"] for node in json.loads(book.state())["nodes"]] == ["quay"]


def test_a_route_that_flaps_keeps_the_name(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    for _each in range(10):
        clock.now += 40
        book.routed(set())
        clock.now += 10
        book.routed({"10.1.1.1"})
    assert "harbour" in book.hosts()


def test_who_does_not_answer_is_asked_less_and_less(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    peer = book.peers["10.1.1.1"]
    pauses = []
    for _each in range(12):
        book.failed(peer, "no connection")
        pauses.append(peer.due - clock.now)
    assert pauses[0] < 3
    assert max(pauses) <= nodebook.PATIENCE * 1.2
    assert json.loads(book.state())["silent"] == [{"address": "10.1.1.1", "reason": "no connection"}]


def test_a_thousand_silent_ones_keep_nobody_waiting(book: nodebook.Book, clock: Clock) -> None:
    book.routed({f"10.{high}.{low}.1" for high in range(3) for low in range(256)})
    for peer in book.due(nodebook.MOST):
        book.failed(peer, "no connection")
    clock.now += nodebook.PATIENCE * 2
    book.routed({*book.peers, "10.200.1.1"})
    asked = [peer.address for peer in book.due(tend.AT_ONCE)]
    assert len(asked) == tend.AT_ONCE
    assert asked[0] == "10.200.1.1", "who is new comes first"


def test_a_node_that_stays_silent_loses_its_name(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    clock.now += nodebook.STALE_AFTER + 1
    book.routed({"10.1.1.1"})
    assert "harbour" not in book.hosts()


def test_an_older_document_is_not_believed(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1"})
    peer = book.peers["10.1.1.1"]
    book.answered(peer, document(ALICE, "10.1.1.1", "new", 6))
    with pytest.raises(BadDocument):
        book.answered(peer, document(ALICE, "10.1.1.1", "old", 5))
    assert "new.byzantium.mesh" in book.hosts()


def test_of_two_places_of_one_identity_the_newer_holds(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", serial=5))
    book.answered(book.peers["10.2.2.1"], document(ALICE, "10.2.2.1", serial=6))
    assert "10.2.2.1 harbour" in book.hosts()
    assert "10.1.1.1" not in book.hosts()


CHAT = linked.Templates("chat", "link $host $address $certificate\n", "call $hosts\n")


def offers(identity: Identity, address: str, **more: str) -> bytes:
    one = {"name": "chat", "title": "Chat", "url": f"https://{identity.id}.byzantium.mesh/chat/", **more}
    return directory.make(identity, "harbour", [address], 5, (), [one]).encode()


def test_services_of_one_name_are_linked_and_one_of_two_calls(book: nodebook.Book) -> None:
    book.own = nodebook.Own(frozenset(("lighthouse", OURS.id)), frozenset(("10.20.30.1",)), None, "lighthouse", OURS.id)
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], offers(ALICE, "10.1.1.1", certificate="0a" * 32))
    book.answered(book.peers["10.2.2.1"], offers(BOB, "10.2.2.1", certificate="0b" * 32))
    said = book.links(CHAT).splitlines()
    for node, address, known in ((ALICE, "10.1.1.1", "0a" * 32), (BOB, "10.2.2.1", "0b" * 32)):
        assert f"link {node.id}.byzantium.mesh {address} {known}" in said
    greater = [f"{node.id}.byzantium.mesh" for node in (ALICE, BOB) if node.id > OURS.id]
    assert [set(line.split()[1:]) for line in said if line.startswith("call")] == ([set(greater)] if greater else [])
    assert book.links(linked.Templates("pad", "$host", "")) == ""


@pytest.mark.parametrize("known", ["", '"> <oper name="me" password="me" host="*@*">', "$host", "0A" * 32])
def test_who_does_not_say_how_it_is_known_is_not_linked(book: nodebook.Book, known: str) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], offers(ALICE, "10.1.1.1", certificate=known))
    assert book.links(CHAT) == ""


def test_of_many_the_nearest_are_called_and_all_are_known() -> None:
    nodes = [linked.Node(f"{n:0>32}", f"10.0.{n}.1", "0a" * 32, hops=200 - n) for n in range(1, 200)]
    said = linked.lines(CHAT, "0" * 32, [*nodes, linked.Node("9" * 32, "fd00::1", "0a" * 32, 1)])
    assert said.count("link ") == 199
    called = next(line for line in said.splitlines() if line.startswith("call ")).split()[1:]
    assert len(called) == linked.CALLS
    assert called[0] == f"{199:0>32}.byzantium.mesh", "the nearest first"


def test_each_may_call_those_of_greater_ids_and_the_greatest_calls_nobody() -> None:
    """In one line, of which one is linked: who called two at once would be refused by both, as they know each other."""
    ids = [f"{n:0>32}" for n in range(1, 9)]
    lists = {own: linked.lines(CHAT, own, [linked.Node(i, f"10.0.{int(i)}.1", "0a" * 32, 1) for i in ids if i != own])
             for own in ids}
    greatest = max(ids)
    for own in ids:
        calls = [line for line in lists[own].splitlines() if line.startswith("call ")]
        assert len(calls) == (own != greatest)
        for line in calls:
            assert {name.partition(".")[0] for name in line.split()[1:]} == {i for i in ids if i > own}


def test_our_own_identity_elsewhere_is_told_and_not_listed(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1"})
    with pytest.raises(BadDocument, match="own identity"):
        book.answered(book.peers["10.1.1.1"], document(OURS, "10.1.1.1"))


def test_services_are_told_to_pages_and_programs_the_nearest_first(book: nodebook.Book) -> None:
    for identity, address, name, hops in ((ALICE, "10.1.1.1", "afar", 3), (BOB, "10.2.2.1", "beside", 1)):
        wiki = {"name": "wiki", "title": "Wiki", "url": f"https://{identity.id}.byzantium.mesh/wiki/"}
        book.routed(book.peers.keys() | {address})
        book.answered(book.peers[address], directory.make(
            identity, name, [address], 5, services=[wiki], alerts=[Alert("Water!", 0, 60)]).encode())
        book.peers[address].hops = hops
    pieces = book.pieces()
    services = {f"services.{language}.html" for language in languages()}
    assert pieces.keys() == {*services, "nodes.html", "alerts.html", "announced"}
    for piece in pieces.values():
        assert piece.index("beside") < piece.index("afar")
    assert f"srv-host=wiki - afar._https._tcp.byzantium.mesh,{ALICE.id}.byzantium.mesh,443\n" in pieces["announced"]


def test_our_own_name_is_not_given_away(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", "lighthouse"))
    assert f"10.1.1.1 lighthouse-{ALICE.id[:6]}.byzantium.mesh" in book.hosts()
    assert " lighthouse.byzantium.mesh" not in book.hosts()


MESH = "fd4c:b12a:5113::/48"


def six(identity: Identity) -> str:
    """The node's own ULA, as the kernel spells it."""
    return str(ipaddress.IPv6Network(MESH).network_address + (directory.node_part(identity.id) << 64) + 1)


def document_with_six(identity: Identity, address: str, name: str = "harbour") -> bytes:
    return directory.make(identity, name, [address, six(identity)], 5).encode()


@pytest.fixture
def six_book(book: nodebook.Book) -> nodebook.Book:
    book.own = nodebook.Own(
        frozenset(("lighthouse", OURS.id)), frozenset(("10.20.30.1", six(OURS))), MESH, "lighthouse", OURS.id
    )
    return book


def test_who_has_our_network_too_is_found_at_its_ipv6_address(six_book: nodebook.Book, clock: Clock) -> None:
    """Its IPv4 address leads to ourselves, and its route is hidden by ours; the /64 that follows from its id is not."""
    six_book.routed(set())
    six_book.routed_six(frozenset((six(ALICE), six(OURS))))
    assert six_book.due(tend.AT_ONCE) == [], "its document may still come on the usual way"
    clock.now += nodebook.LATER
    (peer,) = six_book.due(tend.AT_ONCE)
    assert peer.address == six(ALICE)
    six_book.answered(peer, document_with_six(ALICE, "10.20.30.1"))
    clash = six_book.clash()
    assert clash is not None
    assert clash.id == ALICE.id
    assert f"{six(ALICE)} harbour.byzantium.mesh" in six_book.hosts()
    assert "10.20.30.1 harbour" not in six_book.hosts(), "that is our own address"


def test_a_node_with_a_route_of_its_own_is_asked_once(six_book: nodebook.Book, clock: Clock) -> None:
    six_book.routed({"10.1.1.1"})
    six_book.routed_six(frozenset((six(ALICE),)))
    six_book.answered(six_book.peers["10.1.1.1"], document_with_six(ALICE, "10.1.1.1"))
    clock.now += nodebook.LATER
    six_book.routed_six(frozenset((six(ALICE),)))
    assert list(six_book.peers) == ["10.1.1.1"]
    assert six_book.clash() is None


def test_a_clash_ends_when_the_other_has_moved(six_book: nodebook.Book, clock: Clock) -> None:
    six_book.routed_six(frozenset((six(ALICE),)))
    six_book.answered(six_book.peers[six(ALICE)], document_with_six(ALICE, "10.20.30.1"))
    six_book.routed({"10.1.1.1"})
    six_book.answered(six_book.peers["10.1.1.1"], document_with_six(ALICE, "10.1.1.1"))
    six_book.routed_six(frozenset((six(ALICE),)))
    assert six_book.clash() is None


def test_addresses_out_of_the_mesh_are_not_asked_and_hidden_nodes_have_an_end(six_book: nodebook.Book) -> None:
    six_book.routed_six(frozenset(("fd00:1:2:3::1", *(f"fd4c:b12a:5113:{n:x}::1" for n in range(1, 3000)))))
    assert len(six_book.peers) == nodebook.HIDDEN
    assert "fd00:1:2:3::1" not in six_book.peers


def test_the_time_is_asked_of_the_lowest_addresses_and_of_those_near(book: nodebook.Book) -> None:
    addresses = [f"10.{n}.0.1" for n in (200, 9, 10, 11, 12, 100)]
    book.routed(set(addresses))
    for number, address in enumerate(addresses):
        book.answered(book.peers[address], document(Identity(bytes([number]) * 32), address, f"n{number}"))
        book.peers[address].hops = 1 if address == "10.200.0.1" else 3
    asked = [line.split()[1] for line in book.clocks(out=False).splitlines()]
    assert asked == ["10.9.0.1", "10.10.0.1", "10.11.0.1", "10.12.0.1", "10.200.0.1"]
    assert book.clocks(out=True).splitlines()[-1].startswith("pool ")


def test_it_is_settled_when_everybody_was_asked(book: nodebook.Book) -> None:
    assert book.settled()
    book.routed({"10.1.1.1", "10.2.2.1"})
    assert not book.settled()
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    book.failed(book.peers["10.2.2.1"], "no connection")
    assert book.settled()


def test_memory_has_an_end(book: nodebook.Book) -> None:
    book.routed({f"10.{high}.{low}.1" for high in range(10) for low in range(256)})
    assert len(book.peers) == nodebook.MOST


def test_a_flood_of_silent_addresses_leaves_room_for_who_answers(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    invented = {f"10.{100 + high}.{low}.1" for high in range(10) for low in range(256)}
    for _round in range(400):
        book.routed({"10.1.1.1", "10.2.2.1"} | invented)
        if "10.2.2.1" in book.peers:
            break
        for peer in book.due(tend.AT_ONCE):
            if peer.address == "10.1.1.1":
                book.answered(peer, document(ALICE, peer.address))
            else:
                book.failed(peer, "no connection")
        clock.now += 5
    assert "10.2.2.1" in book.peers, "a newcomer is asked, however many others there are"
    assert "harbour" in book.hosts(), "and who has answered stays"
    assert len(book.peers) <= nodebook.MOST


def test_who_is_not_believed_is_told_apart_from_who_is_silent(book: nodebook.Book) -> None:
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.failed(book.peers["10.1.1.1"], "its signature is wrong", lied=True)
    book.failed(book.peers["10.2.2.1"], "no connection")
    told = json.loads(book.state())
    assert told["refused"] == [{"address": "10.1.1.1", "reason": "its signature is wrong"}]
    assert [node["address"] for node in told["silent"]] == ["10.2.2.1"]


def test_own_from_the_own_document(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    assert nodebook.read_own(path) == nodebook.Own()
    path.write_text(directory.make(OURS, "lighthouse", ["10.20.30.1", "fd4c:b12a:5113:0a0b::1"], 5, [LINK]))
    assert nodebook.read_own(path) == nodebook.Own(
        frozenset(("lighthouse", OURS.id, f"lighthouse-{OURS.id[:6]}")),
        frozenset(("10.20.30.1", "fd4c:b12a:5113:0a0b::1")),
        "fd4c:b12a:5113::/48",
        "lighthouse",
        OURS.id,
        (LINK,),
        serial=5,
    )


def test_a_node_goes_by_the_names_that_others_give_it_on_itself_too(book: nodebook.Book, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(directory.make(OURS, "lighthouse", ["10.20.30.1"], 5, [LINK]))
    book.own = nodebook.read_own(path)
    mark = f"{LINK.replace(':', '-')}.byzantium.mesh"
    assert book.hosts().splitlines()[1:] == [
        f"10.20.30.1 lighthouse-{OURS.id[:6]}.byzantium.mesh {mark}",
        f"{LINK} {mark}",
    ]


def test_a_file_is_replaced_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    duty.replace(path, "one\n")
    first = path.stat().st_ino
    duty.replace(path, "one\n")
    assert path.stat().st_ino == first
    duty.replace(path, "two\n")
    assert path.read_text() == "two\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["hosts"]


def test_a_plain_answer_has_its_body() -> None:
    assert parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc", 10) == b"abc"
    assert parse(b"HTTP/1.0 200\r\n\r\n", 10) == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"abc",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 301 Gone\r\nLocation: http://x/\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 11,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 2000 + b"\r\n",
    ],
)
def test_other_answers_are_refused(answer: bytes) -> None:
    with pytest.raises(NotFetched):
        parse(answer, 10)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_an_answer_of_any_bytes_never_does_more_than_be_refused(answer: bytes) -> None:
    with contextlib.suppress(NotFetched):
        assert len(parse(answer, 50)) <= 50
