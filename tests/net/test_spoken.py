"""What is spoken on a link is told by real frames: babeld's own hellos, and frames of batman-adv's kind."""

import os
import shutil
from collections.abc import Iterator

import pytest

from byzwizard.backends import babel, batman, olsr
from byzwizard.backends.spoken import protocol
from tests.net.spaces import TREE, Spaces, spaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
LISTEN = "import sys; from byzwizard.backends.spoken import heard; print(heard(['mesh0', 'gone0'], sys.argv[1], 5))"
SEND = f"""
import socket, time
link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
while True:
    link.sendto(b"\\0\\x0f" + bytes(30), ("mesh0", {batman.FRAMES}, 0, 0, b"\\xff" * 6))
    time.sleep(0.1)
"""


@pytest.fixture
def link() -> Iterator[tuple[Spaces, str, str]]:
    with spaces() as made:
        here, there = made.add("here"), made.add("there")
        made.cable(here, "mesh0", there, "mesh0")
        yield made, here, there


def test_batman_adv_is_heard_by_a_node_of_babel(link: tuple[Spaces, str, str]) -> None:
    made, here, there = link
    made.start(there, "python3", "-c", SEND)
    assert made.python(here, LISTEN, "babel") == "batman-adv"
    assert made.python(here, LISTEN, "batman-adv") == "None"


@pytest.mark.skipif(shutil.which("babeld") is None, reason="babeld is not installed")
def test_babel_is_heard_by_a_node_of_batman_adv(link: tuple[Spaces, str, str]) -> None:
    made, here, there = link
    ready = made.run(there, "python3", "-I", "-S", str(TREE / "backends/ready.py"), "mesh0")
    assert ready.returncode == 0, ready.stderr
    made.start(there, "babeld", "-I", "", "-S", "", "-H", "1", "mesh0")
    assert made.python(here, LISTEN, "batman-adv") == "babel"


@pytest.mark.skipif(shutil.which("olsrd") is None, reason="olsrd is not installed: Debian has no package of it")
def test_olsr_is_heard_by_a_node_of_babel(link: tuple[Spaces, str, str]) -> None:
    made, here, there = link
    made.ip(there, "addr add 10.20.30.1/32 dev mesh0")
    made.start(there, "olsrd", "-i", "mesh0", "-d", "0", "-nofork", "-bcast", "255.255.255.255")
    assert made.python(here, LISTEN, "babel") == "olsr"


def test_silence_is_silence(link: tuple[Spaces, str, str]) -> None:
    made, here, _there = link
    assert made.python(here, LISTEN, "babel") == "None"


@pytest.mark.parametrize("frame", [b"", bytes(48), b"\x60" + bytes(5) + b"\x11" + bytes(20), bytes(2000)])
def test_frames_that_are_none_say_nothing(frame: bytes) -> None:
    assert protocol(babel.IPV6, frame) is None
    assert protocol(olsr.IPV4, frame) is None
