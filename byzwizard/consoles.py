"""The consoles of this computer before anybody uses them: tty1 and every serial one that the kernel talks to."""

import contextlib
import os
import re
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ACTIVE = Path("/sys/class/tty/console/active")
SCREEN = "tty1"
SEQUENCES = {"\x1b[12~": "f2", "\x1b[[B": "f2", "\x1bOQ": "f2", "\x1b[19~": "f8", "\x1bOw": "f8"}
ENDS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\t": "f8", "\x03": "esc", "\x04": "esc"}


@dataclass
class Console:
    """`name` such as tty1; `rest` are bytes of a key that has not arrived whole."""

    name: str
    fd: int
    rest: str = ""
    line: str = ""
    shows: bool = False
    choosing: bool = field(default=False)  # a keyboard layout, instead of the passphrase

    @property
    def is_screen(self) -> bool:
        return self.name == SCREEN

    def say(self, text: str) -> None:
        """Never waits: a console that nobody reads is full some day."""
        with contextlib.suppress(OSError):
            os.write(self.fd, text.replace("\n", "\r\n").encode("utf-8", "replace"))

    def keys(self) -> list[str]:
        """What was typed: characters, and enter, backspace, esc, f2, f8. Raises OSError when the console has gone."""
        data = os.read(self.fd, 1024)
        if not data:
            raise OSError("the console hung up")
        self.rest += data.decode("ascii", "ignore")
        return list(self._taken())

    def quiet(self) -> list[str]:
        """No more came: an Esc that began nothing is the key."""
        rest, self.rest = self.rest, ""
        return ["esc"] if rest == "\x1b" else []

    def _taken(self) -> Iterator[str]:
        while self.rest:
            if self.rest[0] == "\x1b":
                whole = next((text for text in SEQUENCES if self.rest.startswith(text)), None)
                if whole is not None:
                    self.rest = self.rest.removeprefix(whole)
                    yield SEQUENCES[whole]
                    continue
                if any(text.startswith(self.rest) for text in SEQUENCES) or self.rest in {"\x1b", "\x1b["}:
                    return
                # A key that means nothing here: its letters must not become part of the passphrase.
                self.rest = _after(self.rest)
                continue
            key, self.rest = self.rest[0], self.rest[1:]
            if key in ENDS:
                yield ENDS[key]
            elif " " <= key <= "~":
                yield key


def _after(text: str) -> str:
    """What follows an escape sequence: ESC [ parameters final, or ESC and one more."""
    if text[1] not in "[O":
        return text[2:]
    end = next((n for n, key in enumerate(text[2:], 2) if "@" <= key <= "~" and key != "["), len(text) - 1)
    return text[end + 1 :]


def names() -> tuple[str, ...]:
    """tty1 where there is a screen, and the serial consoles that the kernel uses."""
    try:
        active = ACTIVE.read_text().split()
    except OSError:
        active = []
    screen = [SCREEN] if Path("/sys/class/tty/tty0").exists() else []
    command_line = Path("/proc/cmdline").read_text().split()
    lines = [name for name in active if not re.fullmatch(r"tty[0-9]*", name)]
    return (*screen, *(name for name in lines if f"systemd.debug_shell={name}" not in command_line))


@contextlib.contextmanager
def opened() -> Iterator[list[Console]]:
    """Those that can be read, raw and without an echo, put back afterwards. Opened without waiting for a carrier."""
    with contextlib.ExitStack() as stack:
        found = []
        for name in dict.fromkeys(names()):
            try:
                fd = os.open(f"/dev/{name}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:  # there is no such line
                continue
            stack.callback(os.close, fd)
            try:
                before = termios.tcgetattr(fd)
                raw(fd)
                termios.tcflush(fd, termios.TCIFLUSH)
            except (OSError, termios.error):  # a console that can only be written to
                continue
            stack.callback(termios.tcsetattr, fd, termios.TCSANOW, before)
            found.append(Console(name, fd))
        yield found


def raw(fd: int) -> None:
    """No echo, key by key, no flow control (a line without the other wires would stop for ever)."""
    mode = termios.tcgetattr(fd)
    mode[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.ISTRIP | termios.BRKINT)
    mode[2] = (mode[2] | termios.CLOCAL | termios.CREAD) & ~termios.CRTSCTS
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(fd, termios.TCSANOW, mode)

