"""The rule that unit tests start nothing holds, whichever way it is tried."""

import contextlib
import os
import socket
import subprocess

import pytest


def test_a_process_is_refused(forbidden: type[BaseException]) -> None:
    with pytest.raises(forbidden):
        subprocess.run(["true"], check=False)
    with pytest.raises(forbidden):
        os.system("true")  # noqa: S605  # it never starts


def test_it_is_not_swallowed(forbidden: type[BaseException]) -> None:
    with pytest.raises(forbidden), contextlib.suppress(Exception):
        subprocess.Popen(["true"])


def test_the_network_is_refused(forbidden: type[BaseException]) -> None:
    with socket.socket() as out, pytest.raises(forbidden):
        out.connect(("192.0.2.1", 80))
    with pytest.raises(forbidden):
        socket.getaddrinfo("byzantium.mesh", 80)


def test_a_server_of_the_test_itself_is_fine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
