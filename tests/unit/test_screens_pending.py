"""Edits on a node that stands: asked about when they are left, told while they wait, laid over what changed since."""

from __future__ import annotations

from byzwizard import i18n
from byzwizard.answers import Answers
from byzwizard.desk import Changes
from byzwizard.screens.draft import laid_over
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import FakeDesk


def node(*services: str) -> Screen:
    return Screen(FakeDesk(now=Answers(services=services), changes=Changes(("Start Files.",), network=False)), "node")


def switched(screen: Screen, *names: str) -> None:
    screen.press("s")
    for name in names:
        screen.to(f"service-{name}")
        screen.press(" ")


def test_leaving_with_edits_asks_once_and_the_node_page_tells_them() -> None:
    screen = node("wiki")
    switched(screen, "files", "wiki")
    screen.press("esc")
    assert screen.page == "services"
    assert "Not applied yet: Files on, Wiki off" in screen.text()
    screen.press("esc")
    assert screen.page == "services", "Esc stays where the edits are"
    screen.press("esc", "enter")
    assert screen.page == "node"
    assert "! Not applied yet: Files on, Wiki off" in screen.text()
    screen.press("s", "esc")
    assert screen.page == "node", "the same edits are asked about once"


def test_what_is_forgotten_is_gone() -> None:
    screen = node("wiki")
    switched(screen, "files")
    screen.press("esc")
    screen.do("forget")
    assert screen.page == "node"
    assert "Not applied yet" not in screen.text()
    assert screen.session.draft.answers == Answers(services=("wiki",))


def test_what_waits_is_reviewed_or_forgotten_from_the_node_page() -> None:
    screen = node()
    switched(screen, "files")
    screen.press("esc", "enter")
    screen.do("pending", "review")
    assert screen.page == "review"
    screen.do("cancel")
    assert screen.page == "node"
    screen.do("pending", "forget")
    assert "Not applied yet" not in screen.text()


def test_leaving_without_edits_asks_nothing() -> None:
    screen = node("wiki")
    switched(screen, "files", "files")
    screen.press("esc")
    assert screen.page == "node"


def test_a_change_made_elsewhere_survives_what_was_edited_here() -> None:
    screen = node()
    switched(screen, "files")
    screen.press("esc", "enter")
    screen.desk.now = Answers.model_validate({"services": ["chat"], "access_point": {"ssid": "Relief"}})
    screen.press("s")
    assert screen.session.draft.answers.services == ("chat", "files")
    assert screen.session.draft.answers.access_point.ssid == "Relief"


def test_edits_are_laid_over_key_by_key() -> None:
    given = Answers.model_validate({"mesh": {"name": "old"}, "services": ["wiki", "chat"]})
    edited = Answers.model_validate({"mesh": {"name": "mine"}, "services": ["wiki", "files"]})
    fresh = Answers.model_validate({"mesh": {"name": "old", "channel": 6}, "services": ["chat", "board"]})
    assert laid_over(fresh, given, edited) == Answers.model_validate(
        {"mesh": {"name": "mine", "channel": 6}, "services": ["board", "files"]})  # fmt: skip


def test_an_undo_leaves_no_edits() -> None:
    screen = node("wiki")
    switched(screen, "files")
    screen.do("next", "start")
    screen.desk.now = Answers(services=("wiki", "files"))
    screen.press("enter")
    switched(screen, "chat")
    screen.press("esc", "enter", "w")
    screen.do("undo", "do-0")
    screen.desk.now = Answers(services=("wiki",))
    screen.press("enter", "s")
    assert screen.session.draft.answers == Answers(services=("wiki",))
    assert not screen.session.draft.edited


def test_a_change_that_was_taken_back_is_not_called_none() -> None:
    screen = node()
    screen.desk.changes = Changes((), network=False)
    screen.press("w")
    assert "The last change was taken back already" in screen.text()
    screen.desk.changes = None
    screen.press("esc", "w")
    assert "Nothing has been changed since this node started." in screen.text()


def test_the_undo_of_a_mere_service_does_not_threaten_the_network() -> None:
    screen = node()
    screen.press("w")
    screen.do("undo")
    assert "Take the last change back?" in screen.text()
    assert "The network may go down" not in screen.text()


def test_the_language_of_a_node_is_chosen_on_its_mesh_page_and_forgotten_with_the_rest() -> None:
    screen = node()
    screen.press("e")
    screen.do("next")
    screen.pick("node.language", "de")
    assert i18n._("Language") == "Sprache"
    assert screen.session.draft.answers.node.language == "de"
    screen.press("esc", "esc")
    screen.do("forget")
    assert i18n._("Language") == "Language"


def test_line_mode_asks_too_and_tells_what_waits() -> None:
    desk = FakeDesk(now=Answers())
    typist = Typist("s", "*Files", "*Switch it on", "<", "<", "*Keep for later", desk=desk, first="node")
    typist.run()
    assert typist.session.page.name == "node"
    assert typist.session.draft.services == ("files",)
    assert sum("Not applied yet: Files on" in line for line in typist.written) == 2
