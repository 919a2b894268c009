"""The pages that show what runs and what stands: Apply and Node."""

from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.commands.status import lines
from byzwizard.desk import Changes, Keeping, Phones
from byzwizard.errors import CannotHere
from byzwizard.events import Event
from byzwizard.screens.apply import Progress, rate
from byzwizard.screens.items import Bar
from byzwizard.screens.node import wifi_code
from byzwizard.screens.signals import signal
from byzwizard.screens.widgets import half_blocks
from tests.unit.driver import Screen
from tests.unit.fake_desk import STATUS, FakeDesk


def test_apply_shows_each_stage_and_then_the_node() -> None:
    screen = Screen(hold=True)
    screen.stage.hold = False
    screen.do("steps", "next", "next", "next", "next", "next")
    screen.stage.hold = True
    screen.do("start")
    assert screen.page == "apply"
    assert "· Wireless mesh" in screen.text()
    assert "Stop and undo" in screen.text()
    screen.stage.events()
    assert "✓ Wireless mesh" in screen.text()
    screen.stage.hold = False
    screen.press("l")
    assert "Start the mesh on wlan1." in screen.text()
    screen.press("esc")
    assert screen.focused == "node"
    screen.press("enter")
    assert screen.page == "node"
    screen.press("esc")
    assert screen.page == "node"


def test_apply_that_fails_explains_and_offers() -> None:
    desk = FakeDesk(fails="access-point")
    screen = Screen(desk)
    screen.do("steps", "next", "next", "next", "next", "next", "start")
    text = screen.text()
    assert "That did not work" in text
    assert "✗ Access point" in text
    assert "hostapd did not start" in text
    assert "Undone" in text
    assert screen.focused == "retry"
    for words in ("Back to Review", "Retry", "Skip", "Shell", "Save log"):
        assert f"[ {words} ]" in text
    screen.do("shell")
    assert desk.asked[-1] == ("shell",)
    screen.do("save")
    screen.press("enter")
    assert "hostapd" in desk.saved["byzantium.log"]
    screen.do("retry")
    screen.do("skip")
    assert desk.asked[-1] == ("apply", Answers(), frozenset({"access-point"}))
    assert "Done" in screen.text()


def test_a_stage_that_a_node_needs_is_not_skipped() -> None:
    screen = Screen(FakeDesk(fails="mesh"))
    screen.do("steps", "next", "next", "next", "next", "next", "start")
    assert "Skip" not in screen.text()
    screen.do("back")
    assert screen.page == "review"


def test_stopping_asks_first() -> None:
    screen = Screen(hold=True)
    screen.press("enter")
    assert screen.page == "apply"
    screen.press("esc")
    assert "Stop now?" in screen.text()
    assert screen.focused == "cancel"
    screen.do("do-0")
    screen.stage.events()
    assert "Stopped, and undone" in screen.text()


def test_progress_with_rate_and_time_left() -> None:
    event = Event("progress", "keep", "keep.write", "Write", 61, 100, rate=18.2e6, left=100)
    assert rate(event) == "61 %   18.2 MB/s   1:40 left"
    progress = Progress()
    progress.take(event)
    assert progress.bar == Bar(61, 100, rate(event))


def test_steps_side_by_side_and_stages_in_turn() -> None:
    progress = Progress()
    for event in (
        Event("start", "radio", "a", "A"),
        Event("start", "radio", "b", "B"),
        Event("start", "mesh", "c", "C"),
    ):
        progress.take(event)
    assert {name: row.mark for name, row in progress.rows.items()} == {"radio": "good", "mesh": "busy"}
    progress.take(Event("fail", "mesh", "c", "No."))
    progress.take(Event("fail", "mesh", "c", "Could not be undone."))
    assert progress.fault == "No."


def test_a_plan_that_cannot_be_had_here() -> None:
    screen = Screen(FakeDesk(refuses=CannotHere("IBSS cannot be private.", "Change mesh.security.")))
    screen.do("steps", "next", "next", "next", "next", "next")
    assert "IBSS cannot be private." in screen.text()
    assert "That cannot be done here" in screen.text()
    assert "This is what will happen" not in screen.text()
    assert "start" not in screen.root.view.ids
    screen.press("esc")
    assert screen.page == "internet"


def at_node(**more: Any) -> Screen:
    return Screen(FakeDesk(now=Answers(), **more), "node")


def test_the_node_page_tells_everything() -> None:
    text = at_node().text()
    for words in (
        "lighthouse",
        "✓ working",
        "harbor",
        "-51 dBm",
        "96",
        "10.83.4.1",
        "fd12:3456:789a:1::1",
        "5 joined",
        "✗ Names are not answered.",
        "Wait a minute",
        "✓ The mesh is joined.",
        "Join Byzantium",
    ):
        assert words in text, words


def test_hearing_nobody_is_fine() -> None:
    assert "hears nobody yet" in at_node(state=STATUS | {"neighbours": []}).text()


def test_the_node_page_changes_confirms_and_undoes() -> None:
    screen = at_node(left=95.0, changes=Changes(("Started the mesh on wlan1.",), network=True))
    assert screen.focused == "keep"
    assert "taken back in 95 s" in screen.text()
    screen.press("c")
    assert "The change is kept." in screen.text()
    assert "keep" not in screen.root.view.ids
    screen.press("w")
    assert "Started the mesh on wlan1." in screen.text()
    screen.do("undo", "do-0")
    assert screen.desk.asked[-1] == ("undo",)
    assert screen.page == "apply"
    assert "taken back" in screen.text()
    screen.press("enter", "e")
    assert screen.page == "hardware"
    screen.press("esc")
    assert screen.page == "node"


def decoded(lines: list[str]) -> list[list[bool]]:
    """The modules out of half blocks."""
    halves = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
    return [[halves[char][half] for char in line] for line in lines for half in (0, 1)]


@pytest.mark.parametrize("phones", [Phones("Byzantium", None), Phones("Büro; \\1", "cactus orbit velvet plinth ember")])
def test_the_code_on_the_page_is_the_code(phones: Phones) -> None:
    modules = wifi_code(phones.ssid, phones.passphrase)
    assert decoded(half_blocks(modules))[: len(modules)] == [list(row) for row in modules]
    # Three finders, in a border of one light module.
    finder = [[True] * 7, [True, *[False] * 5, True], *[[True, False, True, True, True, False, True]] * 3]
    for top, left in ((1, 1), (1, len(modules) - 8), (len(modules) - 8, 1)):
        assert [list(modules[top + n][left : left + 7]) for n in range(5)] == finder
    assert not any(modules[0])
    assert not any(row[0] or row[-1] for row in modules)


def test_the_code_is_whole_at_80_by_24() -> None:
    screen = at_node(state=STATUS | {"checks": STATUS["checks"][:2]})
    lines = half_blocks(wifi_code("Byzantium", None))
    text = screen.text()
    assert all(line in text for line in lines)
    assert all(line in screen.text((200, 60)) for line in lines)


def test_signal_bars() -> None:
    assert signal(-30) == "▓▓▓▓▓▓"
    assert signal(-90) == "░░░░░░"
    assert signal(None) == ""


def test_the_question_whether_to_stop_goes_when_there_is_nothing_to_stop() -> None:
    screen = Screen(hold=True)
    screen.press("enter", "esc")
    assert "Stop now?" in screen.text()
    screen.stage.events()
    assert "Stop now?" not in screen.text()
    assert screen.focused == "node"


def failing(*names: str, also: str = "") -> dict[str, Any]:
    """A node of which these services fail, and another check where one is named."""
    checks = [{"id": f"service-{name}", "ok": False, "text": f"{name} fails.", "advice": None} for name in names]
    checks += [{"id": also, "ok": False, "text": f"{also} fails.", "advice": None}] if also else []
    rows = [{"name": name, "title": name.title(), "state": "failing", "url": "https://x/", "node": None}
            for name in names]
    return STATUS | {"working": False, "checks": checks, "services": rows, "island_key": "x"}


def test_a_service_that_fails_does_not_declare_the_node_dead() -> None:
    text = at_node(state=failing("wiki")).text()
    assert "! working, Wiki is not" in text.splitlines()[0]
    assert "This node works; Wiki does not" in text
    text = at_node(state=failing("wiki", "chat")).text()
    assert "! working, 2 services are not" in text.splitlines()[0]
    assert "This node works; Wiki and Chat do not" in text
    assert lines(failing("wiki"), 80)[0] == "lighthouse.byzantium.mesh works; Wiki does not."


def test_a_node_that_has_worked_is_not_said_to_work_later() -> None:
    screen = at_node(state=failing("wiki", also="mesh"))
    assert "✗ not working" in screen.text()
    assert "This node does not work yet" in screen.text()
    for state in (STATUS, failing("wiki", also="mesh")):
        screen.desk.state = state
        screen.session.page.enter()
    assert "This node does not work" in screen.text()
    assert "yet" not in screen.text()


def test_switching_a_node_off_says_what_is_lost() -> None:
    screen = at_node(state=failing("wiki", "files"))
    screen.press("f10")
    said = screen.root.view.page.sentence
    assert "Phones lose this network when it is switched off." in said
    assert "k on the Node page changes: what people wrote in Wiki and Files is lost." in said
    screen = at_node(store=Keeping("/dev/sdb3", encrypted=True, open=True))
    screen.press("f10")
    assert "Phones lose this network" in screen.text()
    assert "Nothing is kept here" not in screen.text()
    new = Screen()
    new.press("f10")
    assert "Phones lose this network" not in new.text()


def test_without_an_access_point_nobody_is_told_to_join_by_wifi() -> None:
    text = at_node(access_point=None).text()
    assert "Nobody can join by Wi-Fi: this node has no access point." in text
    assert "Phones join it" not in text
