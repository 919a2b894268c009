"""Power cuts: the writes of one run are recorded, and the stick is rebuilt as a cut at each of many moments leaves it.

`make test` looks at ten of them, `make test-all` at every one; build/cuts.json says what each one left.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vm import verdicts
from tests.vm.harness import BUILD, VM, Drive, blank, say
from tests.vm.writes import Point, Rebuilt, entries, epochs, points

SIZE = 1_250_000_000
PATIENCE = 600
ALL = os.environ.get("BYZ_ALL_POINTS") == "1"
SAMPLE = 9  # of each run, and its end
ANSWERS = "byzantium: 1\nnode: {name: lighthouse}\naccess_point: {enable: false}\n"
# What is done to the stick, one after the other; the runs that are looked at have a name.
RUNS = (("clone", "byzwizard clone internal:CUT --yes"),)

pytestmark = pytest.mark.timeout(3600 if ALL else 1200)


@dataclass(frozen=True)
class Recorded:
    """`runs`: the log's entries of each, first and behind the last."""

    log: Path
    size: int
    runs: dict[str, tuple[int, int]]


def record(folder: Path) -> Recorded:
    """All of it done once, by a node, to a drive that tells when it was asked to flush."""
    log = folder / "writes.log"
    log.touch()
    drive = Drive(blank(folder / "cut.img", SIZE), "virtio", "CUT", log=log)
    runs = {}
    with VM(folder / "vm", answers=ANSWERS, serial=None, drives=[drive]) as vm:
        vm.start().booted()
        path = vm.run("lsblk -dno PATH,SERIAL | awk '$2 == \"CUT\" {print $1}'").strip()
        for name, command in RUNS:
            vm.run(f"sync; sync {path}")
            begin = entries(log)
            vm.run(f"cd /; {command}", PATIENCE)
            vm.run(f"sync; sync {path}")
            if name:
                runs[name] = (begin, entries(log))
    return Recorded(log, SIZE, runs)


@pytest.fixture(scope="module")
def recorded(folder: Path) -> Iterator[Recorded]:
    found = record(folder)
    yield found
    found.log.unlink()


@pytest.fixture(scope="module")
def table() -> Iterator[list[dict[str, str]]]:
    rows: list[dict[str, str]] = []
    yield rows
    (BUILD / "cuts.json").write_text(json.dumps(rows, indent=1) + "\n")


class Run:
    """One run, walked through from cut to cut; what each left is in `outcomes`."""

    def __init__(self, recorded: Recorded, name: str, folder: Path, rows: list[dict[str, str]]) -> None:
        begin, end = recorded.runs[name]
        self.name = name
        self.folder = folder
        self.stick = Rebuilt(folder / "rebuilt.img", recorded.size, recorded.log)
        for epoch in epochs(recorded.log, 0, begin):
            self.stick.add(epoch)
        self._epochs = epochs(recorded.log, begin, end)
        self._rows = rows

    @property
    def path(self) -> Path:
        return self.stick.path

    def outcomes(self, judge: Callable[[Path], str]) -> list[tuple[str, bool]]:
        """In the order of time, the last one where nothing was cut; with each, whether it is at a flush."""
        every = list(points(self._epochs))
        chosen = every if ALL else [every[len(every) * (2 * i + 1) // (2 * SAMPLE)] for i in range(SAMPLE)] + every[-1:]
        done, found = 0, []
        for point in chosen:
            for epoch in self._epochs[done : point.epoch]:
                self.stick.add(epoch)
            done = point.epoch
            with self.stick.cut(point) as path:
                found.append((self._judged(judge, point, path), point.whole))
        for epoch in self._epochs[done:]:
            self.stick.add(epoch)
        counts = dict(Counter(word for word, _whole in found))
        say(f"{self.name}: {len(chosen)} of {len(every)} power cuts, {counts}")
        return found

    def _judged(self, judge: Callable[[Path], str], point: Point, path: Path) -> str:
        outcome = judge(path)
        self._rows.append({"run": self.name, "cut": point.words, "outcome": outcome})
        return outcome

    def after(self) -> Path:
        """The stick when all is done."""
        for epoch in self._epochs:
            self.stick.add(epoch)
        return self.path


def ordered(found: list[tuple[str, bool]], *allowed: str) -> None:
    """Nothing else, and from flush to flush never back to what was before; last is what was to be done."""
    assert {word for word, _whole in found} <= set(allowed)
    flushed = [word for word, whole in found if whole]
    assert sorted(flushed, key=allowed.index) == flushed
    assert flushed[-1] == allowed[-1]


def test_a_clone_is_complete_or_does_not_start(recorded: Recorded, folder: Path, table: list[dict[str, str]]) -> None:
    scratch = folder / "system"
    whole = verdicts.system(Run(recorded, "clone", folder, table).after(), scratch)
    for name in ("byzwizard.squashfs", "vmlinuz", "initrd.img"):
        assert whole[f"live/{name}"] == verdicts.hash_of(BUILD / name, 0, (BUILD / name).stat().st_size)

    def judge(stick: Path) -> str:
        if verdicts.has_system(stick):
            return "complete" if verdicts.system(stick, scratch) == whole else "half a system"
        if verdicts.has_code(stick):
            return "code without a system"
        return (
            "unfinished" if [part[2] for part in verdicts.partitions(stick)] in ([], ["byzantium-unfinished"]) else "?"
        )

    run = Run(recorded, "clone", folder, table)
    ordered(run.outcomes(judge), "unfinished", "complete")
    assert verdicts.clean(run.path, folder / "fat")
