"""Power cuts: the writes of one run are recorded, and the stick is rebuilt as a cut at each of many moments leaves it,
then put into a running VM, which tells what is on it.

`make test` looks at ten of them, `make test-all` at every one; build/cuts.json says what each one left.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vm import power
from tests.vm.cases import CASES
from tests.vm.harness import say
from tests.vm.recording import QUICK, RUNS, Recorded, keep_rows, node, other_drive, record, recorded_drive
from tests.vm.verdicts import Found, Judge
from tests.vm.writes import Point, Rebuilt, epochs, points

ALL = os.environ.get("BYZ_ALL_POINTS") == "1"
SAMPLE = 10  # of all runs together
NAMES = [name for name, _command in (RUNS if ALL else QUICK) if name]
WHOLE = 5  # every so many of them the system on the stick is read whole, and the first part of its files at the others
ENOUGH = 70  # of one run; every flush in any case, and something torn and something reordered between two,
TOO_MANY = 200  # or between some, where it has so many flushes that these alone would take an hour

pytestmark = pytest.mark.timeout(7200 if ALL else 1200)


@dataclass(frozen=True)
class Bench:
    """What was recorded, and who judges it. `rebuilt` goes through the runs in their order."""

    recorded: Recorded
    rebuilt: Rebuilt
    judge: Judge


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[Bench]:
    drive = recorded_drive(folder, quick=not ALL)
    assert drive.log is not None
    with node(folder / "vm", [drive, other_drive(folder)]) as vm:
        recorded = record(vm, drive.log, quick=not ALL)
        with contextlib.ExitStack() as others:
            judge = Judge(vm, lambda: others.enter_context(node(folder / "another", [])))
            yield Bench(recorded, recorded.rebuilt(folder / "rebuilt.img"), judge)
    drive.log.unlink()


def chosen(every: list[list[Point]], share: int) -> list[Point]:
    """`every` has the points of a run, the fewest first. All: as many as are ENOUGH, but each flush. Else `share`."""
    if ALL:
        some = next((some for some in reversed(every) if len(some) <= ENOUGH), every[0])
        between = [point for point in some if not point.whole]
        over = max(0, len(some) - TOO_MANY)
        left_out = {id(between[len(between) * i // over]) for i in range(over)}
        return [point for point in some if id(point) not in left_out]
    some = every[-1]
    return [some[len(some) * (2 * i + 1) // (2 * share)] for i in range(share)]


@pytest.mark.parametrize("name", NAMES)
def test_a_power_cut_at_any_moment(bench: Bench, name: str) -> None:
    case, stick = CASES[name], bench.rebuilt
    begin, end = bench.recorded.runs[name]
    stick.reach(begin)
    run = epochs(bench.recorded.log, begin, end)
    total = [points(run, most) for most in (1, 3, 6, 12, 24)]
    every = chosen([list(some) for some in total], share(name))

    def look(whole: bool) -> Found:
        again = case.again and whole
        return bench.judge.look(stick.path, case.reads(whole), case.kind, *case.words, again=again)

    before = look(whole=True)
    last = Point(len(run), (), "the end", whole=True)
    with stick.cut(Point(0, tuple(write for epoch in run for write in epoch), "")):
        after = look(whole=True)
    started = time.monotonic()
    done, outcomes = 0, []
    for number, point in enumerate([*every, last]):
        for epoch in run[done : point.epoch]:
            stick.add(epoch)
        done = point.epoch
        with stick.cut(point):
            now = look(whole=number % WHOLE == 0) if point is not last else after
            outcomes.append((point, case.verdict(now, before, after)))
        rows = [{"run": name, "how": "rebuilt", "cut": point.words, "outcome": word} for point, word in outcomes]
        keep_rows(rows)
    counts = dict(Counter(word for _point, word in outcomes))
    say(f"{name}: {len(outcomes)} power cuts in {time.monotonic() - started:.0f} s, {counts}")
    ordered(outcomes, case.order)
    if case.reads(whole=True) == "system" and case.kind != "file":  # else a store on it is open, and it says so
        assert after.fat == "0"


def share(name: str) -> int:
    """How many of the sample are this run's."""
    return SAMPLE // len(NAMES) + (NAMES.index(name) < SAMPLE % len(NAMES))


def ordered(outcomes: list[tuple[Point, str]], allowed: tuple[str, ...]) -> None:
    """Nothing else, and from flush to flush never back to what was before; last is what was to be done."""
    assert {word for _point, word in outcomes} <= set(allowed)
    flushed = [word for point, word in outcomes if point.whole]
    assert sorted(flushed, key=allowed.index) == flushed
    assert flushed[-1] == allowed[-1]


@pytest.mark.skipif(not ALL, reason="make test-all cuts the power for real")
@pytest.mark.timeout(7200)
def test_the_next_start_says_what_happened_and_finishes(bench: Bench, folder: Path) -> None:
    """After the power of the computer was cut, and after the stick was pulled out, each followed by a new start."""
    rows: list[dict[str, str]] = []
    try:
        for row in power.cuts(folder, bench.recorded, bench.judge):
            rows.append(row)
    finally:
        keep_rows(rows)
    assert len(rows) == len(power.CUTS)
    assert [row for row in rows if not row["outcome"].endswith("; done again, and complete")] == []
