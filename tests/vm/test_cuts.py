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
SAMPLE = 2  # of each run
FIRST, SECOND = "canary orbit velvet plinth", "canary sextant gravel dune"
ANSWERS = "byzantium: 1\nnode: {name: lighthouse}\naccess_point: {enable: false}\n"
DEVICE = "--device internal:CUT"
# What is done to the stick, one after the other; the runs that are looked at have a name.
RUNS = (
    ("clone", "byzwizard clone internal:CUT --yes"),
    ("create", f"byzwizard persist create --kind partition {DEVICE} --opens-on 128MiB --yes"
               " --passphrase-file /run/first"),
    ("passphrase", "byzwizard persist passphrase --passphrase-file /run/first --new-passphrase-file /run/second"),
    ("", "byzwizard persist lock"),
    ("upgrade", "byzwizard clone internal:CUT --with-answers --yes"),
    ("", "byzwizard persist delete --yes --passphrase-file /run/second"),
    ("save.dat", f"byzwizard persist create --kind save.dat {DEVICE} --size 64MiB --opens-on 128MiB --yes"
                 " --passphrase-file /run/first"),
)  # fmt: skip

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
        vm.put("/run/first", FIRST + "\n", 0o600)
        vm.put("/run/second", SECOND + "\n", 0o600)
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


def store_of(stick: Path) -> tuple[int, int] | None:
    return next(((begin, size) for begin, size, name in verdicts.partitions(stick) if name == "byzdata"), None)


def test_a_new_store_is_there_whole_or_not_at_all(
    recorded: Recorded, folder: Path, table: list[dict[str, str]]
) -> None:
    run = Run(recorded, "create", folder, table)
    first = verdicts.partitions(run.path)

    def judge(stick: Path) -> str:
        if verdicts.partitions(stick)[:1] != first:
            return "no table"
        store = store_of(stick)
        if store is None:
            return "none"
        return "opens" if verdicts.opens(stick, *store, FIRST, folder / "luks") else "does not open"

    ordered(run.outcomes(judge), "none", "opens")
    assert verdicts.clean(run.path, folder / "fat")


def test_one_of_two_passphrases_always_opens_it(recorded: Recorded, folder: Path, table: list[dict[str, str]]) -> None:
    run = Run(recorded, "passphrase", folder, table)
    store = store_of(run.path)
    assert store is not None

    def judge(stick: Path) -> str:
        assert store_of(stick) == store
        old, new = (verdicts.opens(stick, *store, word, folder / "luks") for word in (FIRST, SECOND))
        return {(True, False): "old", (True, True): "both", (False, True): "new"}.get((old, new), "a lost header")

    ordered(run.outcomes(judge), "old", "both", "new")


def test_an_upgrade_leaves_a_system_or_none_and_always_the_store(
    recorded: Recorded, folder: Path, table: list[dict[str, str]]
) -> None:
    scratch = folder / "system"
    run = Run(recorded, "upgrade", folder, table)
    store = store_of(run.path)
    assert store is not None
    kept = verdicts.hash_of(run.path, *store)
    old = verdicts.system(run.path, scratch)
    new = verdicts.system(Run(recorded, "upgrade", folder, table).after(), scratch)
    assert set(new) - set(old) == {"byzantium/answers.yaml"}

    def judge(stick: Path) -> str:
        if store_of(stick) != store or verdicts.hash_of(stick, *store) != kept:
            return "a lost store"
        if not verdicts.has_system(stick):
            return "nothing"
        found = verdicts.system(stick, scratch)
        return "old" if found == old else "new" if found == new else "half a system"

    run = Run(recorded, "upgrade", folder, table)
    ordered(run.outcomes(judge), "old", "nothing", "new")
    assert verdicts.clean(run.path, folder / "fat")


def test_a_file_with_a_store_has_its_name_when_it_opens(
    recorded: Recorded, folder: Path, table: list[dict[str, str]]
) -> None:
    scratch = folder / "system"
    run = Run(recorded, "save.dat", folder, table)
    old = verdicts.system(run.path, scratch)

    def judge(stick: Path) -> str:
        found = verdicts.system(stick, scratch)
        if {name: found.get(name) for name in old} != old:
            return "a lost file"
        file = scratch / "save.dat"
        if not file.exists():
            return "none"
        return "opens" if verdicts.with_key(file, FIRST) else "does not open"

    ordered(run.outcomes(judge), "none", "opens")
