"""The command line: one sentence and the right status for what is wrong, and nothing done to the wrong computer."""

import contextlib
import errno
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path

import pytest

from byzwizard import __main__ as start
from byzwizard import cli, journal
from byzwizard.backends.system import System, ourselves
from byzwizard.commands import undo
from byzwizard.journal import Record

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
        (("check", ""), 2, "the name of a file is missing"),
        (("apply", ""), 2, "the name of a file is missing"),
        (("status", "--machine", NETBOOK), 2, "A recorded machine has no state"),
        (("--machine", "", "apply", "FILE"), 2, "the name of a file is missing"),
        (("apply", "FILE", "--machine", ""), 2, "the name of a file is missing"),
        (("--answers", ""), 2, "the name of a file is missing"),
        (("--mach", NETBOOK, "plan", "FILE"), 2, "The command line is wrong"),
        (("--machine", "/nonexistent/machine.json"), 2, "/nonexistent/machine.json cannot be read"),
        (("statu",), 2, "there is no verb “statu”. Did you mean status?"),
        (("--json", "enabel", "wiki"), 2, "there is no verb “enabel”. Did you mean enable?"),
        (("enable", "Wiki"), 2, "small letters, digits and hyphens. Did you mean wiki?\n"),
        (("enable", "wikki"), 2, "There is no service “wikki”. Did you mean wiki?\n"),
        (("disable", "wikki"), 2, "There is no service “wikki”. Did you mean wiki?\n"),
        (("plan", "/nowhere/answers.yaml"), 2, "/nowhere/answers.yaml"),
        (("plan", "FILE", "--machine", "/no\x1b[2Jwhere"), 2, r"/no\x1b[2Jwhere cannot be read"),
        (("--json",), 2, "--json needs a verb"),
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


@pytest.mark.parametrize("words", [("apply", "FILE", "--machine", NETBOOK), ("apply", "FILE", "--skip", "firewall")])
def test_an_apply_that_never_began_ends_its_events_too(
    words: tuple[str, ...], answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run(monkeypatch, "--json", *(answers if word == "FILE" else word for word in words)) == 2
    (event,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (event["event"], event["status"], event["changed"]) == ("end", 2, False)


def test_an_apply_without_root_ends_its_events_too(
    answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run(monkeypatch, "--json", "apply", answers) == 4
    assert json.loads(capsys.readouterr().out)["status"] == 4


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_traceback(
    closed: str, answers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, closed, None)
    assert run(monkeypatch, "check", answers) == 0
    monkeypatch.setattr(sys, closed, None)
    assert run(monkeypatch, "check", "/nowhere/answers.yaml") == 2
    said = capsys.readouterr()
    assert (said.err == "") is (closed == "stderr")
    assert "nowhere" not in said.out


@pytest.mark.allow_subprocess
def test_what_a_terminal_cannot_show_is_no_traceback(answers: str) -> None:
    """And JSON is UTF-8 everywhere."""
    for more in ([], ["--json"]):
        words = ["plan", answers, "--machine", NETBOOK, *more]
        done = subprocess.run([sys.executable, "-m", "byzwizard", *words], capture_output=True, check=False,
                              env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode("utf-8" if more else "ascii")


@pytest.mark.allow_subprocess
@pytest.mark.parametrize("typed", [b"\x04", b"pass\xe9phrase\n"])
def test_neither_the_end_of_input_nor_strange_bytes_at_a_question_are_a_traceback(typed: bytes) -> None:
    """Ctrl-D, and what a serial console sends that is not set to UTF-8."""
    controller, terminal = pty.openpty()
    ask = ("import sys; from byzwizard import cli; from byzwizard.commands import secret\n"
           "cli.run = lambda _words: secret.asked('Passphrase') and 0\nsys.exit(cli.main())")
    with subprocess.Popen([sys.executable, "-c", ask], stdin=terminal, stdout=terminal, stderr=terminal,
                          start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as asking:
        os.close(terminal)
        said = b""
        while b"Passphrase: " not in said:
            said += os.read(controller, 1000)
        os.write(controller, typed)
        with contextlib.suppress(OSError):  # the other end is closed
            while more := os.read(controller, 1000):
                said += more
    os.close(controller)
    assert b"Traceback" not in said
    assert asking.returncode == (130 if typed == b"\x04" else 2), said


@pytest.mark.allow_subprocess
def test_a_process_of_ours_is_this_program_whatever_lies_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("byzwizard", "argparse"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("print('of somebody else')\n")
    monkeypatch.chdir(tmp_path)
    assert json.loads(System().run(*ourselves("schema")).out)["title"]


def test_what_only_root_may_read_comes_with_advice(
    answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/var/lib/byzantium/identity.key")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("byzwizard.commands.plan.prepare", refused)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        assert run(monkeypatch, "plan", answers) == 4
    assert "identity.key: Permission denied. Try again with sudo." in capsys.readouterr().err


def test_no_full_screen_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdin", Terminal(True))
    monkeypatch.setattr("sys.stdout", Terminal(False))
    assert cli._line_by_line()
    monkeypatch.setattr("sys.stdout", Terminal(True))
    assert not cli._line_by_line()


class Terminal(StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_signals_during_the_start_end_it_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "main", lambda: signal.raise_signal(signal.SIGTERM))
    try:
        assert start.main() == 130
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("record", "said"), [
    (None, "Nothing to undo"), (Record(status=0), "The last change was taken back already"),
])  # fmt: skip
def test_a_second_undo_does_not_say_that_there_was_no_change(
    record: Record | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(undo, "System", lambda: System(tmp_path))
    monkeypatch.setattr(undo, "need_root", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_more: None)
    monkeypatch.setattr(journal, "read", lambda _system: record)
    assert run(monkeypatch, "undo") == 0
    assert said in capsys.readouterr().out
