"""The pads from the first command to phones, on the image's own systemd: alone, over three nodes, and off again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.net.booted import NEEDS, Lab, Node, laboratory
from tests.net.spaces import within
from tests.net.test_services import SEEN, authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
DATA = "/var/lib/byzantium/services/pad/pads"
MERGED = 90  # seconds: a node is asked every ten, and a lost one given up after 40


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three nodes in a line."""
    with laboratory(tmp_path_factory.mktemp("pad")) as found:
        found.line("abc")
        for node in found.nodes:
            found.apply(node, interfaces="eth0, eth1" if node.letter == "b" else "eth0")
        yield found


class Writer:
    """Somebody at the phone of `node` with a pad open; what is said there, each time that it changed, is in a file."""

    def __init__(self, node: Node, pad: str, folder: Path) -> None:
        self._said = folder / f"{node.letter}-{pad}-{len(list(folder.iterdir()))}"
        words = [node.address, host(node), authority(node), pad]
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                ("ip", "netns", "exec", node.phone, sys.executable, str(Path(__file__).with_name("writer.py")),
                 json.dumps(words)), stdin=subprocess.PIPE, stdout=said, stderr=said, text=True)
        node.made.started.append(self.process)
        assert within(20, lambda: self.lines() != []), "nobody answers"

    def lines(self) -> list[str]:
        return self._said.read_text().splitlines()

    def writes(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def reads(self, *texts: str, seconds: float = 10) -> bool:
        """Does it come to show all of them at once?"""
        return within(seconds, lambda: all(text in self._shown() for text in texts))

    def _shown(self) -> list[str]:
        said = [line for line in self.lines() if line.startswith('"')]
        return str(json.loads(said[-1])).splitlines() if said else []

    def told(self, words: str) -> bool:
        return within(10, lambda: words in self.lines()[-1])

    def leaves(self) -> None:
        self.process.kill()
        self.process.wait()


def told(lab: Lab) -> str:
    """What the services say, for whoever reads why it failed."""
    look = "cat /run/byzantium/names/links/pad; journalctl -q -u byz-pad -o cat -n 30"
    return "\n".join(node.run("sh", "-c", look).stdout for node in lab.nodes)


def saved(node: Node, pad: str, text: str) -> bool:
    """Is it in the file of the pad, which is none of text alone?"""
    return node.run("grep", "-qaF", text, f"{DATA}/{pad}.pad").returncode == 0


def test_two_write_in_one_pad_of_a_node(lab: Lab, tmp_path: Path) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "pad")
    assert a.state("pad") == "on"
    status, headers, page = a.pages("/pad/", host(a), authority(a))
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Name of the pad" in page
    status, headers, _script = a.pages("/pad/bundle.js", host(a), authority(a))
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert int(headers["content-length"]) < 130000, "it comes over a mesh"
    assert a.pages("/pad/server.py", host(a), authority(a))[0] == 404

    ann, bob = Writer(a, "water", tmp_path), Writer(a, "water", tmp_path)
    ann.writes("at the school")
    assert bob.reads("at the school")
    bob.writes("until six")
    assert ann.reads("at the school", "until six")
    other = Writer(a, "bread", tmp_path)
    other.writes("none")
    assert other.reads("none")
    assert not ann.reads("none", seconds=1)
    assert Writer(a, "No%20name", tmp_path).told("closed 4404")
    for one in (ann, bob, other):
        one.leaves()


def test_what_was_written_is_kept_saved_and_taken_in_again(lab: Lab, tmp_path: Path) -> None:
    a = lab.nodes[0]
    a.do("systemctl", "restart", "byz-pad.service")
    assert within(20, lambda: a.state("pad") == "on")
    assert Writer(a, "water", tmp_path).reads("at the school", "until six")
    said = json.loads(a.do("byzwizard", "data", "save", "pad", "--json"))
    assert "Yjs" in said["version"]
    a.do("sh", "-c", f"systemctl stop byz-pad && rm -r {DATA}")
    a.do("byzwizard", "data", "restore", "pad")
    assert Writer(a, "water", tmp_path).reads("at the school", "until six")
    assert Writer(a, "bread", tmp_path).reads("none")


def test_a_pad_that_is_full_takes_no_more(lab: Lab, tmp_path: Path) -> None:
    a = lab.nodes[0]
    one = Writer(a, "long", tmp_path)
    for number in range(8):
        one.writes(f"{number}" * 60000)
        one.reads(f"{number}" * 60000)
    one.writes("9" * 60000)
    assert one.told("closed 4413")
    assert Writer(a, "long", tmp_path).reads("1" * 60000)
    assert within(20, lambda: saved(a, "long", "1" * 60000))
    assert int(a.do("stat", "-c", "%s", f"{DATA}/long.pad")) <= 512 << 10


def test_three_nodes_share_a_pad_and_merge_it_after_they_lost_each_other(lab: Lab, tmp_path: Path) -> None:
    a, b, c = lab.nodes
    for node in lab.nodes:
        node.do("byzwizard", "enable", "pad")
    for node in lab.nodes:
        others = {f"node-{other.letter}" for other in lab.nodes if other is not node}
        assert within(SEEN, partial(_lists, node, others))
    ann, cy = Writer(a, "water", tmp_path), Writer(c, "water", tmp_path)
    assert cy.reads("at the school", "until six", seconds=MERGED), told(lab)
    ann.writes("bring cans")
    assert cy.reads("bring cans", seconds=MERGED), told(lab)
    cy.writes("from the far end")
    assert ann.reads("from the far end", seconds=10), told(lab)

    b.do("systemctl", "restart", "byz-pad.service")
    bob = Writer(b, "water", tmp_path)
    assert bob.reads("at the school", "bring cans", "from the far end", seconds=MERGED), told(lab)
    bob.writes("from the middle")
    assert ann.reads("from the middle", seconds=MERGED), told(lab)
    assert cy.reads("from the middle", seconds=MERGED), told(lab)

    c.made.ip(c.space, "link set eth0 down")
    ann.writes("on this side")
    cy.writes("on that side")
    assert bob.reads("on this side", seconds=MERGED), told(lab)
    assert within(10, lambda: saved(c, "water", "on that side"))
    c.do("systemctl", "restart", "byz-pad.service")
    c.made.ip(c.space, "link set eth0 up")
    assert ann.reads("on this side", "on that side", seconds=2 * MERGED), told(lab)
    assert bob.reads("on this side", "on that side", seconds=2 * MERGED), told(lab)
    assert within(2 * MERGED, lambda: saved(c, "water", "on this side")), told(lab)
    assert Writer(c, "water", tmp_path).reads("on this side", "on that side")


def _lists(node: Node, others: set[str]) -> bool:
    return {row["node"] for row in node.services() if row["name"] == "pad" and row["node"]} == others


def test_switched_off_it_is_closed_and_what_was_written_stays(lab: Lab) -> None:
    a = lab.nodes[0]
    kept = authority(a)
    a.do("byzwizard", "disable", "pad")
    assert a.state("pad") == "off"
    assert a.pages("/pad/", host(a), kept)[0] == 0
    assert saved(a, "water", "bring cans")
