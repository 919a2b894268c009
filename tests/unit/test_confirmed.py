"""A page shows what goes, another process does it: a stick that was exchanged in between is left alone, status 3."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard import cli
from byzwizard.answers import Answers, Persistence
from byzwizard.backends import aboard, clone, making, probe, store, targets
from byzwizard.backends.new_store import CreateStore, OpenStore, planned
from byzwizard.backends.store import Store
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.commands.apply import confirm
from byzwizard.errors import Refused
from byzwizard.here import Here
from byzwizard.machine import Disk, Machine, Partition
from byzwizard.plan import Plan, PlannedStage, Step

GB = 10**9
STORE = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=False)


def plugged(fingerprint: str, *more: Partition) -> Disk:
    """A stick that tells no serial number; others of its kind differ in their fingerprint alone."""
    photos = Partition(path="/dev/sdb1", bytes=4 * GB, filesystem="vfat", label="PHOTOS", mounted=None)
    return Disk(path="/dev/sdb", bytes=16 * GB, vendor="SanDisk", model="Ultra", serial=None, transport="usb",
                removable=True, read_only=False, partitions=(photos, *more), fingerprint=fingerprint)  # fmt: skip


SHOWN, TWIN = plugged("shown"), plugged("twin")
BYZDATA = Partition(path="/dev/sdb2", bytes=4 * GB, filesystem="ext4", label="byzdata", mounted=None)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Disk], None]:
    """What is plugged in; every verb runs as root, and none of them really does it."""
    here: list[Disk] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(targets, "settle", lambda _system: None)
    monkeypatch.setattr(aboard, "look", lambda _system, disks, *_wanted, **_how: disks)
    monkeypatch.setattr(targets, "disks_now", lambda _system: tuple(here))
    monkeypatch.setattr(probe, "machine_for", lambda *_: Machine(disks=tuple(here)))
    monkeypatch.setattr("byzwizard.locking.LOCK", str(tmp_path / "lock"), raising=False)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def plug(disk: Disk) -> None:
        here[:] = [disk]

    return plug


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was written to."""
    done: list[str] = []
    monkeypatch.setattr(clone.CopySystem, "apply", lambda self, *_: done.append(self.disk.path))
    monkeypatch.setattr(CreateStore, "apply", lambda self, *_: done.append(self.disk.path))
    monkeypatch.setattr(CreateStore, "needed", lambda *_: True)
    monkeypatch.setattr(OpenStore, "needed", lambda *_: False)
    monkeypatch.setattr(making, "delete", lambda _system, found, _disk: done.append(found.device))
    monkeypatch.setattr(store, "the", lambda *_: STORE)
    monkeypatch.setattr(store, "known", lambda *_: None)
    monkeypatch.setattr(store, "is_open", lambda *_: False)
    return done


def run(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    monkeypatch.setattr("sys.argv", ["byzwizard", "--json", "--yes", *words])
    return cli.main()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that the pages of this computer start."""
    started: list[list[str]] = []

    def program(_desk: Here, arguments: list[str], _text: str) -> Any:
        started.append(arguments)

    monkeypatch.setattr(Here, "_program", program)
    monkeypatch.setattr(Here, "_ask", lambda _desk, *words: started.append([word for word in words if word != "--yes"]))
    return started


@pytest.fixture
def desk() -> Here:
    desk = Here(Context(argparse.Namespace(machine=None, json=False, yes=False), tuple))
    desk.rehearsal = False
    return desk


def test_a_copy_goes_to_the_stick_that_was_shown_and_to_no_twin(
    desk: Here, started: list[list[str]], plug: Callable[[Disk], None], done: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    plug(SHOWN)
    desk.clone(desk.sticks(), "blank")
    plug(TWIN)
    assert run(monkeypatch, started[0]) == 3
    assert "exchanged" in capsys.readouterr().out
    assert done == []
    plug(SHOWN)
    assert run(monkeypatch, started[0]) == 0
    assert done == ["/dev/sdb"]


def test_a_store_is_deleted_where_it_was_shown_and_on_no_twin(
    desk: Here, started: list[list[str]], plug: Callable[[Disk], None], done: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shown = plugged("shown", BYZDATA)
    plug(shown)
    desk.delete_store(making.seal(STORE, making.deletable(System(), STORE)))
    plug(plugged("twin", BYZDATA))
    assert run(monkeypatch, started[0]) == 3
    assert "exchanged" in capsys.readouterr().err
    assert done == []
    plug(shown)
    assert run(monkeypatch, started[0]) == 0
    assert done == ["/dev/sdb2"]


@pytest.mark.parametrize(("now", "status", "written"), [(SHOWN, 0, ["/dev/sdb"]), (TWIN, 3, [])])
def test_a_store_is_made_on_the_stick_that_review_showed(
    now: Disk, status: int, written: list[str], plug: Callable[[Disk], None], done: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seal = targets.seal("store", SHOWN)
    plug(now)
    monkeypatch.setattr(store, "the", lambda *_: STORE)
    words = ["persist", "create", "--kind", "partition", "--device", "/dev/sdb", "--unencrypted", "--confirmed", seal]
    assert run(monkeypatch, words) == status
    assert done == written


def test_an_apply_of_the_pages_writes_to_no_disk_that_review_did_not_show(
    desk: Here, started: list[list[str]]
) -> None:
    desk.apply(Answers(), ["one", "two"], frozenset({"names"}))
    desk.apply(Answers(), [])
    assert started == [
        ["apply", "/dev/stdin", "--skip", "names", "--confirmed", "one,two"],
        ["apply", "/dev/stdin", "--confirmed", ""],
    ]


def test_apply_refuses_a_disk_that_was_not_confirmed(
    plug: Callable[[Disk], None], done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = planned(Persistence(kind="partition", device="/dev/sdb", encrypt=False), Machine(disks=(TWIN,)))
    plan = Plan((PlannedStage("persistence", "Keep", steps),))

    def context(confirmed: str | None) -> Context:
        return Context(argparse.Namespace(confirmed=confirmed, yes=True, json=True, machine=None), tuple)

    for confirmed in ("", targets.seal("store", SHOWN), targets.seal("copy-sdb", TWIN)):
        with pytest.raises(Refused, match="SanDisk Ultra"):
            confirm(context(confirmed), plan)
    confirm(context(targets.seal("store", SHOWN) + "," + targets.seal("store", TWIN)), plan)
    confirm(context(None), plan)  # a script says --yes, and means it
    monkeypatch.setattr(CreateStore, "needed", lambda *_: False)
    confirm(context(""), plan)  # nothing is written to it


def test_the_same_copy_planned_twice_is_one_step_and_to_a_twin_it_is_another() -> None:
    def step(disk: Disk) -> Step:
        return clone.steps((disk.path,), "blank", None, Machine(disks=(disk,)))[0]

    assert step(SHOWN) == step(SHOWN)  # what the sticks of one copy share is no part of it
    assert hash(step(SHOWN)) == hash(step(SHOWN))
    assert step(SHOWN) != step(TWIN)
