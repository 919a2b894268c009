"""A service is healthy that answers in its own protocol; one that only lets in may hang."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import certificates
from byzwizard.backends.health import Health, healthy
from byzwizard.backends.system import System

HOST = "a" * 32 + ".byzantium.mesh"
SOCKS: dict[str, Any] = {"say": "\x05\x01\xff", "hear": "\x05\0"}


def server(folder: Path) -> ssl.SSLContext:
    """Of whose certificate nobody knows who vouches for it."""
    now = datetime.datetime.now(datetime.UTC)
    pair = certificates.make_certificate(certificates.make_authority(HOST), HOST, now)
    (folder / "it.pem").write_text(pair.key + pair.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "it.pem")
    return context


def asked(serve: Callable[[socket.socket], None], probe: Callable[[int], Health]) -> bool:
    """What is found of a service that does this with one who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: serve(listening.accept()[0]))
        thread.start()
        found = healthy(System(), probe(listening.getsockname()[1]))
        thread.join(10)
    return found


@pytest.mark.parametrize(("said", "well"), [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.0 500 No\r\n\r\n", False),
                                            (b"SSH-2.0\r\n", False), (b"", False)])
def test_a_path_is_there(said: bytes, well: bool) -> None:
    heard = []

    def serve(link: socket.socket) -> None:
        with link:
            heard.append(link.recv(1000))
            link.sendall(said)

    assert asked(serve, lambda port: Health(port, "/tea", 1)) is well
    assert heard[0].startswith(b"GET /tea HTTP/1.0\r\n")


@pytest.mark.parametrize(("said", "well"), [
    (b"\x05\0", True), (b"\x05\0and more", True), (b"\x05", False), (b"\x04\0", False), (b"", False)])
@pytest.mark.parametrize("tls", [False, True])
def test_each_is_asked_in_its_protocol_also_over_tls(tmp_path: Path, tls: bool, said: bytes, well: bool) -> None:
    heard = []

    def serve(link: socket.socket) -> None:
        with server(tmp_path).wrap_socket(link, server_side=True) if tls else link as link:
            heard.append(link.recv(1000))
            link.sendall(said)

    assert asked(serve, lambda port: Health(port, None, 1, tls, **SOCKS)) is well
    assert heard == [b"\x05\x01\xff"]


def test_some_speak_first(tmp_path: Path) -> None:
    def serve(link: socket.socket) -> None:
        with server(tmp_path).wrap_socket(link, server_side=True) as secured:
            secured.sendall(b"\0\0\0\0\0\x10")
            secured.recv(1)

    assert asked(serve, lambda port: Health(port, None, 1, tls=True, hear="\0\0\0\0"))


def test_what_speaks_no_tls_is_not_taken_for_what_does() -> None:
    def serve(link: socket.socket) -> None:
        with link:
            link.recv(1000)
            link.sendall(b"\x05\0")

    assert not asked(serve, lambda port: Health(port, None, 1, tls=True, **SOCKS))


@pytest.mark.parametrize("probe", [{"path": "/"}, {"path": None, **SOCKS}, {"path": None, "hear": "hi"},
                                   {"path": None, "tls": True, **SOCKS}])
def test_what_lets_in_and_says_nothing_hangs(probe: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = Health(**{"port": listening.getsockname()[1], "within": 1, **probe})
        assert not healthy(System(), one, 0.2)


def test_nobody_is_there() -> None:
    assert not healthy(System(), Health(1, "/", 1))
