"""How the server of the files closes a connection on which somebody still sends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard import catalogue
from byzwizard.assets.services.files import server

ANSWER = b"HTTP/1.1 500 Internal Server Error\r\n\r\nserver HDD is full"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Of a connection: nginx's and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname(), 5)
        ours, _address = listening.accept()
    with theirs, ours:
        yield theirs, ours


def test_who_still_sends_gets_the_answer(ends: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = ends
    ours.sendall(ANSWER)
    closing = threading.Thread(target=server.part, args=(None, ours))
    closing.start()
    theirs.sendall(b"x" * (8 << 20))
    assert theirs.recv(1000) == ANSWER
    assert theirs.recv(1000) == b""
    theirs.close()
    closing.join(server.PATIENCE - 1)
    assert not closing.is_alive(), "it ends as soon as the other one does"
    assert ours.fileno() == -1


def test_who_never_ends_is_left(ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    _theirs, ours = ends
    monkeypatch.setattr(server, "PATIENCE", 0.3)
    begin = time.monotonic()
    server.part(None, ours)
    assert 0.2 < time.monotonic() - begin < 3
    assert ours.fileno() == -1
    server.part(None, ours)


def test_who_sends_without_end_is_left(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = ends
    monkeypatch.setattr(server, "MOST", 1000)
    theirs.sendall(b"x" * 5000)
    server.part(None, ours)
    assert ours.fileno() == -1


def test_it_is_what_the_unit_starts() -> None:
    unit = Path("assets/units/byz-files.service").read_text()
    assert "ExecStart=/usr/bin/python3 -sB /run/byzantium/services/files/server.py -c" in unit
    assert "server.py" in catalogue.here().services["files"].config


def test_no_clock_deletes_what_people_put_there_and_what_they_may_put_there_ends() -> None:
    """A laptop whose battery is empty begins years ago, and then steps forward."""
    conf = Path("assets/services/files/copyparty.conf").read_text()
    keys = {line.partition(":")[0].strip() for line in conf.splitlines() if not line.lstrip().startswith("#")}
    assert "lifetime" not in keys
    assert keys >= {"vmaxb", "vmaxn", "maxb", "maxn", "sz", "df"}
