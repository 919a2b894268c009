"""Count what went through the interfaces, once a minute (byz-traffic.timer), and draw it for the front page."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from byzwizard.backends import counters
from byzwizard.backends.counters import PERIODS, Period
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError

JUMP = 300  # seconds that the clock may go back before what was counted in its future is given up


class Counting:
    """One count. rrdtool is started once, and told everything by its input."""

    def __init__(self, system: System, now: float | None = None) -> None:
        self._system = system
        self._now = int(time.time() if now is None else now)

    def run(self) -> None:
        """Raises ByzantiumError when rrdtool is missing or does not do it."""
        self._system.path(counters.PICTURES).mkdir(parents=True, exist_ok=True)
        lines, there = self._count()
        if not there:
            return
        paths = [self._file(name) for name in there]
        lines += [counters.export(paths, period, self._now) for period in PERIODS]
        due = [(name, period) for name in there for period in PERIODS if self._due(name, period)]
        lines += [
            counters.picture(self._file(name), self._made(name, period), name, period, self._now)
            for name, period in due
        ]
        said = self._system.run("rrdtool", "-", stdin="\n".join(lines) + "\nquit\n").out
        for line in said.splitlines():
            if line.startswith("ERROR"):
                print(line, file=sys.stderr)
        told = list(counters.tables(said))
        if len(told) == len(PERIODS):
            self._system.write(counters.SUMMARY, json.dumps(counters.summary(there, told)) + "\n")
        for path in paths:
            self._stamp(path)
        for name, period in due:
            made = Path(self._made(name, period))
            if made.exists():
                self._stamp(made)
                made.rename(self._picture(name, period))

    def _stamp(self, path: str | Path) -> None:
        """rrdtool writes through memory, which leaves a file's time as it was."""
        os.utime(path, (self._now, self._now))

    def _count(self) -> tuple[list[str], list[str]]:
        """What to tell rrdtool first, and the interfaces that have a file then."""
        lines, there = [], []
        for name in counters.ports(self._system):
            path, counts = self._file(name), counters.counted(self._system, name)
            known = self._known(Path(path))
            if counts is not None:
                lines += [] if known else [counters.create(path, self._now)]
                lines.append(counters.update(path, self._now, counts))
            if known or counts is not None:
                there.append(name)
        return lines, there

    def _known(self, path: Path) -> bool:
        """Is there a file that goes on? One from the future, counted before the clock was set right, does not."""
        if not path.exists():
            return False
        if path.stat().st_mtime <= self._now + JUMP:
            return True
        path.unlink()
        return False

    def _file(self, name: str) -> str:
        return str(self._system.path(f"{counters.FOLDER}/{name}.rrd"))

    def _picture(self, name: str, period: Period) -> str:
        return str(self._system.path(f"{counters.PICTURES}/{name}-{period.name}.png"))

    def _made(self, name: str, period: Period) -> str:
        """Where a picture is drawn before it takes the place of the former one."""
        return f"{self._picture(name, period)}.new"

    def _due(self, name: str, period: Period) -> bool:
        path = Path(self._picture(name, period))
        return not path.exists() or abs(self._now - path.stat().st_mtime) >= period.redraw


def main() -> int:
    """Exit status 0, or that of what went wrong."""
    try:
        Counting(System()).run()
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
