"""What hangs is no service: the kernel lets everybody in where nobody answers, too: each is asked in its protocol."""

import json
import time
from collections.abc import Iterator
from functools import partial

import pytest

from byzwizard import catalogue
from tests.net.booted import NEEDS, Node, laboratory
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
NAMES = tuple(sorted(name for name, one in catalogue.here().services.items() if one.health.port))
LONGEST = 150  # seconds: what has just started may be slow, and is no failure yet
TWO = "byz-tunnel-dns.service"
BROKEN = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo cannot have its port; exit 1'\n"


@pytest.fixture(scope="module")
def a(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with laboratory(tmp_path_factory.mktemp("health")) as found:
        found.line("ab")
        node = found.nodes[0]
        found.apply(node)
        yield node


def are(node: Node, names: tuple[str, ...], state: str) -> bool:
    return {row["state"] for row in node.services() if row["name"] in names and row["node"] is None} == {state}


def complaints(node: Node) -> list[str]:
    """What `status` has to say of services."""
    checks = json.loads(node.run("byzwizard", "status", "--json").stdout)["checks"]
    return [one["text"] for one in checks if one["id"].startswith("service-") and not one["ok"]]


def test_a_program_that_hangs_is_told_and_one_that_goes_on_is_well(a: Node) -> None:
    units = [catalogue.here().services[name].unit for name in NAMES]
    a.do("byzwizard", "enable", *NAMES)
    assert are(a, NAMES, "on")
    a.do("systemctl", "kill", "--signal=STOP", *units)
    assert within(LONGEST, partial(are, a, NAMES, "failing")), [
        (row["name"], row["state"]) for row in a.services()]
    assert len(complaints(a)) == len(NAMES)
    began = time.monotonic()
    a.services()
    assert time.monotonic() - began < len(NAMES), "they are waited for side by side, two seconds each"
    a.do("systemctl", "kill", "--signal=CONT", *units)
    assert within(30, partial(are, a, NAMES, "on")), [(row["name"], row["state"]) for row in a.services()]
    assert complaints(a) == []
    for _turn in range(12):
        assert are(a, NAMES, "on"), "it may be asked as often as a page is looked at"
    a.do("byzwizard", "disable", *NAMES)


def test_a_service_of_two_units_is_well_when_both_run(a: Node) -> None:
    a.do("byzwizard", "enable", "tunnel")
    assert are(a, ("tunnel",), "on")
    assert a.do("systemctl", "is-active", TWO) == "active\n"
    folder = f"/run/systemd/system/{TWO}.d"
    a.do("mkdir", "-p", folder)
    a.do("tee", f"{folder}/no.conf", stdin=BROKEN)
    a.do("systemctl", "daemon-reload")
    a.do("systemctl", "restart", TWO)
    assert within(LONGEST, partial(are, a, ("tunnel",), "failing"))
    assert within(30, lambda: "cannot have its port" in "".join(complaints(a))), complaints(a)
    a.do("rm", "-r", folder)
    a.do("systemctl", "daemon-reload")
    a.do("systemctl", "restart", TWO)
    assert within(30, partial(are, a, ("tunnel",), "on"))
    a.do("byzwizard", "disable", "tunnel")
