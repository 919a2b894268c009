"""Internet over Wi-Fi: which radio joins the network, what it is told, and what becomes of it in `status`."""

import json
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import control, gateway, radio, traffic, uplinks, wifi
from byzwizard.backends.uplinks import PortState
from byzwizard.errors import CannotHere
from byzwizard.gateway import settings
from byzwizard.machine import Machine
from tests.unit.test_network_stages import NASTY
from tests.unit.test_resolve import of
from tests.unit.test_resolve import radio as card

OFFICE = {"ssid": "Harbour office", "passphrase": "the guest network"}
JOINS = {"internet": {"wifi": OFFICE}}


def test_the_radio_that_is_the_least_use_otherwise_joins() -> None:
    resolved = of(JOINS, card(0, "A"), card(1, "D"), card(2, "E"))
    assert resolved.uplink is not None
    assert (resolved.uplink.interface, resolved.uplink.name) == ("wlan2", "wifi0")
    assert [link.interface for link in resolved.links] == ["wlan0"]
    assert [point.interface for point in resolved.access_points] == [None, "wlan1"]
    macs = {resolved.uplink.mac, resolved.links[0].mac, "00:c0:ca:00:00:02"}
    assert len(macs) == 3, "another address than that of the card, and of the mesh"


def test_a_radio_that_could_serve_phones_joins_where_there_is_no_other() -> None:
    resolved = of(JOINS, card(0, "A"), card(1, "D"))
    assert resolved.uplink is not None
    assert resolved.uplink.interface == "wlan1"
    assert [point.shares for point in resolved.access_points] == ["mesh0"]


@pytest.mark.parametrize("radios", [
    (card(0, "A"),), (card(0, "D"),), (card(0, "A"), card(1, "F")),
])
def test_one_radio_cannot_mesh_and_join(radios: tuple[Any, ...]) -> None:
    with pytest.raises(CannotHere, match=r"internet\.wifi") as refused:
        of(JOINS, *radios)
    assert refused.value.status == 4


def test_a_radio_that_was_named_for_the_mesh_is_not_taken() -> None:
    with pytest.raises(CannotHere, match=r"internet\.wifi"):
        of(JOINS | {"mesh": {"interfaces": ["wlan0", "wlan1"]}}, card(0, "A"), card(1, "A"))


def test_with_a_mesh_over_cable_one_radio_is_enough() -> None:
    wired = {"mesh": {"link": "wired", "interfaces": ["eth0"]}}
    resolved = of(JOINS | wired, card(0, "A"), wired=("eth0",))
    assert resolved.uplink is not None
    assert resolved.access_points == ()


def configuration(**changes: Any) -> str:
    resolved = of({"internet": {"wifi": OFFICE | changes}}, card(0, "A"), card(1, "E"))
    assert resolved.uplink is not None
    return wifi.configuration(resolved, resolved.uplink)


def test_wpa3_is_used_where_it_is_known_and_wpa2_else() -> None:
    lines = {line.strip() for line in configuration().splitlines()}
    assert {"key_mgmt=SAE WPA-PSK", "ieee80211w=1", 'psk="the guest network"', "proto=RSN"} <= lines
    assert f"ssid={b'Harbour office'.hex()}" in lines


def test_an_open_network_gets_no_key() -> None:
    text = configuration(passphrase=None)
    assert "key_mgmt=NONE" in text
    assert "psk" not in text


def test_no_character_of_a_name_or_a_passphrase_ends_its_line() -> None:
    text = configuration(passphrase=NASTY, ssid='$name "\\')
    assert f'\tpsk="{NASTY}"\n' in text
    assert "ssid=" + b'$name "\\'.hex() in text


def test_the_stages_take_the_radio_and_give_it_back() -> None:
    resolved = of(JOINS, card(0, "A"), card(1, "E"))
    machine = Machine(radios=(card(0, "A"), card(1, "E")))
    assert [step.id for step in wifi.STAGE.steps(resolved, machine)] == [
        "wifi-take", "wifi-settings", "wifi-file", "wifi-join"]
    assert "unblock-phy1" in {step.id for step in radio.STAGE.steps(resolved, machine)}
    without = of({}, card(0, "A"), card(1, "E"))
    assert wifi.STAGE.steps(without, machine) == ()
    let_go = next(step for step in radio.STAGE.steps(without, machine) if step.id == "let-go")
    assert ("phy1", "wlan1", None) in let_go.own  # type: ignore[attr-defined]  # a LetGo


@pytest.mark.parametrize(("share", "allowed"), [("auto", ["wifi0"]), (["wlan1"], ["wifi0"]), ("ask", [])])
def test_it_is_shared_by_the_name_that_the_card_was_found_with(share: Any, allowed: list[str], tmp_path: Path) -> None:
    machine = Machine(radios=(card(0, "A"), card(1, "E")))
    resolved = of({"internet": {"wifi": OFFICE, "share": share}}, *machine.radios)
    assert gateway.ports(resolved, machine) == ("wlan1",)
    assert traffic.ports(resolved, machine) == ["mesh0", "ap0", "wifi0"], "and its traffic is counted"
    (tmp_path / "settings.json").write_text(gateway.settings(resolved))
    read = settings(tmp_path)
    assert [name for name in read.stations if read.allows(name)] == allowed
    assert read.stations["wifi0"]["ssid"] == "Harbour office"
    assert "guest" not in json.dumps(read.stations)


class Refusing:
    """Answers for wpa_supplicant's control socket."""

    def __init__(self, flags: str) -> None:
        self.flags = flags

    def __call__(self, _path: Any, _command: str) -> str:
        return f"network id / ssid / bssid / flags\n0\tHarbour office\tany\t{self.flags}\n"

    def path(self, path: str) -> str:
        return path


@pytest.mark.parametrize(("state", "flags", "words"), [
    ("empty", "[TEMP-DISABLED]", "refuses this node: compare internet.wifi.passphrase"),
    ("empty", "[CURRENT]", "not heard here"),
    ("listening", "[CURRENT]", "has given no address"),
    ("uplink", "[CURRENT]", ""),
])
def test_what_status_says_of_it(state: str, flags: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system: Any = Refusing(flags)
    monkeypatch.setattr(control, "ask", system)
    port = PortState("wifi0", state, None, None, None, None, False, False, True, True, "Harbour office", "wlan1")
    check = uplinks._wifi(system, port)
    if not words:
        assert check is None
        shared = uplinks._internet(port)
        assert shared is not None
        assert shared.text.startswith("Wi-Fi “Harbour office” leads to the Internet")
        assert "[wlan1]" in str(shared.advice)
        return
    assert check is not None
    assert check.ok
    assert words in f"{check.text} {check.advice}"
