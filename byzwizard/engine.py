"""The engine: runs the stages of a plan, tells events, keeps the journal, and undoes what failed. Knows no terminal."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from byzwizard.backends.system import System
from byzwizard.backends.waiting import check_stop
from byzwizard.errors import ByzantiumError, Interrupted, StepFailed, explained
from byzwizard.events import Event, Tell
from byzwizard.i18n import _
from byzwizard.journal import Entry, Journal
from byzwizard.plan import Plan, PlannedStage, Step

SIDE_BY_SIDE = 16
"""Steps at a time, besides those that are patient."""


class StageFailed(StepFailed):
    """`cause` is what the step raised; the stage has been undone."""

    def __init__(self, stage: str, step: Step, cause: ByzantiumError) -> None:
        super().__init__(_("{text}: {why}").format(text=step.text, why=cause.message), cause.hint)
        self.stage = stage
        self.step = step.id
        self.cause = cause
        self.status = cause.status


class Engine:
    def __init__(self, system: System, journal: Journal, tell: Tell) -> None:
        self._system = system
        self._journal = journal
        self._tell_unlocked = tell
        self._lock = threading.Lock()
        self._done: list[tuple[str, Step, Entry]] = []
        self.changed = 0

    def apply(self, plan: Plan) -> None:
        """Raises StageFailed after undoing that stage, Interrupted after undoing everything."""
        rounds = plan.rounds
        patient = sum(step.patient for step in plan.steps)
        with (
            ThreadPoolExecutor(max(map(len, rounds), default=1)) as pool,
            ThreadPoolExecutor(SIDE_BY_SIDE + patient) as workers,
        ):
            for stages in rounds:
                self._round(stages, pool, workers)

    def _round(self, stages: Sequence[PlannedStage], pool: ThreadPoolExecutor, workers: ThreadPoolExecutor) -> None:
        made = {stage.name: pool.submit(self._run_stage, stage, workers) for stage in stages}
        failures = {name: error for name, work in made.items() if (error := work.exception()) is not None}
        for error in failures.values():
            if not isinstance(error, StageFailed):  # what was interrupted; nothing else leaves a stage
                self._undo(list(self._done))
                raise error
        if failures:
            self._undo([item for item in self._done if item[0] in failures])
            raise next(iter(failures.values()))

    def undo(self, steps: Sequence[tuple[str, Step, Entry]]) -> None:
        """Take back what an earlier apply did, last first."""
        self._undo(steps)

    def _run_stage(self, stage: PlannedStage, workers: ThreadPoolExecutor) -> None:
        waiting = {step.id: step for step in stage.steps}
        running: dict[Future[None], Step] = {}
        failure: tuple[Step, ByzantiumError] | None = None
        while waiting or running:
            busy = {step.id for step in running.values()} | waiting.keys()
            ready = [step for step in waiting.values() if not busy & set(step.after)] if failure is None else []
            for step in ready:
                del waiting[step.id]
                running[workers.submit(self._run_step, stage.name, step)] = step
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                error = future.exception()
                if error is None:
                    continue
                fault = explained(error)  # whatever it was: the stage must be undone
                if not isinstance(fault, Interrupted):
                    self._failed(stage.name, step, fault)
                if failure is None or isinstance(fault, Interrupted):
                    failure = step, fault
        if failure is not None:
            step, error = failure
            if isinstance(error, Interrupted):
                raise error
            raise StageFailed(stage.name, step, error) from error

    def _failed(self, stage: str, step: Step, error: ByzantiumError) -> None:
        """Told at once: other steps of the stage may go on for long."""
        self._tell(Event("fail", stage, step.id, str(error), status=error.status))

    def _run_step(self, stage: str, step: Step) -> None:
        check_stop()
        if not step.needed(self._system):
            self._tell(Event("finish", stage, step.id, step.text, changed=False))
            return
        self._tell(Event("start", stage, step.id, step.text))
        entry = Entry(stage, step.id, step.text, step.before(self._system))
        with self._lock:
            self._journal.begin(entry)
            self._done.append((stage, step, entry))
        step.apply(self._system, Meter(self._tell, stage, step))
        with self._lock:
            self._journal.done(step.id)
            self.changed += 1
        told = step.told(self._system)
        text = f"{step.text.rstrip('.')}. {told}" if told else step.text
        self._tell(Event("finish", stage, step.id, text, changed=True))

    def _undo(self, steps: Sequence[tuple[str, Step, Entry]]) -> None:
        self._system.undisturbed = True
        self._system.go_on()
        try:
            self._undo_each(steps)
        finally:
            self._system.undisturbed = False

    def _undo_each(self, steps: Sequence[tuple[str, Step, Entry]]) -> None:
        for stage, step, entry in reversed(list(steps)):
            if not step.undoable:
                self._journal.undone(step.id)  # there is nothing to take back
                continue
            self._tell(Event("undo", stage, step.id, step.text))
            try:
                step.undo(self._system, entry.before)
            except (ByzantiumError, OSError) as error:
                # Go on: the rest can still be taken back, and the journal keeps what could not.
                self._tell(Event("fail", stage, step.id, _("Could not be undone: {why}").format(why=error)))
                continue
            with self._lock:
                self._journal.undone(step.id)
                self._done = [item for item in self._done if item[1] is not step]

    def _tell(self, event: Event) -> None:
        with self._lock:
            try:
                self._tell_unlocked(event)
            except OSError:
                # A closed pipe, a lost terminal: the work goes on, and the journal tells of it.
                self._tell_unlocked = _nobody


def _nobody(event: Event) -> None:
    """There is nobody to tell any more."""


RATE_OVER = 5.0  # seconds that a rate is the average of
BYTES = 1 << 20  # a total below is one of parts, each as long as it takes: they tell nothing of the time left


class Meter:
    """Turns (done, total) into progress events, of bytes with rate and time left, ten a second at most."""

    def __init__(self, tell: Tell, stage: str, step: Step) -> None:
        self._tell = tell
        self._stage = stage
        self._step = step
        self._past = deque([(time.monotonic(), 0)])
        self._told = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told < 0.1 and done < total:
            return
        self._told = now
        self._past.append((now, done))
        while len(self._past) > 2 and self._past[1][0] < now - RATE_OVER:
            self._past.popleft()
        since, before = self._past[0]
        rate = (done - before) / (now - since) if now > since and total >= BYTES else None
        self._tell(
            Event(
                "progress",
                self._stage,
                self._step.id,
                self._step.text,
                done,
                total,
                rate=round(rate, 1) if rate else None,
                left=round((total - done) / rate, 1) if rate else None,
            )
        )
