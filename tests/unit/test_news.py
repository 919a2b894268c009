"""What nodes tell their neighbours of newer documents, and what is made of that: hints, from whoever may lie."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byzwizard import book as nodebook
from byzwizard.identity import Identity
from tests.unit.test_tend import ALICE, BOB, Clock, book, clock, document

__all__ = ["book", "clock"]  # fixtures


def test_neighbours_are_told_what_is_new_the_newest_first(book: nodebook.Book, clock: Clock) -> None:
    book.know_own(nodebook.Own(addresses=frozenset(("10.20.30.1",)), serial=7))
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", serial=5))
    clock.now += 10
    book.answered(book.peers["10.2.2.1"], document(BOB, "10.2.2.1", serial=9))
    assert book.news().splitlines() == ["10.20.30.1 7", "10.2.2.1 9", "10.1.1.1 5"]
    clock.now += nodebook.NEWS_FOR - 5
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", serial=5))
    assert book.news().splitlines() == ["10.20.30.1 7", "10.2.2.1 9"], "what is as it was is no news"


def test_news_have_an_end(book: nodebook.Book) -> None:
    addresses = {f"10.1.{n}.1" for n in range(100)}
    book.routed(addresses)
    for number, address in enumerate(sorted(addresses)):
        book.answered(book.peers[address], document(Identity(bytes([number]) * 32), address))
    assert len(book.news().splitlines()) == nodebook.NEWS


@pytest.fixture
def gossip(book: nodebook.Book, clock: Clock) -> nodebook.Book:
    """Two nodes are known, and were asked a while ago."""
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    book.answered(book.peers["10.2.2.1"], document(BOB, "10.2.2.1"))
    clock.now += 10
    return book


def test_who_has_a_newer_document_is_asked_at_once(gossip: nodebook.Book) -> None:
    teller, other = gossip.peers["10.1.1.1"], gossip.peers["10.2.2.1"]
    gossip.heard(teller, "10.2.2.1 5\n10.2.2.1 4\n10.9.9.1 9\n")
    assert gossip.due(9) == []
    gossip.heard(teller, "10.2.2.1 6\n")
    assert gossip.due(9) == [other]
    gossip.answered(other, document(BOB, "10.2.2.1", serial=6))
    assert gossip.due(9) == []
    assert teller in gossip.near()


def test_a_node_is_not_asked_over_and_over_for_what_others_say(gossip: nodebook.Book, clock: Clock) -> None:
    teller, other = gossip.peers["10.1.1.1"], gossip.peers["10.2.2.1"]
    gossip.answered(other, document(BOB, "10.2.2.1"))
    gossip.heard(teller, "10.2.2.1 9\n")
    assert gossip.due(9) == []
    clock.now += nodebook.ASKED_BEFORE
    assert gossip.due(9) == [other]


def test_who_tells_of_what_is_not_there_is_not_listened_to_for_a_while(gossip: nodebook.Book, clock: Clock) -> None:
    liar, other = gossip.peers["10.1.1.1"], gossip.peers["10.2.2.1"]
    gossip.heard(liar, "10.2.2.1 9007199254740991\n")
    gossip.answered(other, document(BOB, "10.2.2.1"))
    assert liar not in gossip.near()
    clock.now += 10
    gossip.heard(other, "10.2.2.1 6\n")
    assert gossip.due(9) == [other], "and the truth counts again"
    clock.now += nodebook.STALE_AFTER
    assert liar in gossip.near()


def test_news_that_come_while_a_node_is_asked_are_no_lie(gossip: nodebook.Book) -> None:
    teller, other = gossip.peers["10.1.1.1"], gossip.peers["10.2.2.1"]
    other.asking = True
    gossip.heard(teller, "10.2.2.1 6\n")
    gossip.answered(other, document(BOB, "10.2.2.1"))
    other.asking = False
    assert teller in gossip.near()
    gossip.heard(teller, "10.2.2.1 6\n")
    assert other.due < other.fetched + nodebook.AGAIN / 2, "they count when they are told again"


@settings(deadline=None)
@given(st.text(max_size=200) | st.from_regex(r"10\.2\.2\.1 [0-9]{1,20}\n", fullmatch=True))
def test_news_of_any_kind_never_do_more_than_let_a_node_be_asked(news: str) -> None:
    book = nodebook.Book(Clock())
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.heard(book.peers["10.1.1.1"], news)
    assert book.peers.keys() == {"10.1.1.1", "10.2.2.1"}


def test_neighbours_are_asked_for_news_and_of_many_a_few(book: nodebook.Book) -> None:
    addresses = [f"10.1.{n}.1" for n in range(20)]
    book.routed(set(addresses))
    assert book.near() == []
    for number, address in enumerate(addresses):
        book.answered(book.peers[address], document(Identity(bytes([number]) * 32), address))
        book.peers[address].hops = 1 + number % 10
    assert {peer.address for peer in book.near()} == {"10.1.0.1", "10.1.10.1"}
    book.blocked = frozenset((Identity(bytes([0]) * 32).id,))
    assert {peer.address for peer in book.near()} == {"10.1.10.1"}
    for peer in book.peers.values():
        peer.hops = 1
    assert len(book.near()) == nodebook.NEAR


def test_the_front_page_is_told_how_far_each_node_is_the_nearest_first(book: nodebook.Book) -> None:
    addresses = [f"10.1.{n}.1" for n in range(3)]
    book.routed(set(addresses))
    for number, (address, hops) in enumerate(zip(addresses, (None, 3, 1), strict=True)):
        book.answered(book.peers[address], document(Identity(bytes([number]) * 32), address))
        book.peers[address].hops = hops
    lines = book.pieces()["nodes.html"].splitlines()
    assert len(lines) == 5
    assert [re.findall(r'<span class="hops">(.*)</span>', line) for line in lines[1:4]] == [["1"], ["3"], []]


def test_hops_are_counted_no_more_often_than_nodes_are_asked(book: nodebook.Book, clock: Clock) -> None:
    book.routed({"10.1.1.1"})
    peer = book.peers["10.1.1.1"]
    assert [book.to_count(peer), book.to_count(peer)] == [True, False]
    clock.now += nodebook.AGAIN
    assert book.to_count(peer)
