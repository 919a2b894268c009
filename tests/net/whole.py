"""Whole nodes in network namespaces, each made by the real apply (computer.py), and each with a phone on a cable."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import dns
from byzwizard.identity import Identity
from tests.net.spaces import TREE, Spaces, within

HERE = Path(__file__).parent
NEEDS = (
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("babeld", "dnsmasq", "nginx", "nft")),
                       reason="tools are missing"),
)
"""Marks of every test that makes whole nodes: what nothing can stand in for."""


@dataclass
class Node:
    """`space` its namespace, `folder` its /run/byzantium, `phone` the namespace of its client."""

    made: Spaces
    letter: str
    space: str
    folder: Path
    phone: str
    process: subprocess.Popen[str]

    @property
    def id(self) -> str:
        return Identity((self.letter.encode() * 32)[:32]).id

    @property
    def address(self) -> str:
        addresses: list[str] = json.loads((self.folder / "node.json").read_text())["addresses"]
        return addresses[0]

    def lease(self) -> str:
        """The address that the phone is given when it joins; it uses it from then on."""
        done = self.made.run(self.phone, sys.executable, str(HERE / "dhcp_client.py"), "wlan0")
        assert done.returncode == 0, done.stderr
        given = json.loads(done.stdout)
        self.made.ip(self.phone, "addr flush dev wlan0", f"addr add {given['address']}/24 dev wlan0",
                     f"route replace default via {given['router']}")
        address: str = given["address"]
        return address

    def reaches(self, target: str) -> bool:
        return self.made.run(self.phone, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def ask(self, question: str, kind: int = dns.A) -> list[str]:
        """What this node's name server tells its phone."""
        words = (self.address, question, kind)
        code = f"import json; from byzwizard.backends import dns; print(json.dumps(dns.ask(*{words!r})))"
        done = self.made.run(self.phone, "env", f"PYTHONPATH={TREE}", sys.executable, "-c", code)
        assert done.returncode == 0, done.stderr
        found: list[str] = json.loads(done.stdout)
        return found

    def document(self) -> dict[str, Any]:
        text = (self.folder / "web/root/.well-known/byzantium.json").read_text()
        fields: dict[str, Any] = json.loads(text)
        return fields

    def carrier_changes(self) -> int:
        return int(self.made.run(self.phone, "cat", "/sys/class/net/wlan0/carrier_changes").stdout)

    def log(self) -> str:
        return (self.folder.parent / "log").read_text()

    def through(self) -> bool:
        """Has its apply ended, well or not?"""
        return "applied" in self.log() or self.process.poll() is not None

    def knows(self, line: str) -> bool:
        return line in (self.folder / "names/hosts").read_text()


class Lab:
    def __init__(self, made: Spaces, root: Path) -> None:
        self.made, self.root = made, root
        self.spaces: dict[str, str] = {}

    def begin(self, letter: str, *interfaces: str, subnet: str = "auto", name: str | None = None) -> Node:
        """Start to make a node of the namespace, with a phone on a cable."""
        space, phone = self.spaces[letter], self.made.add(f"phone-{letter}")
        folder = self.root / letter / "run"
        folder.mkdir(parents=True)
        folder.parent.chmod(0o755)
        answers = folder.parent / "answers.yaml"
        answers.write_text(f"byzantium: 1\nnode: {{name: {name or f'node-{letter}'}}}\n"
                           f"mesh: {{interfaces: [{', '.join(interfaces)}], subnet: {subnet}}}\n")
        with (folder.parent / "log").open("w") as log:
            process = subprocess.Popen(
                ("ip", "netns", "exec", space, "unshare", "-mupf", "--mount-proc", "--kill-child", sys.executable,
                 "-m", "tests.net.computer", str(folder), letter, str(answers), *interfaces),
                stdout=log, stderr=subprocess.STDOUT, text=True, cwd=TREE)
        self.made.started.append(process)
        return Node(self.made, letter, space, folder, phone, process)

    def ready(self, *nodes: Node) -> None:
        for node in nodes:
            assert within(120, node.through)
            assert "applied" in node.log(), node.log()
            self.made.ip(node.space, f"link add port0 type veth peer name wlan0 netns {node.phone}",
                         "link set port0 master clients0 up")
            self.made.ip(node.phone, "link set wlan0 up")
            (node.folder / "uplink").mkdir(exist_ok=True)
            (node.folder / "uplink/state.json").write_text('{"ports": [{"port": "port0", "state": "clients"}]}')
