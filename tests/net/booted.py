"""Nodes in containers: the image's own systemd, units, users and program, in a network namespace, by the real verbs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.net.spaces import TREE, Spaces, spaces, within

BUILD = TREE / "build"
SYSTEM = "/live/filesystem.squashfs"
HERE = Path(__file__).parent


def unified() -> Path | None:
    """Where this computer has cgroups of version 2, None where it has none."""
    found = re.search(r"^\S+ (\S+) cgroup2 ", Path("/proc/mounts").read_text(), re.MULTILINE)
    return Path(found[1]) if found else None


NEEDS = (
    pytest.mark.skipif(os.geteuid() != 0, reason="containers need root"),
    pytest.mark.skipif(unified() is None, reason="there are no cgroups of version 2"),
)
"""Marks of every test that boots the image's own systemd: what nothing can stand in for."""


def offset() -> int:
    """Bytes from the start of the image to the system in it; both are read in place."""
    said = subprocess.run(("xorriso", "-indev", str(BUILD / "byzantium.iso"), "-find", SYSTEM, "-exec", "report_lba"),
                          check=True, capture_output=True, text=True).stdout
    found = re.search(r"^File data lba:\s*\d+\s*,\s*(\d+)", said, re.MULTILINE)
    assert found, said
    return int(found[1]) * 2048


@dataclass
class Node:
    """`space` is its network namespace, `phone` that of its client."""

    made: Spaces
    letter: str
    space: str
    phone: str
    group: Path
    process: subprocess.Popen[str]
    address: str = ""
    id: str = ""

    @property
    def first(self) -> str:
        """Its process 1, as this computer numbers it; empty while there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return children.read_text().strip() if children.exists() else ""

    def run(self, *argv: str, stdin: str | None = None, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("nsenter", "-t", self.first, "-m", "-p", "-n", "-u", "-i", "-C", "env", "-i", "LANG=C.UTF-8",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv),
            input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def do(self, *argv: str, stdin: str | None = None) -> str:
        done = self.run(*argv, stdin=stdin)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def is_up(self) -> bool:
        return self.first != "" and self.run("systemctl", "is-active", "--quiet", "multi-user.target").returncode == 0

    def services(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.do("byzwizard", "services", "--json"))
        return rows

    def state(self, name: str) -> str:
        states: list[str] = [row["state"] for row in self.services() if row["name"] == name and row["node"] is None]
        return states[0]

    def pages(self, path: str, host: str = "", authority: str = "", **more: Any) -> tuple[int, dict[str, str], str]:
        """What the phone gets for http://HERE/path, or with an authority for https://HOST/path: status, headers, body.
        Status 0: no answer, and the body says why."""
        words = {"address": self.address, "path": path, "host": host, "authority": authority, **more}
        status, headers, body = json.loads(self.made.python(self.phone, ASK, json.dumps(words)))
        return status, headers, body

    def lease(self) -> None:
        """Plug the phone in, and give it the address that the node gives it."""
        self.made.ip(self.space, f"link add port0 type veth peer name wlan0 netns {self.phone}",
                     "link set port0 master clients0 up")
        self.made.ip(self.phone, "link set wlan0 up")
        done = self.made.run(self.phone, sys.executable, str(HERE / "dhcp_client.py"), "wlan0")
        assert done.returncode == 0, done.stderr
        given = json.loads(done.stdout)
        self.made.ip(self.phone, f"addr add {given['address']}/24 dev wlan0",
                     f"route add default via {given['router']}")


ASK = """
import http.client, json, socket, ssl, sys
it = json.loads(sys.argv[1])
try:
    link = socket.create_connection((it["address"], it.get("port", 443 if it["authority"] else 80)), 5)
    if it["authority"]:
        context = ssl.create_default_context(cadata=it["authority"])
        link = context.wrap_socket(link, server_hostname=it["host"])
    asked = http.client.HTTPConnection(it["address"])
    asked.sock = link
    head = {"Host": it["host"] or it["address"], **it.get("headers", {})}
    asked.request(it.get("method", "GET"), it["path"], it.get("send"), head)
    got = asked.getresponse()
    headers = {name.lower(): value for name, value in got.getheaders()}
    print(json.dumps([got.status, headers, got.read(it.get("most", 100000)).decode(errors="replace")]))
except (OSError, http.client.HTTPException) as fault:
    print(json.dumps([0, {}, f"{type(fault).__name__}: {fault}"]))
"""


@dataclass
class Lab:
    made: Spaces
    root: Path
    nodes: list[Node] = field(default_factory=list)

    def boot(self, letter: str) -> Node:
        """Begin to; the test waits for is_up()."""
        space, phone = self.made.add(letter), self.made.add(f"phone-{letter}")
        # An apply here is quicker than the kernel's look for duplicate addresses.
        done = self.made.run(space, "sysctl", "-q", "-w", "net/ipv6/conf/all/accept_dad=0",
                             "net/ipv6/conf/default/accept_dad=0")
        assert done.returncode == 0, done.stderr
        # Not every kernel that runs these tests has dummy interfaces.
        for name in ("keep", "here"):
            self.made.ip(space, f"link add {name}0 type veth peer name {name}1", f"link set {name}1 up")
        folder = self.root / letter
        folder.mkdir()
        groups = unified()
        assert groups is not None
        group = groups / space
        process = subprocess.Popen(
            ("nsenter", f"--net=/run/netns/{space}", str(HERE / "boot.sh"), str(group), str(folder),
             str(BUILD / "byzantium.iso"), str(offset()), str(BUILD / "byzwizard.squashfs")),
            text=True, stdout=subprocess.DEVNULL)
        self.made.started.append(process)
        node = Node(self.made, letter, space, phone, group, process)
        self.nodes.append(node)
        return node

    def line(self, letters: str) -> None:
        """Boot these nodes, each with a cable to the next: eth0 leads to the first neighbour, eth1 to the second."""
        for letter in letters:
            self.boot(letter)
        for number, (one, other) in enumerate(pairwise(self.nodes)):
            self.made.cable(one.space, "eth1" if number else "eth0", other.space, "eth0")
        for node in self.nodes:
            assert within(90, node.is_up)

    def apply(self, node: Node, more: str = "", interfaces: str = "eth0") -> None:
        """Make it a node whose cables mesh, with a phone. `more` goes on in the section mesh, or begins others."""
        answers = f"byzantium: 1\nnode: {{name: node-{node.letter}}}\nmesh:\n  interfaces: [{interfaces}]\n{more}"
        node.do("tee", "/tmp/answers.yaml", stdin=answers)
        node.do("byzwizard", "apply", "/tmp/answers.yaml", "--yes")
        known = json.loads(node.do("cat", "/run/byzantium/node.json"))
        if not node.id:
            node.address, node.id = known["addresses"][0], known["id"]
            node.lease()


def _remove(group: Path) -> bool:
    """A cgroup goes when its last process has gone."""
    try:
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        if group.exists():
            group.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def laboratory(root: Path) -> Iterator[Lab]:
    if not (BUILD / "byzantium.iso").exists():
        pytest.fail("there is no image to boot: make image builds it", pytrace=False)
    root.chmod(0o755)
    lab: Lab | None = None
    try:
        with spaces() as made:
            lab = Lab(made, root)
            yield lab
    finally:
        for node in lab.nodes if lab else ():
            assert within(60, partial(_remove, node.group))


@contextmanager
def pair(root: Path, more: str = "") -> Iterator[Lab]:
    """Two nodes with a cable between them, each with a phone; `more` as for Lab.apply."""
    with laboratory(root) as found:
        found.line("ab")
        for node in found.nodes:
            found.apply(node, more)
        yield found
