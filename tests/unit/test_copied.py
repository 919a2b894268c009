"""A copy of a service's data: there is room for all that is made of it, and what people took away leaves none."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.backends import cutoff, dumped, dumpfile, dumps, kept
from byzwizard.backends.system import Result, System
from tests.unit.test_dumps import TEA, quiet


class Node(System):
    """With a script that copies the leaves, and a store that keeps what is saved."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.leaves = self.path(f"{TEA.folder}/leaves")
        self.leaves.mkdir(parents=True)
        (self.leaves / "green").write_bytes(b"x" * 100_000)
        self.dump = self.path(TEA.file)
        self.dump.parent.mkdir(parents=True)
        self.dump.write_text("of before")

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        if argv[0] == "systemctl":
            return Result(0, getpass.getuser() + "\n" if argv[1] == "show" else "", "")
        if argv[0] == "du":
            return Result(0, f"{100_000}\t{argv[-1]}\n", "")
        copy = self.path(argv[-1]) / "leaves"
        copy.mkdir()
        for leaf in self.leaves.iterdir():
            (copy / leaf.name).write_bytes(leaf.read_bytes())
        return Result(0, "tea 1.2\n", "")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(os, "chown", lambda *_words, **_more: None)
    monkeypatch.setattr(kept, "bound", lambda _system, folder: folder.startswith(kept.DUMPS))
    node = Node(tmp_path)
    monkeypatch.setattr(dumped, "work", lambda _system, _one: node.dump.parent)
    return node


def test_what_is_stopped_is_saved(node: Node) -> None:
    dumps.save_kept(node, TEA, quiet)
    assert dumpfile.unpack(node.dump, node.dump.parent, "tea", TEA.holds, TEA.most_bytes, quiet).files == 1


@pytest.mark.parametrize("gone", ["what is in it", "all"])
def test_what_people_took_away_does_not_come_back_and_is_no_fault(node: Node, gone: str) -> None:
    (node.leaves / "green").unlink()
    if gone == "all":
        node.leaves.rmdir()
    dumps.save_kept(node, TEA, quiet)
    assert not node.dump.exists(), "an empty service would take it in at its next start"
    assert not cutoff.told(node)


@pytest.mark.parametrize(("elsewhere", "need"), [(False, 200_000), (True, 100_000)])
def test_there_is_room_for_the_copy_and_for_the_file_that_it_is_packed_in(
    node: Node, monkeypatch: pytest.MonkeyPatch, elsewhere: bool, need: int
) -> None:
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(dumpfile, "need_room", lambda folder, bytes_: asked.append((folder, bytes_)))
    target = Path("/dev/shm") / f"tea-{os.getpid()}.tar.gz" if elsewhere else node.dump
    try:
        dumps.save(node, TEA, target, quiet)
    finally:
        if elsewhere:
            target.unlink(missing_ok=True)
    assert asked == [(node.dump.parent, need)]
