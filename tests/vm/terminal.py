"""This terminal as the VM's serial console: keys go in as they are, one key leaves."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

LEAVE = b"\x1d"
LEAVE_NAME = "Ctrl-]"
# Whatever was on the screen: the usual character set, colours, cursor, no mouse, and the screen from before.
RESTORE = "\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[0m\x1b[?25h\r\n"


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Keys come as they are pressed; afterwards the terminal is as it was."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)


def tell(text: str) -> None:
    """A line of our own, in a raw terminal."""
    sys.stdout.write(text.replace("\n", "\r\n") + "\r\n")
    sys.stdout.flush()


def watch(done: Callable[[], bool]) -> bool:
    """Wait until `done`, and swallow keys meanwhile. False when the key to leave was pressed."""
    while not done():
        if select.select([0], [], [], 0.2)[0] and LEAVE in os.read(0, 1024):
            return False
    return True


def pass_through(path: Path, attached: Callable[[], None]) -> bool:
    """Join this terminal with the socket; `attached` is called once it is.

    True when left by key, False when the VM ended.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        attached()
        while True:
            ready, _, _ = select.select([0, line.fileno()], [], [])
            if 0 in ready:
                keys = os.read(0, 1024)
                if not keys or LEAVE in keys:
                    return True
                line.sendall(keys)
            if line.fileno() in ready:
                try:
                    data = line.recv(65536)
                except ConnectionError:
                    return False
                if not data:
                    return False
                while data:
                    data = data[os.write(1, data) :]
