"""Unit tests start no process and reach no network: a test that tries fails at once, swallow what it may."""

import functools
import gc
import sys
import typing
from collections.abc import Iterator

import hypothesis
import pytest

from byzwizard import i18n

PROCESSES = {"subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}
NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

_forbidden = False


class Forbidden(BaseException):
    """Not an Exception, so that no `except Exception` hides it."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _forbidden:
        return
    if event in PROCESSES:
        raise Forbidden(
            f"a unit test started a process: {arguments[0]!r} (mark it allow_subprocess if that is its point)"
        )
    if event in NETWORK and not _local(event, arguments):
        raise Forbidden(f"a unit test used the network: {event} {arguments[1:]!r}")


def _local(event: str, arguments: tuple[object, ...]) -> bool:
    """Unix sockets, and servers that a test runs itself."""
    where = arguments[0] if event == "socket.getaddrinfo" else arguments[1] if len(arguments) > 1 else None
    if isinstance(where, tuple):
        where = where[0]
        return isinstance(where, str) and where in LOOPBACK
    return where is None or (isinstance(where, (str, bytes)) and (event != "socket.getaddrinfo" or where in LOOPBACK))


if sys.version_info < (3, 12):  # later ones keep what a protocol asks for; urwid looks for one at each column
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)  # type: ignore[attr-defined]  # private

sys.addaudithook(_watch)  # hooks stay for good: the switch is _forbidden


def pytest_collection_finish() -> None:
    """What was loaded stays: the collector need not look through it again and again, a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_subprocess: this test's point is a program (a linter)")


@pytest.fixture(autouse=True)
def nothing_outside(request: pytest.FixtureRequest) -> Iterator[None]:
    global _forbidden
    _forbidden = request.node.get_closest_marker("allow_subprocess") is None
    yield
    _forbidden = False


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What a test says in another language, the next one does not."""
    yield
    i18n.use("en")


@pytest.fixture
def forbidden() -> type[BaseException]:
    """What a forbidden act raises."""
    return Forbidden


# A busy machine is no fault of the code: nothing here is a timed assertion.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
