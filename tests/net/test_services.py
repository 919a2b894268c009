"""Services from the first command to a phone, on the image's own systemd: switched on, seen elsewhere, switched off."""

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
SEEN = 30  # seconds: nodes tell their neighbours what is new
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("booted")) as found:
        yield found


def host(node: Node) -> str:
    return f"{node.id}.byzantium.mesh"


def authority(node: Node) -> str:
    """As a phone gets it."""
    status, headers, text = node.pages("/ca.crt")
    assert (status, headers["content-type"]) == (200, "application/x-x509-ca-cert")
    return text


def shut(node: Node, port: int = 443) -> bool:
    """Does the phone get nothing at all there?"""
    return node.pages("/", port=port)[0] == 0


def changed(events: str) -> list[str]:
    rows = [json.loads(line) for line in events.splitlines()]
    return [row["step"] for row in rows if row["event"] == "finish" and row["changed"]]


def test_a_wiki_from_the_command_to_the_phone_and_to_another_node(lab: Lab) -> None:
    a, b = lab.nodes
    assert shut(a)
    assert a.state("wiki") == "off"
    began = time.monotonic()
    a.do("byzwizard", "enable", "wiki")
    status, _headers, text = a.pages("/wiki/wiki?name=Home", host(a), authority(a))
    print(f"enabled and answering a phone after {time.monotonic() - began:.1f} s")
    assert status == 200, text
    assert "where there is water" in text
    assert a.state("wiki") == "on"
    assert changed(a.do("byzwizard", "enable", "wiki", "--json")) == []
    told = " ".join(a.do("byzwizard", "services").split())
    fingerprint = told.partition("/trust: ")[2][:32 * 3 - 1]
    assert fingerprint in a.pages("/trust")[2], "what the console shows is what the phone compares"

    page = {"page": "Water", "mimetype": "text/x-markdown", "isnew": "1", "content": "At the school, until *six*"}
    status, _headers, text = a.pages("/wiki/wikiajax/save", host(a), authority(a), method="POST", send=urlencode(page),
                                     headers={**FORM, "Referer": f"https://{host(a)}/wiki/wikiedit?name=Water"})
    assert status == 200, text
    assert "until <em>six</em>" in a.pages("/wiki/wiki?name=Water", host(a), authority(a))[2]
    assert shut(a, 8101), "strangers come through nginx alone"

    names = "here.byzantium.mesh"
    assert "certificate" in a.pages("/", names, authority(a))[2], "the certificate is for the canonical name alone"
    assert f'href="https://{host(a)}/wiki/"' in a.pages("/", names)[2]

    def seen() -> bool:
        return any(row["node"] == "node-a" and row["name"] == "wiki" for row in b.services())

    assert within(SEEN, seen)
    row = next(row for row in b.services() if row["node"] == "node-a")
    assert (row["title"], row["url"]) == ("Wiki", f"https://{host(a)}/wiki/")
    assert f'href="https://{host(a)}/wiki/">Wiki <span>node-a</span></a>' in b.pages("/", names)[2]
    assert f'<a href="http://{host(a)}/">node-a</a>' in b.pages("/", names)[2]
    assert any(one["node"] == "node-a" for one in json.loads(b.do("byzwizard", "status", "--json"))["services"])
    # A phone of the other node, over the mesh.
    own = b.address
    b.address = a.address
    assert b.pages("/wiki/wiki?name=Water", host(a), authority(a))[0] == 200
    b.address = own


def dig(node: Node, name: str, kind: str) -> list[str]:
    """What the node's name server tells its phone, as dig prints it."""
    done = node.made.run(node.phone, "dig", "+short", "+time=2", "+tries=1", f"@{node.address}", name, kind)
    return done.stdout.splitlines() if done.returncode == 0 else []


def tells(node: Node, kind: str, names: list[str]) -> bool:
    return dig(node, kind, "PTR") == names


ASK = """
import socket, sys
labels = b"".join(bytes([len(label)]) + label for label in sys.argv[1].encode().split(b"."))
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.settimeout(2)
question = labels + bytes([0, 0, 12, 0, 1])  # PTR, in the Internet (RFC 1035)
link.sendto(bytes([0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + question, ("224.0.0.251", 5353))
try:
    print(link.recv(9000).hex())
except TimeoutError:
    pass
"""


def heard(node: Node, name: str) -> bytes:
    """What its phone hears when it asks all around (RFC 6762, 6.7); nothing where nobody answers."""
    node.made.run(node.phone, "ip", "route", "replace", "224.0.0.0/4", "dev", "wlan0")
    return bytes.fromhex(node.made.python(node.phone, ASK, name))


def hears(node: Node, words: bytes, there: bool, kind: str = "_https._tcp.local") -> bool:
    return (words in heard(node, kind)) == there


def test_programs_find_it_at_each_node_while_it_is_there(lab: Lab) -> None:
    a, b = lab.nodes
    kind, name = "_https._tcp.byzantium.mesh", r"wiki\032-\032node-a._https._tcp.byzantium.mesh."
    a.do("byzwizard", "enable", "wiki")
    for node in (a, b):
        assert within(SEEN, partial(tells, node, kind, [name])), node.letter
        assert dig(node, "b._dns-sd._udp.byzantium.mesh", "PTR") == ["byzantium.mesh."]
        assert dig(node, name, "SRV") == [f"0 0 443 {host(a)}."]
        assert dig(node, name, "TXT") == ['"path=/wiki/"']
        assert dig(node, host(a), "A") == [a.address]
        assert node.run("systemctl", "is-active", "byz-announce.service").stdout == "active\n"
        assert within(SEEN, partial(hears, node, b"Wiki - node-a", there=True)), node.letter
        assert {a.id.encode(), b"path=/wiki/"} <= set(re.findall(rb"[a-z2-7]{32}|path=[a-z/]+",
                                                                 heard(node, "_https._tcp.local")))
    a.do("byzwizard", "disable", "wiki")
    for node in (a, b):
        assert within(SEEN, partial(tells, node, kind, [])), node.letter
        assert within(SEEN, partial(hears, node, b"Wiki - node-a", there=False)), node.letter


def test_what_is_switched_off_is_closed_withdrawn_and_keeps_its_data(lab: Lab) -> None:
    a, b = lab.nodes
    a.do("byzwizard", "enable", "wiki")
    kept = authority(a)
    assert within(SEEN, lambda: any(row["node"] == "node-a" for row in b.services()))
    a.do("byzwizard", "disable", "wiki")
    assert a.state("wiki") == "off"
    assert shut(a)
    assert a.pages("/trust")[0] == a.pages("/ca.crt")[0] == 404
    assert within(10, lambda: "/wiki/" not in a.pages("/", "here.byzantium.mesh")[2])
    assert a.do("nft", "list", "set", "inet", "byz-filter", "offered_mesh").count("443") == 0
    assert changed(a.do("byzwizard", "disable", "wiki", "--json")) == []
    assert within(SEEN, lambda: not any(row["node"] == "node-a" for row in b.services()))
    a.do("byzwizard", "enable", "wiki")
    assert authority(a) == kept, "whoever trusts this node goes on doing so"
    assert a.pages("/wiki/wiki?name=Water", host(a), kept)[0] == 200
    a.do("byzwizard", "disable", "wiki")


def test_a_service_that_dies_comes_back_and_one_that_cannot_is_told(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "wiki")
    a.do("systemctl", "kill", "--signal=KILL", "byz-wiki.service")
    assert within(20, lambda: a.state("wiki") == "on")
    a.do("sh", "-c", "systemctl stop byz-wiki && echo damaged >/var/lib/byzantium/services/wiki/wiki.fossil")
    done = a.run("byzwizard", "enable", "wiki")
    assert done.returncode == 1
    assert "byz-wiki.service" in done.stderr
    assert "not a valid repository: wiki.fossil" in complaint(a, "wiki")

    # At boot the others start all the same.
    a.do("sh", "-c", "sed 's/^services:.*/services: [wiki, radio]/' /etc/byzantium/answers.yaml >/tmp/both.yaml")
    a.do("byzwizard", "apply", "/tmp/both.yaml", "--yes", "--boot", "found")
    assert within(20, lambda: a.state("wiki") == "failing"), "between two attempts to start it"
    assert a.state("radio") == "on"
    a.do("byzwizard", "disable", "radio", "wiki")
    a.do("rm", "/var/lib/byzantium/services/wiki/wiki.fossil")
    a.do("byzwizard", "enable", "wiki")
    a.do("byzwizard", "disable", "wiki")


def test_every_daemon_of_a_node_that_is_killed_comes_back(lab: Lab) -> None:
    """As it is when memory runs out, and whatever it leaves behind."""
    a, b = lab.nodes

    def running() -> set[str]:
        listed = a.do("systemctl", "list-units", "--plain", "--no-legend", "--state=running", "byz-*.service")
        return {line.split()[0] for line in listed.splitlines()} - {"byz-wizard@tty1.service"}

    before = running()
    assert {"byz-babel.service", "byz-dnsmasq.service", "byz-gateway.service", "byz-tend.service"} <= before
    a.do("systemctl", "kill", "--signal=KILL", *before)
    assert within(90, lambda: running() >= before), before - running()
    assert within(90, lambda: a.run("ping", "-c", "1", "-W", "2", b.address).returncode == 0)
    assert within(90, lambda: a.run("byzwizard", "status").returncode == 0), a.run("byzwizard", "status").stdout


def complaint(node: Node, name: str) -> str:
    """What `status` says of a service that does not work."""
    done = node.run("byzwizard", "status", "--json")
    assert done.returncode == 1
    check = next(check for check in json.loads(done.stdout)["checks"] if check["id"] == f"service-{name}")
    assert not check["ok"]
    return str(check["text"])


MUTE = """
[Service]
ExecStart=
ExecStart=/bin/sh -c "echo no water today; exec /bin/sleep infinity"
"""


def test_one_that_never_becomes_healthy_is_told_and_the_others_stay_on(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "radio")
    a.do("mkdir", "-p", "/run/systemd/system/byz-wiki.service.d")
    a.do("tee", "/run/systemd/system/byz-wiki.service.d/mute.conf", stdin=MUTE)
    a.do("systemctl", "daemon-reload")
    try:
        done = a.run("byzwizard", "enable", "wiki")
        assert done.returncode == 1
        assert "byz-wiki.service runs, but is not ready after 30 s. It said: no water today" in done.stderr
        assert (a.state("wiki"), a.state("radio")) == ("off", "on"), "the node is as it was before"

        # One that was healthy, and is not after a restart.
        a.do("sh", "-c", "rm /run/systemd/system/byz-wiki.service.d/mute.conf && systemctl daemon-reload")
        a.do("byzwizard", "enable", "wiki")
        a.do("tee", "/run/systemd/system/byz-wiki.service.d/mute.conf", stdin=MUTE)
        a.do("sh", "-c", "systemctl daemon-reload && systemctl restart byz-wiki")
        assert a.state("wiki") == "starting"
        assert within(60, lambda: a.state("wiki") == "failing")
        assert complaint(a, "wiki") == "Wiki does not work. It said: no water today"
        assert a.run("systemctl", "is-active", "byz-offer.timer").stdout == "active\n"
        a.do("systemctl", "start", "byz-offer.service")
        assert within(10, lambda: "/wiki/" not in a.pages("/", "here.byzantium.mesh")[2]), "nobody is led there"
        assert "/radio/" in a.pages("/", "here.byzantium.mesh")[2]

        # It keeps nothing else from being changed.
        began = time.monotonic()
        assert "`byzwizard disable wiki`" in a.do("byzwizard", "disable", "radio")
        assert time.monotonic() - began < 25, "it is not waited for"
        assert a.state("wiki") in ("starting", "failing")
        a.do("byzwizard", "enable", "radio")
        assert within(60, lambda: a.state("wiki") == "failing")
        done = a.run("byzwizard", "enable", "wiki")
        assert done.returncode == 1
        assert "is not ready after 30 s" in done.stderr
        assert a.state("radio") == "on"
        assert a.pages("/radio/status-json.xsl", host(a), authority(a))[0] == 200
    finally:
        a.do("rm", "-r", "/run/systemd/system/byz-wiki.service.d")
        a.do("systemctl", "daemon-reload")
        a.do("byzwizard", "disable", "wiki", "radio")
    assert (a.state("wiki"), a.state("radio")) == ("off", "off")


TEA = {
    "name": "tea", "title": "Tea", "purpose": "Says who has tea.", "category": "together", "unit": "byz-tea.service",
    "packages": [], "needs": ["kettle"], "memory_bytes": 64 << 20, "disk_bytes": 1 << 20,
    "ports": [{"number": 8401, "reach": "node"}], "web": {"port": 8401}, "health": {"port": 8401, "path": "/"},
}
KETTLE = {
    **TEA, "name": "kettle", "title": "Kettle", "purpose": "Keeps water hot.", "unit": "byz-kettle.service",
    "needs": [], "ports": [{"number": 8402, "reach": "mesh"}], "web": {"pages": ["page.html"]},
    "config": ["page.html"], "health": {"port": 8402, "path": "/"},
}
UNIT = """
[Service]
DynamicUser=yes
MemoryMax=64M
ExecStart=/usr/bin/python3 -m http.server --bind {address} --directory /etc/byz-tea {port}
"""


@pytest.fixture
def tea(lab: Lab) -> Iterator[Node]:
    """A node with two services more, of which one needs the other: descriptors and units, and no program of ours."""
    a = lab.nodes[0]
    place = a.do("sh", "-c", "echo /usr/lib/byzwizard/lib/python3*/site-packages/byzwizard/assets/services").strip()
    a.do("mkdir", "/etc/byz-tea")
    a.do("tee", "/etc/byz-tea/cups.txt", stdin="three cups")
    for one, address, port in ((TEA, "127.0.0.1", 8401), (KETTLE, "0.0.0.0", 8402)):
        a.do("tee", f"{place}/{one['name']}.yaml", stdin=json.dumps(one))
        a.do("tee", f"/run/systemd/system/{one['unit']}", stdin=UNIT.format(address=address, port=port))
    a.do("systemctl", "daemon-reload")
    yield a
    for one in (TEA, KETTLE):
        a.do("rm", f"{place}/{one['name']}.yaml", f"/run/systemd/system/{one['unit']}")
    a.do("systemctl", "daemon-reload")


def offers(who: Node, other: str) -> set[str]:
    """What this node is told that another one offers."""
    return {row["name"] for row in who.services() if row["node"] == other}


def test_a_service_comes_with_what_it_needs_and_goes_with_it(lab: Lab, tea: Node) -> None:
    b = lab.nodes[1]
    tea.do("byzwizard", "enable", "tea")
    assert (tea.state("tea"), tea.state("kettle")) == ("on", "on")
    status, _headers, text = tea.pages("/tea/cups.txt", host(tea), authority(tea))
    assert (status, text) == (200, "three cups")
    assert tea.pages("/cups.txt", port=8402)[2] == "three cups"
    status, _headers, text = tea.pages("/kettle/", host(tea), authority(tea))
    assert status == 200
    assert "Keeps water hot." in text
    status, headers, _text = tea.pages("/kettle", host(tea), authority(tea))
    assert (status, headers["location"]) == (301, f"https://{host(tea)}/kettle/")
    assert within(SEEN, lambda: offers(b, "node-a") == {"tea", "kettle"})
    refused = tea.run("byzwizard", "data", "save", "tea")
    assert refused.returncode == 4, "what has no data is told as any other"

    tea.do("byzwizard", "disable", "tea")
    assert (tea.state("tea"), tea.state("kettle")) == ("off", "off")
    assert tea.run("systemctl", "is-active", "byz-kettle.service").stdout == "inactive\n"
    assert shut(tea)
    assert shut(tea, 8402)
    assert within(SEEN, lambda: not offers(b, "node-a"))


@pytest.mark.parametrize(("words", "status", "said"), [
    (("enable", "wikki"), 2, "Did you mean wiki?"),
    (("enable",), 2, "NAME"),
])
def test_wrong_commands_change_nothing(lab: Lab, words: tuple[str, ...], status: int, said: str) -> None:
    a = lab.nodes[0]
    done = a.run("byzwizard", *words)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert shut(a)


def test_keys_are_read_by_those_who_need_them_alone(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "wiki", "radio")
    own, pages = "/run/byzantium/tls/radio.key", "/run/byzantium/tls/node.key"
    keys = a.do("stat", "-c", "%a %U:%G", own, pages, "/var/lib/byzantium/identity/ca.key")
    assert keys.splitlines() == ["640 root:byz-radio", "640 root:byz-tls", "600 root:root"]
    assert len(set(a.do("sha256sum", own, pages).split())) == 4, "each has its own"
    for user, path, status in (("radio", own, 0), ("radio", pages, 1), ("wiki", own, 1), ("tls", own, 1)):
        it = f"byz-{user}"
        read = a.run("setpriv", f"--reuid={it}", f"--regid={it}", "--init-groups", "head", "-c1", path)
        assert read.returncode == status, (user, path)
    a.do("byzwizard", "disable", "wiki", "radio")


def test_a_certificate_that_is_no_good_is_made_anew(lab: Lab) -> None:
    a = lab.nodes[0]
    a.do("byzwizard", "enable", "wiki")
    a.do("sh", "-c", "echo damaged >/run/byzantium/tls/node.crt")
    a.do("systemctl", "start", "byz-certificate.service")
    assert within(10, lambda: a.pages("/wiki/wiki?name=Home", host(a), authority(a))[0] == 200)
    assert "BEGIN CERTIFICATE" in a.do("cat", "/run/byzantium/tls/node.crt")
    a.do("byzwizard", "disable", "wiki")
    assert a.run("systemctl", "is-active", "byz-certificate.timer").stdout.strip() == "inactive"
