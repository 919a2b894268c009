"""The VM's serial port as a terminal that a program can read: a screen by pyte, keys by name."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pyte

from tests.vm.say import Slow, say

KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "backspace": "\x7f", "space": " ", "up": "\x1b[A", "down": "\x1b[B",
    "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[1~", "insert": "\x1b[2~", "delete": "\x1b[3~", "end": "\x1b[4~",
    "page up": "\x1b[5~", "page down": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS",
    "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~",
    "f12": "\x1b[24~", "ctrl c": "\x03", "ctrl l": "\x0c", "ctrl z": "\x1a",
}  # fmt: skip


class Serial:
    """Everything that the guest writes on ttyS0 is drawn on a screen of `columns` x `rows`, and kept as text."""

    def __init__(self, path: Path, columns: int = 80, rows: int = 24, log: Path | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._path = path
        self._log = log
        self._changed = threading.Condition()
        self._screen = pyte.Screen(columns, rows)
        # A terminal answers when it is asked for its kind, its state or where its cursor is.
        self._screen.write_process_input = self.send_raw  # type: ignore[method-assign,assignment]  # its hook
        self._stream = pyte.ByteStream(self._screen)
        self.history = b""

    def connect(self) -> None:
        self._socket.connect(str(self._path))
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            if self._log:
                with self._log.open("ab") as file:
                    file.write(data)
            with self._changed:
                self.history = (self.history + data)[-1_000_000:]
                self._stream.feed(data)
                self._changed.notify_all()

    @property
    def text(self) -> str:
        """The screen now, a line each, without the blanks at their ends."""
        with self._changed:
            return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def cursor(self) -> tuple[int, int]:
        """(row, column), from 0."""
        with self._changed:
            return self._screen.cursor.y, self._screen.cursor.x

    def send_raw(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def press(self, *keys: str) -> None:
        """Keys by urwid's names, one after the other; a single character is itself."""
        for key in keys:
            self.send_raw(KEYS.get(key, key))

    def expect(self, *texts: str, timeout: float = 60, gone: bool = False) -> str:
        """Wait until one of the texts stands on the screen (with gone: none), and return the screen. Raises Slow."""
        end = time.monotonic() + timeout
        say(f"serial: waiting for {'no ' if gone else ''}{' or '.join(map(repr, texts))}")
        with self._changed:
            while True:
                screen = "\n".join(line.rstrip() for line in self._screen.display)
                if any(text in screen for text in texts) != gone:
                    return screen
                left = end - time.monotonic()
                if left <= 0:
                    raise Slow(f"after {timeout:.0f} s not on the serial console: {texts}; it shows:\n{screen}")
                self._changed.wait(left)
