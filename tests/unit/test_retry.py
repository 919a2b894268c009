"""An apply that finds its clients' network in use takes another, and gives up after a few."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import parse
from byzwizard.backends import prefixes, revert
from byzwizard.backends.addresses import AddressTaken
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.commands.apply import TRIES, Apply, Told
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict
from byzwizard.plan import Progress, Step, step_class
from byzwizard.prepare import prepare_answers
from byzwizard.resolve import Resolved

MACHINE = Machine(radios=(Radio(
    interface="wlan0", phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None,
    verdict=Verdict(grade="A", link="802.11s", access_point=True, reason="", advice=None)),))


@step_class
class TakeNetwork(Step):
    """Somebody answers at the first `taken` of them; `tried` are all, in their order."""

    subnet: str
    taken: int
    tried: list[str]

    def needed(self, system: System) -> bool:
        return True

    def apply(self, system: System, progress: Progress) -> None:
        self.tried.append(self.subnet)
        if len(self.tried) <= self.taken:
            raise AddressTaken(self.subnet.replace(".0/24", ".1"), self.subnet, "02:00:00:00:00:99")

    def undo(self, system: System, before: Any) -> None:
        pass


class Network:
    name = title = "network"

    def __init__(self, taken: int) -> None:
        self.taken, self.tried = taken, list[str]()

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (TakeNetwork(id="take", text="", subnet=resolved.subnet, taken=self.taken, tried=self.tried),)


def apply(root: Path, stage: Network, subnet: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(prefixes, "in_use", lambda _system: frozenset())
    monkeypatch.setattr(revert, "caller_interface", lambda _system: None)
    system = System(root)
    ready = prepare_answers(system, parse(f"byzantium: 1\nmesh: {{subnet: {subnet}}}\n"), MACHINE,
                            Identity(b"n" * 32), (stage,))
    context = Context(argparse.Namespace(json=True, yes=True, boot=None), lambda: (stage,))
    return Apply(context, system, ready, (stage,)).run()


def test_a_network_that_is_in_use_is_left_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Network(1)
    assert apply(tmp_path, stage, "auto", monkeypatch) == 0
    assert len(stage.tried) == len(set(stage.tried)) == 2
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events if event["event"] in ("fail", "undo", "end")] == ["fail", "undo", "end"]
    assert events[-1]["status"] == 0


@pytest.mark.parametrize(("subnet", "tries"), [("auto", TRIES), ("10.7.7.0/24", 1)])
def test_it_ends_after_a_few_and_never_leaves_one_that_was_chosen(
    subnet: str, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Network(99)
    with pytest.raises(Told, match=r"The address 10\.\d+\.\d+\.1 is in use on clients0 by 02:00:00:00:00:99") as told:
        apply(tmp_path, stage, subnet, monkeypatch)
    assert told.value.status == 1
    assert len(stage.tried) == len(set(stage.tried)) == tries
