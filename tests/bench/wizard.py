"""How fast the wizard is: its first frame against `import urwid`, a key until its frame, and its memory.

Both sides of a ratio are measured in
turn in one run, so that a slow machine or a busy one does not tell.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "tests" / "machines" / "two-radios-mt7612u-and-mt7601u.json"
ROUNDS = 9
KEYS = 300
FIRST_FRAME, KEY, MEMORY = 2.0, 16.0, 55.0  # ratio, ms, MB


class Terminal:
    """The wizard on a terminal of 80 by 24."""

    def __init__(self, *argv: str) -> None:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm"
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
            os.execv(sys.executable, [sys.executable, *argv])

    def until(self, word: bytes, seconds: float = 30) -> float:
        """Read until `word` has come; the time that it came."""
        seen = b""
        end = time.perf_counter() + seconds
        while word not in seen:
            left = end - time.perf_counter()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError(f"{word!r} did not come; there was {seen[-400:]!r}")
            seen += os.read(self.fd, 65536)
        return time.perf_counter()

    def quiet(self, seconds: float) -> None:
        """Read until nothing has come for so long."""
        while select.select([self.fd], [], [], seconds)[0]:
            os.read(self.fd, 65536)

    def key(self, code: bytes) -> float:
        """Milliseconds from a key to the first part of its frame; urwid writes a frame at once."""
        began = time.perf_counter()
        os.write(self.fd, code)
        select.select([self.fd], [], [], 5)
        passed = time.perf_counter() - began
        os.read(self.fd, 65536)
        return 1000 * passed

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def wizard() -> Iterator[Terminal]:
    terminal = Terminal("-m", "byzwizard", "--machine", str(MACHINE))
    try:
        yield terminal
    finally:
        terminal.close()


def first_frame() -> Figure:
    """From starting the program to the last row of its first frame."""
    ratio = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import urwid"], cwd=ROOT, check=True)
        reference = time.perf_counter() - began
        with wizard() as terminal:
            ratio.append((terminal.until(b"F10") - terminal.began) / reference)
    return Figure("wizard-first-frame", statistics.median(ratio), "ratio", FIRST_FRAME)


def keys_and_memory() -> list[Figure]:
    """Keys on the pages with a list, with services and with fields; then what the program holds."""
    with wizard() as terminal:
        terminal.until(b"F10")
        terminal.quiet(1.5)
        took = [terminal.key(b"\x1b[B" if n % 2 else b"\x1b[A") for n in range(1, KEYS // 2)]
        os.write(terminal.fd, b"\x1b[A\x1b[A\x1b[B\r")  # from wherever the focus is to “step by step”
        terminal.until(b"Your wireless cards")
        terminal.quiet(0.5)
        os.write(terminal.fd, b"\r")
        terminal.until(b"Which mesh?")
        terminal.quiet(0.5)
        os.write(terminal.fd, b"\r")
        terminal.until(b"Wiki")
        os.write(terminal.fd, b"\t")  # to the first service
        terminal.quiet(0.5)
        took += [terminal.key((b" ", b"\x1b[B", b" ", b"\x1b[A")[n % 4]) for n in range(1, KEYS // 2)]
        os.write(terminal.fd, b"\x1b")
        terminal.until(b"Which mesh?")
        terminal.quiet(0.5)
        os.write(terminal.fd, b"\t\t\t")  # over the buttons to “private”, and on to the mesh's name
        terminal.quiet(0.5)
        took += [terminal.key(b"a" if n % 2 else b"\x7f") for n in range(1, KEYS // 2)]
        os.write(terminal.fd, b"\x1b[A ")
        terminal.quiet(1)
        memory = terminal.megabytes()
    took.sort()
    return [
        Figure("wizard-key-to-frame-p99", took[len(took) * 99 // 100], "ms", KEY),
        Figure("wizard-memory", memory, "MB", MEMORY),
    ]


def measure() -> Iterator[Figure]:
    yield first_frame()
    yield from keys_and_memory()
