"""What the stages of the network write and plan: pure, from resolved answers."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.answers import Answers, parse
from byzwizard.backends import (
    access_point,
    addresses,
    babel,
    batman,
    firewall,
    mesh,
    names,
    portal,
    radio,
    routing,
    traffic,
    web,
)
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.system import Result, System
from byzwizard.backends.units import ConfigFiles
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict, Wired
from byzwizard.plan import Stage, Step
from byzwizard.resolve import Resolved, resolve

STAGES: tuple[Stage, ...] = (
    firewall.STAGE, radio.STAGE, mesh.STAGE, batman.STAGE, addresses.STAGE, access_point.STAGE, routing.STAGE,
    portal.STAGE, traffic.STAGE)
NASTY = "p\"\\a$s #s' x|mac=1 "
PASSPHRASE = f"mesh:\n  passphrase: {json.dumps(NASTY)}\n"


def card(number: int, access_point: bool = True) -> Radio:
    return Radio(interface=f"wlan{number}", phy=f"phy{number}", mac=f"02:00:00:00:0{number}:00", bus="usb",
                 chipset="", driver=None, verdict=Verdict(grade="A" if access_point else "B", link="802.11s",
                                                          access_point=access_point, reason="", advice=None))


def machine(*radios: Radio) -> Machine:
    return Machine(radios=radios or (card(0),))


def node(text: str = "", *radios: Radio) -> Resolved:
    answers: Answers = parse(f"byzantium: 1\n{text}")
    return resolve(answers, machine(*radios), Identity(b"n" * 32))


def steps(resolved: Resolved, here: Machine) -> dict[str, Sequence[Step]]:
    return {stage.name: stage.steps(resolved, here) for stage in STAGES}


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines()}


@pytest.mark.parametrize("radios", [(card(0),), (card(0), card(1)), (card(0, access_point=False),)])
def test_steps_wait_for_steps_of_their_stage(radios: tuple[Radio, ...]) -> None:
    seen: set[str] = set()
    for name, found in steps(node("", *radios), machine(*radios)).items():
        own = [step.id for step in found]
        assert len(set(own)) == len(own), name
        assert not seen & set(own), name
        for step in found:
            assert set(step.after) <= set(own), step.id
            assert step.text[0].isupper(), step.text
        seen |= set(own)


def test_a_plan_is_the_same_each_time() -> None:
    assert steps(node(), machine()) == steps(node(), machine())


def test_no_secret_stands_in_a_text() -> None:
    text = PASSPHRASE + f"access_point:\n  passphrase: {json.dumps(NASTY)}\n"
    resolved = node(text)
    for found in steps(resolved, machine()).values():
        for step in found:
            assert NASTY not in step.text
            assert resolved.keys.sae not in (None, step.text)


def test_mesh_configuration() -> None:
    resolved = node("node: {country: DE}\n" + PASSPHRASE)
    text = lines(mesh.configuration(resolved, resolved.links[0]))
    assert f"sae_password={NASTY.encode().hex()}" in text
    assert f"ssid={b'byzantium~prv'.hex()}" in text
    for line in ("mode=5", "frequency=2462", "key_mgmt=SAE", "ieee80211w=2", "mesh_fwding=0", "beacon_int=100",
                 "disable_ht40=1", "country=DE", "p2p_disabled=1", "ap_scan=2"):
        assert line in text, line


def test_open_mesh_configuration() -> None:
    resolved = node("mesh: {security: open}\n")
    text = lines(mesh.configuration(resolved, resolved.links[0]))
    assert "key_mgmt=NONE" in text
    assert not any(line.startswith(("sae_password", "ieee80211w")) for line in text)
    routes = lines(babel.configuration(resolved))
    assert "default hello-interval 2 update-interval 8" in routes
    assert not any(line.startswith("key ") for line in routes)


def test_secrets_are_for_root_and_the_daemon_alone() -> None:
    files = [step for found in steps(node(PASSPHRASE), machine()).values() for step in found
             if step.id in {"mesh0-file", "ap0-file", "babel-file"}]
    assert [getattr(step, "mode") for step in files] == [0o600] * 3  # noqa: B009  # a Step has no mode


def test_access_point_configuration() -> None:
    resolved = node(f"access_point:\n  ssid: 'Büß\"\\x #'\n  passphrase: {json.dumps(NASTY)}\n")
    text = access_point.configuration(resolved, resolved.access_points[0])
    assert "ssid2=" + 'Büß"\\x #'.encode().hex() in lines(text)
    assert f"wpa_passphrase={NASTY}\n" in text
    assert "country_code" not in text
    for line in ("interface=ap0", "bridge=clients0", "hw_mode=g", "channel=11", "ieee80211n=1", "beacon_int=100",
                 "wpa_key_mgmt=WPA-PSK SAE"):
        assert line in lines(text), line


def test_open_access_point_configuration() -> None:
    resolved = node("node: {country: US}\n")
    text = lines(access_point.configuration(resolved, resolved.access_points[0]))
    assert "country_code=US" in text
    assert not any(line.startswith("wpa") for line in text)


def test_babel_announces_its_own_and_goes_under_its_name() -> None:
    resolved = node()
    text = lines(babel.configuration(resolved))
    assert f"redistribute ip {resolved.subnet} eq 24 allow" in text
    assert f"redistribute ip {resolved.ula} eq 64 allow" in text
    assert "redistribute deny" in text
    assert "in deny" in text
    assert f"install ip 0.0.0.0/0 pref-src {resolved.address}" in text
    assert f"key id byz type hmac-sha256 value {resolved.keys.babel}" in text
    assert "interface mesh0 type wireless" in text


def test_an_ad_hoc_cell_is_named_and_has_no_secret() -> None:
    ad_hoc = card(0).model_copy(update={"modes": ("IBSS",)})
    resolved = node("mesh: {name: Relief, link: ibss, channel: 6, bssid: '02:12:34:56:78:9A'}\n", ad_hoc)
    text = lines(mesh.configuration(resolved, resolved.links[0]))
    for line in ("mode=1", "frequency=2437", "bssid=02:12:34:56:78:9a", "key_mgmt=NONE", "ap_scan=2", "fixed_freq=1",
                 f"ssid={b'Relief~pub'.hex()}"):
        assert line in text, line
    routes = lines(babel.configuration(resolved))
    assert f"key id byz type hmac-sha256 value {resolved.keys.babel}" in routes
    join = next(step for step in mesh.STAGE.steps(resolved, machine()) if step.id == "mesh0-join")
    assert "unencrypted" in join.text


STATION = "mesh: {link: hub}\naccess_point: {ssid: 'B #\"', enable: false"


def test_a_station_knows_the_network_and_waits_for_it() -> None:
    joining = card(0).model_copy(update={"modes": ("managed",)})
    resolved = node(STATION + "}\n", joining)
    text = lines(mesh.configuration(resolved, resolved.links[0]))
    assert {"mode=0", "key_mgmt=NONE", "ssid=" + b'B #"'.hex()} <= text
    assert "LINKS=\n" in [getattr(step, "content", None) for step in routing.STAGE.steps(resolved, machine())]
    assert lines(babel.configuration(resolved)) >= {"interface mesh0 type wireless"}
    secured = node(STATION + f", passphrase: {json.dumps(NASTY)}}}\n", joining)
    text = lines(mesh.configuration(secured, secured.links[0]))
    assert f"sae_password={NASTY.encode().hex()}" in text
    assert "key_mgmt=WPA-PSK SAE" in text
    assert any(len(line) == 68 for line in text if line.startswith("psk=")), "64 digits, which need no quotes"


def test_the_key_of_wpa2_is_that_of_the_standard() -> None:
    """IEEE 802.11, annex J.4.2, the first of the test vectors."""
    link = dataclasses.replace(node().links[0], kind="station", network=b"IEEE", passphrase="password")
    assert "psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in mesh.configuration(node(), link)


def test_a_hub_says_what_it_is_and_opens_routing_to_its_clients_alone() -> None:
    resolved = node()
    text = lines(access_point.configuration(resolved, resolved.access_points[0]))
    assert any(line.startswith(f"vendor_elements=dd08{b'byz'.hex()}01") for line in text)
    assert "interface clients0 type wireless" in lines(babel.configuration(resolved))
    assert 'iifname { "mesh*" } jump from_mesh' in lines(firewall.ruleset(resolved))
    _head, _mark, clients = firewall.ruleset(resolved).partition("chain from_clients")
    assert "ip6 saddr fe80::/10 udp dport 6696 accept" in clients
    private = node(PASSPHRASE)
    assert "6696" not in firewall.ruleset(private).partition("chain from_clients")[2]
    assert "vendor_elements" not in access_point.configuration(private, private.access_points[0])
    assert not any("clients0" in line for line in lines(babel.configuration(private)) if line.startswith("interface"))


def test_with_batman_adv_nodes_speak_on_the_link_that_it_makes_of_all() -> None:
    resolved = node("mesh: {routing: batman-adv}\n", card(0), card(1))
    assert resolved.routed == ("bat0",)
    found = steps(resolved, machine(card(0), card(1)))
    links, settings = found["batman"]
    assert isinstance(links, batman.JoinLinks)
    assert links.links == tuple(link.name for link in resolved.links)
    assert isinstance(settings, KernelSettings)
    assert ("ipv6/conf/bat0/disable_ipv6", "0") in settings.values
    own = next(step for step in found["mesh"] if step.id == "mesh0-settings")
    assert isinstance(own, KernelSettings)
    assert ("ipv6/conf/mesh0/disable_ipv6", "1") in own.values
    text = lines(babel.configuration(resolved))
    assert ("interface bat0 type wireless enable-timestamps true rtt-min 1 rtt-max 101 max-rtt-penalty 2000"
            in text), "the nearest of several gateways wins, though all are neighbours"
    assert not any(line.startswith("interface mesh") for line in text)
    assert 'iifname { "mesh*", "bat0" } jump from_mesh' in lines(firewall.ruleset(resolved))
    assert [step.id for step in steps(node(), machine())["batman"]] == ["bat-off"]


def test_a_second_radio_gets_the_access_point_its_own_interface() -> None:
    both = (card(0, access_point=False), card(1))
    resolved = node("mesh: {interfaces: [wlan0]}\naccess_point: {enable: true}\n", card(0), card(1))
    assert resolved.access_points[0].interface is None
    alone = dataclasses.replace(resolved.access_points[0], interface="wlan1", shares=None, phy="phy1")
    found = access_point.STAGE.steps(dataclasses.replace(resolved, access_points=(alone,)), machine(*both))
    assert isinstance(found[0], radio.TakeRadio)
    assert (found[0].interface, found[0].name) == ("wlan1", "ap0")


def test_what_served_an_interface_that_is_gone_ends_before_its_name_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hostapd of a card that was pulled out says that all is well, and sends nothing any more."""
    told: list[str] = []

    class Told(System):
        def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
            told.append(stdin or " ".join(argv))
            return Result(0, "", "")

        def has(self, program: str) -> bool:
            return False

    system = Told(tmp_path)
    system.path("/run/systemd/units").mkdir(parents=True)
    for name in ("mesh", "ap"):
        unit = f"byz-{name}@{name}0.service"
        system.path(f"/run/systemd/units/invocation:{unit}").symlink_to("7")
        system.write(f"/sys/fs/cgroup/system.slice/system-byz\\x2d{name}.slice/{unit}/cgroup.procs", "77\n")
    monkeypatch.setattr(access_point, "index", lambda _name: None)
    access_point.AddInterface(id="a", text="", phy="phy1", name="ap0", mac=None).apply(
        system, lambda _done, _total: None)
    assert told == ["systemctl stop byz-ap@ap0.service", "iw phy phy1 interface add ap0 type __ap"]
    told.clear()
    monkeypatch.setattr(radio, "index", {"wlan1": 9}.get)
    monkeypatch.setattr(radio, "must_have", lambda _name: 9)
    monkeypatch.setattr(radio, "name_of", lambda _number: "wlan1")
    radio.TakeRadio(id="t", text="", interface="wlan1", name="mesh0", mac=None).apply(
        system, lambda _done, _total: None)
    assert told[0] == "systemctl stop byz-mesh@mesh0.service"


def test_permanent_addresses_come_back() -> None:
    resolved = node("node: {mac: permanent}\n")
    take = next(step for step in radio.STAGE.steps(resolved, machine()) if isinstance(step, radio.TakeRadio))
    assert take.mac == "02:00:00:00:00:00"


def test_the_rules_name_cables_only_when_they_mesh() -> None:
    assert "eth0" not in firewall.ruleset(node())
    wired = dataclasses.replace(node(), links=(dataclasses.replace(node().links[0], name="eth0", kind="wired"),))
    assert '"mesh*", "eth0"' in firewall.ruleset(wired)


def test_the_bridge_has_a_steady_local_unicast_address() -> None:
    first = addresses.bridge_mac("a" * 32)
    assert first == addresses.bridge_mac("a" * 32) != addresses.bridge_mac("b" * 32)
    assert int(first[:2], 16) & 3 == 2


def test_a_soft_block_is_lifted_and_put_back(tmp_path: Path) -> None:
    system = System(tmp_path)
    step = radio.Unblock(id="unblock", text="", phy="phy0")
    assert not step.needed(system), "no /dev/rfkill: a container"
    system.write("/dev/rfkill", "")
    assert not step.needed(system)
    (tmp_path / "sys/class/ieee80211/phy0/rfkill3").mkdir(parents=True)
    for kind, value in (("soft", "1"), ("hard", "0")):
        system.write(f"/sys/class/rfkill/rfkill3/{kind}", value)
    assert step.needed(system)
    assert step.before(system) == [3]
    step.undo(system, [3])
    assert (tmp_path / "dev/rfkill").read_bytes() == b"\x03\0\0\0\0\x02\x01\0"


def test_kernel_settings_are_compared_and_put_back(tmp_path: Path) -> None:
    from byzwizard.backends.settings import KernelSettings

    system = System(tmp_path)
    system.write("/proc/sys/net/ipv4/conf/all/forwarding", "0\n")
    step = KernelSettings(id="x", text="", values=(("ipv4/conf/all/forwarding", "1"),))
    assert step.needed(system)
    before = step.before(system)
    step.apply(system, lambda done, total: None)
    assert not step.needed(system)
    step.undo(system, before)
    assert step.needed(system)


def test_a_page_in_each_language_with_names_escaped() -> None:
    pages, *_rest = portal.STAGE.steps(node(), machine())
    assert isinstance(pages, ConfigFiles)
    texts = {Path(file.path).name: file.content for file in pages.files}
    assert {"welcome.de.html", "welcome.en.html", "through.fr.html"} <= set(texts)
    assert all(len(text.encode()) < 4096 and "<script" not in text for text in texts.values())
    assert "nearby" in texts["welcome.en.html"]
    evil = portal.welcome(dataclasses.replace(node(), name="<b>"), str, "en")
    assert "<b>" not in evil
    assert "&lt;b&gt;" in evil


def test_without_a_portal_no_phone_is_caught() -> None:
    resolved = node("portal: false\n")
    step, = portal.STAGE.steps(resolved, machine())
    assert step.id == "portal-off"
    assert "2050" not in web.configuration(resolved, addresses.HERE)
    text = names.configuration(resolved)
    assert "114" not in text
    assert "probes" not in text


def test_the_page_speaks_of_listeners_only_where_there_is_no_passphrase() -> None:
    assert "without https" in portal.welcome(node(), str, "en")
    assert "without https" not in portal.welcome(node("access_point: {passphrase: correct horse}\n"), str, "en")


def test_traffic_is_counted_where_it_passes_and_shown_on_a_page() -> None:
    here = Machine(radios=(card(0),), wired=(Wired(interface="eth0", mac="52:54:00:00:00:01", carrier=True),
                                             Wired(interface="odd:name", mac="52:54:00:00:00:02", carrier=True)))
    resolved = node("node: {name: pier}\n")
    assert traffic.ports(resolved, here) == ["mesh0", "ap0", "eth0"]
    page = traffic.page(resolved, ["mesh0"])
    assert "Traffic of pier" in page
    for period in ("hour", "day", "week"):
        assert f'<img src="/traffic/mesh0-{period}.png" alt="mesh0, the last {period}">' in page
    text = web.configuration(resolved, addresses.HERE)
    assert "location = /traffic { try_files /traffic.html =404; }" in text
    assert r"^/traffic/([A-Za-z0-9_.-]+\.png)$ { alias /run/byzantium/traffic/pictures/$1; }" in text
