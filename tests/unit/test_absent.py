"""A boot makes the node without what is named and not plugged in; a person is told instead."""

from pathlib import Path

import pytest

from byzwizard.answers import parse
from byzwizard.backends import checks, facts, gateway
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.prepare import Prepared, prepare_answers
from byzwizard.stages import STAGES
from tests.unit.test_gateway import MACHINE

NODE = Identity(b"n" * 32)


def prepared(tmp_path: Path, text: str, boot: bool) -> Prepared:
    return prepare_answers(System(tmp_path), parse(f"byzantium: 1\n{text}"), MACHINE, NODE, STAGES, boot=boot)


@pytest.mark.parametrize(("text", "missing"), [
    ("internet: {wifi: {ssid: Office, passphrase: longenough}}\n", facts.WIFI),
    ("internet: {share: [enx1, eth0]}\n", "enx1"),
    ("mesh: {interfaces: [wlan0, wlan1]}\n", "wlan1"),
    ("mesh: {interfaces: [wlan1]}\n", "wlan1"),
])
def test_what_is_not_plugged_in_is_left_out_by_a_boot_told_and_kept(tmp_path: Path, text: str, missing: str) -> None:
    with pytest.raises(CannotHere):
        prepared(tmp_path, text, boot=False)
    ready = prepared(tmp_path, text, boot=True)
    assert [link.interface for link in ready.resolved.links] == ["wlan0"]
    known = facts.of(ready.resolved)
    assert known.missing == (missing,)
    assert "not plugged in" in " ".join(ready.told)
    told = checks.missing(known)
    assert told is not None
    assert not told.ok
    assert ready.resolved.answers.internet == ready.answers.internet, "the next start finds all that was chosen"
    assert ready.resolved.answers.mesh.interfaces == ready.answers.mesh.interfaces


def test_the_internet_of_an_adapter_that_comes_later_is_shared(tmp_path: Path) -> None:
    ready = prepared(tmp_path, "internet: {share: [enx1]}\n", boot=True)
    assert '"enx1"' in gateway.settings(ready.resolved)


def test_a_mesh_over_cables_that_are_not_here_is_refused_also_by_a_boot(tmp_path: Path) -> None:
    with pytest.raises(CannotHere, match="eth7"):
        prepared(tmp_path, "mesh: {link: wired, interfaces: [eth7]}\n", boot=True)


def test_nothing_is_missing_where_all_is_here(tmp_path: Path) -> None:
    ready = prepared(tmp_path, "internet: {share: [eth1]}\nmesh: {interfaces: [wlan0, eth0]}\n", boot=True)
    assert (facts.of(ready.resolved).missing, ready.told) == ((), ())
    assert checks.missing(facts.of(ready.resolved)) is None


def test_the_only_card_is_for_the_network_of_internet_wifi_where_the_mesh_is_a_cable(tmp_path: Path) -> None:
    text = "mesh: {interfaces: [eth0]}\ninternet: {wifi: {ssid: Office, passphrase: longenough}}\n"
    for boot in (False, True):
        ready = prepared(tmp_path, text, boot=boot)
        assert ready.resolved.uplink is not None
        assert facts.of(ready.resolved).missing == ()
