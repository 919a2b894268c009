"""What of a home folder goes along with a copy, and that it is said. How it is copied: tests/disk/test_store.py."""

import argparse
import contextlib
import json
from pathlib import Path

import pytest

from byzwizard.answers import Answers, Clone, parse, save_text
from byzwizard.backends import clone as copying
from byzwizard.backends import copies, freespace, handon, kept, store
from byzwizard.backends.clone import CopySystem
from byzwizard.backends.stick import Behind
from byzwizard.backends.system import System
from byzwizard.commands import Context, apply, clone, secret
from byzwizard.errors import CannotHere, Refused
from byzwizard.machine import Disk, Machine
from byzwizard.plan import make_plan
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


ROOM = freespace.Space(4 << 30, 4 << 30, "gpt")


def holds(monkeypatch: pytest.MonkeyPatch, bytes: int) -> None:
    """A store is open, and holds so much."""
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    monkeypatch.setattr(handon, "kept_bytes", lambda _system: bytes)


def test_answers_hand_on_what_is_kept_with_the_passphrase_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies").write_text("cactus orbit velvet plinth\n")
    holds(monkeypatch, 1 << 30)
    hand = planned(str(tmp_path / "copies")).hand
    assert hand is not None
    hand.check(System(tmp_path))
    handed = hand.onto(System(tmp_path), STICK, ROOM)
    assert isinstance(handed, handon.Handed)
    assert handed.lock is not None
    assert handed.lock.passphrase == "cactus orbit velvet plinth"
    assert (handed.disk, handed.bytes) == ("/dev/sdb", 1 << 30)


def test_what_has_no_room_is_refused_before_the_stick_is_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = handon.handing(None)
    holds(monkeypatch, 4 << 30)  # and a container and a file system need some, too
    with pytest.raises(Refused, match=r"What is kept \(4\.3 GB\) has no room on .*4C53\): 4\.3 GB are free"):
        hand.onto(System(tmp_path), STICK, ROOM)
    holds(monkeypatch, 0)
    with pytest.raises(Refused, match="no room"):
        hand.onto(System(tmp_path), STICK, freespace.Space(4 << 30, 32 << 20, "gpt"))


def test_a_stick_that_has_a_store_gets_no_second_one() -> None:
    parts = [{"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": "vfat", "label": "BYZANTIUM"},
             {"name": "sdb2", "path": "/dev/sdb2", "type": "part", "size": 9, "fstype": "crypto_LUKS",
              "label": "byzdata"}]  # fmt: skip
    machine = Machine(disks=(disk(children=parts),))
    with pytest.raises(Refused, match="has a store already") as refused:
        copying.steps(("4C53",), "data", None, machine, Hand())
    assert "persist delete --device /dev/sdb" in (refused.value.hint or "")
    assert copying.steps(("4C53",), "blank", None, machine)


def keeps(system: System, *names: str) -> None:
    system.write(kept.LIST, json.dumps({"keep": names}))


def test_what_was_switched_off_stays_here(tmp_path: Path) -> None:
    system = System(tmp_path)
    for name in ("home/root/diary", "services.wiki/wiki.fossil", "services.board/posts", "identity/key", "lost+found/1",
                 "services.wiki.before-2026-01-02-030405/wiki.fossil", "usr/lib/of-an-image-from-elsewhere"):
        system.write(f"{store.PLACE}/{name}", "mine\n")
    system.write(handon.ANSWERS, "byzantium: 1\n")
    keeps(system, "identity", "services.wiki")
    assert [entry.name for entry in handon._entries(system)] == ["services.wiki", "kept.json"]
    handon._answers(system, "/place", encrypted=True)
    assert system.read("/place/mesh/etc/byzantium/answers.yaml") is None
    keeps(system, "mesh", "home", "services.wiki")
    assert [entry.name for entry in handon._entries(system)] == ["home", "services.wiki", "kept.json"]


def test_a_copy_finds_its_store_on_its_own_stick(tmp_path: Path) -> None:
    """Whatever this node's store is on."""
    system = System(tmp_path)
    wanted = {"kind": "save.dat", "device": "SRC1", "size": "2GiB", "keep": ["mesh"], "passphrase_file": "/run/word"}
    system.write(handon.ANSWERS, save_text(Answers.model_validate({"byzantium": 1, "persistence": wanted})))
    keeps(system, "mesh")
    handon._answers(system, "/place", encrypted=True)
    text = system.read("/place/mesh/etc/byzantium/answers.yaml")
    assert text is not None
    there = parse(text, "answers", []).persistence
    assert (there.kind, there.device, there.size, there.encrypt) == ("partition", "auto", "max", True)
    assert there.passphrase_file is None
    assert there.keep == ("mesh",)


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

    def check(self, system: System) -> None:
        if not self.open:
            raise copying.no_store()

    def onto(self, system: System, disk: Disk, space: freespace.Space) -> Behind:
        raise AssertionError("it was checked before")


def test_nothing_is_erased_where_no_store_is_open_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(copying, "stand_back", lambda _system: None)
    monkeypatch.setattr(copying.Copy, "share", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(copying.CopySystem, "_write", lambda *_: written.append(1))
    step = copying.steps(("4C53",), "data", None, Machine(disks=(disk(),)), Hand(open=False))[0]
    with pytest.raises(CannotHere, match="open store"):
        step.apply(System(tmp_path), lambda done, total: None)
    assert not written


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
