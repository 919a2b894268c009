"""What is typed is seen at once, at every width, while the frame before still stands."""

import pytest
from urwid.testing import press

from tests.unit.driver import Screen

WIDTHS = (24, 54, 58, 68, 69, 70, 71, 76, 80, 89, 132)


@pytest.mark.parametrize("columns", WIDTHS)
def test_what_is_typed_into_a_sheet_is_seen_with_each_key(columns: int) -> None:
    size = (columns, 24)
    screen = Screen()
    screen.to("file")
    screen.press("enter", size=size)
    press(screen.root, size, "end", *["backspace"] * 60)
    screen.text(size)
    for typed in ("a", "ab", "abc"):
        screen.press(typed[-1], size=size)
        assert typed in screen.text(size), f"{typed} is not seen at {columns} columns"


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_passphrase_can_be_typed_over_the_words(columns: int) -> None:
    size = (columns, 30)
    screen = Screen()
    screen.do("steps", "next")
    screen.to("private")
    screen.press(" ", "f8", "down", size=size)
    assert screen.focused == "mesh.passphrase"
    words = screen.session.draft.text("mesh.passphrase")
    screen.press(*"abc", size=size)
    assert screen.session.draft.text("mesh.passphrase") == f"{words}abc"
    assert "abc" in screen.text(size)
    screen.press("home", "x", size=size)
    assert f"x{words[:4]}" in screen.text(size)


def test_enter_in_the_last_field_leads_to_the_button_that_goes_on() -> None:
    screen = Screen()
    screen.do("steps", "next", "next", "next", "next", "wifi")
    screen.to("internet.wifi.ssid")
    screen.press(*"Cafe", "enter")
    assert screen.focused == "internet.wifi.passphrase"
    screen.press("enter")
    assert screen.focused == "next"


def test_ctrl_u_clears_a_field() -> None:
    screen = Screen()
    screen.do("steps", "next")
    screen.type("mesh.name", "relief")
    screen.press("ctrl u", *"north")
    assert screen.session.draft.answers.mesh.name == "north"
