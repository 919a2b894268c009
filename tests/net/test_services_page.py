"""The page Services on a node that stands, by keys: a service is switched on, watched, looked at, switched off, and its
data are deleted; each as the command and the phone see it."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Iterator
from functools import partial

import pyte
import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within
from tests.net.test_services import authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
ROWS, COLUMNS = 24, 80
DATA = "/var/lib/byzantium/services/wiki"


class Wizard:
    """The wizard of a node on a terminal of its own."""

    def __init__(self, node: Node) -> None:
        self._fd, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
        inside = ("nsenter", "-t", node.first, "-m", "-p", "-n", "-u", "-i", "-C", "env", "-i", "LANG=C.UTF-8",
                  "TERM=linux", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "byzwizard")  # fmt: skip
        self.process = subprocess.Popen(("setsid", "--ctty", *inside), stdin=there, stdout=there, stderr=there)
        os.close(there)
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream, self._decoder = pyte.Stream(self._screen), codecs.getincrementaldecoder("utf-8")("replace")

    def _read(self, seconds: float) -> None:
        while select.select([self._fd], [], [], seconds)[0]:
            try:
                self._stream.feed(self._decoder.decode(os.read(self._fd, 65536)))
            except OSError:
                return
            seconds = 0

    def text(self) -> str:
        self._read(0.2)
        return "\n".join(self._screen.display)

    def shows(self, *words: str) -> bool:
        text = self.text()
        return all(word in text for word in words)

    def expect(self, *words: str, seconds: float = 90) -> None:
        assert within(seconds, partial(self.shows, *words)), f"{words} did not come\n{self.text()}"

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._fd, key.encode())

    def to(self, words: str) -> None:
        """Give the focus to the line or button with these words."""
        for _n in range(40):
            if any(rest.lstrip(" ●○✗[").startswith(words) for rest in self.text().split("▶")[1:]):
                return
            self.press("\t")
            self._read(1)
        raise AssertionError(f"{words} cannot have the focus\n{self.text()}")

    def line(self, words: str) -> str:
        return next((line for line in self.text().splitlines() if words in line), "")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("booted")) as found:
        yield found


@pytest.fixture
def wizard(lab: Lab) -> Iterator[Wizard]:
    with contextlib.closing(Wizard(lab.nodes[0])) as opened:
        opened.expect("s services")
        opened.press("s")
        opened.expect("What should this node offer?", "Wiki", "Memory")
        yield opened


def apply(wizard: Wizard) -> None:
    """What is pending, by Review."""
    wizard.to("Review the change")
    wizard.press("\r")
    wizard.expect("This is what will happen", "Change this node", seconds=120)
    wizard.to("Change this node")
    wizard.press("\r")
    wizard.expect("Show this node", seconds=240)
    wizard.press("\r")
    wizard.expect("s services")
    wizard.press("s")
    wizard.expect("What should this node offer?", "Wiki")


def test_it_is_switched_on_and_its_state_follows_by_itself(lab: Lab, wizard: Wizard) -> None:
    a = lab.nodes[0]
    wizard.to("Wiki")
    wizard.press(" ")
    wizard.expect("picked")
    assert a.state("wiki") == "off", "nothing is done before Review"
    apply(wizard)
    assert within(60, lambda: wizard.line("● Wiki").rstrip(" █").endswith("on"))
    status, _headers, _text = a.pages("/wiki/wiki?name=Home", host(a), authority(a))
    assert status == 200
    a.do("systemctl", "stop", "byz-wiki")
    wizard.expect("✗ Wiki", "FAILS")
    a.do("systemctl", "start", "byz-wiki")
    assert within(60, lambda: wizard.line("● Wiki").rstrip(" █").endswith("on"))


def test_its_details_and_its_log(lab: Lab, wizard: Wizard) -> None:
    wizard.to("Wiki")
    wizard.press("l")
    wizard.expect("Log of Wiki", "byz")
    assert "\x1b" not in wizard.text()
    wizard.press("\x1b")
    wizard.expect("Space on/off")
    wizard.press("\r")
    wizard.expect("✓ on", "not kept in a store", DATA, "▀")
    shown = "".join(line[17:48].strip() for line in wizard.text().splitlines())
    assert f"https://{host(lab.nodes[0])}/wiki/" in shown


def test_it_is_switched_off_and_its_data_go_when_that_is_said(lab: Lab, wizard: Wizard) -> None:
    a = lab.nodes[0]
    wizard.to("Wiki")
    wizard.press(" ")
    wizard.expect("stops")
    apply(wizard)
    assert a.state("wiki") == "off"
    assert a.do("ls", DATA).split(), "they stay"
    wizard.to("Wiki")
    wizard.press("\r")
    wizard.expect("Delete its data")
    wizard.to("Delete its data")
    wizard.press("\r")
    wizard.expect("Nobody can bring it back")
    wizard.to("Delete ")
    wizard.press("\r")
    wizard.expect("It is deleted.")
    assert a.do("ls", DATA) == ""
