"""A boot makes the node even where its store cannot be; a person is told instead."""

import argparse
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends.system import System
from byzwizard.commands import Context, apply
from byzwizard.errors import CannotHere
from byzwizard.plan import Plan, PlannedStage, Progress, Step, step_class


@dataclass(frozen=True)
class Stage:
    name: str


STAGES: Any = (Stage("names"), Stage("persistence"), Stage("services"))


def context(boot: str | None) -> Context:
    return Context(argparse.Namespace(file=Path("a.yaml"), skip=[], boot=boot, heard=None), lambda: STAGES)


READY = types.SimpleNamespace(told=("tea is left out.",))


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, boot: str | None, *impossible: str) -> list[str]:
    """The names of the stages that are planned where these are impossible."""

    def prepare(
        _system: System, _file: Path, _machine: Path | None, stages: Sequence[Stage], boot: bool = False, **_more: Any
    ) -> types.SimpleNamespace:
        assert boot == as_boot
        for stage in stages:
            if stage.name in impossible:
                raise CannotHere(f"no {stage.name} here.")
        return READY

    as_boot = boot is not None
    monkeypatch.setattr(apply, "prepare", prepare)
    return [stage.name for stage in apply._prepared(context(boot), System(tmp_path))[1]]


@pytest.mark.parametrize(("impossible", "left"), [
    ((), ["names", "persistence", "services"]),
    (("persistence",), ["names", "services"]),
])
def test_a_boot_leaves_out_what_cannot_be_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    impossible: tuple[str, ...], left: list[str],
) -> None:
    assert prepared(monkeypatch, tmp_path, "found", *impossible) == left
    said = capsys.readouterr().err
    assert ("no persistence here." in said) == bool(impossible)
    assert "tea is left out." in said


def test_what_stands_in_the_way_of_the_rest_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CannotHere, match="no names here"):
        prepared(monkeypatch, tmp_path, "found", "names")


def test_a_person_is_told_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CannotHere, match="no persistence here"):
        prepared(monkeypatch, tmp_path, None, "persistence")


@step_class
class Nothing(Step):
    def needed(self, system: System) -> bool:
        return False

    def apply(self, system: System, progress: Progress) -> None:
        """Never comes to it."""

    def undo(self, system: System, before: Any) -> None:
        """Never comes to it."""


def test_a_plan_without_a_step_waits_for_it_no_more() -> None:
    steps = (Nothing(id="service-wiki", text=""), Nothing(id="service-radio", text=""),
             Nothing(id="ports", text="", after=("service-wiki", "service-radio")))
    left = Plan((PlannedStage("services", "Services", steps),)).without("service-wiki")
    assert [(step.id, step.after) for step in left.steps] == [("service-radio", ()), ("ports", ("service-radio",))]
