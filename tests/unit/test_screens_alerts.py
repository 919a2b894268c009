"""Alerts on the Node page and in line mode, and the sheet on which this node's own is written."""

from typing import Any

from byzwizard.answers import Answers
from byzwizard.screens.alerts import ROWS
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import STATUS, FakeDesk


def alert(text: str, node: str | None = "harbour", age: int = 180) -> dict[str, Any]:
    return {"node": node, "id": "h" * 32, "text": text, "age_seconds": age, "left_seconds": 7200}


def desk(*alerts: dict[str, Any]) -> FakeDesk:
    return FakeDesk(now=Answers(), state=STATUS | {"alerts": list(alerts)})


def test_alerts_stand_above_the_rest() -> None:
    text = Screen(desk(alert("Water at the school"), alert("Ours", None)), "node").text((100, 60))
    assert text.index("Water at the school") < text.index("harbour, 3 minutes ago") < text.index("Names are not")
    assert "this node, 3 minutes ago, for 2 more hours" in text


def test_of_many_the_nearest_are_listed() -> None:
    text = Screen(desk(*(alert(f"number {n}") for n in range(100))), "node").text((100, 60))
    assert f"number {ROWS - 1}" in text
    assert f"number {ROWS}" not in text
    assert f"and {100 - ROWS} more: `byzwizard alert`" in text


def test_words_for_the_terminal_stay_words() -> None:
    text = Screen(desk(alert("\x1b]0;owned\x07\x1b[2J\u202e"), alert("x" * 200)), "node").text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "]0;owned" in text


def test_an_alert_is_written_and_told() -> None:
    screen = Screen(desk(), "node")
    screen.press("a")
    assert screen.focused == "text"
    assert "Take it back" not in screen.text()
    screen.do("tell")
    assert "An alert says something." in screen.text()
    assert screen.desk.asked == []
    screen.type("text", "Water at the school")
    screen.pick("hours", "6")
    screen.do("tell")
    assert screen.desk.asked == [("alert", "Water at the school", 6)]
    assert "It is told" in screen.text()


def test_the_own_alert_is_there_to_be_changed_and_taken_back() -> None:
    screen = Screen(desk(alert("Water at the school", None)), "node")
    screen.press("a", "end", *"!")
    screen.do("tell")
    assert screen.desk.asked == [("alert", "Water at the school!", 24)]
    screen.press("a")
    screen.do("withdraw")
    assert screen.desk.asked[-1] == ("withdraw",)
    assert "The alert is taken back." in screen.text()


def test_it_is_told_in_line_mode_as_well() -> None:
    typist = Typist("a", "*Alert", "Water at the school", "*Tell everybody", desk=desk(alert("Boats!")), first="node")
    typist.run()
    assert any("Boats!" in line for line in typist.written)
    assert typist.desk.asked == [("alert", "Water at the school", 24)]
