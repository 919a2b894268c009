"""Alerts by the real verb, on the image's own systemd: said on one node, seen on another, and over in time."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
SEEN = 30  # seconds
WORDS = "Water at the school <b>until</b> six; das Wasser steht 2 m hoch"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("booted")) as found:
        yield found


def alerts(node: Node) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(node.do("byzwizard", "alert", "--json"))
    return rows


def hears(node: Node, teller: str | None, words: str) -> bool:
    return [(row["node"], row["text"]) for row in alerts(node)] == [(teller, words)]


def silent(*nodes: Node) -> bool:
    return all(alerts(node) == [] for node in nodes)


def test_what_one_node_says_stands_on_all_until_it_is_taken_back(lab: Lab) -> None:
    a, b = lab.nodes
    assert a.do("byzwizard", "alert") == "No node has an alert.\n"
    said = a.do("byzwizard", "alert", WORDS, "--hours", "2")
    assert "for 2 hours" in said
    assert within(SEEN, partial(hears, a, None, WORDS))
    assert within(SEEN, partial(hears, b, "node-a", WORDS))
    row, = alerts(b)
    assert row["id"] == a.id
    assert 7200 - 60 < row["age_seconds"] + row["left_seconds"] <= 7200
    status = json.loads(b.run("byzwizard", "status", "--json").stdout)
    assert [one["text"] for one in status["alerts"]] == [WORDS]
    told = b.run("byzwizard", "status").stdout
    assert f"  ! {WORDS}\n    node-a, just now\n" in told or f"  ! {WORDS}\n    node-a, 1 minute ago\n" in told
    for node, name in ((a, "node-a"), (b, "node-a")):
        page = node.pages("/", "here.byzantium.mesh")[2]
        assert "Water at the school &lt;b&gt;until&lt;/b&gt; six; das Wasser steht 2 m hoch</p>" in page
        assert f"<span>{name} · " in page

    a.do("byzwizard", "alert", "The water goes back")
    assert within(SEEN, partial(hears, b, "node-a", "The water goes back")), "one takes the place of the other"
    a.do("byzwizard", "enable", "wiki")
    assert within(SEEN, lambda: any(row["node"] == "node-a" for row in b.services()))
    assert hears(b, "node-a", "The water goes back"), "and services come and go beside it"
    assert a.do("byzwizard", "alert", "--withdraw") == "The alert is taken back.\n"
    assert within(SEEN, partial(silent, a, b))
    assert a.do("byzwizard", "alert", "--withdraw") == "This node has no alert.\n"
    assert 'class="alerts"' not in b.pages("/", "here.byzantium.mesh")[2]


def test_its_age_is_told_anew_and_its_end_by_its_own_unit(lab: Lab) -> None:
    a, b = lab.nodes
    assert a.run("systemctl", "is-active", "byz-alert.timer").stdout == "active\n"
    a.do("byzwizard", "alert", "Nearly over", "--hours", "1")
    assert within(SEEN, partial(hears, b, "node-a", "Nearly over"))
    kept = json.loads(a.do("cat", "/etc/byzantium/alert.json"))
    kept["said"]["up"] -= 1800
    a.do("tee", "/etc/byzantium/alert.json", stdin=json.dumps(kept))
    a.do("systemctl", "start", "byz-alert.service")
    assert within(SEEN, lambda: alerts(b)[0]["age_seconds"] >= 1800)
    kept["said"]["up"] -= 1800
    a.do("tee", "/etc/byzantium/alert.json", stdin=json.dumps(kept))
    a.do("systemctl", "start", "byz-alert.service")
    assert within(SEEN, partial(silent, a, b))
    assert a.run("test", "-e", "/etc/byzantium/alert.json").returncode == 1
    a.do("systemctl", "start", "byz-alert.service")
    assert "byz-alert" not in a.do("systemctl", "list-units", "--failed", "--plain", "--no-legend")


def test_an_alert_goes_with_its_node(lab: Lab) -> None:
    a, b = lab.nodes
    a.do("byzwizard", "alert", "I am here")
    assert within(SEEN, partial(hears, b, "node-a", "I am here"))
    a.do("systemctl", "stop", "byz-babel.service")
    assert within(120, partial(silent, b))
    a.do("systemctl", "start", "byz-babel.service")
    assert within(60, partial(hears, b, "node-a", "I am here"))


def test_its_unit_may_do_little(lab: Lab) -> None:
    a, _b = lab.nodes
    told = a.do("systemd-analyze", "security", "--no-pager", "byz-alert.service")
    exposure = float(told.partition("Overall exposure level for byz-alert.service: ")[2].split()[0])
    print(f"exposure of byz-alert.service: {exposure}")
    assert exposure <= 2.5
