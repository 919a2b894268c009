"""The pages on the full screen, driven by keys: focus, footers, sizes, help, and nothing lost on the way."""

from collections.abc import Iterator

import pytest
from urwid.testing import check_box_sizing, press, render_text

from byzwizard import i18n
from byzwizard.answers import Answers
from byzwizard.machine import Machine
from byzwizard.screens import palette
from tests.unit.driver import SIZE, Screen, Typist
from tests.unit.fake_desk import MACHINE, FakeDesk

STEPS = ("hardware", "mesh", "services", "keep", "internet", "review")
WAY = {"welcome": (), "apply": ("start",), "node": ("start", "node"), "clone": ("clone",)}
PAGES = ("welcome", *STEPS, "apply", "node", "clone")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    i18n.use("en")
    palette.use_glyphs()


def at(page: str, desk: FakeDesk | None = None) -> Screen:
    """The steps are gone through by keys in test_wizard_machines.py; here each is as who comes back to it sees it."""
    screen = Screen(desk)
    if page in STEPS:
        screen.do("steps")
        screen.session.retrace(page)
        screen.text()
    else:
        screen.do(*WAY[page])
    assert screen.page == page
    return screen


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_whole_at_80_by_24(page: str) -> None:
    screen = at(page)
    lines = render_text(screen.root, SIZE, focus=True)
    assert len(lines) == 24
    assert lines[0].startswith(" BYZANTIUM")
    assert lines[2].strip() == screen.session.page.title
    assert "F1 help" in lines[-1]
    assert not any("…" in line for line in lines), "something is cut"


@pytest.mark.parametrize("language", ["de", "es", "fr"])
@pytest.mark.parametrize("page", PAGES)
def test_help_is_in_every_footer_in_every_language(page: str, language: str) -> None:
    i18n.use(language)
    assert "F1 " in render_text(at(page).root, SIZE, focus=True)[-1]


@pytest.mark.parametrize("page", PAGES)
def test_no_size_crashes_a_page(page: str) -> None:
    screen = at(page)
    for columns in (1, 2, 23, 24, 25, 31, 40, 54, 57, 80, 200):
        for rows in (1, 7, 8, 12, 24, 60):
            size = (columns, rows)
            assert len(render_text(screen.root, size, focus=True)) == rows
            press(screen.root, size, "down", "tab", "up")
    check_box_sizing(screen.root)


@pytest.mark.parametrize("page", PAGES)
def test_help_opens_on_every_page_and_closes(page: str) -> None:
    screen = at(page)
    for size in (SIZE, (30, 9)):
        screen.press("f1", size=size)
        assert "Help:" in screen.text((80, 24))
        screen.press("esc", size=size)
        assert "Help:" not in screen.text()


@pytest.mark.parametrize("page", PAGES)
def test_footers_tell_the_truth(page: str) -> None:
    for hint in at(page).root.hints():
        screen = at(page)
        before = (screen.text(), screen.page, screen.stage.status, list(screen.stage.asked), list(screen.desk.asked))
        unhandled = press(screen.root, SIZE, hint.key)
        after = (screen.text(), screen.page, screen.stage.status, list(screen.stage.asked), list(screen.desk.asked))
        assert unhandled == [], f"{hint.key} does nothing on {page}"
        # Lists open as pop-ups, which stand above the screen that is rendered here.
        assert before != after or hint.label in {"list", "scroll"}, f"{hint.key} changes nothing on {page}"


@pytest.mark.parametrize("page", PAGES)
def test_tab_and_arrows_reach_everything(page: str) -> None:
    screen = at(page)
    ids = screen.root.view.ids
    start = screen.focused
    seen = {start}
    for _n in ids:
        screen.press("tab")
        seen.add(screen.focused)
    assert seen - {""} == set(ids)
    assert screen.focused == start or not start
    seen = {screen.focused}
    for way in ("up", "down"):
        before = None
        # At its end nothing moves any more, and what every further key does has been seen.
        while before != (before := (screen.focused, screen.text())):
            screen.press(way)
            seen.add(screen.focused)
            for side in ("right", "left"):
                for _button in screen.root.view.row_ids * screen.root.view.in_row:
                    screen.press(side)
                    seen.add(screen.focused)
    assert seen - {""} == set(ids)


def test_the_cursor_is_on_the_focused_line() -> None:
    screen = Screen()
    screen.press("down")
    canvas = screen.root.render(SIZE, focus=True)
    assert canvas.cursor is not None
    column, row = canvas.cursor
    assert canvas.decoded_text[row][column] == "▶"


def test_the_first_focus() -> None:
    assert Screen().focused == "start"
    assert at("hardware").focused == "next"
    assert at("mesh").focused == "next"
    assert at("review").focused == "start"
    assert at("review", FakeDesk(destroys="everything on SanDisk Ultra")).focused == "cancel"


def test_just_start_asks_nothing() -> None:
    screen = Screen()
    screen.press("enter")
    assert screen.page == "apply"
    assert screen.desk.asked == [("apply", Answers(), frozenset())]


def test_join_goes_to_the_mesh_that_is_heard() -> None:
    heard = [
        {"kind": "mesh", "name": "relief", "signal_dbm": -50, "channel": 6, "secured": True, "byzantium": True,
         "security": "private"}
    ]
    screen = Screen(FakeDesk(networks=heard))
    screen.do("join")
    assert screen.page == "mesh"
    assert screen.session.draft.answers.mesh.name == "relief"
    assert screen.session.draft.answers.mesh.channel == 6
    assert screen.session.draft.answers.mesh.passphrase is None or "private" in screen.text().lower()
    assert "Join what is here" not in Screen().text()


def test_a_radio_appears_without_moving_the_focus() -> None:
    desk = FakeDesk(found=Machine(radios=MACHINE.radios[:1]))
    screen = at("hardware", desk)
    screen.to("radio-phy1")
    desk.found = MACHINE
    screen.root.tick()
    assert "AX201" in screen.text()
    assert screen.focused == "radio-phy1"
    desk.found = Machine(radios=MACHINE.radios[1:])
    screen.root.tick()
    assert screen.focused.startswith("radio-")
    desk.found = Machine()
    screen.root.tick()
    assert "No wireless card" in screen.text()
    assert screen.focused in {"back", "next"}


def test_a_radio_can_be_tried() -> None:
    screen = at("hardware")
    assert "try it" not in screen.text()
    screen.to("radio-phy1")
    assert "t try it" in screen.text()
    screen.press("t")
    assert "wlan1 joined a mesh of its own." in screen.text()


def test_a_slow_probe_leaves_the_page_usable() -> None:
    screen = Screen(hold=True)
    screen.do("steps")
    assert "Looking at this computer" in screen.text()
    screen.press("esc")
    assert screen.page == "welcome"


def test_private_words_are_hidden_until_f8() -> None:
    screen = at("mesh")
    screen.to("private")
    screen.press(" ")
    words = screen.session.draft.text("mesh.passphrase")
    assert len(words.split()) >= 5
    assert words not in screen.text()
    first, second, *_others = words.split()
    assert f"{first} {second}" not in screen.text()
    screen.press("f8")
    assert words in screen.text()
    screen.press("f8", "f6")
    assert screen.session.draft.text("mesh.passphrase") != words
    assert "strong" in screen.text()


def test_leaving_the_page_hides_the_words_again() -> None:
    screen = at("mesh")
    screen.to("private")
    screen.press(" ", "f8")
    words = screen.session.draft.text("mesh.passphrase")
    screen.do("next")
    screen.press("esc")
    assert words not in screen.text()


def test_a_typed_passphrase_is_measured() -> None:
    screen = at("mesh")
    screen.to("private")
    screen.press(" ")
    screen.type("mesh.passphrase", "password")
    assert "weak" in screen.text()
    screen.type("mesh.passphrase", "short")
    assert "8 to 63" in screen.text()
    screen.do("next")
    assert screen.page == "mesh"
    assert screen.focused == "mesh.passphrase"


def test_nothing_is_lost_going_back_and_forth() -> None:
    screen = at("mesh")
    screen.type("mesh.name", "relief-north")
    screen.type("node.country", "d")
    screen.press("esc", "esc")
    assert screen.page == "welcome"
    screen.do("steps", "next")
    assert screen.session.draft.text("mesh.name") == "relief-north"
    assert "[d " in screen.text()
    screen.type("node.country", "de")
    screen.do("next", "next", "next", "next")
    assert screen.page == "review"
    assert screen.session.draft.answers.node.country == "DE"
    assert "relief-north" in screen.text()


def test_going_public_and_private_again_keeps_the_words() -> None:
    screen = at("mesh")
    screen.do("private")
    words = screen.session.draft.get("mesh.passphrase")
    screen.do("public")
    assert screen.session.draft.get("mesh.passphrase") is None
    screen.do("private")
    assert screen.session.draft.get("mesh.passphrase") == words


def test_review_says_what_is_destroyed_and_starts_on_cancel() -> None:
    screen = at("review", FakeDesk(destroys="everything on SanDisk Ultra, 15.9 GB"))
    assert "! everything on SanDisk Ultra, 15.9 GB" in screen.text()
    assert "Erase" in screen.text()
    screen.press("enter")
    assert screen.page == "welcome"
    assert not screen.desk.asked


def test_what_review_showed_is_handed_to_apply_and_what_was_refused_is_looked_at_anew() -> None:
    screen = at("review", FakeDesk(destroys="everything on SanDisk Ultra, 15.9 GB"))
    screen.desk.fails, screen.desk.fails_with = "keep", 3
    screen.do("start")
    assert screen.desk.confirmed == ("seal",)
    assert screen.session.review is None
    screen.do("back")
    assert screen.session.review is not None
    screen = at("review", FakeDesk())
    screen.do("start")
    assert screen.desk.confirmed == ()


def test_review_details_and_saving() -> None:
    screen = at("review")
    screen.press("d")
    assert "Wireless mesh" in screen.text()
    screen.press("esc")
    screen.do("save")
    screen.type("text", "mine.yaml")
    screen.press("enter")
    assert "Saved as mine.yaml." in screen.text()
    assert screen.desk.saved == {"mine.yaml": screen.session.draft.answers}


def test_rehearsal_says_so_and_offers_no_power() -> None:
    screen = at("review", FakeDesk(rehearsal=True))
    assert "rehearsal" in screen.text()
    assert "Show the steps" in screen.text()
    screen.press("f10")
    assert "Switch" not in screen.text()
    screen.do("do-0")
    assert screen.stage.status == 0


def test_power_asks_first_and_cancel_is_in_the_focus() -> None:
    screen = Screen()
    screen.press("f10")
    assert screen.focused == "cancel"
    screen.press("enter")
    assert screen.stage.status is None
    screen.press("ctrl c")
    screen.do("do-2")
    assert ("power", "off") in screen.desk.asked


def test_shell_plain_and_redraw() -> None:
    screen = Screen()
    screen.press("f2", "f3", "ctrl l", "f5")
    assert screen.desk.asked == [("shell",)]
    assert screen.stage.asked == ["redraw", "redraw", "plain"]


def test_monochrome_marks_the_focus_and_the_bar() -> None:
    mono = {name: mono for name, _front, _back, mono in palette.PALETTE}
    assert mono["bar"] == mono["focus"] == "standout"
    assert mono["title"] == "bold"


def test_a_font_without_our_glyphs_gets_ascii() -> None:
    palette.use_fallbacks(in_utf8=True)
    screen = at("hardware")
    assert "> [ Continue ]" in screen.text()
    assert "✓" not in screen.text()


def test_all_glyphs_on_every_page_are_known() -> None:
    for page in WAY:
        strange = {char for char in at(page).text() if ord(char) > 0x17F} - palette.GLYPHS
        assert not strange, f"{page} shows {strange}: the console's font may lack it"


def test_a_node_that_another_console_set_up_is_shown() -> None:
    screen = Screen()
    screen.root.tick()
    assert screen.page == "welcome"
    screen.desk.now = Answers()
    screen.root.tick()
    assert screen.page == "node"


def test_a_rehearsal_shows_the_steps() -> None:
    screen = at("apply", FakeDesk(rehearsal=True))
    assert "Start the mesh on wlan1." in screen.text()
    screen.press("enter")
    assert screen.page == "review"


def test_answers_that_were_not_applied_at_boot_are_told_on_the_first_page() -> None:
    screen = Screen(FakeDesk(trouble="answers.yaml:3:5: there is no channel 99."))
    assert "there is no channel 99" in screen.text()
    assert screen.focused == "start"


def test_what_was_cut_off_is_told_on_the_first_page() -> None:
    """Before this computer is a node, no check and no status says it."""
    text = "Making save.dat on /dev/sdb1 was cut off: nothing that was there is lost. Make it again."
    screen = Screen(FakeDesk(cut=(text,)))
    assert "Making save.dat on /dev/sdb1 was cut off" in screen.text()
    assert screen.focused == "start"
    typist = Typist(desk=FakeDesk(cut=(text,)))
    typist.run()
    assert any(text in line for line in typist.written)
