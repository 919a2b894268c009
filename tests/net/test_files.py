"""Files put on a node from a browser and taken by others, on the image's own systemd."""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.net.booted import NEEDS, Lab, Node
from tests.net.each import all_off_again, enable, three_nodes
from tests.net.spaces import within
from tests.net.test_services import SEEN, authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]
FOLDER = "/var/lib/byzantium/services/files"
MB = 1 << 20


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with three_nodes(tmp_path_factory.mktemp("files")) as found:
        yield found


@pytest.fixture
def a(lab: Lab) -> Iterator[Node]:
    with all_off_again(lab.nodes[0]) as node:
        yield node


def ask(phone: Node, a: Node, path: str, **more: Any) -> tuple[int, dict[str, str], str]:
    """What a phone gets from the files of `a`."""
    return phone.pages(f"/files/{path}", host(a), authority(a), address=a.address, **more)


def put(phone: Node, a: Node, name: str, text: str) -> tuple[int, str]:
    status, _headers, said = ask(phone, a, name, method="PUT", send=text)
    return status, said


def take_back(phone: Node, a: Node, name: str) -> None:
    for asked in ("?delete", "?delete&unpost"):
        ask(phone, a, asked, method="POST", send=json.dumps([f"/files/{name}"]),
            headers={"Content-Type": "application/json"})


# Puts a file of so many MB, or takes it; prints status and the hash of what went over the line (no two MB of it are the
# same), or why it was refused.
CARRY = """
import hashlib, http.client, json, ssl, sys
address, host, authority, method, path, size = json.loads(sys.argv[1])
link = http.client.HTTPSConnection(address, 443, timeout=300, context=ssl.create_default_context(cadata=authority))
link.sock = link._context.wrap_socket(__import__("socket").create_connection((address, 443), 20), server_hostname=host)
hashed = hashlib.sha256()
def pieces():
    for number in range(size):
        piece = hashlib.sha256(str(number).encode()).digest() * 32768
        hashed.update(piece)
        yield piece
if method == "PUT":
    link.request("PUT", path, pieces(), {"Host": host, "Content-Length": str(size << 20)})
    got = link.getresponse()
    said = got.read().decode()
else:
    link.request("GET", path, headers={"Host": host})
    got = link.getresponse()
    while piece := got.read(1 << 20):
        hashed.update(piece)
print(json.dumps([got.status, hashed.hexdigest() if got.status < 300 else said]))
"""


def carry(phone: Node, a: Node, method: str, name: str, megabytes: int) -> tuple[int, str]:
    words = [a.address, host(a), authority(a), method, f"/files/{name}", megabytes]
    status, known = json.loads(phone.made.python(phone.phone, CARRY, json.dumps(words)))
    return status, known


def picture(width: int, height: int) -> bytes:
    """A PNG (RFC 2083) of two colours."""
    def part(kind: bytes, said: bytes) -> bytes:
        return struct.pack(">I", len(said)) + kind + said + struct.pack(">I", zlib.crc32(kind + said))

    rows = (b"\0" + b"\xff\x80\x20" * (width // 2) + b"\x20\x80\xff" * (width - width // 2)) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def test_a_great_file_goes_up_from_one_phone_and_down_to_another_two_hops_away(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "files")
    status, _headers, page = ask(a, a, "")
    assert (status, "<html" in page) == (200, True), page
    status, sent = carry(a, a, "PUT", "film.bin", 100)
    assert status == 201
    assert carry(c, a, "GET", "film.bin", 100) == (200, sent)
    assert a.state("files") == "on", "what is kept in memory alone does not end it"

    def seen() -> list[str]:
        return [row["url"] for row in c.services() if row["node"] == "node-a"]

    assert within(SEEN, lambda: seen() == [f"https://{host(a)}/files/"]), seen()
    a.do("systemctl", "restart", "byz-files.service")
    assert within(20, lambda: ask(c, a, "film.bin", method="HEAD")[1].get("content-length") == str(100 * MB))
    assert "film" not in a.do("journalctl", "-b", "-o", "cat", "-u", "byz-files.service")


def test_who_put_a_file_takes_it_back_and_nobody_else(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "files")
    for name in ("mine.txt", "notes.md"):
        assert put(a, a, name, "water at the school")[0] == 201
    take_back(c, a, "mine.txt")
    assert ask(c, a, "mine.txt")[2] == "water at the school"
    for name in ("mine.txt", "notes.md"):
        # A file of that name beside it, and not in its place.
        put(c, a, name, "no water")
        assert ask(c, a, name)[2] == "water at the school"
    take_back(a, a, "mine.txt")
    assert ask(a, a, "mine.txt")[0] == 404


# As phones and computers name files, with folders within folders.
NAMES = ("a/way to water.txt", "Screenshot 9.41\u202fAM.png", "no\u00a0break", "family \U0001f468\u200d\U0001f469.txt",
         "/".join([*"abcdefghijklmnopqrstuvwxyz", "deep.txt"]))


def test_what_was_put_is_saved_and_goes_to_another_node(lab: Lab, a: Node) -> None:
    c = lab.nodes[2]
    enable(a, "files")
    for number, name in enumerate(NAMES):
        assert put(a, a, quote(name), f"file {number}")[0] == 201, name
    assert put(a, a, "bell%07/file", "what no dump holds")[0] == 201
    a.do("byzwizard", "data", "save", "files", "--file", "/tmp/files.tar.gz")
    c.do("sh", "-c", "base64 -d >/tmp/files.tar.gz", stdin=a.do("base64", "-w0", "/tmp/files.tar.gz"))
    with all_off_again(c):
        c.do("byzwizard", "data", "restore", "files", "--file", "/tmp/files.tar.gz", "--yes")
        c.do("byzwizard", "enable", "files")
        assert within(20, lambda: ask(a, c, quote(NAMES[0]))[2] == "file 0")
        assert [ask(a, c, quote(name))[2] for name in NAMES] == [f"file {number}" for number in range(len(NAMES))]
        assert ask(a, c, "bell%07/file")[0] == 404


def test_what_one_puts_runs_in_nobodys_browser(a: Node) -> None:
    enable(a, "files")
    for name in ("page.html", "page.htm", "page.xhtml", "drawing.svg", "page.xml", "page.mht", "readme.md", "x.shtml",
                 ".prologue.html", ".epilogue.html", "index.html"):
        assert put(a, a, name, "<html><script>alert(1)</script></html>")[0] == 201, name
        for more in ("", "?mime=text/html", "?raw", "?v"):
            status, headers, text = ask(a, a, name + more)
            if "<script>alert(1)</script>" in text:
                assert status == 200
                kind = headers["content-type"].partition(";")[0]
                assert kind in ("text/plain", "application/octet-stream"), (name, more, kind)
                assert headers["x-content-type-options"] == "nosniff"
                assert "script-src 'none'" in headers["content-security-policy"]
    assert "alert(1)" not in ask(a, a, "")[2], "nor beside the list of files"


def test_a_picture_is_shown_small(a: Node) -> None:
    enable(a, "files")
    whole = picture(1600, 1200)
    assert put(a, a, "photo.png", whole.decode("latin-1"))[0] == 201
    status, headers, _text = ask(a, a, "photo.png?th=w")
    assert (status, headers["content-type"]) == (200, "image/webp")
    assert int(headers["content-length"]) < 5000
    # One that would take more memory than there is, and one that is none.
    for name, content in (("great.png", picture(20000, 10)), ("torn.png", whole[:200])):
        assert put(a, a, name, content.decode("latin-1"))[0] == 201
        assert ask(a, a, f"{name}?th=w")[0] in (200, 404, 500)
    assert a.state("files") == "on"


def test_where_the_disk_is_nearly_full_a_sentence_says_so(a: Node) -> None:
    a.do("sh", "-c", f"mkdir -p {FOLDER} && mount -t tmpfs -o size=300m,mode=700 none {FOLDER}"
                     f" && head -c {40 * MB} /dev/zero >{FOLDER}/filler")
    try:
        enable(a, "files")
        assert put(a, a, "small.txt", "small")[0] == 201
        for _time in range(20):  # whoever of nginx and copyparty is the faster one
            status, said = carry(a, a, "PUT", "great.bin", 20)
            assert status == 500
            assert "is full" in said, said
        assert ask(a, a, "small.txt")[2] == "small"
        assert ask(a, a, "great.bin")[0] == 404
    finally:
        a.do("byzwizard", "disable", "files")
        a.do("umount", FOLDER)
