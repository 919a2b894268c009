"""The focus is never lost, the keys of the footer work, and what matters is seen where there is little room."""

from pathlib import Path

import pytest
from urwid.testing import ScriptedScreen

from byzwizard.answers import Answers
from byzwizard.backends.probe import load_machine
from byzwizard.events import Event
from byzwizard.screens.apply import Progress
from byzwizard.screens.items import Note
from byzwizard.screens.sheets import Sheet
from byzwizard.wizard import Wizard
from tests.unit.driver import Screen
from tests.unit.fake_desk import STATUS, FakeDesk

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.mark.parametrize("key", ["end", "home", "page down", "page up"])
def test_no_key_loses_the_focus(key: str) -> None:
    screen = Screen()
    screen.press(key)
    assert screen.focused
    assert "▶" in screen.text()
    assert screen.focused in {"start", "node.keyboard"}


def test_up_from_the_buttons_goes_to_the_line_above_them() -> None:
    screen = Screen()
    screen.do("steps", "next")
    assert screen.focused == "next"
    screen.press("up")
    assert screen.focused == "more"
    screen.press("down")
    assert screen.focused in {"back", "next"}


def test_a_sheet_that_is_only_read_keeps_its_button_and_scrolls() -> None:
    screen = Screen()
    screen.session.host.open(Sheet(screen.session, "Short", "", [Note("one"), Note("two")]))
    screen.press("up")
    assert screen.focused == "close"
    assert "▶ [ Close ]" in screen.text()
    long = Screen()
    long.session.host.open(Sheet(long.session, "Long", "", [Note(f"line {n}") for n in range(60)]))
    assert "line 30" not in long.text()
    long.press(*["down"] * 30)
    assert "line 30" in long.text()
    assert long.focused == "close"


def test_help_in_help_closes_it_and_all_keys_of_the_page_are_told() -> None:
    screen = Screen()
    screen.do("steps", "next")
    screen.press("f1")
    text = screen.text((80, 60))
    for words in ("Space", "list", "do it"):
        assert words in text
    assert "F1 help" not in screen.text().splitlines()[-1]
    screen.press("f1")
    assert "Help:" not in screen.text()
    assert screen.page == "mesh"


@pytest.mark.parametrize("file", sorted(MACHINES.glob("*.json")), ids=lambda file: file.stem)
def test_hardware_opens_with_the_name_of_the_first_card(file: Path) -> None:
    machine = load_machine(file)
    for size in ((60, 15), (40, 15)):
        screen = Screen(FakeDesk(found=machine))
        screen.do("steps")
        for radio in machine.radios[:1]:
            assert (radio.interface or radio.phy) in screen.text(size)


def test_the_columns_of_a_card_do_not_touch() -> None:
    screen = Screen(FakeDesk(found=load_machine(MACHINES / "thinkpad-intel-6200-with-ar9271-stick.json")))
    screen.do("steps")
    line = next(line for line in screen.text().splitlines() if "Intel Centrino" in line)
    assert "  mesh of the older kind" in line
    assert line.rstrip(" █").endswith("grade C")
    assert "grade C█" not in line


def test_a_long_name_gives_way_before_the_figures() -> None:
    long = {"name": "a-name-that-is-" + "x" * 48, "address": "fe80::1", "signal_dbm": -51, "metric": 96, "hops": 1,
            "throughput_mbps": 54.0, "via": None}
    screen = Screen(FakeDesk(now=Answers(), state=STATUS | {"neighbours": [long]}), "node")
    text = screen.text()
    assert "-51 dBm" in text
    assert "54 Mb/s" in text
    assert "96" in text


def test_what_could_not_be_undone_is_told() -> None:
    progress = Progress()
    for event in (
        Event("fail", "mesh", "c", "No."),
        Event("undo", "mesh", "c", "Start the mesh"),
        Event("fail", "mesh", "c", "Could not be undone: gone."),
    ):
        progress.take(event)
    assert (progress.fault, progress.stuck, progress.ended) == ("No.", ["Could not be undone: gone."], False)


def test_an_apply_that_died_does_not_claim_to_have_cleaned_up() -> None:
    screen = Screen(hold=True)
    screen.press("enter")
    applying = screen.session.page.__dict__["_applying"]
    applying._events, applying._status = [Event("start", "mesh", "mesh.up", "Start the mesh.")], -9
    screen.stage.events()
    assert "Not all of it could be undone." in screen.text()
    assert "Nothing half done" not in screen.text()


def test_just_start_calls_the_stages_by_their_titles_and_keeps_the_country() -> None:
    screen = Screen(FakeDesk(fails="access-point"))
    screen.do("steps", "next")
    screen.type("node.country", "de")
    screen.press("esc", "esc")
    screen.do("start")
    assert "✗ Access point" in screen.text()
    assert screen.desk.asked[0][1].node.country == "DE"


def test_changing_the_setup_keeps_what_was_chosen_and_not_applied() -> None:
    screen = Screen(FakeDesk(now=Answers()), "node")
    screen.press("e")
    screen.do("next")
    screen.type("mesh.name", "relief")
    screen.press("esc", "esc", "enter")
    assert screen.page == "node"
    screen.press("e")
    assert screen.session.draft.answers.mesh.name == "relief"
    screen.do("next", "next", "next", "next", "next", "start", "node")
    screen.desk.now = Answers.model_validate({"mesh": {"name": "other"}})
    screen.press("e")
    assert screen.session.draft.answers.mesh.name == "other"


@pytest.mark.parametrize("key", ["f1", "f10", "ctrl c"])
def test_keys_of_the_footer_work_over_an_open_list(key: str) -> None:
    screen = ScriptedScreen(inputs=[*[["down"]] * 3, ["enter"], [key]])
    wizard = Wizard(FakeDesk(), "welcome", screen)
    wizard.run()
    shown = "\n".join(screen.canvases[-1].decoded_text)
    assert ("Help:" if key == "f1" else "Leave, or switch off?") in shown
