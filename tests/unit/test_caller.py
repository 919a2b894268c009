"""Whoever is connected over what a change touches has it taken back by a timer; nobody else has to confirm anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.answers import parse
from byzwizard.backends import interfaces, prefixes, revert
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.commands.apply import Apply
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.plan import Step
from byzwizard.prepare import prepare_answers
from byzwizard.resolve import Resolved
from tests.unit.test_retry import MACHINE, TakeNetwork


class Stage:
    title = ""

    def __init__(self, name: str, network: bool) -> None:
        self.name, self._network = name, network

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (TakeNetwork(id="take", text="", subnet="", taken=0, tried=[], network=self._network),)


@pytest.mark.parametrize(("caller", "stage", "network", "armed"), [
    (None, "mesh", True, False),  # on a console
    ("clients0", "mesh", True, True),
    ("clients0", "mesh", False, False),
    ("mesh0", "mesh", True, True),
    ("wlan9", "wifi", True, True),  # a radio that no answer names: it is let go
    ("eth0", "mesh", True, False),
    ("eth0", "internet", True, True),  # that stage serves at the wired ports, or takes an address there
    ("", "mesh", True, True),  # it cannot be told
])  # fmt: skip
def test_who_is_connected_over_it(
    caller: str | None, stage: str, network: bool, armed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "in_use", lambda _system: frozenset())
    monkeypatch.setattr(revert, "caller_interface", lambda _system: caller)
    monkeypatch.setattr(interfaces, "phy_of", lambda _system, name: "phy9" if name.startswith("wlan") else None)
    system, stages = System(tmp_path), (Stage(stage, network),)
    ready = prepare_answers(system, parse("byzantium: 1\n"), MACHINE, Identity(b"n" * 32), stages)
    context = Context(argparse.Namespace(json=True, yes=True, boot=None), lambda: stages)
    assert Apply(context, system, ready, stages)._touches_caller(ready.plan) is armed
