"""Islands: what is agreed, how it is derived, and who is refused."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from byzwizard import island
from byzwizard.answers import Answers, parse
from byzwizard.backends import babel, firewall, gateway
from byzwizard.backends.island import STAGE, settings
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.islands import islands, link_local, private_key, public_key
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import Resolved, resolve
from byzwizard.values import BadValue, island_parts

OURS, THEIRS = Identity(b"o" * 32), Identity(b"t" * 32)
KEY = public_key(private_key(THEIRS))
HERE = Machine(wired=(Wired(interface="eth0", mac="52:54:00:00:00:01", driver=None, carrier=True),))


def answers(*asked: str, more: str = "") -> Answers:
    return parse(f"byzantium: 1\nmesh: {{interfaces: [eth0]{more}}}\ninternet: {{islands: {json.dumps(asked)}}}\n")


def node(*asked: str, more: str = "") -> Resolved:
    return resolve(answers(*asked, more=more), HERE, OURS)


@pytest.mark.parametrize("text", [KEY, f"{KEY}@192.0.2.7:51820", f"{KEY}@harbour.example.org:7"])
def test_an_island_is_a_key_and_where_it_is_called(text: str) -> None:
    host = text.removeprefix(KEY).removeprefix("@")
    assert island_parts(text) == (KEY, *((host.split(":")[0], int(host.split(":")[1])) if host else (None, None)))


WRONG = ("", "harbour:51820", KEY[:-1], f"{KEY}@harbour", f"{KEY}@harbour:0", f"{KEY}@harbour:65536", f"{KEY}@-x:1",
         f"{KEY}@a b:1", f"{KEY}@{'a' * 64}.org:1")  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_anything_else_is_a_fault_that_says_how_it_is_written(wrong: str) -> None:
    with pytest.raises(BadValue, match="KEY@HOST:PORT"):
        island_parts(wrong)


def test_keys_follow_from_the_identity_and_addresses_from_keys() -> None:
    assert public_key(private_key(OURS)) == public_key(private_key(OURS)) != KEY
    assert link_local(KEY).startswith("fe80::")
    assert link_local(KEY) != link_local(public_key(private_key(OURS)))
    assert OURS.seed.hex() not in private_key(OURS)


def test_each_island_has_an_interface_and_a_port_of_its_own() -> None:
    other = public_key(private_key(Identity(b"x" * 32)))
    found = islands((f"{KEY}@192.0.2.7:4000", other), OURS)
    assert [(one.name, one.listen, one.host, one.port) for one in found] == [
        ("island0", 51820, "192.0.2.7", 4000), ("island1", 51821, None, None)]  # fmt: skip


def test_nobody_is_an_island_of_their_own_or_twice() -> None:
    with pytest.raises(CannotHere, match="own key"):
        node(public_key(private_key(OURS)))
    with pytest.raises(CannotHere, match="twice"):
        node(KEY, f"{KEY}@192.0.2.7:51820")


def test_routings_that_cannot_lead_there_are_refused() -> None:
    with pytest.raises(CannotHere, match=r"internet\.islands"):
        node(KEY, more=", routing: none")


def test_the_mesh_speaks_on_it_and_is_guarded_there_as_on_any_link() -> None:
    resolved = node(KEY)
    assert "interface island0 type tunnel" in babel.configuration(resolved)
    assert '"island0"' in gateway.mesh_interfaces(resolved)
    assert '"island0"' in firewall.ruleset(resolved)
    assert "island0" not in babel.configuration(node())


def test_the_plan_tells_the_own_key_and_no_secret() -> None:
    told = " ".join(step.text for step in STAGE.steps(node(KEY), HERE))
    assert public_key(private_key(OURS)) in told
    assert private_key(OURS) not in told
    assert private_key(OURS) not in repr(node(KEY))


def test_the_way_is_a_port_that_works(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert island.way_out(state) is None
    rows = [{"port": "eth0", "working": False, "router": "192.168.1.1"},
            {"port": "eth1", "working": True, "router": "192.168.7.1"}]  # fmt: skip
    state.write_text(json.dumps({"ports": rows}))
    assert island.way_out(state) == ("eth1", "192.168.7.1")
    state.write_text('{"ports": [{"port": "eth0", "working": true, "router": "x; reboot"}]}')
    assert island.way_out(state) is None


@pytest.mark.parametrize(("ago", "joined"), [(10, True), (island.ALIVE + 1, False), (-7200, False), (None, False)])
def test_an_island_is_joined_that_was_heard_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ago: int | None, joined: bool
) -> None:
    """Also where the clock was set back by two hours since: it is called anew."""
    (tmp_path / "settings.json").write_text(settings(node(f"{KEY}@203.0.113.5:51820")))
    monkeypatch.setattr(island, "index", lambda _name: 7)
    duty = island.Duty(System(tmp_path), tmp_path)
    monkeypatch.setattr(duty, "_tunnels", SimpleNamespace(
        heard=lambda _island: 0 if ago is None else int(time.time()) - ago, call=lambda *_: None))
    monkeypatch.setattr(duty, "_address", lambda _host: None)
    (one,) = duty._settings.islands
    assert duty._tend(one, 1000.0)["joined"] == joined
