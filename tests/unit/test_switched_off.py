"""What is switched off stays in the store until it is deleted: told after the apply, and deleted by a verb."""

import argparse
import json
from pathlib import Path

import pytest

from byzwizard.backends import kept, store
from byzwizard.backends.new_store import Keep
from byzwizard.backends.system import System
from byzwizard.commands import Context, persist
from byzwizard.errors import ByzantiumError, CannotHere, Invalid, Refused


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Its open store keeps mesh and wiki; it holds a home and logs from before, and a former wiki."""
    system = System(tmp_path)
    for name in ("mesh/etc/byzantium", "services.wiki", "home/home", "logs/var/log",
                 "services.wiki.before-2026-01-02-030405"):
        system.write(f"{store.PLACE}/{name}/file", "12345")
    system.write(kept.LIST, json.dumps({"keep": ["mesh", "services.wiki"]}))
    monkeypatch.setattr(store, "is_open", lambda _system: True)
    monkeypatch.setattr(kept, "sizes", lambda _system: {"home": 2_000_000})
    monkeypatch.setattr(persist, "System", lambda: system)
    monkeypatch.setattr(persist, "need_root", lambda: None)
    return system


def run(name: str, act: str = "delete", yes: bool = True) -> int:
    parser = argparse.ArgumentParser()
    persist.arguments(parser)
    options = parser.parse_args([act, "--kept", name], argparse.Namespace(yes=yes, json=True, machine=None))
    return persist.run(Context(options, tuple))


def test_it_is_told_with_the_verb_that_deletes_it(node: System) -> None:
    told = Keep(id="store-keep", text="", keep=()).told(node)
    assert "switched off stays in the store: home, logs." in told
    assert "from before stays in it: services.wiki.before-2026-01-02-030405." in told
    assert "persist delete --kept NAME" in told


def test_nothing_is_told_where_nothing_is_left(node: System) -> None:
    for name in kept.left_over(node):
        kept.delete(node, name)
    assert not Keep(id="store-keep", text="", keep=()).told(node)


def test_one_thing_goes_and_the_rest_stays(node: System, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("home") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["act"], "2.0 MB" in said["text"]) == ("delete", True)
    assert kept.left_over(node) == ("logs", "services.wiki.before-2026-01-02-030405")
    assert node.read(f"{store.PLACE}/mesh/etc/byzantium/file") == "12345"


@pytest.mark.parametrize(("name", "why", "kind"), [
    ("mesh", "is being kept", Refused),
    ("services.wiki", "is being kept", Refused),
    ("identity", "holds no identity", Invalid),
    ("../../etc", "holds no", Invalid),
    ("lost+found", "holds no", Invalid),
])  # fmt: skip
def test_what_is_kept_or_not_there_is_refused(
    node: System, name: str, why: str, kind: type[ByzantiumError]
) -> None:
    with pytest.raises(kind, match=why):
        run(name)
    assert node.read(f"{store.PLACE}/mesh/etc/byzantium/file") == "12345"


def test_it_is_confirmed_first(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", NoTerminal())
    with pytest.raises(Refused, match="not confirmed"):
        run("home", yes=False)
    assert node.read(f"{store.PLACE}/home/home/file") == "12345"


class NoTerminal:
    def isatty(self) -> bool:
        return False


def test_no_store_is_open(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "is_open", lambda _system: False)
    with pytest.raises(CannotHere, match="No store is open"):
        run("home")


def test_other_acts_have_no_use_for_it(node: System) -> None:
    with pytest.raises(Invalid, match="for delete"):
        run("home", act="lock")
