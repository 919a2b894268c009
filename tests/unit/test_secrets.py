"""A passphrase goes to cryptsetup by its standard input and nowhere else: no argument, no file, no word.

The tools themselves run in tests/disk/test_secrets.py, and all of it together in tests/vm/test_keep.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import filesystem, freespace, luks, making, store, targets
from byzwizard.backends.new_store import CreateStore
from byzwizard.backends.store import Store
from byzwizard.backends.system import CommandFailed, Result, System
from byzwizard.errors import ByzantiumError
from tests.unit.test_targets import disk

OLD, NEW = "canary orbit velvet plinth", "canary sextant gravel dune"
STORE = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=True)
SAYS = {
    "cryptsetup benchmark": "argon2id      4 iterations, 32768 memory, 4 parallel threads",
    "cryptsetup luksDump --dump-json-metadata": '{"keyslots": {"0": {}}, "tokens": {}}',
    "cryptsetup luksDump": "Time cost: 4\nMemory: 32768\n",
    "blkid": "ext4",
    "dumpe2fs": "Block count: 10\nBlock size: 4096\n",
    "blockdev": "40960",
    "losetup": "/dev/loop0",
}


class Recorder(System):
    """Runs nothing; what it was told to run is kept. A command that begins with `fails` fails, saying what it was
    given."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.argv: list[tuple[str, ...]] = []
        self.given: list[tuple[str, str]] = []
        self.fails = "nothing"
        self.write("/proc/self/mountinfo", "")
        self.write("/proc/meminfo", "MemAvailable: 9999999 kB\n")

    def run(self, *argv: str, stdin: str | None = None, **_more: Any) -> Result:
        self.argv.append(argv)
        if stdin is not None:
            self.given.append((" ".join(argv[:2]), stdin))
        if " ".join(argv).startswith(self.fails):
            raise CommandFailed(argv, Result(1, "", "it failed"))
        return Result(0, next((out for words, out in SAYS.items() if " ".join(argv).startswith(words)), ""), "")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(targets, "hold", lambda *_, **_more: contextlib.nullcontext(0))
    monkeypatch.setattr(freespace, "after_last", lambda *_: freespace.Space(1 << 20, 1 << 30, "gpt"))
    monkeypatch.setattr(freespace, "add", lambda *_: "/dev/sdb2")
    monkeypatch.setattr(freespace, "extent", lambda *_: (1 << 20, 1 << 30))
    monkeypatch.setattr(freespace, "remove", lambda *_: None)
    monkeypatch.setattr(making, "deletable", lambda *_: disk())
    monkeypatch.setattr(targets, "need_unchanged", lambda *_: disk())
    monkeypatch.setattr(filesystem, "is_mounted", lambda *_: False)
    return Recorder(tmp_path / "root")


def create(system: Recorder) -> None:
    passphrase = system.root.parent / "passphrase"
    passphrase.write_text(OLD + "\n")
    passphrase.chmod(0o600)
    system.path(store.PLACE).mkdir(parents=True)
    CreateStore(
        id="store", text="", kind="partition", disk=disk(), device=None, allow_internal=False, size=None, kib=32768,
        passphrase_file=str(passphrase),
    ).apply(system, lambda done, total: None)  # fmt: skip


def unlock(system: Recorder) -> None:
    system.path(store.PLACE).mkdir(parents=True)
    store.mount(system, STORE, OLD)


def change(system: Recorder) -> None:
    store.change_passphrase(system, STORE, OLD, NEW)


def delete(system: Recorder) -> None:
    store.check_passphrase(system, STORE, OLD)
    making.delete(system, STORE, disk())


@pytest.mark.parametrize("fails", ["nothing", "cryptsetup luksFormat", "cryptsetup open", "cryptsetup luksChangeKey"])
@pytest.mark.parametrize("act", [create, unlock, change, delete])
def test_a_passphrase_is_given_to_cryptsetup_by_its_standard_input_alone(
    system: Recorder, act: Callable[[Recorder], None], fails: str, capfd: pytest.CaptureFixture[str]
) -> None:
    system.fails = fails
    said = ""
    try:
        act(system)
    except ByzantiumError as fault:
        said = f"{fault} {fault!r} {fault.__cause__!r}"
    assert any("canary" in given for _command, given in system.given)
    assert {command.split()[0] for command, _given in system.given} == {"cryptsetup"}
    assert not any("canary" in word for argv in system.argv for word in argv)
    assert not any("canary" in path.read_text() for path in system.root.rglob("*") if path.is_file())
    assert "canary" not in said + "".join(capfd.readouterr())


def test_a_change_that_fails_says_nothing_of_either(system: Recorder) -> None:
    system.fails = "cryptsetup luksChangeKey"
    with pytest.raises(ByzantiumError) as fault:
        luks.change(system, "/dev/sdb2", OLD, NEW, "/header")
    chain: BaseException | None = fault.value
    while chain is not None:
        assert "canary" not in f"{chain!s} {chain!r} {vars(chain)!r}"
        chain = chain.__cause__ or chain.__context__
