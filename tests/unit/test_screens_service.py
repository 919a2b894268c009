"""The details of one service: switched and reviewed there, tried again where it fails."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard import catalogue_names
from byzwizard.answers import Answers
from byzwizard.backends import services
from byzwizard.backends.system import System
from byzwizard.desk import Offer, Serving
from byzwizard.plan import Plan, PlannedStage
from tests.unit.driver import Screen
from tests.unit.fake_desk import FakeDesk

FAILS = Serving("failing", "https://a.byzantium.mesh/radio/", "cannot bind to 8102: address in use")


def details(name: str, *chosen: str, own: dict[str, Serving] | None = None, **more: Any) -> Screen:
    answers = Answers.model_validate({"services": chosen})
    screen = Screen(FakeDesk(now=answers, offered=Offer(own or {}), **more), "node")
    screen.press("s")
    screen.do(f"service-{name}")
    assert screen.page == "service"
    return screen


def test_what_fails_is_tried_again_through_the_apply_of_all_changes() -> None:
    screen = details("radio", "radio", own={"radio": FAILS})
    screen.desk.now = Answers(services=("radio", "wiki"))  # by somebody else meanwhile
    screen.do("again")
    assert screen.page == "apply"
    assert screen.desk.asked[-1] == ("apply", Answers(services=("radio", "wiki")), frozenset())
    text = screen.text()
    assert "This node is as you chose." in text
    assert "This computer is a node now." not in text


def test_trying_again_applies_no_edit_that_nobody_has_reviewed() -> None:
    screen = details("radio", "radio", own={"radio": FAILS})
    screen.session.draft.set("mesh.name", "relief")
    screen.do("again")
    assert screen.page == "review"


def test_a_service_that_works_is_not_tried_again() -> None:
    screen = details("radio", "radio", own={"radio": Serving("on", FAILS.url)})
    assert "again" not in screen.root.view.ids


def test_what_was_switched_in_the_details_is_reviewed_from_there() -> None:
    screen = details("radio")
    assert "review" not in screen.root.view.ids
    screen.do("switch", "review")
    assert screen.page == "review"


def test_the_bar_says_no_longer_that_this_is_no_node_once_it_is_one() -> None:
    screen = Screen()
    screen.do("start")
    assert "This computer is a node now." in screen.text()
    assert "not a node yet" not in screen.text()


def test_a_full_disk_is_told_in_the_list_and_in_place_of_what_a_failing_service_said() -> None:
    screen = details("radio", "radio", own={"radio": Serving("failing", FAILS.url, "", full=True)})
    said = " ".join(screen.text().split())
    assert "FAILS" in said
    assert "Its disk is full. Nothing more is taken in." in said
    assert "It said" not in said
    screen.desk.offered = Offer({"radio": Serving("on", FAILS.url, "", full=True)})
    screen.press("esc")
    row = next(line for line in screen.text((80, 60)).splitlines() if "Radio" in line)
    assert row.split()[-2:] == ["disk", "full"]
    assert "! Radio" in row


def test_review_names_what_stops_and_says_that_its_data_stay() -> None:
    screen = details("wiki", "wiki", own={"wiki": Serving("on", FAILS.url)}, stops=("Wiki",))
    screen.do("switch", "review")
    assert "Stops          ! Wiki: it runs now; its data stay" in screen.text()


def test_what_stops_are_the_services_that_run_and_are_not_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = {"wiki": "byz-wiki.service", "chat": "byz-chat.service", "board": "byz-board.service"}
    monkeypatch.setattr(catalogue_names, "units", lambda: units)
    monkeypatch.setattr(services, "running", lambda _system, unit: unit != "byz-chat.service")
    off = services.StopUnits(id="off", text="", units=("byz-wiki.service", "byz-chat.service"))
    plan = Plan((PlannedStage("services", "Services", (off,)),))
    assert services.stopping(System(tmp_path), plan) == ["wiki"]
