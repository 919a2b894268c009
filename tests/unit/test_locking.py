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


def test_while_what_is_kept_is_copied_only_what_touches_no_service_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0)
    system = System(tmp_path)
    with locking.only_one(system), locking.copying(system):
        pass  # a part of this change
    with locking.copying(system):
        with pytest.raises(Refused, match=r"being copied to a stick \(process \d+\)"), locking.only_one(system):
            pytest.fail("both of them")
        with locking.only_one(system, beside_copies=True):
            pass  # an alert; what takes a change back unless it is confirmed
