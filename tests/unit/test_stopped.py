"""Killed while services are stopped for the store: they are known, and whatever comes next starts them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import inuse, kept, locker, store, storecheck
from byzwizard.backends.store import Store
from byzwizard.backends.system import CommandFailed, Result, System
from byzwizard.errors import StepFailed

STORE = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=False)
UNITS = ("byz-board.service", "byz-wiki.service")


class Killed(Exception):
    """Nothing is cleared up for it, as after SIGKILL."""


class Node(System):
    """Its store is open, and UNITS use it for as long as they run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.running = set(UNITS)
        self.killed_at: tuple[str, ...] | None = None
        self.broken = ""
        self.opened(True)
        self.write(STORE.device, "")
        store.remember(self, STORE)

    def opened(self, really: bool) -> None:
        line = f"60 1 254:0 / {self.path(store.PLACE)} rw - ext4 /dev/sdb2 rw\n"
        self.write("/proc/self/mountinfo", line if really else "")

    def run(self, *argv: str, **_more: Any) -> Result:
        units = set(argv[2:])
        self.running = self.running | units if argv[1] == "start" else self.running - units
        if argv[:2] == self.killed_at:
            raise Killed
        if argv[1] == "start" and self.broken in units:
            raise CommandFailed(argv, Result(1, "", "it does not start"))
        return Result(0, "", "")

    @property
    def stopped(self) -> tuple[str, ...]:
        known = store.known(self)
        return known.stopped if known else ()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    node = Node(tmp_path)

    def users(*_: object) -> tuple[inuse.User, ...]:
        return tuple(inuse.User(7, unit, unit) for unit in UNITS if unit in node.running)

    monkeypatch.setattr(inuse, "users", users)
    monkeypatch.setattr(inuse, "units_below", lambda *_: tuple(user.unit for user in users()))
    for name in ("bind_all", "unbind_all", "clear_up", "switch"):
        monkeypatch.setattr(kept, name, lambda *_: None)
    monkeypatch.setattr(kept, "listed", lambda *_: ())
    monkeypatch.setattr(store, "unmount", lambda *_: node.opened(False))
    monkeypatch.setattr(store, "mount", lambda *_: node.opened(True))
    monkeypatch.setattr(store, "find", lambda *_: STORE)
    monkeypatch.setattr(store, "is_there", lambda *_: True)
    return node


def killed(node: Node, job: Callable[[], object], *at: str) -> None:
    node.killed_at = at
    with pytest.raises(Killed):
        job()
    node.killed_at = None


@pytest.mark.parametrize("job", [locker.lock, locker.let_go, locker.stop, lambda node: locker.switch(node, ("mesh",))])
def test_whoever_opens_an_open_store_starts_them(node: Node, job: Callable[[Node], object]) -> None:
    killed(node, lambda: job(node), "systemctl", "stop")
    assert not node.running
    assert set(node.stopped) == set(UNITS)
    locker.unlock(node, None)
    assert node.running == set(UNITS)
    assert node.stopped == ()


def test_whoever_locks_it_remembers_them(node: Node) -> None:
    killed(node, lambda: locker.lock(node), "systemctl", "stop")
    node.running = {UNITS[1]}  # somebody started that one
    locker.lock(node)
    assert not node.running
    assert set(node.stopped) == set(UNITS)
    killed(node, lambda: locker.unlock(node, None, "/dev/sdb"), "systemctl", "start")  # as apply names it
    assert set(node.stopped) == set(UNITS)
    locker.unlock(node, None)
    assert node.running == set(UNITS)
    assert node.stopped == ()


def test_whoever_moves_or_copies_what_is_kept_starts_them(node: Node) -> None:
    jobs: tuple[Callable[[], None], ...] = (
        lambda: locker.switch(node, ("mesh",)),
        lambda: locker.start(node, locker.stop(node)),
    )
    for job in jobs:
        killed(node, lambda: locker.lock(node), "systemctl", "stop")
        node.running = {UNITS[1]}
        job()
        assert node.running == set(UNITS)
        assert node.stopped == ()


def test_a_store_that_could_be_closed_by_half_starts_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it kept is out of reach: services would begin anew in empty folders."""

    def half(*_: object) -> None:
        node.opened(False)
        raise StepFailed("busy")

    monkeypatch.setattr(store, "unmount", half)
    with pytest.raises(StepFailed, match="busy"):
        locker.lock(node)
    assert not node.running
    assert set(node.stopped) == set(UNITS)


def test_one_that_does_not_start_is_told_once(node: Node) -> None:
    locker.lock(node)
    node.broken = UNITS[0]
    with pytest.raises(CommandFailed, match="it does not start"):
        locker.unlock(node, None)
    assert node.stopped == ()
    locker.unlock(node, None)


def test_status_says_why_they_are_off(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "writable", lambda _system: True)
    monkeypatch.setattr(store, "fill", lambda _system: 0.95)
    killed(node, lambda: locker.lock(node), "systemctl", "stop")
    check = storecheck.kept(node)
    assert check is not None
    assert check.ok
    assert "byz-board.service, byz-wiki.service" in (check.advice or "")
    assert "persist unlock" in (check.advice or "")
    locker.unlock(node, None)
    check = storecheck.kept(node)
    assert check is not None
    assert "byz-board" not in (check.advice or "")
