"""The terminal under the screen: its signals and size, the colours and the font of the Linux console, stderr."""

from __future__ import annotations

import array
import contextlib
import curses
import fcntl
import os
import re
import select
import struct
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Iterator
from typing import Any

import urwid
from urwid.display import raw

from byzwizard.screens import palette

# linux/kd.h
KDGKBTYPE, KB_101 = 0x4B33, b"\x02"
GIO_CMAP, PIO_CMAP = 0x4B70, 0x4B71
GIO_UNIMAP = 0x4B66

DEFAULT_SIZE = (80, 24)
COLOURS = 8  # that the palette draws on
ANSWERS_WITHIN = 0.5  # seconds in which a terminal at 1200 baud tells its size


class Screen(raw.Screen):
    """Ctrl-C, -Z, -S, -Q and -\\ come in as keys: the wizard has no shell under it that could wake it up again."""

    def _start(self, alternate_buffer: bool = True, *args: Any, **kwargs: Any) -> None:
        if not has_colours():
            self.set_terminal_properties(colors=1)
        reading = self._input_fileno()
        if reading is not None:
            look_for_size(reading, reading)
            choose_glyphs(reading)
        super()._start(alternate_buffer, *args, **kwargs)
        self.tty_signal_keys("undefined", "undefined", "undefined", "undefined", "undefined", fileno=reading)

    def get_cols_rows(self) -> tuple[int, int]:
        columns, rows = super().get_cols_rows()
        if columns <= 0 or rows <= 0:
            columns, rows = DEFAULT_SIZE
            self.maxrow = rows
        return columns, rows


def has_colours() -> bool:
    """What terminfo knows of this terminal; NO_COLOR (no-color.org) is somebody's wish."""
    if os.environ.get("NO_COLOR"):
        return False
    try:
        curses.setupterm(fd=1)
    except curses.error:  # not known: nearly every terminal has them
        return True
    return curses.tigetnum("colors") >= COLOURS


def is_console(fd: int) -> bool:
    """Whether `fd` is a Linux virtual console."""
    with contextlib.suppress(OSError):
        return fcntl.ioctl(fd, KDGKBTYPE, b"\0") == KB_101
    return False


@contextlib.contextmanager
def console_colours() -> Iterator[None]:
    """The colours of palette.py on a Linux console, those from before afterwards."""
    fd = sys.stdout.fileno() if sys.stdout.isatty() else -1
    if fd < 0 or not is_console(fd):
        yield
        return
    before = fcntl.ioctl(fd, GIO_CMAP, bytes(48))
    ours = bytearray(before)
    for number, colour in palette.CONSOLE_COLOURS.items():
        ours[3 * number : 3 * number + 3] = bytes(colour)
    with contextlib.suppress(OSError):  # not our console to change: the colours stay as they are
        fcntl.ioctl(fd, PIO_CMAP, bytes(ours))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, PIO_CMAP, before)


def font_of(fd: int) -> set[int] | None:
    """The code points that the console's font has; None where that is not known."""
    entries = array.array("B", bytes(4 * 8192))
    address, _length = entries.buffer_info()
    # struct unimapdesc {unsigned short entry_ct; struct unipair *entries;}, unipair two unsigned shorts
    request = bytearray(struct.pack("@HP", 8192, address))
    try:
        fcntl.ioctl(fd, GIO_UNIMAP, request)
    except OSError:
        return None
    count = struct.unpack("@HP", request)[0]
    return {struct.unpack_from("@HH", entries, 4 * n)[0] for n in range(count)}


def choose_glyphs(fd: int) -> None:
    """ASCII instead of our glyphs where the encoding or the console's font has none of them."""
    palette.use_glyphs()
    if urwid.get_encoding_mode() != "utf8":
        palette.use_fallbacks(in_utf8=False)
    elif is_console(fd):
        font = font_of(fd)
        if font is not None and not {ord(glyph) for glyph in palette.GLYPHS} <= font:
            palette.use_fallbacks(in_utf8=True)


def look_for_size(input_fd: int, output_fd: int) -> None:
    """On a serial line nobody tells the kernel the terminal's size: ask the terminal itself, and tell the kernel."""
    if not (os.isatty(input_fd) and os.isatty(output_fd)):
        return
    rows, columns, _x, _y = struct.unpack("4H", fcntl.ioctl(output_fd, termios.TIOCGWINSZ, bytes(8)))
    if rows and columns:
        return
    columns, rows = ask_size(input_fd, output_fd) or DEFAULT_SIZE
    with contextlib.suppress(OSError):
        fcntl.ioctl(output_fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def ask_size(input_fd: int, output_fd: int) -> tuple[int, int] | None:
    """(columns, rows) out of the cursor's position in the farthest corner; None where no terminal answers."""
    before = termios.tcgetattr(input_fd)
    tty.setraw(input_fd)
    try:
        os.write(output_fd, b"\x1b7\x1b[999;999H\x1b[6n\x1b8")
        answer, until = b"", time.monotonic() + ANSWERS_WITHIN
        while (left := until - time.monotonic()) > 0 and len(answer) < 64:
            if not select.select([input_fd], [], [], left)[0]:
                break
            answer += os.read(input_fd, 32)
            if found := re.search(rb"\x1b\[(\d{1,4});(\d{1,4})R", answer):
                return int(found[2]), int(found[1])
    finally:
        termios.tcsetattr(input_fd, termios.TCSANOW, before)
    return None


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """What any library or child writes to standard error comes out when the screen is gone, not over it."""
    if not os.isatty(2):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            os.write(2, held.read())


@contextlib.contextmanager
def loud_stderr() -> Iterator[None]:
    """Standard error on the terminal again, while a shell has it."""
    if not os.isatty(1):
        yield
        return
    kept = os.dup(2)
    os.dup2(1, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
