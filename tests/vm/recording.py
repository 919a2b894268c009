"""All that is ever done to a stick, done once by a node to a drive that tells when it was asked to flush."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.vm.harness import BUILD, VM, Drive, blank
from tests.vm.writes import Rebuilt, entries

SIZE = 1_250_000_000
PATIENCE = 600
TABLE = BUILD / "cuts.json"
FIRST, SECOND = "canary orbit velvet plinth", "canary sextant gravel dune"
NODE = "byzantium: 1\nnode: {name: lighthouse}\naccess_point: {enable: false}\n"
OTHER = 300_000_000  # bytes of the stick that has a store while another one gets what is kept
STORE = NODE + "persistence: {device: 'internal:CUT', opens_on: 128MiB, %s}\n"
ANSWERS = {
    "logs": STORE % "kind: partition, keep: [identity, mesh, logs]",
    "home": STORE % "kind: partition, keep: [identity, mesh, wifi, services, home]",
    "bigger": STORE % "kind: save.dat, size: 100MiB",
}
NEW = "--device internal:CUT --opens-on 128MiB --yes --passphrase-file /run/first"
# What people wrote, where a store will find it; a big one, and one that is deep.
LOG_CANARY = "mkdir -p /var/log/canary; seq 90000 >/var/log/canary/log"
CANARIES = f"mkdir -p ~/canary/deep; echo remembered >~/canary/deep/note; seq 200000 >~/canary/long; {LOG_CANARY}"
# The runs that are looked at have a name.
RUNS = (
    ("clone", "byzwizard clone internal:CUT --yes"),
    ("", CANARIES),
    ("create", f"byzwizard persist create --kind partition {NEW}"),
    ("passphrase", "byzwizard persist passphrase --passphrase-file /run/first --new-passphrase-file /run/second"),
    ("switch", "byzwizard apply /run/logs.yaml --yes"),
    ("switch back", "byzwizard apply /run/home.yaml --yes"),
    ("", "byzwizard persist lock"),
    ("upgrade", "byzwizard clone internal:CUT --yes"),
    ("", "byzwizard persist delete --yes --passphrase-file /run/second"),
    ("", CANARIES),
    ("save.dat", f"byzwizard persist create --kind save.dat --size 64MiB {NEW}"),
    ("resize", "byzwizard apply /run/bigger.yaml --yes && byzwizard persist lock"
               " && byzwizard persist unlock --passphrase-file /run/first"),
    ("", "byzwizard persist lock"),
    ("upgrade file", "byzwizard clone internal:CUT --yes"),
    ("", "byzwizard persist delete --yes --passphrase-file /run/first"),
    # What is handed on lies on another stick.
    ("", CANARIES),
    ("", f"byzwizard persist create --kind partition {NEW.replace('CUT', 'OTHER')}"),
    ("clone data", "byzwizard clone internal:CUT --with-data --yes --passphrase-file /run/first"),
    ("", "byzwizard persist lock"),
)  # fmt: skip


# Those that take little time, on a stick with the image: of these are the few points that every test looks at.
QUICK = RUNS[1:5]


@dataclass(frozen=True)
class Recorded:
    """`first`: what was on the drive at the beginning, None for nothing. `runs`: the log's entries of each, first and
    behind the last."""

    log: Path
    first: Path | None
    runs: dict[str, tuple[int, int]]

    def rebuilt(self, path: Path) -> Rebuilt:
        """The drive at the beginning, to go on from."""
        return Rebuilt(drive_file(path, self.first), self.log)


def node(folder: Path, drives: Iterable[Drive], booted: bool = True, serial: tuple[int, int] | None = None) -> VM:
    """One that does this to sticks."""
    vm = VM(folder, answers=NODE, serial=serial, drives=tuple(drives))
    vm.start()
    if booted:
        vm.booted()
    vm.put("/run/first", FIRST + "\n", 0o600)
    vm.put("/run/second", SECOND + "\n", 0o600)
    for name, text in ANSWERS.items():
        vm.put(f"/run/{name}.yaml", text)
    return vm


def record(vm: VM, log: Path, quick: bool) -> Recorded:
    path = vm.run("lsblk -dnpo NAME,SERIAL | awk '$2 == \"CUT\" {print $1}'").strip()
    runs = {}
    for name, command in QUICK if quick else RUNS:
        vm.run(f"sync; sync {path}")
        begin = entries(log)
        vm.run(f"cd /; {command}", PATIENCE)
        vm.run(f"sync; sync {path}")
        if name:
            runs[name] = (begin, entries(log))
    return Recorded(log, _first(quick), runs)


def _first(quick: bool) -> Path | None:
    return BUILD / "byzantium.img" if quick else None


def drive_file(path: Path, first: Path | None) -> Path:
    if first is None:
        return blank(path, SIZE)
    shutil.copy(first, path)
    os.truncate(path, SIZE)
    return path


def recorded_drive(folder: Path, quick: bool) -> Drive:
    log = folder / "writes.log"
    log.touch()
    return Drive(drive_file(folder / "cut.img", _first(quick)), "virtio", "CUT", log=log)


def other_drive(folder: Path) -> Drive:
    return Drive(blank(folder / "other.img", OTHER), "virtio", "OTHER")


def keep_rows(rows: list[dict[str, str]]) -> None:
    """Into the table of all points; what it said of the same runs before is gone."""
    told = {(row["run"], row["how"]) for row in rows}
    before = json.loads(TABLE.read_text()) if TABLE.exists() else []
    others = [row for row in before if (row["run"], row["how"]) not in told]
    lines = (json.dumps(row) for row in [*others, *rows])
    TABLE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
