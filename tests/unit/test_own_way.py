"""A way to the Internet that is not shared: the node itself has names and the time by it, phones have not."""

import json
from pathlib import Path

import pytest

from byzwizard import tend
from byzwizard.backends import names, routes
from byzwizard.backends.names import OwnResolver
from tests.unit import test_network_stages as stages


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tend.Tend:
    """In the folder of the test, with no route at all."""
    for folder in ("names", "config", "uplink"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config/servers").write_text("server=9.9.9.9\n")
    (tmp_path / "config/probes").write_text("10.255.255.1 captive.apple.com\n")
    leads(monkeypatch)
    return tend.Tend(tmp_path / "names", tmp_path / "own.json", tmp_path / "config", tmp_path / "blocked",
                     tmp_path / "services.json", tmp_path / "uplink")


def leads(monkeypatch: pytest.MonkeyPatch, out: bool = False, shares: bool = False) -> None:
    monkeypatch.setattr(routes, "read", lambda: routes.Table((), frozenset(), out, shares))


def port(folder: Path, working: bool) -> None:
    (folder / "uplink/state.json").write_text(json.dumps(
        {"ports": [{"port": "eth0", "state": "uplink", "shared": False, "working": working}]}))


def test_nobody_gets_names_from_outside_and_the_node_is_sent_on(node: tend.Tend, tmp_path: Path) -> None:
    servers, probes = tmp_path / "names/servers", tmp_path / "names/probes"
    node._look()
    assert servers.read_text() == "server=/#/\n", "with no way at all such names do not exist"
    port(tmp_path, working=True)
    node._look()
    assert servers.read_text() == "", "dnsmasq refuses"
    assert "apple" in probes.read_text(), "phones are told that they are not through"
    port(tmp_path, working=False)
    node._look()
    assert servers.read_text() == "server=/#/\n"


def test_while_something_leads_out_for_all_the_own_way_changes_nothing(
    node: tend.Tend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads(monkeypatch, out=True)
    port(tmp_path, working=True)
    node._look()
    assert (tmp_path / "names/servers").read_text() == "server=9.9.9.9\n"
    assert (tmp_path / "names/probes").read_text() == ""


@pytest.mark.parametrize(("working", "shares", "asked"), [
    (False, False, False), (True, False, True), (False, True, True),
])
def test_the_time_is_asked_outside_where_a_port_leads_there(
    node: tend.Tend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, working: bool, shares: bool, asked: bool
) -> None:
    leads(monkeypatch, out=shares, shares=shares)
    port(tmp_path, working)
    node._look()
    assert ("pool " in (tmp_path / "names/clock/mesh.sources").read_text()) == asked


@pytest.mark.parametrize("state", ["", "{", "[]", "null", '{"ports": 1}', '{"ports": [1]}', '{"ports": [{}]}'])
def test_a_file_of_another_shape_leads_nowhere(state: str) -> None:
    assert not tend._leads_out(state)


def test_the_node_asks_itself_first_and_then_two_others() -> None:
    resolved = stages.node("internet: {dns: ['2620:fe::fe', 9.9.9.9, 1.1.1.1, 8.8.8.8]}\n")
    step = next(step for step in names.STAGE.steps(resolved, stages.machine()) if isinstance(step, OwnResolver))
    asked = [line.split()[1] for line in step.content.splitlines() if line.startswith("nameserver ")]
    assert asked == ["127.0.0.1", "9.9.9.9", "1.1.1.1"], "the C library reads three"
    assert step.content.endswith("options timeout:2 attempts:2\n")


def test_a_blocked_network_of_an_earlier_run_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leads(monkeypatch)
    (tmp_path / "blocked").write_text("a" * 32 + "\n")
    (tmp_path / "names").mkdir()
    (tmp_path / "names/blocked").write_text("10.1.1.0/24\n")
    again = tend.Tend(tmp_path / "names", tmp_path / "own.json", tmp_path, tmp_path / "blocked",
                      tmp_path / "services.json", tmp_path)
    again._look()
    assert (tmp_path / "names/nodes.json").exists()
    assert (tmp_path / "names/blocked").read_text() == "10.1.1.0/24\n"
