"""Alerts: what is told of others' clocks and words, how a node keeps its own, and what people see of them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byzwizard import alertwords, values
from byzwizard import book as nodebook
from byzwizard.backends import alerting, alerts, directory, neighbours, services, web
from byzwizard.backends.alerting import Moment
from byzwizard.backends.alerts import Alert
from byzwizard.backends.system import System
from byzwizard.cli import run
from byzwizard.errors import CannotHere, Invalid
from byzwizard.identity import KEY, Identity
from tests.unit.test_tend import ALICE, BOB, OURS, Clock

HOUR = 3600


def quiet(done: int, total: int) -> None:
    pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> nodebook.Book:
    return nodebook.Book(clock)


def document(identity: Identity, address: str, *said: Alert, serial: int = 5) -> bytes:
    return directory.make(identity, f"node-{identity.id[:3]}", [address], serial, alerts=said).encode()


def hears(book: nodebook.Book, identity: Identity, address: str, *said: Alert, serial: int = 5) -> None:
    book.routed({*book.peers, address})
    book.answered(book.peers[address], document(identity, address, *said, serial=serial))


def texts(book: nodebook.Book) -> list[str]:
    return [one.text for one in book.alerts()]


def test_an_alert_stands_until_its_time_is_over(book: nodebook.Book, clock: Clock) -> None:
    hears(book, ALICE, "10.1.1.1", Alert("Water at the school", 300, 2 * HOUR))
    shown, = book.alerts()
    assert (shown.node, clock.now - shown.since, shown.until - clock.now) == (ALICE.id, 300, 2 * HOUR)
    clock.now += 2 * HOUR - 1
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", Alert("Water at the school", 300, 2 * HOUR)))
    assert texts(book) == ["Water at the school"], "the same document, asked for again, is no newer"
    assert "2 h</span>" in book.pieces()["alerts.html"]
    clock.now += 1
    assert texts(book) == []
    assert book.pieces()["alerts.html"] == ""
    assert json.loads(book.state())["alerts"] == []


def test_an_alert_goes_when_it_is_taken_back_and_when_its_node_goes(book: nodebook.Book, clock: Clock) -> None:
    hears(book, ALICE, "10.1.1.1", Alert("one", 0, HOUR))
    hears(book, BOB, "10.2.2.1", Alert("two", 0, HOUR))
    book.answered(book.peers["10.1.1.1"], document(ALICE, "10.1.1.1", serial=6))
    assert texts(book) == ["two"]
    clock.now += nodebook.GONE_AFTER + 1
    book.routed({"10.1.1.1"})
    assert texts(book) == []


def test_blocked_nodes_say_nothing_here(book: nodebook.Book) -> None:
    hears(book, ALICE, "10.1.1.1", Alert("one", 0, HOUR))
    book.blocked = frozenset((ALICE.id,))
    assert texts(book) == []


def test_the_nearest_come_first_and_who_says_much_pushes_nobody_out(book: nodebook.Book) -> None:
    hears(book, ALICE, "10.1.1.1", *(Alert(f"alice {n}", 0, HOUR) for n in range(3)))
    hears(book, BOB, "10.2.2.1", Alert("bob", 0, HOUR))
    book.peers["10.1.1.1"].hops, book.peers["10.2.2.1"].hops = 1, 4
    book.know_own(nodebook.Own(name="lighthouse", id=OURS.id, alerts=(Alert("ours", 0, HOUR),), serial=1))
    assert texts(book) == ["ours", "alice 0", "bob", "alice 1", "alice 2"]


def test_a_crowd_of_alerts_has_an_end(book: nodebook.Book) -> None:
    for number in range(alerts.LISTED + 20):
        who = Identity(number.to_bytes(32, "big"))
        hears(book, who, f"10.1.{number}.1", *(Alert(f"{number} {n}", 0, HOUR) for n in range(50)))
    assert len(book.peers["10.1.0.1"].document.alerts) == alerts.PER_NODE  # type: ignore[union-attr]  # it was heard
    assert len(texts(book)) == alerts.LISTED
    assert book.pieces()["alerts.html"].count("<li>") == alerts.ON_PAGE


@pytest.mark.parametrize("alert", [
    None, 5, "Water", [], {}, {"text": "Water"},
    {"text": "Water", "age": "0", "left": 60}, {"text": "Water", "age": True, "left": 60},
    {"text": "Water", "age": 0.5, "left": 60}, {"text": "Water", "age": -1, "left": 60},
    {"text": "Water", "age": 0, "left": 0}, {"text": "Water", "age": 0, "left": 10**30},
    {"text": "Water", "age": alerts.LONGEST, "left": 1}, {"text": "Water", "age": 0, "left": 31_000_000_000},
    {"text": "", "age": 0, "left": 60}, {"text": " ", "age": 0, "left": 60}, {"text": "x" * 201, "age": 0, "left": 60},
    {"text": "\x1b]0;owned\x07", "age": 0, "left": 60}, {"text": "two\nlines", "age": 0, "left": 60},
    {"text": "hafen\u202enefah", "age": 0, "left": 60}, {"text": "two  spaces", "age": 0, "left": 60},
    {"text": "\u200d", "age": 0, "left": 60}, {"text": 5, "age": 0, "left": 60},
])
def test_strange_alerts_are_left_out_and_the_node_stays(alert: Any) -> None:
    fields = json.loads(document(ALICE, "10.1.1.1"))
    fields["alerts"] = [alert, {"text": "می‌رسد", "age": 0, "left": 60, "later": "versions"}]
    fields["signature"] = base64.b64encode(ALICE.sign(directory.canonical_json(fields))).decode()
    found = directory.check(json.dumps(fields).encode(), "10.1.1.1", None)
    assert found.alerts == (Alert("می‌رسد", 0, 60),)


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner, max_size=4)
                    | st.dictionaries(st.sampled_from(["text", "age", "left"]), inner), max_leaves=12))
def test_alerts_of_any_shape_are_never_more_than_left_out(listed: Any) -> None:
    for alert in alerts.said({"alerts": listed}):
        assert values.alert_text(alert.text) == alert.text


def test_a_forged_alert_is_not_believed(book: nodebook.Book) -> None:
    hears(book, ALICE, "10.1.1.1")
    fields = json.loads(document(ALICE, "10.1.1.1", Alert("Water", 0, 60), serial=6))
    fields["alerts"][0]["text"] = "Wasser"
    with pytest.raises(directory.BadDocument, match="signature"):
        book.answered(book.peers["10.1.1.1"], json.dumps(fields).encode())
    assert texts(book) == []


# A node's own.


@pytest.fixture
def system(tmp_path: Path) -> System:
    found = System(tmp_path)
    found.write(KEY, OURS.text())
    found.write(web.DOCUMENT, directory.make(OURS, "lighthouse", ["10.20.30.1"], 5, [], [
        {"name": "wiki", "title": "Wiki", "url": f"https://{OURS.id}.byzantium.mesh/wiki/"}]))
    return found


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> "At":
    return At(monkeypatch)


class At:
    """The moment that it is now."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.moment = Moment("boot", 50.0, 1_700_000_000.0)
        patch.setattr(Moment, "now", classmethod(lambda _cls, _system: self.moment))

    def later(self, up: float, day: float | None = None, boot: str = "boot") -> None:
        """`up` seconds on, and `day` by the clock that people set."""
        now = self.moment
        self.moment = Moment(boot, now.up + up, now.day + (up if day is None else day))


def served(system: System) -> list[tuple[str, int, int]]:
    found = directory.check(system.path(web.DOCUMENT).read_bytes(), "10.20.30.1", None)
    assert [one.name for one in found.services] == ["wiki"], "what else the document says stays in it"
    return [(one.text, one.age, one.left) for one in found.alerts]


def serial(system: System) -> int:
    return int(json.loads(system.path(web.DOCUMENT).read_text())["serial"])


def test_what_a_node_says_is_in_its_document_until_it_is_taken_back(system: System, at: At) -> None:
    before = serial(system)
    alerting.say(system, "Water at\n the school ", 6)
    assert served(system) == [("Water at the school", 0, 6 * HOUR)]
    assert serial(system) > before
    alerting.say(system, "No water", 1)
    assert served(system) == [("No water", 0, HOUR)], "there is one"
    assert alerting.withdraw(system)
    assert served(system) == []
    assert not system.path(alerting.KEPT).exists()
    told = serial(system)
    assert not alerting.withdraw(system)
    assert serial(system) == told, "nothing to do is no newer document"


def test_its_time_runs_by_the_clock_that_nobody_sets(system: System, at: At) -> None:
    alerting.say(system, "Water", 2)
    at.later(HOUR, day=40 * 365 * 86400)  # a clock of 1970 is set right
    alerting.renew(system)
    assert served(system) == [("Water", HOUR, HOUR)]
    at.later(60, boot="next", day=60)  # and counts from there over a restart
    alerting.renew(system)
    assert served(system) == [("Water", HOUR + 60, HOUR - 60)]
    at.later(-at.moment.up, boot="third", day=-86400)  # a restart that sets the clock back
    alerting.renew(system)
    (_text, age, left), = served(system)
    assert (age, left) == (0, 2 * HOUR)
    at.later(2 * HOUR)
    before = serial(system)
    alerting.renew(system)
    assert served(system) == []
    assert serial(system) > before
    assert not system.path(alerting.KEPT).exists()


def test_a_damaged_file_or_that_of_another_node_says_nothing(system: System, at: At) -> None:
    alerting.say(system, "Water", 2)
    kept = json.loads(system.path(alerting.KEPT).read_text())
    for changes in ({"node": ALICE.id}, {"text": "\x1b"}, {"lasts": 10**9}, {"lasts": None}, {"said": 5}):
        system.write(alerting.KEPT, json.dumps(kept | changes))
        assert alerting.standing(system) == ()
    system.write(alerting.KEPT, "[")
    alerting.renew(system)
    assert not system.path(alerting.KEPT).exists()


def test_the_stages_that_sign_the_document_leave_the_alert_in_it(system: System, at: At) -> None:
    alerting.say(system, "Water", 2)
    offers = json.loads(system.path(web.DOCUMENT).read_text())["services"]
    services.Announce(id="a", text="", offered=()).undo(system, offers)
    assert served(system) == [("Water", 0, 2 * HOUR)]
    web.SignDocument(id="s", text="", name="lamp", node_id=OURS.id, addresses=("10.20.30.1",), links=()).apply(
        system, quiet)
    assert served(system) == [("Water", 0, 2 * HOUR)]


def test_a_change_that_is_taken_back_leaves_the_newest_document(system: System, at: At) -> None:
    """Others refuse one that is older than what they have seen, for as long as they know this node."""
    alerting.say(system, "Water", 2)
    lamp = web.SignDocument(id="s", text="", name="lamp", node_id=OURS.id, addresses=("10.20.30.1",), links=())
    former, before = web.own_document(system), lamp.before(system)
    assert former
    lamp.apply(system, quiet)
    changed = serial(system)
    lamp.undo(system, before)
    now = web.own_document(system)
    assert now
    assert (now["name"], now["services"], now["serial"] > changed) == (former["name"], former["services"], True)
    assert served(system) == [("Water", 0, 2 * HOUR)]


def test_a_computer_that_is_no_node_says_nothing(system: System, at: At) -> None:
    system.remove(web.DOCUMENT)
    with pytest.raises(CannotHere):
        alerting.say(system, "Water", 2)
    assert not system.path(alerting.KEPT).exists()


def test_what_is_shown_is_that_of_tend(system: System, book: nodebook.Book, clock: Clock) -> None:
    hears(book, ALICE, "10.1.1.1", Alert("Water", 60, HOUR))
    system.write(neighbours.NODES, book.state())
    clock.now += 100
    assert alerting.shown(system, clock) == [
        {"node": f"node-{ALICE.id[:3]}", "id": ALICE.id, "text": "Water", "age_seconds": 160, "left_seconds": 3500}]
    clock.now += HOUR
    assert alerting.shown(system, clock) == [], "also where tend stands still"
    system.write(neighbours.NODES, '{"alerts": [5]}')
    assert alerting.shown(system) == []


@pytest.mark.parametrize("argv", [
    ["alert", ""], ["alert", "x" * 201], ["alert", "Water", "--hours", "0"], ["alert", "Water", "--hours", "169"],
    ["alert", "Water", "--hours", "a day"], ["alert", "--hours", "5"], ["alert", "Water", "--withdraw"],
    ["alert", "\x1b[2J"], ["alert", "two", "words"], ["alert", "--withdraw", "--hours", "3"],
])
def test_a_wrong_command_line_is_told(argv: list[str]) -> None:
    with pytest.raises(Invalid):
        run(argv)


def test_words_for_the_console() -> None:
    row = {"node": None, "age_seconds": 30, "left_seconds": 24 * HOUR - 30}
    assert alertwords.source(row) == "this node, just now, for 24 more hours"
    assert alertwords.source({"node": "harbour", "age_seconds": 3 * HOUR, "left_seconds": 5}) == "harbour, 3 hours ago"
    assert alertwords.plain("\x1b[2J می‌رسد") == "\N{REPLACEMENT CHARACTER}[2J میرسد"
