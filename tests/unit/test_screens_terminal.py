"""What the screen does with the terminal under it: its size, its signals, its glyphs, standard error."""

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urwid

from byzwizard.answers import Answers
from byzwizard.screens import palette, terminal
from tests.unit.driver import Screen
from tests.unit.fake_desk import FakeDesk


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """(our end, the end of the person) of a serial line that knows no size."""
    person, ours = os.openpty()
    yield ours, person
    os.close(person)
    os.close(ours)


def size_of(fd: int) -> tuple[int, int]:
    rows, columns, _x, _y = struct.unpack("4H", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return columns, rows


def answering(person: int, answer: bytes) -> threading.Thread:
    """A terminal that answers the question for the cursor."""

    def answer_once() -> None:
        asked = b""
        while b"\x1b[6n" not in asked:
            asked += os.read(person, 100)
        os.write(person, answer)

    thread = threading.Thread(target=answer_once)
    thread.start()
    return thread


def test_a_serial_terminal_is_asked_for_its_size(line: tuple[int, int]) -> None:
    ours, person = line
    before = termios.tcgetattr(ours)
    thread = answering(person, b"\x1b[43;132R")
    terminal.look_for_size(ours, ours)
    thread.join()
    assert size_of(ours) == (132, 43)
    assert termios.tcgetattr(ours)[3] == before[3]


def test_a_silent_line_has_80_by_24(line: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "ANSWERS_WITHIN", 0.05)
    terminal.look_for_size(line[0], line[0])
    assert size_of(line[0]) == (80, 24)


def test_a_known_size_is_not_asked_for(line: tuple[int, int]) -> None:
    ours, person = line
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
    terminal.look_for_size(ours, ours)
    os.set_blocking(person, False)
    with pytest.raises(BlockingIOError):
        os.read(person, 10)


def test_a_pseudo_terminal_is_no_console(line: tuple[int, int]) -> None:
    assert not terminal.is_console(line[0])
    assert terminal.font_of(line[0]) is None


def test_control_keys_are_keys(line: tuple[int, int]) -> None:
    ours, _person = line
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with os.fdopen(os.dup(ours), "r") as reading, os.fdopen(os.dup(ours), "w") as writing:
        screen = terminal.Screen(reading, writing)
        before = termios.tcgetattr(ours)
        screen.start()
        special = termios.tcgetattr(ours)[6]
        for key in (termios.VINTR, termios.VQUIT, termios.VSTART, termios.VSTOP, termios.VSUSP):
            assert special[key] == b"\0"
        screen.stop()
        assert termios.tcgetattr(ours)[6] == before[6]


def test_an_encoding_without_our_glyphs_gets_ascii_and_no_code() -> None:
    urwid.set_encoding("ascii")
    try:
        terminal.choose_glyphs(0)
        text = Screen(FakeDesk(now=Answers()), "node").text()
    finally:
        urwid.set_encoding("utf-8")
        palette.use_glyphs()
        urwid.CanvasCache.clear()
    assert "+ The mesh is joined." in text
    assert "Join Byzantium" in text
    assert "█" not in text
    assert "#" not in text.replace("#####", "").replace("#.", "")


@pytest.mark.parametrize(
    ("colours", "wish", "expected"), [(-1, "", False), (8, "", True), (256, "", True), (256, "1", False)]
)
def test_a_terminal_without_colours_gets_none(
    colours: int, wish: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", wish)
    monkeypatch.setattr("curses.setupterm", lambda fd: None)
    monkeypatch.setattr("curses.tigetnum", lambda name: colours)
    assert terminal.has_colours() is expected


@pytest.mark.allow_subprocess
def test_a_recording_that_is_none_ends_the_wizard_with_its_sentence(tmp_path: Path) -> None:
    """The first frame does not wait for the recording; the end is the same as in line mode."""
    recording = tmp_path / "machine.json"
    recording.write_text("{")
    person, console = os.openpty()
    wizard = subprocess.Popen(
        [sys.executable, "-m", "byzwizard", "--machine", str(recording)],
        stdin=console, stdout=console, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"}, text=True,
    )
    os.close(console)
    reader = threading.Thread(target=drain, args=(person,))
    reader.start()
    _out, told = wizard.communicate(timeout=60)
    reader.join()
    os.close(person)
    assert wizard.returncode == 2
    assert told.startswith(f"byzwizard: {recording} is not JSON.")
    assert "Traceback" not in told


def drain(person: int) -> None:
    """Read what the terminal shows until its program is gone."""
    with contextlib.suppress(OSError):
        while os.read(person, 65536):
            continue
