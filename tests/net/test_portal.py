"""The portal with the real nginx, dnsmasq and nftables: what each system asks when it joins, before and after."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byzwizard.backends import addresses, dns, firewall, names, portal, probes, traffic, web
from byzwizard.i18n import speaker
from byzwizard.machine import Machine
from tests.net.phone import SYSTEMS, Answer, NoAnswer, System, talk
from tests.net.spaces import Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nft", "nginx", "dnsmasq")), reason="tools are missing"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
WELCOME = "http://here.byzantium.mesh/welcome"
ABROAD = "203.0.113.5"  # a server on the Internet
BROWSER = "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Language: {language}\r\nConnection: close\r\n\r\n"
PRESS = "POST /go HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ACCEPT = """
import socket
with socket.create_server(("", {port})) as server:
    print("listening", flush=True)
    while True:
        link, _address = server.accept()
        with link:
            link.recv(4096)
            link.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\nabroad")
"""


@dataclass
class Lab:
    spaces: Spaces
    node: str
    phone: str
    other: str
    abroad: str

    def ask(self, text: str, address: str = addresses.HERE, port: int = 80, who: str | None = None) -> Answer:
        return talk(self.spaces, who or self.phone, address, text, port)

    def browse(self, path: str, language: str = "", host: str = "here.byzantium.mesh") -> Answer:
        return self.ask(BROWSER.format(path=path, host=host, language=language))

    def press(self) -> Answer:
        return self.ask(PRESS.format(host="here.byzantium.mesh"))

    def released(self) -> str:
        return self.spaces.run(self.node, "nft", "list", "set", "inet", "byz-portal", "released").stdout

    def forget(self) -> None:
        assert self.spaces.run(self.node, "nft", "flush", "set", "inet", "byz-portal", "released").returncode == 0

    def lookup(self, name: str, kind: int = dns.A) -> list[str]:
        code = f"from byzwizard.backends.dns import ask; print(*ask('10.1.1.1', {name!r}, {kind}))"
        return self.spaces.python(self.phone, code).split()

    def mac(self) -> str:
        shown = json.loads(self.spaces.run(self.phone, "ip", "-j", "link", "show", "eth0").stdout)
        return str(shown[0]["address"])

    def lease(self) -> dict[str, str]:
        got = self.spaces.run(self.phone, "python3", str(Path(__file__).parent / "dhcp_client.py"), "eth0")
        given: dict[str, str] = json.loads(got.stdout)
        return given


def serve(made: Spaces, node: str, root: Path) -> None:
    """nginx and dnsmasq as the units start them, below `root`."""
    run = root / "run/byzantium"
    for text, path in ((web.configuration(NODE, addresses.HERE), web.CONFIG),
                       (names.configuration(NODE), names.CONFIG)):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("/tmp/", f"{root}/").replace("/run/byzantium", str(run)))
    (run / "names").mkdir()
    (run / "names/hosts").write_text("")
    (run / "names/servers").write_text("server=/#/\n")
    (run / "names/probes").write_text(probes.hosts(addresses.HERE))
    (run / "web/root/index.en.html").write_text(web.front_page(NODE, speaker("en"), "en"))
    (run / "web/root/traffic.html").write_text(traffic.page(NODE, ["mesh0"]))
    (run / "traffic/pictures").mkdir(parents=True)
    (run / "traffic/pictures/mesh0-hour.png").write_text("a picture")
    (run / "traffic/mesh0.rrd").write_text("what was counted")
    made.start(node, "nginx", "-e", "stderr", "-g", "user root;", "-c", str(root / web.CONFIG.lstrip("/")))
    made.start(node, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--log-facility=-",
               "-C", str(root / names.CONFIG.lstrip("/")))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("root")
    with spaces() as made:
        node, phone, other, abroad = (made.add(name) for name in ("node", "phone", "other", "abroad"))
        made.cable(node, "port0", phone, "eth0")
        made.cable(node, "port1", other, "eth0")
        made.cable(node, "mesh0", abroad, "mesh0")
        made.ip(node, "link add clients0 type bridge", "link set port0 master clients0",
                "link set port1 master clients0", "link set clients0 up", "addr add 10.1.1.1/24 dev clients0",
                f"addr add {NODE.ula_address}/64 dev clients0 nodad", "addr add 10.255.255.1/32 dev lo",
                "addr add 10.9.9.1/24 dev mesh0", "route add default via 10.9.9.2")
        made.ip(phone, "addr add 10.1.1.50/24 dev eth0", "route add default via 10.1.1.1",
                f"addr add {NODE.ula.removesuffix('/64')}50/64 dev eth0 nodad")
        made.ip(other, "addr add 10.1.1.51/24 dev eth0", "route add default via 10.1.1.1")
        made.ip(abroad, "addr add 10.9.9.2/24 dev mesh0", f"addr add {ABROAD}/32 dev lo",
                "route add default via 10.9.9.1")
        assert made.run(node, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1").returncode == 0
        # The portal alone decides here who reaches the Internet: what the firewall lets out has tests of its own.
        system = Inside(node, root)
        for step in portal.STAGE.steps(NODE, Machine()):
            step.apply(system, lambda done, total: None)
            assert not step.needed(system)
        serve(made, node, root)
        for port in (80, 443, 853):
            server = made.start(abroad, "python3", "-c", ACCEPT.format(port=port))
            assert server.stdout is not None
            assert server.stdout.readline() == "listening\n"
        found = Lab(made, node, phone, other, abroad)
        assert within(10, lambda: made.run(node, "ss", "-Hltn", "sport", "=", ":2050").stdout != "")
        yield found


@pytest.fixture(autouse=True)
def _new_phone(lab: Lab) -> None:
    lab.forget()


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_each_system_opens_the_page_and_then_stays(lab: Lab, system: System) -> None:
    """Without Internet: the name is this node's, and the answer is the maker's own once the button was pressed."""
    assert lab.lookup(system.host) == [addresses.HERE]
    assert lab.lookup(system.host, dns.AAAA) == []
    before = lab.ask(system.request)
    assert (before.status, before.headers["location"]) == (302, WELCOME)
    assert lab.press().status == 303
    after = lab.ask(system.request)
    assert (after.status, after.body) == system.yes
    assert after.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_with_internet_the_makers_answer_themselves(lab: Lab, system: System) -> None:
    before = lab.ask(system.request, ABROAD)
    assert (before.status, before.headers["location"]) == (302, WELCOME)
    lab.press()
    assert lab.ask(system.request, ABROAD).body == "abroad"


def test_status_asks_as_a_phone_does(lab: Lab) -> None:
    code = "from byzwizard.backends.portal import answers as ask; print(ask('10.1.1.1', 1), ask('10.1.1.9', 0.2))"
    assert lab.spaces.python(lab.node, code) == "True False"


def test_windows_looks_its_name_up(lab: Lab) -> None:
    assert lab.lookup("dns.msftncsi.com") == ["131.107.255.255"]


def test_https_is_refused_at_once_and_never_answered(lab: Lab) -> None:
    for port in (443, 853):
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="ConnectionRefused"):
            lab.ask("hello", ABROAD, port)
        assert time.monotonic() - began < 2
    with pytest.raises(NoAnswer):
        lab.ask("hello", addresses.HERE, 443)
    assert lab.released().count("elements") == 0, "a scan lets nobody through"
    lab.press()
    assert lab.ask("hello", ABROAD, 443).body == "abroad"


def test_androids_https_question_is_never_answered_in_googles_name(lab: Lab) -> None:
    """https://www.google.com/generate_204: refused at once where there is no Internet, so that the plain question
    counts; with Internet it is refused until the button was pressed, and then it is Google's own affair."""
    def asked(address: str) -> str:
        began = time.monotonic()
        try:
            return lab.ask("a ClientHello", address, 443).body
        except NoAnswer as fault:
            assert time.monotonic() - began < 2, "Android would wait"
            return str(fault)

    assert lab.lookup("www.google.com") == [addresses.HERE]
    assert (asked(addresses.HERE), asked(ABROAD)) == ("ConnectionRefusedError", "ConnectionRefusedError")
    lab.press()
    assert (asked(addresses.HERE), asked(ABROAD)) == ("ConnectionRefusedError", "abroad")


@pytest.mark.parametrize(("wanted", "language", "words"), [
    ("de-AT,de;q=0.9,en;q=0.8", "de", "Willkommen"), ("fr", "fr", "Bienvenue"), ("es-MX, en;q=0.5", "es", "Le damos"),
    ("zh-CN,fr;q=0.7", "fr", "Bienvenue"), ("", "en", "Welcome"), ("zh-CN", "en", "Welcome"),
    ("../../etc/passwd", "en", "Welcome"), ("x" * 3000, "en", "Welcome"),
])
def test_the_page_is_in_the_phones_language(lab: Lab, wanted: str, language: str, words: str) -> None:
    page = lab.browse("/welcome", wanted)
    assert page.status == 200
    assert f'<html lang="{language}">' in page.body
    assert words in page.body
    assert "<script" not in page.body
    assert len(page.body) < 4096
    assert "http://here.byzantium.mesh/" in page.body


def test_the_page_behind_the_button(lab: Lab) -> None:
    pressed = lab.press()
    assert pressed.headers["location"] == "/through"
    assert "here.byzantium.mesh" in lab.browse("/through", "fr").body


def test_the_front_page_is_there_before_and_after(lab: Lab) -> None:
    before = lab.browse("/")
    lab.press()
    assert before.status == 200
    assert before.body == lab.browse("/").body
    # In their place stands what tend knows of alerts, services and nodes, which is nothing here.
    for part in re.split("(?s)<!--# (?:include .*?|if .*?endif) -->", web.front_page(NODE, speaker("en"), "en")):
        assert part in before.body


def test_the_traffic_is_a_page_with_pictures_and_nothing_else(lab: Lab) -> None:
    assert '<a href="/traffic">' in lab.browse("/").body
    assert "/traffic/mesh0-hour.png" in lab.browse("/traffic").body
    shown = lab.browse("/traffic/mesh0-hour.png")
    assert (shown.status, shown.headers["content-type"], shown.body) == (200, "image/png", "a picture")
    assert "img-src 'self'" in shown.headers["content-security-policy"]
    for path in ("/traffic/", "/traffic/mesh0.rrd", "/traffic/../mesh0.rrd", "/traffic/..%2fmesh0.rrd",
                 "/traffic/eth9-hour.png", "/traffic/%2e%2e/web/root/index.en.html.png"):
        assert lab.browse(path).status in {400, 404}, path


def test_the_state_as_programs_read_it(lab: Lab) -> None:
    """RFC 8908."""
    def state() -> object:
        answer = lab.browse("/captive-portal")
        assert answer.headers["content-type"] == "application/captive+json"
        return json.loads(answer.body)["captive"]

    assert state() is True
    lab.press()
    assert state() is False


def test_only_the_button_lets_through_and_only_the_one_who_pressed(lab: Lab) -> None:
    for text, address in (
        (PRESS.format(host="here.byzantium.mesh"), ABROAD),  # some program's own request to its own server
        (PRESS.format(host="here.byzantium.mesh").replace("POST", "GET"), addresses.HERE),
        (PRESS.format(host="here.byzantium.mesh").replace("/go", "/gone"), addresses.HERE),
    ):
        lab.ask(text, address)
        assert "elements" not in lab.released(), text
    lab.press()
    assert lab.mac() in lab.released()
    assert lab.released().count("expires") == 1
    assert lab.ask(SYSTEMS[0].request, who=lab.other).status == 302


def test_a_phone_may_come_by_its_ipv6_address(lab: Lab) -> None:
    address = NODE.ula_address
    assert lab.ask(SYSTEMS[0].request, address).status == 302
    assert lab.ask(PRESS.format(host="here.byzantium.mesh"), address).status == 303
    assert lab.mac() in lab.released()


def test_nobody_is_led_elsewhere_by_a_name_or_a_path(lab: Lab) -> None:
    for host, path in (
        ("evil.example", "/"), ('"><script>', "/x"), ("here.byzantium.mesh.evil.example", "/welcome"),
        ("captive.apple.com", "//evil.example/%0d%0aSet-Cookie:x"), ("evil.example:80", "/?<script>alert(1)</script>"),
    ):
        answer = lab.browse(path, host=host)
        assert answer.status in (302, 400), host
        if answer.status == 302:
            assert answer.headers["location"] == WELCOME
        assert "set-cookie" not in answer.headers
        assert "evil" not in answer.body + str(answer.headers)
        assert "<script" not in answer.body
    page = lab.browse("/welcome")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    for path in ("/..%2f..%2fetc/passwd", "/welcome.en.html", "/welcome/", "/nginx.conf"):
        assert lab.browse(path).status in (400, 404), path


def test_the_release_ends_with_the_lease(lab: Lab) -> None:
    """The set's own time is that of a lease; here it is shortened, and renewed as a phone renews its lease."""
    lab.press()
    assert "timeout 30m" in lab.released()
    assert "dhcp-range=10.1.1.10,10.1.1.250,255.255.255.0,30m" in names.configuration(NODE)
    shorten = ("flush set inet byz-portal released\n"
               f"add element inet byz-portal released {{ {lab.mac()} timeout 2s }}\n")
    assert lab.spaces.run(lab.node, "nft", "-f", "-", stdin=shorten).returncode == 0
    assert lab.ask(SYSTEMS[0].request).status == 200
    assert within(5, lambda: lab.ask(SYSTEMS[0].request).status == 302)
    lab.spaces.run(lab.node, "nft", "-f", "-", stdin=shorten)
    given = lab.lease()
    assert given["portal"] == "http://here.byzantium.mesh/captive-portal"
    assert given["proxy"] == "\n"
    time.sleep(3)
    assert lab.ask(SYSTEMS[0].request).status == 200


def test_renewing_a_lease_lets_nobody_through(lab: Lab) -> None:
    lab.lease()
    assert "elements" not in lab.released()


def test_without_a_portal_nothing_is_caught(lab: Lab, tmp_path: Path) -> None:
    without = NODE.__class__(**{**vars(NODE), "answers": NODE.answers.model_copy(update={"portal": False})})
    step, = portal.STAGE.steps(without, Machine())
    system = Inside(lab.node, tmp_path)
    former = step.before(system)
    step.apply(system, lambda done, total: None)
    assert lab.ask(SYSTEMS[0].request, ABROAD).body == "abroad"
    step.undo(system, former)
    assert lab.ask(SYSTEMS[0].request, ABROAD).status == 302
    assert "probes" not in names.configuration(without)
    assert "2050" not in web.configuration(without, addresses.HERE)


def test_the_firewall_lets_phones_in_by_the_portal_alone(lab: Lab, tmp_path: Path) -> None:
    step, = firewall.STAGE.steps(NODE, Machine())
    step.apply(Inside(lab.node, tmp_path), lambda done, total: None)
    assert lab.ask(SYSTEMS[0].request).status == 302
    with pytest.raises(NoAnswer, match="TimeoutError"):
        lab.ask(SYSTEMS[0].request, "10.1.1.1", 2050)
    step.undo(Inside(lab.node, tmp_path), None)
