"""Services switched on and off while others change the node as well."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from byzwizard import answers
from byzwizard.answers import Answers, save_text
from byzwizard.backends import keep, services, store
from byzwizard.backends.system import System
from byzwizard.commands import Context, apply, choosing, disable, enable
from byzwizard.errors import Refused
from tests.unit.test_broken_services import planned, service, started


class Node:
    """Its answers, what was applied to it, and what others do while one waits for them."""

    def __init__(self, root: Path) -> None:
        self.system = System(root)
        self.others: list[tuple[str, ...]] = []
        self.applied: list[tuple[str, ...]] = []
        self.files: list[list[str]] = []

    def has(self, *services: str) -> None:
        self.system.write(keep.ANSWERS, save_text(Answers(services=services)))

    @contextlib.contextmanager
    def only_one(self, _system: System) -> Iterator[None]:
        if self.others:
            self.has(*self.others.pop(0))
        yield

    def prepared(self, context: Context, _system: System) -> tuple[Any, Sequence[Any]]:
        read = answers.load(self.system.path(context.options.file))
        return SimpleNamespace(answers=read, plan=None, resolved=None, machine=None), ()

    def apply(self, _context: Context, _system: System, ready: Any, _stages: Sequence[Any]) -> Any:
        self.files.append(sorted(path.name for path in self.system.path("/run/byzantium").iterdir()))
        self.applied.append(ready.answers.services)
        self.has(*ready.answers.services)
        return SimpleNamespace(run=lambda: 0)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    node = Node(tmp_path)
    node.has()
    monkeypatch.setattr(enable, "System", lambda: node.system)
    for where in (apply, choosing):
        monkeypatch.setattr(where, "System", lambda: node.system)
        monkeypatch.setattr(where, "need_root", lambda: None)
    monkeypatch.setattr(apply, "only_one", node.only_one)
    monkeypatch.setattr(apply, "_prepared", node.prepared)
    monkeypatch.setattr(apply, "confirm", lambda *_: None)
    monkeypatch.setattr(apply, "_with_passphrases", lambda _context, _system, ready, _stack: ready)
    monkeypatch.setattr(apply, "must_be_free", lambda *_: None)
    monkeypatch.setattr(apply, "Apply", node.apply)
    return node


def say(*names: str) -> Context:
    options = argparse.Namespace(names=list(names), json=False, yes=True, machine=None, verb="enable")
    return Context(options, list)


def test_two_at_once_keep_both(node: Node) -> None:
    node.others = [("wiki",)]
    assert enable.run(say("radio")) == 0
    assert node.applied == [("wiki", "radio")]
    node.others = [("wiki", "radio", "chat"), ("wiki", "radio")]
    assert disable.run(say("wiki")) == 0
    assert node.applied == [("wiki", "radio"), ("radio",)]


def test_what_came_in_between_may_forbid_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    there = SimpleNamespace(services={"board": None, "wiki": None},
                            needing=lambda _name, left: ["board"] if "board" in left else [])
    monkeypatch.setattr("byzwizard.catalogue.here", lambda: there)
    node.has("wiki")
    node.others = [("wiki", "board")]
    with pytest.raises(Refused, match="board needs wiki"):
        disable.run(say("wiki"))
    assert node.applied == []


def test_each_has_a_file_of_its_own(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    other = node.system.path("/run/byzantium/choosing-4711.yaml")
    other.parent.mkdir(parents=True)
    other.write_text("of another")
    monkeypatch.setattr("os.getpid", lambda: 4712)
    assert enable.run(say("wiki")) == 0
    assert node.files == [["choosing-4711.yaml", "choosing-4712.yaml"]]
    assert [path.name for path in other.parent.iterdir()] == [other.name]
    assert other.read_text() == "of another"


def test_what_is_switched_off_takes_along_what_it_needed_unless_another_one_does(
    node: Node, descriptors: Path
) -> None:
    service(descriptors, "kettle", 8301)
    service(descriptors, "tea", 8302, needs=["kettle"])
    service(descriptors, "milk", 8303, needs=["kettle"])
    node.has("tea", "milk")
    for name, left, stopped in (("tea", ["kettle", "milk"], {"tea"}), ("milk", [], {"tea", "milk", "kettle"})):
        assert disable.run(say(name)) == 0
        ready = planned(descriptors, *node.applied[-1], boot=False)
        assert started(ready) == [f"service-{one}" for one in left]
        off = next(step for step in ready.plan.steps if isinstance(step, services.StopUnits))
        assert {f"byz-{one}.service" for one in stopped} == set(off.units) - {"byz-tls.service"}


def test_what_would_wait_for_a_locked_store_is_refused_with_what_opens_it(node: Node) -> None:
    node.system.write(store.RECORD, "{}")
    node.system.write(keep.MEANWHILE, save_text(Answers()))
    with pytest.raises(Refused, match="The store is locked") as refused:
        enable.run(say("voice", "wiki"))
    assert "`byzwizard persist unlock` opens it" in (refused.value.hint or "")
    assert node.applied == []
    assert enable.run(say("voice")) == 0, "it keeps nothing"
    assert disable.run(say("voice")) == 0
