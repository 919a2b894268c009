"""One change at a time; what the node does by itself for a moment is waited for, and everything else is told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from byzwizard import locking
from byzwizard.backends.system import System
from byzwizard.errors import Refused


def test_a_moment_is_waited_for(tmp_path: Path) -> None:
    system, held, go_on = System(tmp_path), threading.Event(), threading.Event()

    def other() -> None:
        with locking.only_one(system):
            held.set()
            go_on.wait(5)

    running = threading.Thread(target=other)
    running.start()
    assert held.wait(5)
    threading.Timer(0.1, go_on.set).start()
    with locking.only_one(system):
        assert go_on.is_set()
    running.join()


def test_who_changes_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0)
    system, who = System(tmp_path), r"under way \(process \d+\)"
    with locking.only_one(system), pytest.raises(Refused, match=who) as told, locking.only_one(system):
        pytest.fail("both of them")
    assert told.value.status == 3


def test_a_part_of_a_change_is_not_kept_out_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0)
    system = System(tmp_path)
    with locking.only_one(system), locking.within_one(system):
        pass
    with locking.within_one(system), pytest.raises(Refused), locking.only_one(system):
        pytest.fail("both of them")
