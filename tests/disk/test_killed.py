"""Killed at any moment, with real mounts: an open store is known, and what was begun can be gone through with."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from byzwizard.backends import kept, locker, making, store
from byzwizard.backends.new_store import CreateStore
from byzwizard.backends.store import Store
from byzwizard.backends.system import Result, System
from tests.disk.loops import opened, stick, system
from tests.unit.test_targets import disk

__all__ = ["opened", "stick", "system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


class Mortal(System):
    """Is killed instead of doing its `last` act: a command, or a file that is written or removed."""

    last = 0

    def _act(self) -> None:
        self.last -= 1
        if self.last < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(self, *argv: str, **more: Any) -> Result:
        self._act()
        return super().run(*argv, **more)

    def write(self, *argv: Any, **more: Any) -> None:
        self._act()
        super().write(*argv, **more)

    def remove(self, *argv: Any) -> None:
        self._act()
        super().remove(*argv)


def killed(system: System, job: Callable[[System], object], last: int) -> bool:
    """Do it in another process, which is killed at that act; False when it came to its end before."""
    child = os.fork()
    if not child:
        mortal = Mortal(system.root)
        mortal.last = last
        try:
            job(mortal)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_store_that_was_made_is_never_open_and_unknown(
    system: System, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    locker.close(system, opened)
    monkeypatch.setattr(making, "partition", lambda *_: opened)
    create = CreateStore(
        id="store", text="", kind="partition", disk=disk(), device=None, allow_internal=False, size=None, kib=None,
        passphrase_file=None,
    )  # fmt: skip
    for act in range(100):
        store.forget(system)
        going = killed(system, lambda mortal: create.apply(mortal, lambda done, total: None), act)
        assert store.known(system) or not store.is_open(system)
        if store.known(system):
            locker.unlock(system, None)
            locker.lock(system)
        if not going:
            assert act > 3
            return
    pytest.fail("it has no end")


def test_an_unlocking_that_was_killed_is_gone_through_with(
    system: System, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    locker.switch(system, ("identity", "mesh"))
    locker.lock(system)
    monkeypatch.setattr(store, "find", lambda *_: opened)
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(locker, "start", lambda _system, units: started.append(units))
    for act in range(100):
        before = replace(opened, stopped=("byz-board.service",)) if act % 2 else None
        store.remember(system, before) if before else store.forget(system)
        going = killed(system, lambda mortal: locker.unlock(mortal, None), act)
        assert store.known(system) or not store.is_open(system)
        locker.unlock(system, None)
        assert not (before and going) or started.pop() == before.stopped
        assert kept.current(system, ("identity", "mesh"))
        assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
        locker.lock(system)
        if not going:
            assert act > 6
            return
    pytest.fail("it has no end")


def test_a_passphrase_that_is_wrong_leaves_what_was_known(
    system: System, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    locker.close(system, opened)
    other = Store("save.dat", "/dev/sdz", "/dev/sdz1", encrypted=True, file="/save.dat")
    monkeypatch.setattr(store, "find", lambda *_: other)
    monkeypatch.setattr(store, "container", lambda *_: "/nonexistent")
    for known in (opened, None):
        store.remember(system, known) if known else store.forget(system)
        with pytest.raises(Exception, match="cryptsetup"):
            locker.unlock(system, "wrong words here", "/dev/sdz")
        assert store.known(system) == known
