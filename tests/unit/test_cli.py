"""The command line: one sentence and the right status for what is wrong, and nothing done to the wrong computer."""

import json
from pathlib import Path

import pytest

from byzwizard import cli

MACHINES = Path(__file__).parents[1] / "machines"
NETBOOK = str(MACHINES / "netbook-ath9k-one-gigabyte.json")


@pytest.fixture
def answers(tmp_path: Path) -> str:
    path = tmp_path / "answers.yaml"
    path.write_text("byzantium: 1\n")
    return str(path)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["byzwizard", *words])
    return cli.main()


@pytest.mark.parametrize("words", [("--machine", NETBOOK, "plan"), ("plan", "--machine", NETBOOK)])
def test_shared_options_stand_before_and_after_the_verb(
    words: tuple[str, ...], answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--json", *words, answers) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["plan"] == 1
    assert {"id", "text", "needed", "destroys", "undo"} == plan["stages"][0]["steps"][0].keys()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("fly",), 2, "The command line is wrong"),
        (("plan",), 2, "The command line is wrong"),
        (("--answers", "FILE", "--machine", NETBOOK), 2, "a recorded machine can only be planned"),
        (("apply", "FILE", "--machine", NETBOOK), 2, "a recorded machine can only be planned"),
        (("undo", "--machine", NETBOOK), 2, "a recorded machine can only be planned"),
        (("confirm", "--machine", NETBOOK), 2, "a recorded machine can only be planned"),
        (("plan", "/nowhere/answers.yaml"), 2, "/nowhere/answers.yaml"),
        (("plan", "FILE", "--machine", str(MACHINES / "no-wireless-card-at-all.json")), 4, "no wireless card"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_status(
    words: tuple[str, ...],
    status: int,
    sentence: str,
    answers: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *(answers if word == "FILE" else word for word in words)) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert said.err.startswith("byzwizard: ")
    assert said.err.count("\n") == 1


def test_a_stage_that_a_node_needs_cannot_be_skipped(
    answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run(monkeypatch, "apply", answers, "--skip", "firewall") == 2
    assert "--skip firewall" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        ("boot=live quiet", False),
        ("boot=live speakup.synth=soft quiet", True),
        ("boot=live brltty=eu,usb:,de", True),
        ("root=/speakup.img", False),
    ],
)
def test_a_console_that_is_read_aloud_is_used_line_by_line(command_line: str, expected: bool) -> None:
    assert cli.has_screen_reader(command_line) is expected
