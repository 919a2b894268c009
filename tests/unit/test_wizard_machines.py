"""The wizard on every recorded machine, from Hardware to Review: the desk is the one that `--machine` makes."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from byzwizard.backends.probe import load_machine
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.errors import CannotHere
from byzwizard.here import Here
from byzwizard.prepare import Prepared, prepare
from byzwizard.screens.page import Session
from byzwizard.screens.pages import PAGES
from byzwizard.screens.root import Root
from byzwizard.stages import STAGES
from tests.unit.driver import Screen
from tests.unit.fake_desk import FakeStage

FILES = sorted((Path(__file__).parents[1] / "machines").glob("*.json"))
ALL = (80, 200)  # all of a page at once


class Recorded(Screen):
    """The pages over a recording."""

    def __init__(self, file: Path) -> None:
        self.stage = FakeStage()
        context = Context(argparse.Namespace(machine=file, json=False, yes=False), lambda: STAGES)
        self.session = Session(Here(context), PAGES, "welcome")
        self.root = Root(self.session, self.stage)

    def words(self) -> str:
        """Of the page, whatever its lines."""
        return " ".join(self.text(ALL).split())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_from_hardware_to_review(file: Path, tmp_path: Path) -> None:
    machine = load_machine(file)
    screen = Recorded(file)
    screen.do("steps")
    assert screen.page == "hardware"
    shown = screen.words()
    for radio in machine.radios:
        assert radio.chipset[:30] in shown
        assert radio.verdict is not None
        assert f"grade {radio.verdict.grade}" in shown
    for page in ("mesh", "services", "keep", "internet", "review"):
        screen.do("next")
        assert screen.page == page
        assert screen.words()
    expected, review = headless(file, tmp_path), screen.session.review
    if isinstance(expected, str):
        assert expected in screen.words()
        assert review is None
    else:
        assert review is not None
        assert (review.resolved, review.plan) == (expected.resolved, expected.plan)
        assert expected.plan.steps[0].text in screen.words()


def headless(file: Path, folder: Path) -> Prepared | str:
    """What `plan` comes to with answers that say nothing, or the sentence that refuses them."""
    answers = folder / "answers.yaml"
    answers.write_text("byzantium: 1\n")
    try:
        return prepare(System(), answers, file, STAGES)
    except CannotHere as refusal:
        return refusal.message


def test_there_are_recordings() -> None:
    assert len(FILES) >= 16
