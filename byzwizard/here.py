"""The desk of this computer: what the pages ask is answered by the same code as the verbs, and Apply runs as its own
process, so that the screen never waits and never dies with it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from byzwizard.answers import Answers
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.desk import Applying, Review
from byzwizard.events import Event
from byzwizard.i18n import _
from byzwizard.machine import Machine


class Running:
    """A `byzwizard apply --json` (or undo) beside us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.fd = process.stdout.fileno()
        os.set_blocking(self.fd, False)
        self._rest = b""

    def lines(self) -> Iterator[str]:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, 65536):
                self._rest += data
        *whole, self._rest = self._rest.split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")

    def cancel(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def status(self) -> int | None:
        return self._process.poll()


class Told:
    """Apply in a rehearsal: the steps that would be done, told as events; nothing is changed."""

    def __init__(self, review: Review) -> None:
        self.fd, write = os.pipe()
        self._rest = b""
        with os.fdopen(write, "w", encoding="utf-8") as pipe:
            for stage in review.plan.stages:
                for step in stage.steps:
                    pipe.write(
                        Event(
                            "finish", stage.name, step.id, _("Would do: {step}").format(step=step.text), changed=False
                        ).line()
                        + "\n"
                    )
            pipe.write(
                Event("end", text=_("This was a rehearsal: nothing was changed."), changed=False, status=0).line()
                + "\n"
            )

    def lines(self) -> Iterator[str]:
        while data := os.read(self.fd, 65536):
            self._rest += data
        *whole, self._rest = self._rest.split(b"\n")
        for line in whole:
            yield line.decode()

    def cancel(self) -> None:
        """There is nothing to stop."""

    def status(self) -> int | None:
        return 0


class Here:
    """byzwizard.desk.Desk on this computer, or on a recorded machine, where Apply is a rehearsal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._system = System()
        self.rehearsal = context.machine_file is not None or os.geteuid() != 0

    def answers(self) -> Answers | None:
        from byzwizard.backends import keep

        return None if self.rehearsal else keep.answers(self._system)

    def load(self, path: Path) -> Answers:
        from byzwizard.answers import load

        return load(path)

    def machine(self) -> Machine:
        from byzwizard.backends.probe import machine_for

        return machine_for(self._system, self._context.machine_file)

    def review(self, answers: Answers) -> Review:
        from byzwizard.prepare import prepare_answers

        ready = prepare_answers(self._system, answers, self.machine(), self._context.stages)
        needed = frozenset(
            step.id
            for stage in ready.plan.stages
            for step in stage.steps
            if self.rehearsal or step.needed(self._system)
        )
        return Review(ready.resolved, ready.plan, needed)

    def apply(self, answers: Answers) -> Applying:
        if self.rehearsal:
            return Told(self.review(answers))
        from byzwizard.answers import save_text

        return self._program(["apply", "/dev/stdin"], save_text(answers))

    def undo(self) -> Applying:
        return self._program(["undo"], "")

    def _program(self, arguments: list[str], text: str) -> Running:
        process = self._system.spawn(
            sys.executable, "-m", "byzwizard", "--json", "--yes", *arguments, stdin=subprocess.PIPE
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(text)
        return Running(process)

    def status(self) -> dict[str, Any]:
        from byzwizard.backends.status import read_status

        return read_status(self._system)

    def waiting(self) -> float | None:
        from byzwizard.backends import revert

        return revert.waiting(self._system)

    def confirm(self) -> None:
        from byzwizard.backends import revert

        revert.confirm(self._system)

    def self_test(self, interface: str) -> str:
        from byzwizard.backends.selftest import self_test

        radio = next(radio for radio in self.machine().radios if radio.interface == interface)
        return self_test(self._system, radio)

    def heard(self) -> list[dict[str, Any]]:
        from byzwizard.backends.scan import heard

        return heard(self._system, self.machine())
