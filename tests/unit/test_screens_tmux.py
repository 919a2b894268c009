"""The wizard in tmux: what it shows there, what its keys come to, and another size of the window."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MACHINE = Path(__file__).parents[1] / "machines" / "two-radios-mt7612u-and-mt7601u.json"
LONG = 120.0  # seconds for a page to come, on a computer with much else to do

pytestmark = [pytest.mark.allow_subprocess, pytest.mark.timeout(600)]


class Window:
    """A server of our own with one window in it."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        self.tmux("-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "24",
                  f"exec {sys.executable} -m byzwizard --machine {MACHINE}")  # fmt: skip

    def tmux(self, *words: str) -> str:
        environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-u", "-S", self._socket, *words], check=True, env=environment,
                              capture_output=True, text=True, encoding="utf-8").stdout  # fmt: skip

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, *words: str) -> str:
        """Wait until it shows all of these."""
        end = time.monotonic() + LONG
        while True:
            text = self.text()
            if all(word in text for word in words):
                return text
            assert time.monotonic() < end, f"{words} do not come:\n{text}"
            time.sleep(0.05)


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    found = Window(tmp_path)
    yield found
    found.tmux("kill-server")


def test_the_wizard_in_tmux(window: Window) -> None:
    first = window.shows("A network without the Internet", "▶ Just start", "F10").rstrip("\n").splitlines()
    assert len(first) == 24
    assert first[0].startswith(" BYZANTIUM  Welcome")
    assert "\x1b[" in window.tmux("capture-pane", "-p", "-e").splitlines()[0]  # the bar has its colour
    window.press("Down")
    window.shows("▶ Set it up step by step")
    window.press("Enter")
    window.shows("Your wireless cards", "MT7612U", "MT7601U")
    window.press("F1")
    window.shows("[ Close ]")
    window.press("Escape")
    window.shows("Your wireless cards", "[ Continue ]")
    window.tmux("resize-window", "-x", "60", "-y", "18")
    smaller = window.shows("Your wireless cards", "[ Continue ]").rstrip("\n").splitlines()
    assert max(map(len, smaller)) <= 60
    window.press("Escape")
    window.shows("A network without the Internet")
