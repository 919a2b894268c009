"""What the Apply page reads: a real apply beside us, or the steps of a rehearsal, as the same lines of events."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from byzwizard.desk import Review
from byzwizard.events import Event
from byzwizard.i18n import _


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
