"""What the mesh is told of this node's services follows what they do: one that fails is not named until it works."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from byzwizard import catalogue, locking, reoffer
from byzwizard.backends import directory, keep, offering, web
from byzwizard.backends.offering import State
from byzwizard.backends.system import System

NAMES = ("board", "wiki")


class Node:
    def __init__(self, system: System) -> None:
        self.system = system
        self.states: dict[str, State] = dict.fromkeys(NAMES, "on")
        own = keep.identity(system)
        offered = [offering.of(catalogue.here().services[name], f"{own.id}.{directory.DOMAIN}") for name in NAMES]
        system.write(offering.FACTS, json.dumps([asdict(one) for one in offered]))
        addresses = ["10.1.2.1"]
        system.write(web.DOCUMENT, directory.make(own, "node", addresses, 1, [], [], ()))

    def told(self, **states: State) -> list[str]:
        """Which are named after one more look, with these in another state."""
        self.states |= states
        assert reoffer.main() == 0
        return [one["name"] for one in (web.own_document(self.system) or {})["services"]]

    @property
    def serial(self) -> int:
        found: int = (web.own_document(self.system) or {})["serial"]
        return found


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    node = Node(System(tmp_path))
    monkeypatch.setattr(reoffer, "System", lambda: node.system)
    monkeypatch.setattr(offering, "state", lambda _system, one: node.states[one.name])
    return node


def test_one_that_fails_is_named_no_more_until_it_works(node: Node) -> None:
    assert node.told() == ["board", "wiki"]
    assert node.told(wiki="failing") == ["board"]
    assert node.told(wiki="starting") == ["board"], "it may fail again"
    assert node.told(wiki="on") == ["board", "wiki"]
    assert node.told(wiki="starting") == ["board", "wiki"], "it was restarted"
    assert node.told(wiki="off") == ["board"], "its data are in a store that is locked"


def test_nothing_is_signed_where_nothing_has_changed(node: Node) -> None:
    node.told()
    before = node.serial
    node.told()
    assert node.serial == before
    node.told(board="failing")
    assert node.serial > before


def test_who_changes_the_node_announces_by_itself(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.told()
    monkeypatch.setattr(locking, "PATIENCE", 0)
    with locking.only_one(node.system):
        assert node.told(wiki="failing") == ["board", "wiki"]
    assert node.told() == ["board"]


def test_what_a_change_has_announced_meanwhile_stands(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services are asked before the turn is this one's, for one that hangs takes its time."""
    node.told()
    looked = offering.announced

    def slow(system: System, offered: Sequence[offering.Offered]) -> list[dict[str, Any]]:
        found = looked(system, offered)
        web.announce(system, [])  # all were switched off
        return found

    monkeypatch.setattr(offering, "announced", slow)
    assert node.told(wiki="failing") == []


def test_it_is_looked_at_while_something_is_offered() -> None:
    upholds, timer, started = (Path("assets/units", f"byz-{name}").read_text().splitlines()
                               for name in ("certificate.timer", "offer.timer", "offer.service"))
    assert "Upholds=byz-offer.timer" in upholds
    assert {"StopWhenUnneeded=yes", "OnUnitInactiveSec=1min"} <= set(timer)
    assert "ExecStart=/usr/lib/byzwizard/bin/python -I -m byzwizard.reoffer" in started
    assert all(one.certificate or one.web for one in catalogue.here().services.values()), "each upholds the other timer"
