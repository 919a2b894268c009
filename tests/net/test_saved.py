"""What people wrote in services with other tools than the wiki's: saved, lost, taken in, here and on another node."""

import base64
import io
import json
import re
import tarfile
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within
from tests.net.test_data import carry, data
from tests.net.test_each_service import HOME, VOICES
from tests.net.test_services import FORM, authority, host

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(600),
]
PICTURE = "R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("saved"), "services: [board, mumble]\n") as found:
        yield found


def post(node: Node, text: str, who: str = "guest", password: str = "guest", **more: str) -> int:
    """As a phone does by the form of the page."""
    known = base64.b64encode(f"{who}:{password}".encode()).decode()
    words = urlencode({"content": text, "visibility": "public", **more})
    return node.pages(f"/board/{who}/admin/note", host(node), authority(node), method="POST", send=words,
                      headers={**FORM, "Authorization": f"Basic {known}"})[0]


def board(node: Node, path: str = "/board/") -> str:
    status, _headers, text = node.pages(path, host(node), authority(node))
    assert status == 200, text
    return text


def addresses(node: Node, text: str) -> list[str]:
    """The paths of posts that a page leads to; all of them are this node's own."""
    assert set(re.findall(r"https://([a-z2-7]{32})\.byzantium\.mesh", text)) == {node.id}
    return sorted(set(re.findall(r"/board/[a-z]+/p/[0-9.]+", text)))


def lose(node: Node, unit: str, name: str) -> None:
    node.do("sh", "-c", f"systemctl stop {unit} && rm -r {HOME}/{name}/*")


def test_what_stands_on_the_board_comes_back_and_goes_to_another_node(lab: Lab) -> None:
    a, b = lab.nodes
    assert post(a, "Water at the school") == 303
    first = addresses(a, board(a))
    password = a.do("cat", f"{HOME}/board/board-password").strip()
    assert post(a, "And bread", "board", password, in_reply_to=f"https://{host(a)}{first[0]}") == 303
    said = data(a, "save", "board", "--file", "/tmp/board.tar.gz")
    assert str(said["version"]).startswith("snac ")
    written = addresses(a, board(a))
    lose(a, "byz-board", "board")
    data(a, "restore", "board", "--file", "/tmp/board.tar.gz")
    a.do("byzwizard", "enable", "board")
    assert "Water at the school" in board(a)
    assert addresses(a, board(a)) == written
    assert "And bread" in board(a)
    assert "Water at the school" in board(a, first[0])
    assert post(a, "as before") == 303
    assert post(a, "no", "board", password) == 401, "who has the dump does not know the operator's password"
    assert post(a, "new", "board", a.do("cat", f"{HOME}/board/board-password").strip()) == 303

    carry(a, b, "/tmp/board.tar.gz")
    assert post(b, "of the other node") == 303
    data(b, "restore", "board", "--file", "/tmp/board.tar.gz", "--yes")
    text = board(b)
    assert "Water at the school" in text
    assert "of the other node" not in text
    assert addresses(b, text) == written, "at addresses of its own"
    assert "And bread" in text
    assert "Water at the school" in board(b, first[0])
    assert post(b, "Answered there", in_reply_to=f"https://{host(b)}{first[0]}") == 303
    assert "Answered there" in board(b)
    links = b.do("sh", "-c", f"find {HOME}/board/posts/object -name '*.json' -links +2 | wc -l")
    assert int(links) >= 2, "what is listed is linked to, or it would be deleted as old"
    b.do("systemctl", "restart", "byz-board.service")
    assert within(20, lambda: addresses(b, board(b))[:2] == written[:2])


def forge(node: Node, name: str, held: str, content: bytes) -> str:
    """A dump with one file, as anybody can make one."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        said = {"dump": 1, "service": name, "made": "", "version": "", "files": 1, "bytes": len(content)}
        for path, text in (("byzantium-dump.json", json.dumps(said).encode()), (f"data/{held}", content)):
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    place = f"/tmp/forged-{name}.tar.gz"
    node.do("sh", "-c", f"base64 -d >{place}", stdin=base64.b64encode(packed.getvalue()).decode())
    return place


def archive(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", text: bytes = b"{}") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.size = kind, link, len(text) if kind == tarfile.REGTYPE else 0
        file.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


@pytest.mark.parametrize(("name", "held", "content"), [
    ("board", "posts/board.tar", b"no archive"),
    ("board", "posts/board.tar", archive("../../board-password")),
    ("board", "posts/board.tar", archive("style.css")),
    ("board", "posts/board.tar", archive("public.idx", tarfile.SYMTYPE, "/etc/passwd")),
    ("board", "posts/board.tar", archive("public.idx", tarfile.LNKTYPE, "/etc/passwd")),
    ("board", "posts/board.tar", archive("server.json", text=b'{"host": "a", "layout": 2.7}')),
    ("mumble", "mumble.sqlite", b"no database"),
])
def test_what_is_no_board_and_no_rooms_is_refused_with_all_as_it_was(
        lab: Lab, name: str, held: str, content: bytes) -> None:
    a = lab.nodes[0]
    before = a.do("sh", "-c", f"cd {HOME}/{name} && find . -name '*.json' -o -name '*.sqlite' | sort")
    done = a.run("byzwizard", "data", "restore", name, "--file", forge(a, name, held, content), "--yes")
    assert done.returncode == 1, done.stdout
    assert f"The data of {name} cannot be copied" in done.stderr
    assert "Traceback" not in done.stderr
    assert a.do("sh", "-c", f"cd {HOME}/{name} && find . -name '*.json' -o -name '*.sqlite' | sort") == before
    assert a.state(name) == "on"


def rooms(node: Node, name: str = "ann", password: str = "", new: str = "") -> list[str]:
    """But for the one around them all, which has the node's name."""
    words = json.dumps([node.address, host(node), authority(node), name, password, new])
    found: list[str] = json.loads(node.made.python(node.phone, VOICES, words))[5]
    return found[1:]


def test_rooms_for_voices_come_back_and_go_to_another_node(lab: Lab) -> None:
    a, b = lab.nodes
    password = a.do("cat", f"{HOME}/mumble/superuser-password").strip()
    assert rooms(a, "SuperUser", password, "Kitchen") == ["Kitchen"]
    said = data(a, "save", "mumble", "--file", "/tmp/mumble.tar.gz")
    assert "1.5" in str(said["version"])
    lose(a, "byz-mumble", "mumble")
    data(a, "restore", "mumble", "--file", "/tmp/mumble.tar.gz")
    a.do("byzwizard", "enable", "mumble")
    assert rooms(a) == ["Kitchen"]
    carry(a, b, "/tmp/mumble.tar.gz")
    data(b, "restore", "mumble", "--file", "/tmp/mumble.tar.gz", "--yes")
    assert rooms(b) == ["Kitchen"]
    own = b.do("cat", f"{HOME}/mumble/superuser-password").strip()
    assert own != password
    assert rooms(b, "SuperUser", own, "Garden") == ["Kitchen", "Garden"]
