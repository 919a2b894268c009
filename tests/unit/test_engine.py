"""The engine: order, undo of the stage that failed, the journal that survives a kill."""

import threading
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest

from byzwizard import journal
from byzwizard.backends.system import System
from byzwizard.backends.waiting import check_stop
from byzwizard.engine import Engine, Meter, StageFailed
from byzwizard.errors import Interrupted, StepFailed
from byzwizard.events import Event
from byzwizard.journal import Journal
from byzwizard.plan import BESIDE, Plan, PlannedStage, Progress, Step, step_class


@step_class
class Touch(Step):
    """Makes a file below the system's root; `act` runs first and may fail."""

    act: Callable[[], object] = field(default=lambda: None)

    def needed(self, system: System) -> bool:
        return system.read(self.id) is None

    def apply(self, system: System, progress: Progress) -> None:
        self.act()
        progress(1, 1)
        system.write(self.id, "here")

    def undo(self, system: System, before: Any) -> None:
        system.remove(self.id)


def touch(name: str, act: Callable[[], object] = lambda: None, after: tuple[str, ...] = ()) -> Touch:
    return Touch(id=name, text=f"Make {name}", act=act, after=after)


def fail() -> None:
    raise StepFailed("The disk is gone.", "Plug it in again.")


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


TOLD: list[Event] = []


def run(
    system: System, *stages: tuple[Step, ...], name: Callable[[int], str] = "s{}".format
) -> tuple[list[Event], int]:
    events: list[Event] = []
    record = Journal(system, {"name": "test"})
    engine = Engine(system, record, events.append)
    try:
        engine.apply(Plan(tuple(PlannedStage(name(i), f"Stage {i}", steps) for i, steps in enumerate(stages))))
        record.end(0)
    except StepFailed:
        record.end(1)
        raise
    finally:
        TOLD[:] = events  # the tests look at them after a failure
    return events, engine.changed


def test_a_second_run_changes_nothing_and_keeps_the_journal_of_the_first(system: System) -> None:
    assert run(system, (touch("a"), touch("b")))[1] == 2
    first = system.read(journal.JOURNAL)
    events, changed = run(system, (touch("a"), touch("b")))
    assert changed == 0
    assert {event.changed for event in events} == {False}
    assert system.read(journal.JOURNAL) == first


def test_what_came_of_a_step_is_told_once_it_is_done(system: System) -> None:
    class Chatty(Touch):
        def told(self, system: System) -> str:
            assert system.read(self.id) == "here"
            return "The older one is beside it."

    events, _changed = run(system, (Chatty(id="/x", text="Make x"), touch("/y")))
    texts = {event.step: event.text for event in events if event.event == "finish"}
    assert texts == {"/x": "Make x. The older one is beside it.", "/y": "Make /y"}


def beside(number: int) -> str:
    """The first stage has a round of its own, the others are made side by side."""
    return ("s0", "s1", *BESIDE)[number]


def test_stages_that_need_nothing_of_each_other_are_made_side_by_side(system: System) -> None:
    meet = threading.Barrier(3, timeout=10)
    meeting = [(touch(each, meet.wait),) for each in "bcd"]
    assert run(system, (touch("a"),), *meeting, name=beside)[1] == 4


def test_a_stage_that_fails_beside_others_is_undone_alone_when_they_are_through(system: System) -> None:
    failed = threading.Event()

    def failing() -> None:
        failed.set()
        fail()

    slow = (touch("b", lambda: failed.wait(10)), touch("c", after=("b",)))
    with pytest.raises(StageFailed, match="Make bad"):
        run(system, (touch("a"),), (touch("d"), touch("bad", failing, after=("d",))), slow, name=beside)
    assert [system.read(each) for each in ("a", "b", "c", "d", "bad")] == ["here", "here", "here", None, None]
    record = journal.read(system)
    assert record is not None
    assert {entry.step for entry in record.entries} == {"a", "b", "c"}


def test_a_failing_step_undoes_its_stage_in_reverse_and_leaves_the_others(system: System) -> None:
    steps = (touch("b"), touch("c", after=("b",)), touch("bad", fail, after=("c",)), touch("d", after=("bad",)))
    with pytest.raises(StageFailed, match=r"Make bad: The disk is gone\. Plug it in again\."):
        run(system, (touch("a"),), steps, (touch("never"),))
    assert system.read("a") == "here"
    assert [system.read(name) for name in ("b", "c", "bad", "d", "never")] == [None] * 5
    undone = [event.step for event in TOLD if event.event == "undo"]
    assert undone == ["bad", "c", "b"]
    record = journal.read(system)
    assert record is not None
    assert [entry.step for entry in record.entries] == ["a"]
    assert record.status == 1


def test_steps_that_do_not_wait_for_each_other_run_side_by_side(system: System) -> None:
    meet = threading.Barrier(2, timeout=10)

    def both() -> None:
        meet.wait()

    assert run(system, (touch("left", both), touch("right", both)))[1] == 2


class Patient(Touch):
    """As copies to sticks are: many wait for their devices at the same time, and cannot be taken back."""

    patient = True

    @property
    def undoable(self) -> bool:
        return False


def test_patient_steps_run_all_at_once_and_each_failure_is_told(system: System) -> None:
    meet = threading.Barrier(12, timeout=10)

    def together() -> None:
        meet.wait()

    def forged() -> None:
        meet.wait()
        raise StepFailed("It is forged.")

    steps = tuple(
        Patient(id=str(n), text=f"Copy {n}", act=forged if n in {3, 7} else together)
        for n in range(12)
    )
    with pytest.raises(StageFailed):
        run(system, steps)
    assert sorted(event.step or "" for event in TOLD if event.event == "fail") == ["3", "7"]
    assert sum(event.event == "finish" for event in TOLD) == 10
    record = journal.read(system)
    assert record is not None
    assert record.entries == [], "there is nothing to undo"


def rates(monkeypatch: pytest.MonkeyPatch, unit: int) -> list[Event]:
    """Told over thirty seconds: ten units in each of the first fifteen, then forty; of a thousand."""
    now = [0.0]
    monkeypatch.setattr("byzwizard.engine.time.monotonic", lambda: now[0])
    told: list[Event] = []
    meter = Meter(told.append, "clone", touch("a"))
    for second in range(1, 31):
        now[0] = float(second)
        meter(unit * (10 * second if second <= 15 else 150 + 40 * (second - 15)), 1000 * unit)
    return told


def test_a_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    told = rates(monkeypatch, 10**6)
    assert told[9].rate == 10e6
    assert told[-1].rate == 40e6
    assert told[-1].left == 6.2


def test_a_few_parts_have_no_rate_and_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One may take a second and the next a minute."""
    assert {(event.rate, event.left) for event in rates(monkeypatch, 1)} == {(None, None)}


def test_an_interrupt_undoes_everything_that_was_done(system: System) -> None:
    with pytest.raises(Interrupted):
        run(system, (touch("a"),), (touch("b", system.stop), touch("c", after=("b",))))
    assert [system.read(name) for name in "abc"] == [None] * 3


def test_our_own_fault_is_undone_and_explained_too(system: System) -> None:
    def wrong() -> None:
        raise KeyError("oops")

    with pytest.raises(StageFailed, match="a fault of Byzantium itself"):
        run(system, (touch("a"), touch("bad", wrong, after=("a",))))
    assert system.read("a") is None


def test_a_kill_in_the_middle_is_explained_and_continued(system: System) -> None:
    record = Journal(system, {"name": "test"})
    record.begin(journal.Entry("s0", "a", "Make a", None))
    record.done("a")
    record.begin(journal.Entry("s0", "b", "Make b", None))
    system.write("a", "here")
    assert "stopped while doing this: Make b" in (journal.unfinished(system) or "")
    run(system, (touch("a"), touch("b"), touch("c")))
    assert journal.unfinished(system) is None
    last = journal.read(system)
    assert last is not None
    assert [entry.step for entry in last.entries] == ["a", "b", "c"]  # undo takes all of it back


def test_half_a_line_at_the_end_of_the_journal_is_no_fault(system: System) -> None:
    system.write(journal.JOURNAL, '{"apply": {}}\n{"stage": "s", "step": "a", "text": "Make a", "before": null}\n{"do')
    record = journal.read(system)
    assert record is not None
    assert [(entry.step, entry.done) for entry in record.entries] == [("a", False)]


def test_a_signal_during_an_undo_does_not_stop_it(system: System) -> None:
    @step_class
    class Signalled(Touch):
        def undo(self, system: System, before: Any) -> None:
            system.stop()  # what the signal handler calls
            check_stop()  # what every command and every wait does
            super().undo(system, before)

    last = Signalled(id="c", text="Make c", act=fail, after=("b",))
    with pytest.raises(StageFailed):
        run(system, (touch("a"), touch("b", after=("a",)), last))
    assert [system.read(name) for name in "abc"] == [None] * 3
    record = journal.read(system)
    assert record is not None
    assert record.entries == []


def test_a_listener_that_goes_away_does_not_end_an_apply(system: System) -> None:
    def deaf(event: Event) -> None:
        raise BrokenPipeError

    engine = Engine(system, Journal(system, {}), deaf)
    engine.apply(Plan((PlannedStage("s0", "Stage", (touch("a"), touch("b"))),)))
    assert engine.changed == 2


def test_two_tries_of_one_apply_are_undone_together(system: System) -> None:
    record = Journal(system, {})
    engine = Engine(system, record, TOLD.append)
    with pytest.raises(StageFailed):
        engine.apply(Plan((PlannedStage("s0", "", (touch("a"),)), PlannedStage("s1", "", (touch("bad", fail),)))))
    engine.apply(Plan((PlannedStage("s0", "", (touch("a"),)), PlannedStage("s1", "", (touch("good"),)))))
    record.end(0)
    last = journal.read(system)
    assert last is not None
    assert [entry.step for entry in last.entries] == ["a", "good"]
