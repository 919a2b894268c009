"""The passphrase at boot: asked on every console, shown on a key, counted, skipped, and given up after a while."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Callable, Iterator

import pytest

from byzwizard import asking, consoles
from byzwizard.asking import Asker
from byzwizard.consoles import Console
from byzwizard.errors import Damaged, StepFailed

RIGHT = "cactus orbit velvet"


class Line:
    """A console with somebody at its other end."""

    def __init__(self, name: str) -> None:
        self.far, near = pty.openpty()
        consoles.raw(near)
        os.set_blocking(self.far, False)
        self.console = Console(name, near)

    def type(self, text: str) -> None:
        os.write(self.far, text.encode())

    def read(self) -> str:
        text = b""
        try:
            while True:
                text += os.read(self.far, 65536)
        except BlockingIOError:
            return text.decode()

    def close(self) -> None:
        for fd in (self.far, self.console.fd):
            os.close(fd)


class Store:
    def __init__(self, damaged: bool = False) -> None:
        self.tried: list[str] = []
        self.layouts: list[str] = []
        self.damaged = damaged

    def attempt(self, passphrase: str) -> None:
        self.tried.append(passphrase)
        if passphrase != RIGHT:
            raise StepFailed("This is not the passphrase of the store.")
        if self.damaged:
            raise Damaged("The file system of the store is damaged.")

    def mend(self, passphrase: str) -> None:
        assert passphrase == RIGHT
        self.damaged = False

    def keyboard(self, layout: str) -> None:
        if layout != "de":
            raise StepFailed("no such map")
        self.layouts.append(layout)


@pytest.fixture
def lines() -> Iterator[tuple[Line, Line]]:
    screen, serial = Line("tty1"), Line("ttyS0")
    yield screen, serial
    screen.close()
    serial.close()


def ask(lines: tuple[Line, ...], store: Store, now: Callable[[], float] = time.monotonic) -> bool:
    found = [line.console for line in lines]
    return Asker(found, "/dev/sdb2", store.attempt, store.keyboard, store.mend, now).run()


def test_it_opens_from_either_console(lines: tuple[Line, Line]) -> None:
    _screen, serial = lines
    store = Store()
    serial.type(RIGHT + "\r")
    assert ask(lines, store)
    assert store.tried == [RIGHT]
    for line in lines:
        said = line.read()
        assert "Passphrase" in said
        assert "Open." in said
        assert RIGHT not in said  # never echoed


def test_a_wrong_one_is_explained_and_counted(lines: tuple[Line, Line]) -> None:
    screen, serial = lines
    store = Store()
    screen.type("wrong one\rwrong two\r" + RIGHT + "\r")
    assert ask(lines, store)
    said = serial.read()
    assert "not the passphrase of the store. 1 try so far." in said
    assert "2 tries so far." in said


def test_what_is_typed_is_shown_on_a_key(lines: tuple[Line, Line]) -> None:
    screen, serial = lines
    screen.type("cactus\x1b[19~")
    serial.type("\x03")
    ask(lines, Store())
    assert "Passphrase [us]: cactus" in screen.read()


def test_corrections_and_keys_that_mean_nothing(lines: tuple[Line, Line]) -> None:
    store = Store()
    lines[0].type("\x1b[Acacx\x7ftus orbi\x1b[3~t velvet\x1b[24~\r")
    assert ask(lines, store)
    assert store.tried == [RIGHT]


def test_escape_skips_it(lines: tuple[Line, Line]) -> None:
    lines[1].type("\x1b")
    assert not ask(lines, Store())
    assert "opens it later" in lines[0].read()


def test_the_keyboard_comes_first(lines: tuple[Line, Line]) -> None:
    screen, _serial = lines
    store = Store()
    screen.type("\x1b[[Bxx\r\x1b[[Bde\r" + RIGHT + "\r")
    assert ask(lines, store)
    assert store.layouts == ["de"]
    said = screen.read()
    assert "There is no layout “xx”" in said
    assert "Passphrase [de]:" in said


def test_damage_is_asked_about(lines: tuple[Line, Line]) -> None:
    screen, _serial = lines
    store = Store(damaged=True)
    screen.type(RIGHT + "\ry")
    assert ask(lines, store)
    assert not store.damaged
    assert "Mend it, whatever is lost?" in screen.read()


def test_nobody_there(lines: tuple[Line, Line]) -> None:
    times = iter([0.0, 61.0])
    assert not ask(lines, Store(), now=lambda: next(times))


def test_five_minutes_at_most(lines: tuple[Line, Line], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody types, and types, and never ends."""
    clock = [0.0]

    def now() -> float:
        clock[0] += 20
        lines[0].type("x")
        return clock[0]

    assert not ask(lines, Store(), now=now)
    assert clock[0] <= asking.AT_MOST + 60


def test_no_console_no_question() -> None:
    assert not ask((), Store())


def test_a_console_that_goes_leaves_the_others(lines: tuple[Line, Line]) -> None:
    gone = Line("ttyS1")
    os.close(gone.far)
    lines[0].type(RIGHT + "\r")
    assert ask((*lines, gone), Store())
    os.close(gone.console.fd)


def test_which_consoles_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Active:
        def read_text(self) -> str:
            return "tty0 ttyS0 hvc0\n"

    monkeypatch.setattr(consoles, "ACTIVE", Active())
    assert [name for name in consoles.names() if name != "tty1"] == ["ttyS0", "hvc0"]
