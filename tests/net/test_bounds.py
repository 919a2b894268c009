"""What strangers send to services and take from them, by the real nginx: it fills neither memory nor a disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from byzwizard import catalogue, fulldisks
from byzwizard.backends import certificates, tls
from byzwizard.duty import fill
from tests.net.spaces import Inside, Spaces, resolved, spaces, within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and mounts need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("nginx", "curl")), reason="tools are missing"),
]
NODE = resolved("n", subnet="10.1.1.0/24")
HOST = f"{NODE.node_id}.byzantium.mesh"
NAMES = ("board", "library", "radio", "wiki")
SERVICES = [catalogue.here().services[name] for name in NAMES]
MB = 1 << 20
MANY = range(100, 116)  # addresses that one device takes
# Each service: GET gives so many MB as the path ends with, and notes how much of it was taken; POST and PUT say "kept".
SERVE = """
import http.server, pathlib, socketserver, sys, threading
class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        last = self.path.rpartition("/")[2]
        size = int(last) if last.isdigit() else 0
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"a page")
        for taken in range(1, size + 1):
            self.wfile.write(bytes(1 << 20))
            pathlib.Path(sys.argv[1]).write_text(str(taken))
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"kept")
    do_PUT = do_POST
class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
for port in sys.argv[2:]:
    # HTTPServer would first ask the DNS, which is not here, for its own name.
    threading.Thread(target=Server(("127.0.0.1", int(port)), Service).serve_forever).start()
"""
CONNECT = """
import socket, ssl, sys, time
context = ssl._create_unverified_context()
def connect(source):
    link = socket.create_connection(("10.1.1.1", 443), 5, (source, 0))
    return context.wrap_socket(link, server_hostname=sys.argv[1])
def ask(text, source=""):
    link = connect(source)
    link.sendall((text.replace("HOST", sys.argv[1])).encode())
    return link
"""
# Says what comes back of six who sent the head of a question and no more, and of six who then read.
SEND = CONNECT + """
import json
def answer(link):
    link.settimeout(1)
    try:
        return int(link.recv(1000).split()[1])
    except TimeoutError:
        return 0
sending = [ask(sys.argv[2]) for _each in range(6)]
time.sleep(1)
reading = [ask("GET /board/ HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n") for _each in range(6)]
print(json.dumps([[answer(link) for link in links] for links in (sending, reading)]))
"""
# Says what comes back of one more, of something small and of one from elsewhere while each of these addresses has an
# unfinished body under way.
EVERYWHERE = CONNECT + """
import json
head = "POST /board/note HTTP/1.1\\r\\nHost: HOST\\r\\nContent-Length: "
sending = [ask(head + "1000000\\r\\n\\r\\n", source) for source in json.loads(sys.argv[2])]
time.sleep(1)
sent = (("1000000\\r\\n\\r\\n", "10.1.1.51"), ("1\\r\\n\\r\\nx", "10.1.1.51"),
        ("10000\\r\\n\\r\\n" + 10000 * "x", "10.1.2.50"))
print(json.dumps([ask(head + rest, source).recv(1000).decode() for rest, source in sent]))
"""
# Says how many streams there may be at once, by setting 3 of HTTP/2.
AT_ONCE = CONNECT + """
context.set_alpn_protocols(["h2"])
link = connect("")
link.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
settings = link.recv(1000)[9:]
entries = (settings[at:at + 6] for at in range(0, len(settings), 6))
print(next(int.from_bytes(entry[2:], "big") for entry in entries if entry[:2] == bytes([0, 3])))
"""
# Says what is answered to twelve who then read no more, and to one at another address.
SLOW = CONNECT + """
import json
question = "GET /library/200 HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n"
links = [ask(question) for _each in range(12)]
answers = [int(link.recv(1000).split()[1]) for link in links]
print(json.dumps([answers, int(ask(question, "10.1.1.51").recv(1000).split()[1])]))
"""


def progress(done: int, total: int) -> None:
    """Nobody looks."""


@dataclass
class Lab:
    spaces: Spaces
    phone: str
    root: Path

    def ask(
        self, path: str, method: str = "GET", *more: str, sent: str = 10_000 * "x"
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and content that the phone gets."""
        send = ("--data-binary", "@-") if method in ("POST", "PUT") else ()
        done = self.spaces.run(self.phone, "curl", "-sik", "--http1.1", "--max-time", "10", "--resolve",
                               f"{HOST}:443:10.1.1.1", "-X", method, *send, *more, f"https://{HOST}{path}", stdin=sent)
        assert done.returncode == 0, done.stderr
        head, _blank, body = done.stdout.partition("\n\n")
        first, *lines = head.splitlines()
        headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers, body


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("root")
    with spaces() as made, pytest.MonkeyPatch.context() as patch:
        node, phone = made.node_and_phone(NODE.ula_address)
        made.ip(phone, "addr add 10.1.1.51/24 dev eth0", *(f"addr add 10.1.1.{n}/24 dev eth0" for n in MANY),
                "addr add 10.1.2.50/32 dev eth0")
        made.ip(node, "route add 10.1.2.0/24 dev port0")
        system = Inside(node, root)
        patch.setattr(certificates, "_group", lambda _name: 0)
        certificates.Certify(id="certificate", text="", host=HOST).apply(system, progress)
        text = tls.configuration(NODE, HOST, SERVICES)
        text = text.replace("http2 on;", "").replace(":443 ssl", ":443 ssl http2")  # it was so until nginx 1.25
        system.write(tls.CONFIG, text.replace("/tmp/", f"{root}/").replace("/run/byzantium", f"{root}/run/byzantium"))
        made.start(node, "nginx", "-e", "stderr", "-g", "user root;", "-c", str(root / tls.CONFIG.lstrip("/")))
        ports = [one.web.port for one in SERVICES if one.web and one.web.port]
        made.start(node, sys.executable, "-c", SERVE, str(root / "taken"), *map(str, ports))
        for port in (443, *ports):
            assert within(20, partial(made.listens, node, port)), port
        yield Lab(made, phone, root)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir(parents=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)), check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", str(folder)), check=True)


def look(lab: Lab, home: Path) -> None:
    """As tend does."""
    place = lab.root / fulldisks.FULL.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    fill(place, dict.fromkeys(fulldisks.services(home), ""))


def test_a_service_whose_disk_is_full_says_so_and_is_read_as_before(lab: Lab, tmp_path: Path) -> None:
    writes = (("board", "POST", "/board/guest/admin/note"), ("board", "POST", "/api/v1/statuses"),
              ("board", "PUT", "/api/v1/statuses/1"), ("wiki", "POST", "/wiki/wikiajax/save"))
    with disk(tmp_path / "board", 40) as board, disk(tmp_path / "wiki", 40) as wiki:
        look(lab, tmp_path)
        assert all(lab.ask(path, method)[::2] == (200, "kept") for _name, method, path in writes)
        for folder, gone in ((wiki, {"wiki"}), (board, {"wiki", "board"})):
            with (folder / "filler").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 37 * MB)
            look(lab, tmp_path)
            for name, method, path in writes:
                status, headers, body = lab.ask(path, method)
                assert status == (507 if name in gone else 200), path
                if name in gone:
                    assert "is full: what you sent is not kept" in body
                    assert headers["content-type"] == "text/plain; charset=utf-8"
            for path in ("/wiki/wiki", "/board/", "/library/", "/radio/"):
                assert lab.ask(path)[::2] == (200, "a page"), path
            assert lab.ask("/wiki/", "HEAD", "--head")[0] in (200, 501), "and HEAD is no writing"
        for folder in (board, wiki):
            (folder / "filler").unlink()
        look(lab, tmp_path)
        assert all(lab.ask(path, method)[::2] == (200, "kept") for _name, method, path in writes)


def test_where_the_disk_is_full_small_forms_pass_by_which_people_log_in_and_delete(lab: Lab, tmp_path: Path) -> None:
    with disk(tmp_path / "board", 40) as board:
        (board / "filler").write_bytes(bytes(37 * MB))
        look(lab, tmp_path)

        def status(kind: str, size: int, *more: str, method: str = "POST") -> int:
            return lab.ask("/board/note", method, "-H", f"Content-Type: {kind}", *more, sent="x" * size)[0]

        for form in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
            assert (status(form, 0), status(form, 9_999), status(form, 10_000)) == (200, 200, 507), form
        assert status(form, 10, "-H", "Transfer-Encoding: chunked") == 507
        assert status(form, 10, method="PUT") == 507
        assert status("application/activity+json", 10) == 507, "other nodes delete nothing here"
        (board / "filler").unlink()
        look(lab, tmp_path)
        assert status("application/activity+json", 10) == 200


def test_who_reads_slowly_holds_few_threads_of_a_service(lab: Lab) -> None:
    own, other = json.loads(lab.spaces.python(lab.phone, SLOW, HOST))
    assert own == [200] * 8 + [503] * 4
    assert other == 200


def test_a_browser_gets_a_page_of_many_pictures_by_http_2(lab: Lab) -> None:
    """It asks for as many at once as the server says, by one connection; curl would open more."""
    at_once = int(lab.spaces.python(lab.phone, AT_ONCE, HOST))
    assert at_once == 6
    done = lab.spaces.run(lab.phone, "curl", "-skZ", "--http2", "--parallel-max", str(at_once), "--max-time", "30",
                          "--resolve", f"{HOST}:443:10.1.1.1", "-o", "/dev/null",
                          "-w", "%{http_version} %{http_code}\n", f"https://{HOST}/board/[1-40]/1")
    assert done.stdout.splitlines() == ["2 200"] * 40


def test_what_a_slow_reader_does_not_take_stays_with_the_service(lab: Lab) -> None:
    taken = lab.root / "taken"
    lab.spaces.python(lab.phone, CONNECT + """
link = ask("GET /library/200 HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n")
link.recv(100000)
time.sleep(3)
""", HOST)
    # The kernel's own buffers hold some.
    assert 0 < int(taken.read_text()) < 50


@pytest.mark.parametrize("more", ["", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_one_address_has_few_unfinished_bodies_under_way(lab: Lab, method: str, more: str) -> None:
    head = f"{method} /board/note HTTP/1.1\r\nHost: {HOST}\r\n{more or 'Content-Length: 1000000'}\r\n\r\n"
    sending, reading = json.loads(lab.spaces.python(lab.phone, SEND, HOST, head))
    assert sending == [0, 0, 0, 0, 503, 503]
    assert reading == [200] * 6


def test_what_is_on_air_runs_in_nobodys_browser_and_the_page_of_the_radio_is_as_it_was(lab: Lab) -> None:
    for path, policy in (("/radio/live.ogg", "sandbox"), ("/radio/status.xsl", "sandbox"), ("/radio/", None)):
        status, headers, _body = lab.ask(path)
        assert (status, headers.get("content-security-policy")) == (200, policy), path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path


def test_who_takes_all_addresses_of_a_network_leaves_room_to_send_for_others_and_says_so(lab: Lab) -> None:
    sources = json.dumps([f"10.1.1.{n}" for n in MANY])
    refused, small, other = json.loads(lab.spaces.python(lab.phone, EVERYWHERE, HOST, sources))
    head, _blank, body = refused.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert "Retry-After: 60" in head
    assert body == "Too many want something of this node at once: what you sent is not kept. Try again in a minute."
    assert small.startswith("HTTP/1.1 200 ")
    assert other.startswith("HTTP/1.1 200 ")
