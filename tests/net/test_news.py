"""What a node offers is known everywhere within seconds: whole nodes in a line a - b - c - d - e, four hops long."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from byzwizard.backends import directory
from byzwizard.backends.alerts import Alert
from byzwizard.identity import Identity
from tests.net.spaces import spaces, within
from tests.net.whole import NEEDS, Lab, Node

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
SEEN = 30  # seconds from the document to the front page four hops away


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    root = tmp_path_factory.mktemp("line")
    root.chmod(0o755)
    with spaces() as made:
        lab = Lab(made, root)
        for letter in "abcde":
            lab.spaces[letter] = made.add(letter)
        for number, (one, other) in enumerate(pairwise("abcde")):
            made.cable(lab.spaces[one], "eth1" if number else "eth0", lab.spaces[other], "eth0")
        nodes = [lab.begin(letter, *(("eth0", "eth1") if letter in "bcd" else ("eth0",))) for letter in "abcde"]
        lab.ready(*nodes)
        for asking in nodes:
            for node in nodes:
                assert within(60, partial(asking.knows, f"{node.address} ")) or asking is node
        for node in nodes:
            node.lease()
        yield nodes


def announce(node: Node, services: Sequence[Mapping[str, str]] = (), alerts: Sequence[Alert] = ()) -> None:
    """A newer document of the node, as its stages write it."""
    path = node.folder / "web/root/.well-known/byzantium.json"
    own = node.document()
    half = path.with_suffix(".half")
    half.write_text(directory.make(Identity(node.letter.encode() * 32), own["name"], own["addresses"],
                                   own["serial"] + 1, own["link_local"], services, alerts))
    half.rename(path)


def wiki(node: Node) -> dict[str, str]:
    return {"name": "wiki", "title": "Wiki", "url": f"https://{node.id}.byzantium.mesh/wiki/"}


def told(asking: Node) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((asking.folder / "names/nodes.json").read_text())
    return found


def offers(asking: Node, node: Node, count: int) -> bool:
    """Does `asking` know that the other one offers so many services?"""
    return [len(one["services"]) for one in told(asking)["nodes"] if one["id"] == node.id] == [count]


def test_a_service_is_known_and_forgotten_everywhere_within_half_a_minute(line: list[Node]) -> None:
    first, *others = line
    for offered in ([wiki(first)], [], [wiki(first)]):
        announce(first, offered)
        began = time.monotonic()
        for node in others:
            assert within(SEEN - time.monotonic() + began, partial(offers, node, first, len(offered))), node.letter
            print(f"{len(offered)} services known at {node.letter} after {time.monotonic() - began:.1f} s")


def shows(node: Node, words: str, wanted: bool = True) -> bool:
    """Are they on its front page, as nginx puts it together, or not?"""
    done = node.made.run(node.phone, "curl", "-s", "--max-time", "5", f"http://{node.address}/")
    return "</html>" in done.stdout and (words in done.stdout) == wanted


def test_an_alert_is_on_every_front_page_and_goes_everywhere(line: list[Node]) -> None:
    first = line[0]
    words = "Water at the school until six"
    for alerts, wanted in (([Alert(words, 0, 3600)], True), ([], False)):
        announce(first, alerts=alerts)
        began = time.monotonic()
        for node in line:
            assert within(SEEN - time.monotonic() + began, partial(shows, node, words, wanted)), node.letter
        print(f"an alert {'shown' if wanted else 'gone'} everywhere after {time.monotonic() - began:.1f} s")


def test_an_alert_goes_by_itself_when_its_time_is_over(line: list[Node]) -> None:
    """Though nobody takes it back: each node counts down what it was told."""
    first, last = line[0], line[-1]
    announce(first, alerts=[Alert("Soon over", 0, 40)])
    assert within(SEEN, partial(shows, last, "Soon over"))
    assert within(60, lambda: all(shows(node, "Soon over", False) for node in line))
