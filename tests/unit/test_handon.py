"""What of a home folder goes along with a copy, and that it is said. How it is copied: tests/disk/test_store.py."""

import argparse
import contextlib
from pathlib import Path

import pytest

from byzwizard.answers import Answers, Clone
from byzwizard.backends import clone as copying
from byzwizard.backends import copies, handon, making, store, targets
from byzwizard.backends.clone import CopySystem
from byzwizard.backends.system import System
from byzwizard.commands import Context, apply, clone, secret
from byzwizard.errors import CannotHere, Refused
from byzwizard.machine import Disk, Machine
from byzwizard.plan import Progress, make_plan
from byzwizard.prepare import prepare_answers
from byzwizard.resolve import resolve
from tests.unit.test_clone import disk
from tests.unit.test_same_plan import MACHINE, NODE


@pytest.mark.parametrize("name", [".ssh", ".gnupg", ".bash_history", ".python_history", "fish_history", ".viminfo"])
def test_keys_and_histories_stay(name: str) -> None:
    assert handon.private(name)


@pytest.mark.parametrize("name", ["ssh", ".sshrc", "history", "history.txt", ".bashrc", ".profile", "notes", ".SSH"])
def test_what_people_wrote_goes_along(name: str) -> None:
    assert not handon.private(name)


def test_what_stays_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    (tmp_path / "passphrase").write_text("cactus orbit velvet plinth\n")
    (tmp_path / "passphrase").chmod(0o600)
    options = argparse.Namespace(passphrase_file=str(tmp_path / "passphrase"), passphrase_fd=None)
    assert clone._hand(Context(options, tuple), System(tmp_path)) is not None
    said = capsys.readouterr()
    assert all(name in said.err for name in handon.PRIVATE)
    assert said.out == ""
    parser = argparse.ArgumentParser()
    clone.arguments(parser)
    assert "keys and histories of the home folder do not" in " ".join(parser.format_help().split())


STICK = Disk(path="/dev/sdb", bytes=8 * 10**9, vendor=None, model=None, serial="4C53", transport="usb", removable=True,
             read_only=False, partitions=())  # fmt: skip


def planned(file: str | None) -> CopySystem:
    """The step of answers that copy with data."""
    machine: Machine = MACHINE.model_copy(update={"disks": (STICK,)})
    answers = Answers(clone=Clone(to=("4C53",), content="data", passphrase_file=file))
    [step] = make_plan(resolve(answers, machine, NODE), machine, (copies.STAGE,)).steps
    assert isinstance(step, CopySystem)
    return step


def test_answers_hand_on_what_is_kept_with_the_passphrase_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies").write_text("cactus orbit velvet plinth\n")
    locks: list[making.Lock | None] = []

    def partition(*arguments: object) -> None:
        lock = arguments[4]
        assert lock is None or isinstance(lock, making.Lock)
        locks.append(lock)
        raise CannotHere("far enough")

    monkeypatch.setattr(store, "is_open", lambda _system: True)
    monkeypatch.setattr(making, "partition", partition)
    hand = planned(str(tmp_path / "copies")).hand
    assert hand is not None
    hand.check(System(tmp_path))
    with pytest.raises(CannotHere, match="far enough"):
        hand(System(tmp_path), STICK, lambda done, total: None)
    assert [lock.passphrase for lock in locks if lock] == ["cactus orbit velvet plinth"]


def test_what_is_missing_is_said_before_a_stick_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = planned(None).hand
    assert hand is not None
    with pytest.raises(CannotHere, match="open store"):
        hand.check(System(tmp_path))
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    with pytest.raises(CannotHere, match=r"clone\.passphrase_file"):
        hand.check(System(tmp_path))


class Hand:
    """clone.Hand; `open` is whether there is a store."""

    def __init__(self, open: bool = True) -> None:
        self.open = open
        self.handed: list[Disk] = []

    def check(self, system: System) -> None:
        if not self.open:
            raise copying.no_store()

    def __call__(self, system: System, disk: Disk, progress: Progress) -> None:
        self.handed.append(disk)


def test_nothing_is_erased_where_no_store_is_open_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(copying, "stand_back", lambda _system: None)
    monkeypatch.setattr(copying.Copy, "share", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(copying.CopySystem, "_write", lambda *_: written.append(1))
    step = copying.steps(("4C53",), "data", None, Machine(disks=(disk(),)), Hand(open=False))[0]
    with pytest.raises(CannotHere, match="open store"):
        step.apply(System(tmp_path), lambda done, total: None)
    assert not written


def test_what_is_kept_is_handed_on_to_the_stick_that_was_copied_to_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand()
    here = [disk()]
    monkeypatch.setattr(copying, "stand_back", lambda _system: None)
    monkeypatch.setattr(copying.Copy, "share", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(copying.CopySystem, "_write", lambda *_: None)
    monkeypatch.setattr(targets, "settle", lambda _system: None)
    monkeypatch.setattr(targets, "disks_now", lambda _system: tuple(here))
    machine = Machine(disks=(disk(),))
    step = copying.steps(("4C53",), "data", None, machine, hand)[0]
    here[:] = [disk(children=[{"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": "vfat"}])]
    step.apply(System(tmp_path), lambda done, total: None)
    assert hand.handed == here
    for other in (disk(serial="9999"), disk(rm=False)):  # pulled out, and another one got its name
        here[:] = [other]
        with pytest.raises(Refused):
            step.apply(System(tmp_path), lambda done, total: None)
    assert len(hand.handed) == 1


class Terminal:
    def isatty(self) -> bool:
        return True


def test_the_passphrase_of_the_copies_is_asked_for_where_no_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(question: str, twice: bool = False) -> str:
        asked.append(question)
        assert twice
        return "cactus orbit velvet plinth"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(secret, "asked", answer)
    options = argparse.Namespace(json=False, boot=None, skip=[])
    machine = MACHINE.model_copy(update={"disks": (STICK,)})
    for file, questions in ((str(tmp_path / "file"), 0), (None, 1)):
        answers = Answers(clone=Clone(to=("4C53",), content="data", passphrase_file=file))
        ready = prepare_answers(System(tmp_path), answers, machine, NODE, (copies.STAGE,))
        with contextlib.ExitStack() as stack:
            context = Context(options, lambda: (copies.STAGE,))
            ready = apply._with_passphrases(context, System(tmp_path), ready, stack)
            named = ready.resolved.clone.passphrase_file
            assert len(asked) == questions
            assert named is not None
            if questions:
                assert Path(named).read_text() == "cactus orbit velvet plinth"
