"""A store is deleted that nobody could open: the node stays what it was meanwhile, and the next store keeps that."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard.answers import Answers, Node
from byzwizard.backends import keep, locker, making, store, targets
from byzwizard.backends.store import Store
from byzwizard.backends.system import System
from byzwizard.commands import Context, persist
from byzwizard.errors import Refused
from byzwizard.identity import KEY
from byzwizard.machine import Disk
from tests.unit.test_persistence import OTHER, OWN

STORE = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=True)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Started with its store locked, and told something since."""
    system = System(tmp_path)
    system.write("/proc/self/mountinfo", "")
    store.remember(system, STORE)
    monkeypatch.setattr(store, "the", lambda *_: STORE)
    has(monkeypatch, OWN)
    monkeypatch.setattr(making, "deletable", lambda *_: None)
    monkeypatch.setattr(making, "delete", lambda *_: None)
    answers = Answers(node=Node(name="lighthouse"))
    keep.KeepAnswers(id="answers", text="", answers=answers).apply(system, lambda done, total: None)
    return system


def has(monkeypatch: pytest.MonkeyPatch, *disks: Disk) -> None:
    monkeypatch.setattr(targets, "disks_now", lambda _system: disks)


def delete(system: System, device: str = "auto", passphrase_file: str | None = None) -> None:
    options = argparse.Namespace(device=device, passphrase_file=passphrase_file, passphrase_fd=None, confirmed=None,
                                 kept=None, yes=True)
    persist._delete(Context(options, tuple), system)


def test_the_node_goes_on_as_who_it_is(system: System) -> None:
    meanwhile = keep.identity(system)
    delete(system)
    assert not store.locked(system)
    told = keep.answers(system)
    assert told is not None
    assert told.node.name == "lighthouse"
    assert system.read(keep.MEANWHILE) is None
    assert keep.identity(system) == meanwhile
    for path, mode in ((KEY, 0o600), (KEY.parent, 0o700), (keep.ANSWERS, 0o600)):
        assert system.path(path).stat().st_mode & 0o777 == mode
    assert not keep.KeepIdentity(id="identity", text="").needed(system)


def test_one_that_is_deleted_open_keeps_what_it_had(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said while it was locked is older."""
    kept = keep.identity(system).text()
    system.write(KEY, kept)
    system.write(keep.ANSWERS, "byzantium: 1\n")
    monkeypatch.setattr("byzwizard.backends.locker.let_go", store.forget)
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    delete(system)
    assert system.read(keep.ANSWERS) == "byzantium: 1\n"
    assert system.read(KEY) == kept


def test_one_on_another_stick_goes_when_it_is_named_open_or_proved(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been found only because somebody has plugged it in."""
    monkeypatch.setattr(locker, "let_go", lambda *_: None)
    monkeypatch.setattr(store, "check_passphrase", lambda *_: None)
    deleted: list[Store] = []
    monkeypatch.setattr(making, "delete", lambda _system, found, _disk: deleted.append(found))
    has(monkeypatch, OTHER.model_copy(update={"path": STORE.disk}))
    with pytest.raises(Refused, match="not on the stick that this runs from") as refused:
        delete(system)
    assert "--device /dev/sdb2" in refused.value.hint
    assert not deleted
    assert store.known(system) == STORE
    delete(system, device="/dev/sdb2")
    words = tmp_path / "words"
    words.write_text("cactus orbit velvet plinth\n")
    words.chmod(0o600)
    delete(system, passphrase_file=str(words))
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    delete(system)
    assert deleted == [STORE] * 3


def test_what_was_stopped_for_the_lock_starts_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(System, "run", lambda _system, *argv, **_more: started.append(argv))
    store.remember(system, replace(STORE, stopped=("byz-board.service",)))
    delete(system)
    assert started == [("systemctl", "start", "byz-board.service")]
