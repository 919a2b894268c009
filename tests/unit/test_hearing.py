"""Before it is decided what a radio does it listens, and Apply does what Review has shown."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import Answers, parse
from byzwizard.backends import hearing, scan
from byzwizard.backends.nl80211 import Heard
from byzwizard.backends.system import System
from byzwizard.beacon import content
from byzwizard.commands import Context
from byzwizard.errors import CannotHere, Invalid
from byzwizard.here import Here
from byzwizard.machine import Machine, Rfkill
from tests.unit.test_ladder import card, hub
from tests.unit.test_scan import element, heard

AIR = [heard(element(0, b"Byzantium") + element(221, content("byzantium~pub")), 1), heard(element(0, b"Cafe"), 1)]


def test_a_radio_that_cannot_listen_hears_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an access point already, or switched off; the others are heard all the same."""
    asked = []

    def hear(system: System, radio: Any) -> list[Heard]:
        asked.append(radio.phy)
        if radio.phy == "phy1":
            raise CannotHere("It serves phones.")
        return AIR

    monkeypatch.setattr(scan, "hear", hear)
    machine = Machine(radios=(card(0, "D"), card(1, "D"), card(2, "E", rfkill=Rfkill(soft=True))))
    found = hearing.listened(System(), Answers(), machine).heard
    assert found == (hub(0),)
    assert sorted(asked) == ["phy0", "phy1"]


def test_where_it_does_not_matter_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "hear", None)  # would fail
    machine = Machine(radios=(card(0, "A"), card(1, "D")))
    assert hearing.listened(System(), Answers(), machine) is machine


def test_an_air_full_of_hubs_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "hear", lambda *_which: AIR * hearing.MOST * 2)
    assert len(hearing.hubs(System(), [card(0, "D")])) == hearing.MOST


def test_its_own_access_point_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second card hears it, and the node would join itself."""
    system = System(tmp_path)
    system.write("/sys/class/net/ap0/address", "02:00:00:00:00:01\n")
    system.write("/sys/class/net/ap0/phy80211/name", "phy1\n")
    own, other = (dataclasses.replace(AIR[0], bssid=bytes([2, 0, 0, 0, 0, last])) for last in (1, 2))
    monkeypatch.setattr(scan, "hear", lambda *_which: [own])
    assert hearing.hubs(system, [card(0, "E")]) == ()
    monkeypatch.setattr(scan, "hear", lambda *_which: [own, other])
    assert hearing.hubs(system, [card(0, "E")]) == (hub(0),)


def test_what_was_heard_comes_through_and_nothing_else_does() -> None:
    assert hearing.read(hearing.written([hub(0)])) == (hub(0),)
    for text in ("", "{}", '[{"phy": "phy0"}]', hearing.written([hub(0)]).replace(b"Byzantium".hex(), "0")):
        with pytest.raises(Invalid, match="cannot be read"):
            hearing.read(text)


def test_apply_does_what_review_has_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here(Context(argparse.Namespace(machine=None, json=False, yes=False), tuple))
    here.rehearsal = False
    asked: list[list[str]] = []

    def ask(_self: Here, *words: str) -> str:
        asked.append([*words])
        return hearing.written([hub(0)])

    monkeypatch.setattr(Here, "_ask", ask)
    monkeypatch.setattr(Here, "_program", lambda _self, words, _text: asked.append(words))
    answers = parse("byzantium: 1\n")
    assert here._listened(answers, Machine(radios=(card(0, "D"),))).heard == (hub(0),)
    assert asked.pop() == ["scan", "--hubs", "phy0"]
    here.apply(answers, ())
    assert "--heard" in asked[-1]
    assert hearing.written([hub(0)]) in asked[-1]
    here.apply(parse("byzantium: 1\nmesh: {name: other}\n"), ())
    assert "--heard" not in asked[-1], "these were not reviewed"
