"""How much of what strangers say is kept at a time."""

from __future__ import annotations

import json

import pytest

from byzwizard import book as nodebook
from tests.unit.test_tend import ALICE, BOB, book, clock, offers

__all__ = ["book", "clock"]  # fixtures


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
