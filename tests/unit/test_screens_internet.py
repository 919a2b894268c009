"""The Internet page: what was heard at the cables, what may be shared, Wi-Fi, and the question on the Node page."""

from typing import Any

import pytest

from byzwizard.answers import Answers, Wifi
from byzwizard.desk import Cable
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import STATUS, FakeDesk

ROUTER = Cable("eth0", "leads", router="192.168.7.1")
ASKS = {"id": "ask-internet", "ok": True, "text": "eth0 leads to the Internet, which is not shared.", "advice": "x"}
AP = {"kind": "ap", "byzantium": False, "security": None}
HEARD: list[dict[str, Any]] = [
    {"kind": "mesh", "name": "a", "signal_dbm": -40, "channel": 11, "secured": True, "byzantium": True,
     "security": "public"},
    {**AP, "name": "Café", "signal_dbm": -50, "channel": 1, "secured": True},
    {**AP, "name": "Café", "signal_dbm": -80, "channel": 6, "secured": True},
    {**AP, "name": "Library", "signal_dbm": -70.0, "channel": 1, "secured": False},
]


def at_internet(desk: FakeDesk) -> Screen:
    screen = Screen(desk)
    screen.do("steps", "next", "next", "next", "next")
    assert screen.page == "internet"
    return screen


def share(screen: Screen) -> Any:
    return screen.session.draft.answers.internet.share


@pytest.mark.parametrize(("cable", "words"), [
    (Cable("eth0", "empty"), "no cable"),
    (Cable("eth0", "silent"), "computers can be plugged in"),
    (Cable("eth0", "plugged"), "a cable is plugged in"),
    (Cable("eth0", "stranger", stranger="02:00:00:00:00:09"), "02:00:00:00:00:09 gives out addresses"),
    (Cable("eth0", "stranger"), "leads back to this node"),
    (ROUTER, "192.168.7.1 answers"),
    (Cable("eth0", "leads"), "a router answers"),
    (Cable("eth0", "leads", "192.168.7.1", works=True), "192.168.7.1 answers, and leads to the Internet"),
    (Cable("eth0", "leads", "192.168.7.1", works=False), "but the Internet does not"),
])  # fmt: skip
def test_each_cable_says_what_is_at_its_other_end(cable: Cable, words: str) -> None:
    assert any("eth0" in line and words in line for line in at_internet(FakeDesk(wires=[cable])).text().splitlines())


def test_without_an_uplink_enter_goes_on_and_nothing_is_shared() -> None:
    screen = at_internet(FakeDesk())
    screen.press("enter")
    assert screen.page == "review"
    assert share(screen) == "ask"
    assert "Internet       not shared" in screen.text()


def test_an_uplink_is_asked_about_before_it_is_shared() -> None:
    screen = at_internet(FakeDesk(wires=[ROUTER]))
    assert screen.focused == "ask"
    screen.press("enter")
    assert (screen.page, share(screen)) == ("internet", "ask"), "who only presses Enter shares nothing"
    screen.do("auto", "next")
    assert share(screen) == "auto"
    assert "shared with the mesh, wherever it comes from" in screen.text()


def test_the_focus_comes_to_the_question_when_the_answer_of_the_router_does() -> None:
    screen = Screen(FakeDesk(wires=[ROUTER]), hold=True)
    screen.session.start("internet")
    screen.root.changed()
    screen.text()
    assert "Listening at each cable" in screen.text()
    screen.stage.release()
    assert screen.focused == "ask"


def test_some_ports_only() -> None:
    screen = at_internet(FakeDesk(wires=[ROUTER, Cable("eth1", "leads"), Cable("eth2", "empty")]))
    screen.do("named")
    assert share(screen) == ("eth0", "eth1", "eth2")
    screen.do("port-eth1", "port-eth2")
    assert share(screen) == ("eth0",)
    screen.do("port-eth2")
    assert share(screen) == ("eth0", "eth2")
    screen.do("next")
    assert "shared with the mesh when it comes by eth0, eth2" in screen.text()
    screen.press("esc")
    screen.do("port-eth0", "port-eth2")
    assert share(screen) == "never", "with no port left nothing is shared"


def test_a_cable_that_meshes_is_not_asked_about() -> None:
    meshing = Answers.model_validate({"mesh": {"interfaces": ["wlan1", "eth0"]}})
    screen = Screen(FakeDesk(now=meshing, wires=[ROUTER, Cable("eth1", "empty")]))
    screen.session.go("internet")
    assert "eth0" not in screen.text()
    assert "eth1" in screen.text()


def test_a_mesh_far_away_is_joined_by_the_key_of_its_node() -> None:
    screen = at_internet(FakeDesk())
    screen.do("islands")
    assert "c2VjcmV0IG9mIHRoZSBvdGhlciBpc2xhbmQgbm9kZSE=" in screen.text(), "what the other owner is told"
    screen.type("internet.islands", "harbour.example.org")
    screen.do("next")
    assert screen.page == "internet"
    assert "KEY@HOST:PORT" in screen.text()
    far = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=@harbour.example.org:51820"
    screen.type("internet.islands", far)
    screen.do("next")
    assert screen.page != "internet"
    assert screen.session.draft.answers.internet.islands == (far,)


def test_an_access_point_is_picked_out_of_those_that_are_heard() -> None:
    screen = at_internet(FakeDesk(networks=HEARD))
    screen.do("wifi")
    page = screen.session.page
    options = next(item.options for item in page.items() if getattr(item, "id", "") == "heard")  # type: ignore[union-attr]  # only a Pick has that id
    assert options == (("", "none"), ("Café", "Café (secured, -50 dBm)"), ("Library", "Library (open, -70 dBm)"))
    screen.pick("heard", "Café")
    screen.type("internet.wifi.passphrase", "short")
    screen.do("next")
    assert screen.page == "internet"
    assert "8 to 63" in screen.text()
    screen.type("internet.wifi.passphrase", "cactus orbit velvet")
    assert "cactus" not in screen.text()
    screen.press("f8")
    assert "cactus orbit velvet" in screen.text()
    screen.do("next")
    wifi = screen.session.draft.answers.internet.wifi
    assert wifi is not None
    assert wifi.passphrase is not None
    assert (wifi.ssid, wifi.passphrase.get_secret_value()) == ("Café", "cactus orbit velvet")
    screen.press("esc")
    screen.pick("heard", "")
    assert screen.session.draft.answers.internet.wifi is None
    assert not screen.session.draft.faults


def test_a_network_that_is_not_heard_is_typed() -> None:
    screen = at_internet(FakeDesk())
    screen.do("wifi")
    assert "no access point is heard" in screen.text()
    screen.type("internet.wifi.ssid", "Library")
    screen.do("next")
    assert screen.session.draft.answers.internet.wifi == Wifi(ssid="Library")


def test_wifi_that_is_set_is_shown_and_its_file_is_kept() -> None:
    given = Answers.model_validate({"internet": {"wifi": {"ssid": "Library", "passphrase_file": "secret"}}})
    screen = Screen(FakeDesk(now=given, networks=HEARD))
    screen.session.go("internet")
    assert "from the file secret" in screen.text()
    screen.pick("heard", "Café")
    wifi = screen.session.draft.answers.internet.wifi
    assert wifi is not None
    assert (wifi.ssid, wifi.passphrase_file) == ("Café", "secret")


def test_the_node_page_asks_and_leads_to_review() -> None:
    state = {**STATUS, "checks": [*STATUS["checks"], ASKS]}
    screen = Screen(FakeDesk(now=Answers(), state=state, wires=[ROUTER]), "node")
    assert "eth0 leads to the Internet, which is not shared." in screen.text()
    assert "share it? (i)" in screen.text()
    screen.press("i")
    assert screen.page == "internet"
    screen.do("auto", "next")
    assert screen.page == "review"
    assert share(screen) == "auto"
    screen.press("esc", "esc", "enter")
    assert screen.page == "node"


def test_the_node_page_asks_nothing_where_that_is_decided() -> None:
    screen = Screen(FakeDesk(now=Answers()), "node")
    assert "i Internet" not in screen.text()


def test_line_mode_has_the_same_choices() -> None:
    typist = Typist("*Set it up", "", "", "", "", "*Share it", "*Continue", desk=FakeDesk(wires=[ROUTER]))
    typist.run()
    assert any("eth0: 192.168.7.1 answers" in line for line in typist.written)
    assert typist.session.draft.answers.internet.share == "auto"
    assert typist.session.page.name == "review"
