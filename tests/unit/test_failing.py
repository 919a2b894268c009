"""A service that fails already keeps nothing else from being changed; who asks for it by name is told that it does."""

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from byzwizard import catalogue
from byzwizard.backends import offering, services, units
from byzwizard.backends.services import RunService
from byzwizard.backends.units import ConfigFile
from byzwizard.commands import Context, apply
from byzwizard.engine import Engine, StageFailed
from byzwizard.events import Event
from byzwizard.journal import Journal
from byzwizard.plan import Plan, PlannedStage
from tests.unit.test_units import UNIT, Systemd

WIKI = RunService(id="service-wiki", text="Start Wiki: Pages for everybody.", unit=UNIT, keeps=False, timeout=0.5,
                  ready=lambda _system: False)
KEEP = ConfigFile(id="answers", text="", path="/etc/byzantium/answers.yaml", content="name: harbour\n")
PLAN = Plan((PlannedStage("services", "", (WIKI,)), PlannedStage("keep", "", (KEEP,))))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """It offers a wiki, which runs and answers nobody."""
    monkeypatch.setattr(units, "BUSY", 0.01)
    monkeypatch.setattr(services, "BUSY", 0.01)
    monkeypatch.setattr(offering, "state", lambda _system, _one: "failing")
    node = Systemd(tmp_path)
    wiki = offering.of(catalogue.here().services["wiki"], "host")
    node.write(offering.FACTS, json.dumps([asdict(wiki)]))
    node.come_up()
    return node


def changed(node: Systemd, *names: str) -> list[str]:
    """What is told at the end of each step of an apply, where these were asked for by name."""
    told: list[Event] = []
    context = Context(argparse.Namespace(json=True, yes=True, boot=None, names=names), tuple)
    ready: Any = argparse.Namespace(plan=PLAN)
    apply.Apply(context, node, ready, ())._once(Engine(node, Journal(node, {}), told.append))
    return [event.text for event in told if event.event == "finish"]


@pytest.fixture(autouse=True)
def apply_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply.Apply, "_touches_caller", lambda *_: False)
    monkeypatch.setattr(apply, "remember", lambda *_: None)


def test_the_rest_is_changed_and_what_fails_is_told_with_what_to_do(node: Systemd) -> None:
    began = time.monotonic()
    wiki, answers = changed(node)
    assert time.monotonic() - began < WIKI.timeout, "it is tried for a moment only"
    assert node.read(KEEP.path) == KEEP.content
    assert wiki.startswith("Start Wiki: Pages for everybody. It did not work before, and does not work now (it said: ")
    assert "unknown network field" in wiki
    assert "`byzwizard enable wiki`" in wiki
    assert "`byzwizard disable wiki`" in wiki
    assert not answers


def test_one_that_was_tried_just_now_is_not_waited_for_either(node: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(node)
    monkeypatch.setattr(offering, "state", lambda _system, _one: "starting")
    assert "does not work now" in changed(node)[0]


def test_who_asks_for_it_is_told_that_it_fails(node: Systemd) -> None:
    with pytest.raises(StageFailed, match="is not ready"):
        changed(node, "wiki")
    assert node.read(KEEP.path) is None


def test_one_that_worked_until_now_or_is_new_stops_the_stage_as_ever(
    node: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offering, "state", lambda _system, _one: "on")
    with pytest.raises(StageFailed):
        changed(node)
    node.write(offering.FACTS, "[]")
    monkeypatch.setattr(offering, "state", lambda _system, _one: "failing")
    with pytest.raises(StageFailed):
        changed(node)


def test_what_works_again_is_not_complained_of_and_what_was_only_tried_is_not_taken_back(node: Systemd) -> None:
    step = replace(WIKI, failed=True, ready=lambda _system: True)
    step.apply(node, lambda _done, _total: None)
    assert step.told(node) == ""
    step.undo(node, {"active": False, "record": None})
    assert not any(words[:2] == ("systemctl", "stop") for words in node.ran)
