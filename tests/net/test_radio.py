"""The radio from one who speaks to those who listen at another node, by program and by its page."""

import json
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import pytest

from tests.net.booted import NEEDS, Lab, Node, pair
from tests.net.spaces import within
from tests.net.test_services import SEEN, authority, host, shut

pytestmark = [
    *NEEDS,
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pair(tmp_path_factory.mktemp("radio")) as found:
        a, _b = found.nodes
        for node in found.nodes:  # until a phone of each reaches the first node
            assert within(SEEN, lambda node=node: node.pages("/", host(a), address=a.address)[0] == 200)  # type: ignore[misc]  # bound now
        yield found


def test_radio_from_one_who_speaks_to_one_who_listens(lab: Lab) -> None:
    a, b = lab.nodes
    a.do("byzwizard", "enable", "radio")
    password = a.do("cat", "/var/lib/byzantium/services/radio/source-password")
    assert len(password) == 16
    assert "401" in a.made.python(a.phone, SPEAK, words(a, "hackme"))
    speaker = a.made.start(a.phone, sys.executable, "-c", SPEAK, words(a, password))
    heard = b.made.python(b.phone, LISTEN, words(a, path="/radio/live.mp3"))
    assert heard == "audio/mpeg", "a phone of the other node hears it over TLS"
    speaker.kill()
    a.do("byzwizard", "disable", "radio")
    assert a.state("radio") == "off"
    assert shut(a, 8103)


class Sources(HTMLParser):
    """The addresses that the players of a page load from, as a browser makes them out."""

    def __init__(self, base: str, text: str) -> None:
        super().__init__()
        self._base, self.found = base, list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "source":
            self.found.append(urljoin(self._base, dict(attrs)["src"] or ""))


def test_the_page_of_the_radio_plays_everyone_who_is_on_air(lab: Lab) -> None:
    a, b = lab.nodes
    a.do("byzwizard", "enable", "radio")
    base, password = f"https://{host(a)}/radio/", a.do("cat", "/var/lib/byzantium/services/radio/source-password")

    def page() -> str:
        status, headers, text = b.pages("/radio/", host(a), authority(a), address=a.address)
        assert (status, headers["content-type"]) == (200, "text/html; charset=UTF-8")
        return text

    assert "Nobody is on air now." in page()
    speakers = [a.made.start(a.phone, sys.executable, "-c", SPEAK, words(a, password, path))
                for path in ("/live.mp3", "/caf%C3%A9%20%3Cb%3E%231%3F.mp3", "/javascript:1.mp3")]
    assert within(10, lambda: len(Sources(base, page()).found) == 3), page()
    assert "café &lt;b&gt;#1?.mp3" in page()
    assert "Nobody is on air now." not in page()
    for url in Sources(base, page()).found:
        assert url.startswith(base)
        path = quote(url.removeprefix(f"https://{host(a)}"), safe="/%:")
        assert b.made.python(b.phone, LISTEN, words(a, path=path)) == "audio/mpeg", url
    for speaker in speakers:
        speaker.kill()
    assert within(20, lambda: "Nobody is on air now." in page())
    a.do("byzwizard", "disable", "radio")


def words(node: Node, password: str = "", path: str = "/live.mp3") -> str:
    return json.dumps([node.address, host(node), authority(node), password, path])


CONNECT = """
import base64, json, socket, ssl, sys, time
address, host, authority, password, path = json.loads(sys.argv[1])
def connect(port):
    link = socket.create_connection((address, port), 5)
    return ssl.create_default_context(cadata=authority).wrap_socket(link, server_hostname=host)
"""
# As programs for Icecast send: what has no end, and a length that nobody says.
SPEAK = CONNECT + """
link = connect(8103)
word = base64.b64encode(f"source:{password}".encode()).decode()
link.sendall((f"SOURCE {path} HTTP/1.0\\r\\nHost: {host}\\r\\nAuthorization: Basic {word}\\r\\n"
              "Content-Type: audio/mpeg\\r\\n\\r\\n").encode())
print(link.recv(1000).decode().splitlines()[0], flush=True)
while True:
    try:
        link.sendall(b"sound" * 1000)
    except OSError:
        break
    time.sleep(0.05)
"""
LISTEN = CONNECT + """
end = time.monotonic() + 30
while time.monotonic() < end:
    link = connect(443)
    link.sendall(f"GET {path} HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n".encode())
    said = b""
    while len(said) < 10000 and (part := link.recv(10000)):
        said += part
    if b"soundsoundsound" in said:
        print(said.lower().partition(b"content-type: ")[2].splitlines()[0].decode())
        break
    time.sleep(0.2)
"""
