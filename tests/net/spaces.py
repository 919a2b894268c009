"""Network namespaces for tests: computers joined by cables, each with its own interfaces, rules and routes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from byzwizard.answers import parse
from byzwizard.backends.system import Result, System
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict
from byzwizard.resolve import Resolved, resolve
from byzwizard.routings import PROGRAMS

TREE = Path(__file__).parents[2]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """True as soon as it holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Inside(System):
    """The system as it is in a namespace: commands run there, /sys and /proc stay the host's."""

    def __init__(self, space: str, root: Path) -> None:
        super().__init__(root)
        self.space = space

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        return super().run("ip", "netns", "exec", self.space, *argv, stdin=stdin, ok=ok, timeout=timeout)


@dataclass
class Spaces:
    names: list[str] = field(default_factory=list)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def add(self, name: str) -> str:
        """A new namespace with its loopback up; gives its full name."""
        full = f"byz-{name}-{os.getpid()}"
        subprocess.run(("ip", "netns", "add", full), check=True)
        self.names.append(full)
        self.ip(full, "link set lo up")
        return full

    def node_and_phone(self, ula: str) -> tuple[str, str]:
        """10.1.1.1, and 10.1.1.50 at a cable of it."""
        node, phone = self.add("node"), self.add("phone")
        self.cable(node, "port0", phone, "eth0")
        self.ip(node, "addr add 10.1.1.1/24 dev port0", f"addr add {ula}/64 dev port0 nodad",
                "addr add 10.255.255.1/32 dev lo")
        self.ip(phone, "addr add 10.1.1.50/24 dev eth0")
        return node, phone

    def clients(self, space: str, *addresses: str) -> None:
        """The bridge of phones, with these addresses/lengths."""
        given = [f"addr add {address} dev clients0{' nodad' if ':' in address else ''}" for address in addresses]
        self.ip(space, "link add clients0 type bridge", "link add keep0 type veth peer name keep1",
                "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up", *given)

    def ip(self, space: str, *commands: str) -> None:
        subprocess.run(("ip", "-n", space, "-batch", "-"), input="\n".join(commands) + "\n", text=True, check=True)

    def cable(self, one: str, name: str, other: str, other_name: str) -> None:
        """A cable between two computers, up at both ends."""
        subprocess.run(("ip", "link", "add", name, "netns", one, "type", "veth", "peer", "name", other_name,
                        "netns", other), check=True)
        self.ip(one, f"link set {name} up")
        self.ip(other, f"link set {other_name} up")

    def run(self, space: str, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(("ip", "netns", "exec", space, *argv), input=stdin, capture_output=True, text=True,
                              timeout=60, check=False)

    def listens(self, space: str, port: int) -> bool:
        return self.run(space, "ss", "-Hltn", f"sport = :{port}").stdout != ""

    def start(self, space: str, *argv: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(("ip", "netns", "exec", space, *argv), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        return process

    def python(self, space: str, code: str, *arguments: str) -> str:
        """What a small program prints that runs there."""
        done = self.run(space, sys.executable, "-c", code, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def spaces() -> Iterator[Spaces]:
    made = Spaces()
    try:
        yield made
    finally:
        for process in made.started:
            process.kill()
            process.wait()
        for name in made.names:
            subprocess.run(("ip", "netns", "del", name), check=False)


def resolved(letter: str, mesh: str = "", subnet: str = "auto") -> Resolved:
    """A node with one radio whose identity comes from a letter; `mesh` are further lines of that section."""
    radio = Radio(interface="wlan0", phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None,
                  verdict=Verdict(grade="A", link="802.11s", access_point=True, reason="", advice=None))
    answers = parse(f"byzantium: 1\nmesh:\n  subnet: {subnet}\n{mesh}")
    return resolve(answers, Machine(radios=(radio,), programs=PROGRAMS), Identity(letter.encode() * 32))
