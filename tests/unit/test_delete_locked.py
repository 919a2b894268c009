"""A store is deleted that nobody could open: the node stays what it was meanwhile, and the next store keeps that."""

import argparse
from pathlib import Path

import pytest

from byzwizard.answers import Answers, Node
from byzwizard.backends import keep, making, store
from byzwizard.backends.store import Store
from byzwizard.backends.system import System
from byzwizard.commands import Context, persist
from byzwizard.identity import KEY

STORE = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=True)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Started with its store locked, and told something since."""
    system = System(tmp_path)
    system.write("/proc/self/mountinfo", "")
    store.remember(system, STORE)
    monkeypatch.setattr(store, "the", lambda *_: STORE)
    monkeypatch.setattr(making, "deletable", lambda *_: None)
    monkeypatch.setattr(making, "delete", lambda *_: None)
    answers = Answers(node=Node(name="lighthouse"))
    keep.KeepAnswers(id="answers", text="", answers=answers).apply(system, lambda done, total: None)
    return system


def delete(system: System) -> None:
    options = argparse.Namespace(device="auto", passphrase_file=None, passphrase_fd=None, confirmed=None, kept=None,
                                 yes=True)
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
