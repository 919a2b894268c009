"""What takes long runs in a thread of its own; what comes of it goes back to where the pages run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from byzwizard.errors import ByzantiumError, explained

T = TypeVar("T")


class Job(threading.Thread, Generic[T]):
    """Calls `done` or `failed` by way of `call`, which may be called from any thread."""

    def __init__(
        self,
        job: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[ByzantiumError], None],
        call: Callable[[Callable[[], None]], None],
    ) -> None:
        super().__init__(daemon=True)
        self._job, self._done, self._failed, self._call = job, done, failed, call

    def run(self) -> None:
        try:
            result = self._job()
        except ByzantiumError as fault:
            self.fail(fault)
        else:
            self._call(lambda: self._done(result))

    def fail(self, fault: ByzantiumError) -> None:
        self._call(lambda: self._failed(fault))


def explain_crash(thrown: threading.ExceptHookArgs) -> bool:
    """For threading.excepthook: a fault that no job should raise is told where the job's others are. False where it
    is something else."""
    if not isinstance(thrown.thread, Job) or not isinstance(thrown.exc_value, Exception):
        return False
    thrown.thread.fail(explained(thrown.exc_value))
    return True
