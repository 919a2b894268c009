"""The real cryptsetup, from making a container to erasing it: the passphrase is in no argument, environment or file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard.backends import luks, storefile
from byzwizard.backends.system import System
from tests.disk.loops import MB, system

__all__ = ["system"]  # fixtures

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root"),
    pytest.mark.timeout(600),  # opening a store is made slow on purpose
]
OLD, NEW, WRONG = "canary orbit velvet plinth", "canary sextant gravel dune", "canary nobody knows this"
_started: list[str] = []
_listening = False


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event in {"subprocess.Popen", "os.exec", "os.posix_spawn"}:
        _started.append(repr(arguments))  # program, arguments, folder, environment


sys.addaudithook(_listen)  # hooks stay for good: the switch is _listening


@pytest.fixture
def started() -> Iterator[list[str]]:
    global _listening
    _started.clear()
    _listening = True
    yield _started
    _listening = False


def held(process: Path) -> bytes:
    return b"".join((process / name).read_bytes() for name in ("cmdline", "environ"))


def test_from_making_to_erasing(system: System, started: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    container = str(system.path("/container"))
    storefile.write(system, "/container", 20 * MB, lambda done, total: None)
    luks.make(system, container, OLD, luks.memory_kib(128 * MB))
    luks.check(system, container, OLD)
    with pytest.raises(luks.WrongPassphrase) as fault:
        luks.change(system, container, WRONG, NEW, "/header")
    luks.change(system, container, OLD, NEW, "/header")
    luks.check(system, container, NEW)
    assert not luks.is_erased(system, container)
    luks.erase(system, container)
    assert luks.is_erased(system, container)
    with pytest.raises(luks.Erased, match="deleting it was cut off"):
        luks.check(system, container, NEW)
    commands = " ".join(started)
    for verb in ("luksFormat", "open", "luksHeaderBackup", "luksChangeKey", "erase"):
        assert verb in commands
    assert "canary" not in commands
    assert b"canary" not in held(Path("/proc/self"))
    files = [path for path in system.root.rglob("*") if path.is_file() and not path.is_relative_to(system.path("/dev"))]
    assert system.path("/container") in files
    assert not [path for path in files if path.name != "mountinfo" and b"canary" in path.read_bytes()]
    assert "canary" not in f"{fault.value!r}" + "".join(capfd.readouterr())
