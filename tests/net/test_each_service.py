"""Each further service as a person uses it: from a phone of the node, on the image's own systemd."""

import base64
import json
import re
import sys
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

import pytest

from tests.net.booted import NEEDS, Lab, Node
from tests.net.each import all_off_again, enable, three_nodes
from tests.net.spaces import within
from tests.net.test_services import FORM, SEEN, authority, host
from tests.net.zim import book

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
HOME = "/var/lib/byzantium/services"
NAMES = ("board", "chat", "library", "mumble", "pad", "phone", "proxy", "radio", "tor", "tunnel", "voice", "wiki")
NATIVE = ("inspircd", "snac2", "mumble-server", "squid", "tor", "tor@default", "kamailio")
OUTSIDE = "198.51.100.2"  # RFC 5737


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with three_nodes(tmp_path_factory.mktemp("each")) as found:
        yield found


@pytest.fixture
def a(lab: Lab) -> Iterator[Node]:
    with all_off_again(lab.nodes[0]) as node:
        yield node


def join(phone: Node, a: Node, name: str, password: str = "") -> list[int]:
    """What the voices of `a` say to a phone that comes as `name`: see VOICES."""
    words = json.dumps([a.address, host(a), authority(a), name, password, ""])
    answer: list[int] = json.loads(phone.made.python(phone.phone, VOICES, words))[:5]
    return answer


def opened(phone: Node, a: Node, path: str, trusted: str) -> int:
    """The status of a page of `a`, or of the one that it leads on to, for a phone of another node."""
    status, headers, _text = phone.pages(path, host(a), trusted, address=a.address)
    if status == 302:
        path = headers["location"].removeprefix(f"https://{host(a)}")
        status = phone.pages(path, host(a), trusted, address=a.address)[0]
    return status


def test_all_of_them_are_seen_and_used_two_hops_away(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]

    def seen() -> dict[str, str]:
        return {row["name"]: row["url"] for row in c.services() if row["node"] == "node-a"}

    a.do("byzwizard", "enable", *NAMES)
    assert a.run("systemctl", "is-active", *NATIVE).stdout.split() == ["inactive"] * len(NATIVE)
    own = {row["name"]: row["url"] for row in a.services() if row["state"] == "on"}
    assert set(own) == set(NAMES)
    assert within(SEEN, lambda: seen() == own), seen()

    def shown() -> bool:
        page = c.pages("/", "here.byzantium.mesh")[2]
        return all(f'href="{url}"' in page for url in own.values())

    assert within(10, shown)
    trusted = authority(a)

    def answers(name: str) -> bool:
        return opened(c, a, f"/{name}/", trusted) == 200

    for name in set(NAMES) - {"mumble"}:
        assert answers(name), name
    assert join(c, a, "cleo")[:2] == [5, 4711]
    assert c.pages("http://here.byzantium.mesh/", "here.byzantium.mesh", address=a.address, port=3128)[0] == 200
    assert c.made.python(c.phone, GREET, a.address) == "0500"
    # Killed all at once, as when memory runs out, each comes back, whatever it left behind.
    listed = a.do("systemctl", "list-units", "--plain", "--no-legend", "--state=running", "byz-*.service").splitlines()
    units = {line.split()[0] for line in listed} - {"byz-wizard@tty1.service"}
    assert len(units) > len(NAMES), units
    a.do("systemctl", "kill", "--signal=KILL", *units)

    def all_on() -> bool:
        return {row["name"] for row in a.services() if row["node"] is None and row["state"] == "on"} == set(NAMES)

    assert within(120, all_on), a.services()
    for name in set(NAMES) - {"mumble"}:
        assert within(60, partial(answers, name)), name
    a.do("byzwizard", "disable", *NAMES)
    assert within(SEEN, lambda: not seen()), seen()


@pytest.mark.parametrize("name", ["pad", "voice"])
def test_within_its_sandbox(a: Node, name: str) -> None:
    """What people do with it has tests of its own."""
    enable(a, name)


def test_a_post_on_the_board(a: Node) -> None:
    enable(a, "board")
    trusted = authority(a)
    password = a.do("cat", f"{HOME}/board/board-password").strip()
    words = urlencode({"content": "Water at the school", "sensitive": "", "visibility": "public"})

    def post(word: str, path: str = "/board/board/admin/note", send: str = words) -> int:
        known = base64.b64encode(word.encode()).decode()
        return a.pages(path, host(a), trusted, method="POST", send=send,
                       headers={**FORM, "Authorization": f"Basic {known}"})[0]

    assert post("board:guessed") == 401
    assert post(f"board:{password}") in (302, 303)
    for page in ("/board/board", "/board/"):
        status, _headers, text = a.pages(page, host(a), trusted)
        assert (status, "Water at the school" in text) == (200, True), text
    assert host(a) in a.pages(f"/.well-known/webfinger?resource=acct:board@{host(a)}", host(a), trusted)[2]
    known = json.loads(a.pages("/api/v1/instance", host(a), trusted)[2])
    assert known["uri"] == host(a), "as programs for Mastodon ask"
    assert password not in a.do("journalctl", "-b", "-o", "cat")
    a.do("systemctl", "restart", "byz-board.service")
    assert within(20, lambda: "Water at the school" in a.pages("/board/board", host(a), trusted)[2])
    assert a.do("cat", f"{HOME}/board/board-password").strip() == password


def test_whoever_comes_writes_on_the_board_as_guest_with_what_the_page_says(a: Node) -> None:
    enable(a, "board")
    trusted = authority(a)
    page = a.pages("/board/", host(a), trusted)[2]
    link, told = re.findall(r'<a href="(/board/[a-z]+/admin)">([^<]*)</a>', page)[0]
    name, password = re.findall(r"as ([a-z]+), with the password ([a-z]+)", told)[0]
    known = {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
    assert a.pages(link, host(a), trusted)[0] == 401
    status, _headers, form = a.pages(link, host(a), trusted, headers=known, most=1 << 20)
    assert (status, f'action="https://{host(a)}{link}/note"' in form) == (200, True), form

    def send(path: str, **words: str) -> int:
        return a.pages(path, host(a), trusted, method="POST", send=urlencode(words), headers={**FORM, **known})[0]

    assert send(f"{link}/note", content="Bread at the church", visibility="public") == 303
    assert "Bread at the church" in a.pages("/board/", host(a), trusted)[2]
    # Nobody shuts the others out with another password.
    for path in (f"{link}/user-setup", "/board/GUEST/admin/user-setup", "/board//guest/%61dmin/user-setup"):
        assert send(path, passwd1="mine", passwd2="mine", name="x") == 403, path
    assert send(f"{link}/note", content="and milk", visibility="public") == 303
    a.do("systemctl", "restart", "byz-board.service")
    assert within(20, lambda: a.pages(link, host(a), trusted, headers=known)[0] == 200)


# As the program Mumble: version and name over TLS, whereupon the server tells of all rooms (7), then that it is done
# (5) or why not (4). Then it makes a room, where it is given a name for one.
VOICES = """
import json, socket, ssl, struct, sys
address, host, authority, name, password, new = json.loads(sys.argv[1])
link = ssl.create_default_context(cadata=authority).wrap_socket(
    socket.create_connection((address, 64738), 5), server_hostname=host)
def field(number, text):
    return bytes([number << 3 | 2, len(text)]) + text.encode()
def send(kind, said):
    link.sendall(struct.pack(">HI", kind, len(said)) + said)
def whole(size):
    got = b""
    while len(got) < size:
        got += link.recv(size - len(got)) or sys.exit("closed")
    return got
send(0, b"\\x08" + b"\\x80\\x8a\\x04")
send(2, field(1, name) + (field(2, password) if password else b"") + b"\\x28\\x01")
kind, rooms = None, []
def name_of(said):
    # Field 3 of a ChannelState; numbers before it (fields 1 and 2) are small here.
    while said and said[0] >> 3 != 3:
        said = said[2:]
    return said[2:2 + said[1]].decode() if said else ""
def hear(until):
    global kind
    while not until():
        kind, size = struct.unpack(">HI", whole(6))
        said = whole(size)
        if kind == 7 and name_of(said):
            rooms.append(name_of(said))
hear(lambda: kind in (4, 5))
last = kind
if new:
    send(7, b"\\x10\\x00" + field(3, new))
    hear(lambda: new in rooms)
ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ping.settimeout(5)
ping.sendto(struct.pack(">IQ", 0, 4711), (address, 64738))
_version, ident, users, most, bandwidth = struct.unpack(">IQIII", ping.recv(64))
print(json.dumps([last, ident, users, most, bandwidth, rooms]))
"""


def test_a_voice_joins_the_others(a: Node) -> None:
    enable(a, "mumble")
    assert join(a, a, "ann") == [5, 4711, 1, 60, 40000]
    password = a.do("cat", f"{HOME}/mumble/superuser-password").strip()
    assert len(password) == 16
    assert join(a, a, "SuperUser", "guessed")[0] == 4
    assert join(a, a, "SuperUser", password)[0] == 5
    said = a.do("journalctl", "-b", "-o", "cat")
    assert password not in said
    assert "Password for 'SuperUser'" not in said
    row = next(row for row in a.services() if row["name"] == "mumble")
    assert row["url"] == f"mumble://{host(a)}:64738/"
    assert within(10, lambda: row["url"] in a.pages("/", "here.byzantium.mesh")[2])


def test_a_library_without_books_says_what_to_do_and_one_with_a_book_shows_it(a: Node) -> None:
    enable(a, "library")
    trusted = authority(a)
    assert "Books are files that end in .zim" in a.pages("/library/", host(a), trusted)[2]
    for name, content in (("water", book("water", "Water", "Boil it for a minute.")), ("torn", b"no book")):
        a.do("sh", "-c", f"base64 -d >{HOME}/library/{name}.zim", stdin=base64.b64encode(content).decode())
    a.do("systemctl", "restart", "byz-library.service")

    def read(path: str) -> str:
        return a.pages(path, host(a), trusted)[2]

    assert within(20, lambda: "Boil it for a minute." in read("/library/content/water/A/main")), read("/library/")
    assert "Water" in read("/library/catalog/v2/entries")
    assert "Books are files" not in read("/library/")
    # What came with the stick is read there.
    place = "/run/live/medium/byzantium/library"
    a.do("sh", "-c", f"mkdir -p {place} && base64 -d >{place}/bread.zim",
         stdin=base64.b64encode(book("bread", "Bread", "Bake it for an hour.")).decode())
    a.do("systemctl", "restart", "byz-library.service")
    assert within(20, lambda: "Bake it for an hour." in read("/library/content/bread/A/main")), read("/library/")
    assert "Boil it for a minute." in read("/library/content/water/A/main")
    a.do("rm", "-r", place)
    assert "torn.zim cannot be read" in a.do("journalctl", "-b", "-o", "cat", "-u", "byz-library.service")


PAGES = """
import http.server
class Pages(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Pages.asked += 1
        said = f"asked {Pages.asked} times".encode()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
server = http.server.ThreadingHTTPServer(("198.51.100.2", 80), Pages)
print("ready", flush=True)
server.serve_forever()
"""


# Https through the proxy, as a browser asks for it.
TUNNEL = """
import http.client, json, ssl, sys
address, host, authority = json.loads(sys.argv[1])
link = http.client.HTTPSConnection(address, 3128, timeout=5, context=ssl.create_default_context(cadata=authority))
link.set_tunnel(host, 443)
link.request("GET", "/proxy/")
print(link.getresponse().status)
"""


def test_a_page_that_two_open_is_fetched_once(a: Node) -> None:
    space = a.made.add("web")
    a.made.cable(a.space, "out0", space, "out0")
    a.made.ip(a.space, "addr add 198.51.100.1/24 dev out0")
    a.made.ip(space, f"addr add {OUTSIDE}/24 dev out0")
    web = a.made.start(space, sys.executable, "-c", PAGES)
    enable(a, "proxy")

    def through(url: str, name: str) -> tuple[int, str]:
        status, _headers, text = a.pages(url, name, port=3128)
        return status, text

    assert within(10, lambda: through(f"http://{OUTSIDE}/page", OUTSIDE)[0] == 200)
    first = through(f"http://{OUTSIDE}/page", OUTSIDE)
    assert first[1].startswith("asked")
    assert through(f"http://{OUTSIDE}/page", OUTSIDE) == first
    assert through(f"http://{OUTSIDE}/other", OUTSIDE)[1] != first[1]
    assert through("http://here.byzantium.mesh/", "here.byzantium.mesh")[0] == 200
    # Neither the node itself nor the networks of its owner.
    for inside in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "192.168.1.1", "169.254.1.1", "10.0.0.1"):
        assert through(f"http://{inside}/", inside)[0] == 403, inside
    assert through(f"http://{OUTSIDE}:22/", OUTSIDE)[0] == 403
    assert a.made.python(a.phone, TUNNEL, json.dumps([a.address, host(a), authority(a)])) == "200"
    status, headers, text = a.pages("/proxy/", host(a), authority(a))
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert a.address in text
    assert "port 3128" in text
    web.kill()


GREET = """
import socket, sys
link = socket.create_connection((sys.argv[1], 9050), 5)
link.sendall(bytes([5, 1, 0]))
print(link.recv(2).hex())
"""


def test_tor_answers_also_where_there_is_no_internet(a: Node) -> None:
    enable(a, "tor")
    assert a.made.python(a.phone, GREET, a.address) == "0500"
    assert "port 9050" in a.pages("/tor/", host(a), authority(a))[2]
    assert a.run("byzwizard", "status").returncode == 0
