"""A console that was left alone shows the node, and acts for whoever has the passphrase."""

from __future__ import annotations

from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.screens import guard
from byzwizard.screens.guard import Guard
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import FakeDesk


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def left_alone(**more: Any) -> Screen:
    """A node's console after five minutes and a bit."""
    screen = Screen(FakeDesk(now=Answers(), protects=True, **more), "node")
    clock = Clock()
    screen.root._guard = Guard(screen.session, clock)
    screen.press("w")
    assert "Nothing has been changed" in screen.text()
    clock.now = guard.IDLE - 1
    screen.root.tick()
    assert not screen.root.guard.locked
    clock.now = guard.IDLE + 1
    screen.root.tick()
    return screen


def test_it_locks_and_still_shows_the_node() -> None:
    screen = left_alone()
    assert screen.root.guard.locked
    assert "Nothing has been changed" not in screen.text()  # the sheet is gone
    assert "This node works" in screen.text()
    assert screen.desk.shut


@pytest.mark.parametrize("key", ["m", "e", "f2", "f5", "f10", "ctrl c", "ctrl z", "enter", "k", "u"])
def test_whatever_is_pressed_only_asks(key: str) -> None:
    screen = left_alone()
    asked = list(screen.desk.asked)
    screen.press(key)
    assert "This console is locked" in screen.text()
    assert screen.page == "node"
    assert screen.desk.asked == asked
    screen.press("f2", "f5", "f10", "esc")
    assert screen.desk.asked == asked
    assert screen.root.guard.locked


def test_the_passphrase_unlocks_it() -> None:
    screen = left_alone()
    screen.press("down", "x")
    screen.type("passphrase", "wrong words")
    screen.press("enter")
    assert "not the passphrase" in screen.text()
    assert "This console is locked" in screen.text(), "and still what is asked"
    screen.type("passphrase", screen.desk.opens)
    screen.press("enter")
    assert not screen.root.guard.locked
    assert not screen.desk.shut
    screen.press("e")
    assert screen.page == "hardware"


def test_nothing_to_protect_nothing_to_lock() -> None:
    screen = Screen(FakeDesk(now=Answers()), "node")
    clock = Clock()
    screen.root._guard = Guard(screen.session, clock)
    clock.now = 10 * guard.IDLE
    screen.root.tick()
    assert not screen.root.guard.locked


def test_a_wizard_that_starts_again_is_still_locked() -> None:
    screen = Screen(FakeDesk(now=Answers(), protects=True, shut=True), "node")
    screen.press("m")
    assert "This console is locked" in screen.text()
    assert screen.page == "node"


def test_line_mode_asks_before_it_acts() -> None:
    desk = FakeDesk(now=Answers(), protects=True, shut=True)
    typist = Typist("e", "wrong words", "e", desk.opens, "e", desk=desk, first="node")
    typist.run()
    assert any("not the passphrase" in line for line in typist.written)
    assert typist.session.page.name == "hardware"
    assert not desk.shut
