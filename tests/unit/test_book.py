"""How much of what strangers say is kept at a time, and who is asked; who is blocked stays so."""

from __future__ import annotations

import json

import pytest

from byzwizard import book as nodebook
from byzwizard import tend
from tests.unit.test_tend import (
    ALICE,
    BOB,
    Clock,
    book,
    clock,
    document,
    document_with_six,
    offers,
    six,
    six_book,
)

__all__ = ["book", "clock", "six_book"]  # fixtures


def test_nodes_that_say_too_much_together_are_known_by_name_and_no_more(
    book: nodebook.Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the process writes for others would take more memory than it may have; short documents are always whole."""
    long, short = offers(ALICE, "10.1.1.1", title="\N{GLOBE WITH MERIDIANS}" * 60), offers(BOB, "10.2.2.1")
    monkeypatch.setattr(nodebook, "ROOM", len(long) - 1)
    monkeypatch.setattr(nodebook, "FAIR", len(short))
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], long)
    book.answered(book.peers["10.2.2.1"], short)
    assert {document.id: len(document.services) for document in book.documents()} == {ALICE.id: 0, BOB.id: 1}
    assert [one["address"] for one in json.loads(book.state())["refused"]] == ["10.1.1.1"]
    monkeypatch.setattr(nodebook, "ROOM", len(long) + len(short))
    book.answered(book.peers["10.1.1.1"], long)
    assert {document.id: len(document.services) for document in book.documents()} == {ALICE.id: 1, BOB.id: 1}
    assert json.loads(book.state())["refused"] == []


def test_a_flood_of_ipv6_networks_keeps_no_hidden_node_from_being_asked(
    six_book: nodebook.Book, clock: Clock
) -> None:
    """Somebody with the key announces as many /64 as are asked, all before that of the node with our network."""
    invented = frozenset(f"fd4c:b12a:5113:{n:x}::1" for n in range(1, nodebook.HIDDEN + 1))
    six_book.routed_six(invented)
    for _each in range(600):
        clock.now += 5
        for peer in six_book.due(tend.AT_ONCE):
            if peer.address == six(ALICE):
                six_book.answered(peer, document_with_six(ALICE, "10.20.30.1"))
            else:
                six_book.failed(peer, "no connection")
        six_book.routed_six(invented | {six(ALICE)})
    assert six_book.clash() is not None
    assert sum(":" in address for address in six_book.peers) <= nodebook.HIDDEN


def test_which_hidden_nodes_are_asked_is_nobodys_choice(six_book: nodebook.Book) -> None:
    invented = frozenset(f"fd4c:b12a:5113:{n:x}::1" for n in range(1, 10 * nodebook.HIDDEN))
    six_book.routed_six(invented)
    assert len(six_book.peers) == nodebook.HIDDEN
    assert set(sorted(invented)[:nodebook.HIDDEN]) != six_book.peers.keys()


def test_a_hidden_node_that_missed_a_question_keeps_its_turn(six_book: nodebook.Book, clock: Clock) -> None:
    invented = frozenset(f"fd4c:b12a:5113:{n:x}::1" for n in range(1, nodebook.HIDDEN))
    six_book.routed_six(invented | {six(ALICE)})
    six_book.failed(six_book.peers[six(ALICE)], "no connection")
    clock.now += 5
    six_book.routed_six(invented | {six(ALICE), six(BOB)})
    assert six(ALICE) in six_book.peers


def test_a_blocked_node_stays_so_when_it_answers_no_more(book: nodebook.Book, clock: Clock) -> None:
    book.blocked = frozenset((ALICE.id,))
    book.routed({"10.1.1.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    assert book.blocked_networks() == "10.1.1.0/24\n"
    clock.now += nodebook.STALE_AFTER + 1
    book.routed({"10.1.1.1"})
    assert book.peers["10.1.1.1"].document is None
    assert book.blocked_networks() == "10.1.1.0/24\n"
    clock.now += nodebook.GONE_AFTER + 1
    book.routed(set())
    assert book.blocked_networks() == "10.1.1.0/24\n", "nor by taking its route away for a minute"
    book.blocked = frozenset((BOB.id,))
    assert book.blocked_networks() == "", "until its owner lets it in again"


def test_the_network_of_a_blocked_node_is_free_when_it_is_elsewhere_or_another_is_there(book: nodebook.Book) -> None:
    book.blocked = frozenset((ALICE.id,))
    book.know_former("10.1.1.0/24\n10.2.2.0/24\n")
    assert book.blocked_networks() == "10.1.1.0/24\n10.2.2.0/24\n"
    book.routed({"10.1.1.1", "10.2.2.1"})
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1"))
    book.answered(book.peers["10.2.2.1"], document(BOB, "10.2.2.1"))
    assert book.blocked_networks() == "10.1.1.0/24\n"
    del book.peers["10.1.1.1"]
    book.routed({"10.3.3.1", "10.2.2.1"})
    book.answered(book.peers["10.3.3.1"], document(ALICE, "10.3.3.1", serial=6))
    assert book.blocked_networks() == "10.3.3.0/24\n"


def test_what_a_former_run_kept_out_is_kept_out_while_anybody_is_blocked(book: nodebook.Book) -> None:
    book.know_former("10.1.1.0/24\n")
    assert book.blocked_networks() == ""
