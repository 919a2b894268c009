"""The data of a service as a whole: weighed, and deleted by an act of its own while it is off."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from byzwizard import catalogue, keeping, serving
from byzwizard.answers import Answers, save_text
from byzwizard.backends import dumped, keep, offering, owndata
from byzwizard.backends.system import Result, System
from byzwizard.catalogue import Catalogue
from byzwizard.commands import Context, data
from byzwizard.errors import ByzantiumError, Invalid
from tests.unit.fake_services import CATALOGUE

WIKI = CATALOGUE.services["wiki"]
HOME, DUMPS = "/var/lib/byzantium/services/wiki", "/var/lib/byzantium/dumps/wiki"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A node with data of the wiki, of which a copy was saved, and of the pad; all are off."""
    system = System(tmp_path)
    for path, text in ((f"{HOME}/wiki.db", "12345"), (f"{HOME}/pictures/a.png", "123"), (f"{DUMPS}/wiki.tar.gz", "12"),
                       ("/var/lib/byzantium/services/pad/pad.db", "1"), ("/outside", "1")):  # fmt: skip
        system.write(path, text)
    system.path(f"{HOME}/link").symlink_to(system.path("/outside"))
    monkeypatch.setattr(catalogue, "here", lambda: CATALOGUE)
    monkeypatch.setattr(data, "System", lambda: system)
    monkeypatch.setattr(data, "need_root", lambda: None)
    return system


def run(*, act: str = "delete", name: str = "wiki", yes: bool = True, file: str | None = None) -> int:
    options = argparse.Namespace(act=act, name=name, file=file, yes=yes, json=True, machine=None, verb="data")
    return data.run(Context(options, list))


def test_it_is_weighed_and_gone_with_what_was_saved(node: System, capsys: pytest.CaptureFixture[str]) -> None:
    weighed = serving.data(node, "wiki")
    assert weighed is not None
    assert (weighed.folders, weighed.kept) == ((HOME,), False)
    assert weighed.bytes == 10 + len(str(node.path("/outside")))  # the link itself
    assert run() == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["act"], said["name"], said["bytes"]) == ("delete", "wiki", weighed.bytes)
    assert list(node.path(HOME).iterdir()) == list(node.path(DUMPS).iterdir()) == []
    assert node.read("/var/lib/byzantium/services/pad/pad.db") == "1"
    assert node.read("/outside") == "1", "links are not followed"
    assert run() == 0, "a second time there is nothing to do"
    assert json.loads(capsys.readouterr().out)["bytes"] == 0


def test_a_file_that_is_not_there_is_noticed_before_anything_is_asked(
    node: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = dumped.Dumped("wiki", WIKI.unit, HOME, ("wiki.db",), "save", "load", 1)
    monkeypatch.setattr(dumped, "of", lambda _service: kept)
    with pytest.raises(Invalid, match="There is no file") as refused:
        run(act="restore", yes=False, file=str(tmp_path / "none.tar.gz"))
    assert refused.value.status == 2


def test_not_while_it_is_on(node: System) -> None:
    on = offering.of(WIKI, "a.byzantium.mesh")
    node.write(offering.FACTS, json.dumps([asdict(on)]))
    with pytest.raises(ByzantiumError, match="is switched on") as refused:
        run()
    assert (refused.value.status, refused.value.hint) == (3, "`byzwizard disable wiki` switches it off first.")
    assert node.read(f"{HOME}/wiki.db") == "12345"


def test_not_unasked_and_not_of_a_locked_store(node: System, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ByzantiumError, match="Nothing was done: The data of wiki") as refused:
        run(yes=False)
    assert (refused.value.status, refused.value.hint) == (3, "--yes stands in for the confirmation.")
    assert "gone for good" in capsys.readouterr().err
    node.write("/run/byzantium/store.json", "{}")
    with pytest.raises(ByzantiumError, match="locked"):
        run()
    assert node.read(f"{HOME}/wiki.db") == "12345"


def test_what_has_no_data_and_what_makes_no_sense_is_said(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ByzantiumError, match="--file is for save and restore"):
        run(file="x")
    proxy = CATALOGUE.services["proxy"].model_copy(update={"data": ()})
    monkeypatch.setattr(catalogue, "here", lambda: Catalogue({"proxy": proxy}, {}))
    with pytest.raises(ByzantiumError, match="proxy writes no data") as refused:
        run(name="proxy")
    assert refused.value.status == 4
    assert serving.data(node, "proxy") is None
    assert owndata.size(node, proxy) == 0


def test_a_log_is_told_without_what_a_terminal_would_act_on(
    node: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = [*b"\x1b]0;title\x07\x1b[31mred\x1b[0m"]
    entries = (
        {"MESSAGE": bell, "__REALTIME_TIMESTAMP": "1000000"},
        {"MESSAGE": "two\nlines\x1b[2J\u202e", "__REALTIME_TIMESTAMP": "0"},
        {"MESSAGE": None},
    )
    asked: list[tuple[str, ...]] = []

    def told(*argv: str, **_more: object) -> Result:
        asked.append(argv)
        return Result(0, "\n".join([*map(json.dumps, entries), "{half"]), "")

    monkeypatch.setattr(node, "run", told)
    words = [line.partition(" ")[2] for line in serving.log(node, "wiki")]
    assert words == ["red", "two", "lines\\u202e"]
    assert "--unit=byz-wiki.service" in asked[0]


def test_what_a_node_offers_is_told_with_the_last_words_of_what_fails(
    node: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [{"name": "wiki", "title": "W\x1b[2J", "node": "harbor", "url": "https://x/", "state": "on"}]
    chosen = [offering.of(CATALOGUE.services[name], "a.byzantium.mesh") for name in ("wiki", "radio")]
    states: dict[str, offering.State] = {"wiki": "on", "radio": "failing"}
    monkeypatch.setattr(offering, "chosen", lambda _system: tuple(chosen))
    monkeypatch.setattr(offering, "state", lambda _system, one: states[one.name])
    monkeypatch.setattr(offering, "of_others", lambda _system: others)
    monkeypatch.setattr(offering, "last_words", lambda *_asked: "cannot \x1b[31mbind")
    offer = serving.offer(node)
    assert offer.own["wiki"].url == "https://a.byzantium.mesh/wiki/"
    assert (offer.own["wiki"].words, offer.own["radio"].words) == ("", "cannot bind")
    [other] = offer.others
    assert (other.node, other.title) == ("harbor", "W\\x1b[2J")


def test_the_pages_start_from_the_answers_with_the_uplink_that_is_not_kept(node: System) -> None:
    """Else a change of the services alone would take the way to the Internet away."""
    assert keep.present(node) is None
    applied = Answers.model_validate({"services": ["wiki"], "internet": {"wifi": {"ssid": "Station"}}})
    node.write(keep.ANSWERS, save_text(applied.model_copy(update={"internet": Answers().internet})))
    assert keep.present(node) == Answers(services=("wiki",))
    node.write(keep.APPLIED, save_text(applied), 0o600)
    assert keep.present(node) == applied


def test_what_may_be_kept_is_weighed_before_there_is_a_store(node: System) -> None:
    node.write("/home/ann/notes", "1234")
    node.write("/home/mara/letter", "12345678")
    node.write("/var/log/syslog", "12")
    wiki = serving.data(node, "wiki")
    assert wiki is not None
    found = keeping.weights(node)
    assert (found["home"], found["logs"]) == (12, 2)
    assert (found["services.wiki"], found["services.pad"], found["services.chat"]) == (wiki.bytes, 1, 0)
    assert found["services"] == wiki.bytes + 1
