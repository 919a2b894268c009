"""Paths that people give to write to: told what is wrong, nothing made on the way, nothing written over unasked."""

import os
from pathlib import Path

import pytest

from byzwizard import cli
from byzwizard.answers import Answers
from byzwizard.backends.paths import in_memory, meant, place
from byzwizard.errors import Invalid
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import FakeDesk

MOUNTS = """overlay / overlay rw 0 0
/dev/sdb1 /run/live/medium vfat rw 0 0
/dev/sdc1 /media/my\\040stick vfat rw 0 0
tmpfs /run tmpfs rw 0 0
"""


def test_a_home_of_nobody_is_a_sentence() -> None:
    for check in (meant, place):
        with pytest.raises(Invalid, match="cannot be used"):
            check("~nosuchuser/answers.yaml")


def test_a_place_is_an_ordinary_file_in_a_folder_that_is_there(tmp_path: Path) -> None:
    new, old = tmp_path / "new.yaml", tmp_path / "old.yaml"
    old.write_text("x")
    assert (place(new).path, place(new).taken) == (new, False)
    assert place(old).taken
    link = tmp_path / "link"
    link.symlink_to(old)
    assert place(link).path == old
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "nowhere" / "a.yaml", "There is no folder"),
        (tmp_path, "is a folder"),
        ("/dev/null", "no ordinary file"),
        (tmp_path / "pipe", "no ordinary file"),
        (tmp_path / ("a" * 300), "cannot be used"),
    ):
        with pytest.raises(Invalid, match=words):
            place(path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("path", "forgotten"),
    [
        ("/memory/answers.yaml", True),
        ("/run/x", True),
        ("/run/live/medium/answers.yaml", False),
        ("/media/my stick/answers.yaml", False),
    ],
)
def test_what_lies_in_memory_is_known(path: str, forgotten: bool) -> None:
    assert in_memory(Path(path), MOUNTS) is forgotten


def test_a_report_makes_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["byzwizard", "report", str(tmp_path / "no" / "such" / "report.txt")])
    assert cli.main() == 2
    assert "There is no folder" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def at_review(desk: FakeDesk) -> Screen:
    screen = Screen(desk)
    screen.do("steps", "next", "next", "next", "next", "next")
    return screen


def test_saved_answers_are_what_was_chosen_not_what_this_node_is_called() -> None:
    screen = at_review(FakeDesk())
    screen.do("save")
    screen.press("enter")
    assert screen.desk.saved == {"answers.yaml": Answers()}


def test_a_file_is_replaced_only_when_that_is_said() -> None:
    screen = at_review(FakeDesk(saved={"answers.yaml": "precious"}))
    screen.do("save")
    screen.press("enter")
    assert "Replace answers.yaml?" in screen.text()
    assert screen.focused == "cancel"
    screen.press("enter")
    assert screen.desk.saved == {"answers.yaml": "precious"}
    screen.do("save")
    screen.press("enter")
    screen.do("do-0")
    assert screen.desk.saved == {"answers.yaml": Answers()}


def test_a_file_in_memory_is_said_to_be_forgotten() -> None:
    screen = at_review(FakeDesk())
    screen.do("save")
    screen.type("text", "/memory/answers.yaml")
    screen.press("enter")
    assert "it is forgotten when" in " ".join(screen.text().split())


def test_a_wrong_path_is_asked_again_with_what_was_typed() -> None:
    screen = at_review(FakeDesk())
    screen.do("save")
    screen.type("text", "~nosuchuser/x")
    screen.press("enter")
    assert "cannot be used" in screen.text()
    assert "~nosuchuser/x" in screen.text()
    assert screen.focused == "text"
    opening = Screen()
    opening.do("file")
    opening.type("text", "anwers.yaml")
    opening.press("enter")
    assert "There is no file anwers.yaml." in opening.text()
    assert "[anwers.yaml" in opening.text()
    opening.press("esc")
    assert opening.page == "welcome"
    assert "There is no file" not in opening.text()


def test_a_wrong_path_in_lines_is_told_and_can_be_left() -> None:
    typist = Typist("*Use an answers file", "*File", "anwers.yaml", "<", "q", "y")
    assert typist.run() == 0
    assert any("There is no file anwers.yaml." in line for line in typist.written)
