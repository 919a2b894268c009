"""The chat from the first command to phones, on the image's own systemd: alone, over three nodes, and off again."""

import contextlib
import hashlib
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.net.booted import NEEDS, Lab, Node, laboratory
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
SEEN = 180  # seconds: nodes ask each other anew every two minutes
LINKED = 60  # seconds: servers look for those that are missing every 15


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three nodes in a line."""
    with laboratory(tmp_path_factory.mktemp("chat")) as found:
        found.line("abc")
        for node in found.nodes:
            found.apply(node, interfaces="eth0, eth1" if node.letter == "b" else "eth0")
        yield found


def host(node: Node) -> str:
    return f"{node.id}.byzantium.mesh"


def authority(node: Node) -> str:
    return node.pages("/ca.crt")[2]


class Talker:
    """Somebody at the phone of `node`; all that is heard stands in a file."""

    def __init__(self, node: Node, nick: str, folder: Path, port: int = 443, origin: str = "its own") -> None:
        self._heard = folder / nick
        words = [node.address, port, host(node), authority(node), nick,
                 (f"https://{host(node)}" if origin == "its own" else origin) if port == 443 else ""]
        with self._heard.open("w") as heard:
            self.process = subprocess.Popen(
                ("ip", "netns", "exec", node.phone, sys.executable, str(Path(__file__).with_name("talker.py")),
                 json.dumps(words)), stdin=subprocess.PIPE, stdout=heard, stderr=heard, text=True)
        node.made.started.append(self.process)

    def says(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"PRIVMSG #mesh :{text}\n")
        self.process.stdin.flush()

    def heard(self, words: str, seconds: float = 10) -> bool:
        return within(seconds, lambda: words in self._heard.read_text())

    def leaves(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def talking(*talkers: Talker) -> Iterator[None]:
    """They are in the room."""
    try:
        for talker in talkers:
            assert talker.heard(" 366 ", 20), talker.heard("")
        yield
    finally:
        for talker in talkers:
            talker.leaves()


def shut(node: Node, port: int) -> bool:
    return node.pages("/", port=port)[0] == 0 and "refused" not in node.pages("/", port=port)[2]


def test_a_browser_and_a_program_talk_on_one_node(lab: Lab, tmp_path: Path) -> None:
    a = lab.nodes[0]
    assert a.state("chat") == "off"
    a.do("byzwizard", "enable", "chat")
    assert a.state("chat") == "on"
    status, headers, page = a.pages("/chat/", host(a), authority(a))
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "What shall others call you?" in page
    assert f"connect-src 'self' wss://{host(a)};" in headers["content-security-policy"]
    status, headers, script = a.pages("/chat/chat.js", host(a), authority(a))
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert len(page) + len(script) < 12000, "it comes over a mesh"
    assert a.pages("/chat/inspircd.conf", host(a), authority(a))[0] == 404
    assert a.pages("/trust", "here.byzantium.mesh")[0] == 200
    assert a.run("byzwizard", "data", "save", "chat").returncode == 4, "it has nothing that is kept"

    ann = Talker(a, "ann", tmp_path)
    with talking(ann):
        ann.says("water at the school")
        assert ann.heard("PRIVMSG #mesh :water at the school")
        bob = Talker(a, "bob", tmp_path, port=6697)
        with talking(bob):
            assert bob.heard("PRIVMSG #mesh :water at the school"), "what was said before"
            bob.says("thank you")
            assert ann.heard("PRIVMSG #mesh :thank you")
            assert bob.heard("@client.mesh PRIVMSG #mesh :thank you"), "nobody sees from where others come"
    strange = Talker(a, "eve", tmp_path, origin="https://elsewhere.example")
    assert strange.heard("403"), "a page from elsewhere cannot talk in a visitor's name"
    assert shut(a, 8104), "strangers come through nginx alone"
    exposed = a.do("systemd-analyze", "security", "--no-pager", "byz-chat.service").splitlines()[-1]
    assert float(exposed.split(":")[1].split()[0]) <= 2.5, exposed


def test_a_new_certificate_is_announced(lab: Lab) -> None:
    """By it the servers of other nodes know this one."""
    a = lab.nodes[0]
    a.do("sh", "-c", "echo damaged >/run/byzantium/tls/chat.crt")
    a.do("systemctl", "start", "byz-certificate.service")
    made = ssl.PEM_cert_to_DER_cert(a.do("cat", "/run/byzantium/tls/chat.crt"))
    told = json.loads(a.pages("/.well-known/byzantium.json")[2])["services"]
    assert told[0]["certificate"] == hashlib.sha256(made).hexdigest()
    assert within(20, lambda: a.state("chat") == "on")


def test_two_servers_with_the_same_number_find_others(lab: Lab) -> None:
    """Three characters, by which servers know each other."""
    a = lab.nodes[0]

    def number(*others: str) -> str:
        lines = "".join(f'<link name="{other}.byzantium.mesh" ipaddr="10.9.9.1">\n' for other in others)
        a.do("tee", "/tmp/others", stdin=lines)
        a.do("sh", "-c", "cd /tmp && sh /run/byzantium/services/chat/first-run /tmp/others")
        said = re.fullmatch(r'<define name="number" value="(\d[A-Z0-9][A-Z0-9])">\n', a.do("cat", "/tmp/number.conf"))
        assert said
        return said[1]

    alone, begin = number(), a.id[:3]
    assert number(begin + "z" * 29) == alone, "the smaller id keeps it"
    assert number(begin + "2" * 29) != alone
    assert number("2" * 32, "z" * 32) == alone


def test_three_nodes_are_one_network_that_heals(lab: Lab, tmp_path: Path) -> None:
    a, b, c = lab.nodes
    for node in lab.nodes:
        node.do("byzwizard", "enable", "chat")
    for node in lab.nodes:
        others = {f"node-{other.letter}" for other in lab.nodes if other is not node}
        assert within(SEEN, partial(_lists, node, others))
        assert within(20, partial(_leads_to_all, node, lab))
    ann, bob, cy = Talker(a, "ann", tmp_path), Talker(b, "bob", tmp_path), Talker(c, "cy", tmp_path)
    with talking(ann, bob, cy):
        # The others may have read of a's former certificate.
        assert within(SEEN, lambda: _reaches(cy, ann, "from one end")), _told(lab)
        assert within(LINKED, lambda: _reaches(bob, cy, "from the middle")), _told(lab)
        bob.leaves()

        b.do("systemctl", "restart", "byz-chat.service")
        bob = Talker(b, "bob", tmp_path)
        with talking(bob):
            assert within(LINKED, lambda: _reaches(bob, ann, "b to a") and _reaches(cy, bob, "c to b")), _told(lab)
            assert _reaches(ann, cy, "to the other end"), _told(lab)


def _told(lab: Lab) -> str:
    """What the servers say, for whoever reads why it failed."""
    return "\n".join(
        node.run("sh", "-c", "cat /run/byzantium/names/links/chat; journalctl -q -u 'byz-chat*' -u 'byz-links*' "
                             "-u byz-tend -o cat -n 40").stdout for node in lab.nodes)


def _lists(node: Node, others: set[str]) -> bool:
    return {row["node"] for row in node.services() if row["name"] == "chat" and row["node"]} == others


def _leads_to_all(node: Node, lab: Lab) -> bool:
    """Do browsers and programs on the phone of `node` find the chat of everybody?"""
    page = node.pages("/", "here.byzantium.mesh")[2]
    return all(f'href="https://{host(each)}/chat/"' in page
               and _found(node, f"chat - node-{each.letter}._ircs-u._tcp") == f"0 0 6697 {host(each)}."
               for each in lab.nodes)


def _found(node: Node, service: str) -> str:
    """Where DNS-SD leads."""
    name = f"{service}.byzantium.mesh".replace(" ", r"\032")
    return node.made.run(node.phone, "dig", "+short", f"@{node.address}", name, "SRV").stdout.strip()


def _reaches(one: Talker, other: Talker, words: str) -> bool:
    one.says(words)
    return other.heard(f"PRIVMSG #mesh :{words}", 3)


def test_switched_off_it_is_closed_and_withdrawn(lab: Lab) -> None:
    a, b, _c = lab.nodes
    kept = authority(a)
    a.do("byzwizard", "disable", "chat")
    assert a.state("chat") == "off"
    for port in (443, 6697, 8105):
        assert shut(a, port), port
    assert a.pages("/chat/", host(a), kept)[0] == 0
    assert a.run("systemctl", "is-active", "byz-links@chat.path").stdout.strip() == "inactive"
    assert within(SEEN, lambda: not any(row["node"] == "node-a" for row in b.services()))
    assert within(10, lambda: f'"{host(a)}"' not in b.do("cat", "/run/byzantium/names/links/chat"))
