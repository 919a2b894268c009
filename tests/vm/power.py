"""Real power cuts (SIGKILL to the VM), and sticks pulled out: each in the middle of one run, each followed by a start
with that stick in it, which says what happened; then the same is done again."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.kept import ASIDE
from tests.vm.cases import CASES
from tests.vm.console import Failed
from tests.vm.harness import VM, Drive, blank, say, until
from tests.vm.recording import CANARIES, FIRST, LOG_CANARY, PATIENCE, RUNS, SECOND, Recorded, node
from tests.vm.say import Slow
from tests.vm.verdicts import Found, Judge
from tests.vm.writes import Epoch, epochs

COMMANDS = {name: command for name, command in RUNS if name}
# What stands before each where it is cut: a store that is open, what people wrote and has not been kept yet.
UNLOCK = "byzwizard persist unlock --device internal:CUT --passphrase-file /run/{}"
FAILED = "FAILED"
OPEN = {"passphrase": "first", "switch": "second", "switch back": "second", "resize": "first"}
BEFORE = {"create": CANARIES, "save.dat": CANARIES, "switch": LOG_CANARY}
# What the next start must say something of: the others are as if nothing had begun, or all had ended.
UNTIDY = frozenset({"unfinished", "opens", "both", "nothing", "part of the file", "the whole file"})
CUTS = [
    (name, how, part)
    for name in ("clone", "create", "passphrase", "switch", "upgrade", "resize", "upgrade file")
    for how, part in (("power cut", 0.25), ("power cut", 0.6), ("pulled out", 0.4))
]


@dataclass(frozen=True)
class Base:
    """A stick as it is before a run; what is found then, and after; how many writes the run has."""

    path: Path
    before: Found
    after: Found
    writes: int


def bases(folder: Path, recorded: Recorded, judge: Judge) -> dict[str, Base]:
    rebuilt = recorded.rebuilt(folder / "base.img")
    found = {}
    wanted = {name for name, _how, _part in CUTS}
    for name, (begin, end) in recorded.runs.items():
        if name not in wanted:
            continue
        case = CASES[name]
        rebuilt.reach(begin)
        path = folder / f"{name.replace(' ', '-')}.img"
        subprocess.run(["cp", "--sparse=always", str(rebuilt.path), str(path)], check=True)
        run = epochs(recorded.log, begin, end)
        before = judge.look(path, case.reads(whole=True), case.kind, *case.words)
        rebuilt.reach(end)
        after = judge.look(rebuilt.path, case.reads(whole=True), case.kind, *case.words)
        found[name] = Base(path, before, after, _writes(run))
    return found


def _writes(run: list[Epoch]) -> int:
    return sum(len(epoch) for epoch in run)


def cuts(folder: Path, recorded: Recorded, judge: Judge) -> Iterator[dict[str, str]]:
    """The rows of the table."""
    base = bases(folder, recorded, judge)
    last: tuple[str, str, Path] | None = None
    row: dict[str, str] = {}
    for number, cut in enumerate([*CUTS, None]):
        sticks = [key(folder, last[0]), Drive(last[2], "usb", "CUT")] if last is not None else []
        said = ""
        vm = start(folder / f"power{number}", sticks)
        with vm:
            if last is not None:
                said = told_again(vm, last[0])
                # The next stick is another one, of which this node knows nothing.
                vm.run("cd /; byzwizard persist lock; sync; rm -f /run/byzantium/store.json", PATIENCE)
                vm.unplug(sticks[-1])
            stick = folder / f"stick-{number}.img"
            if cut is not None:
                name, how, part = cut
                subprocess.run(["cp", "--sparse=always", str(base[name].path), str(stick)], check=True)
                writes = broken(vm, Drive(stick, "usb", "CUT"), name, how, int(base[name].writes * part) or 1)
        if last is not None:
            name, how, path = last
            if said == "nothing" and row["outcome"] in UNTIDY:
                said = f"{FAILED}: nothing was said"
            done = said if said.startswith(FAILED) else f"said: {said}; {complete(judge, path, name, base[name], said)}"
            yield {**row, "outcome": f"{row['outcome']}; {done}"}
            path.unlink()
        if cut is not None:
            word = verdict(judge, stick, cut[0], base[cut[0]])
            row = {"run": cut[0], "how": cut[1], "cut": f"after {writes} of {base[cut[0]].writes} writes",
                   "outcome": word}  # fmt: skip
            say(f"{row}")
            last = (cut[0], cut[1], stick)


def verdict(judge: Judge, stick: Path, name: str, base: Base) -> str:
    case = CASES[name]
    word = case.verdict(judge.look(stick, case.reads(whole=True), case.kind, *case.words), base.before, base.after)
    return word if word in case.order else f"not allowed: {word}"


def complete(judge: Judge, stick: Path, name: str, base: Base, said: str) -> str:
    """After the run was done again. Copies differ by their names, identities by the node that made them; where it was
    said, what had come before the cut lies beside what came now."""
    case = CASES[name]
    now = judge.look(stick, case.reads(whole=True), case.kind, *case.words)
    people = {file: text for file, text in base.after.files.items() if "/canary/" in file}
    told = "Switching on" in said
    there = {file: text for file, text in now.files.items() if "/canary/" in file and not (told and ASIDE in file)}
    same = (now.parts, now.opens, now.kept, now.size, there) == (
        base.after.parts, base.after.opens, base.after.kept, base.after.size, people,
    )  # fmt: skip
    if now.fat not in {"", "0"} or not now.sound or not same:
        return f"done again, and not complete: {now}"
    if name not in {"create", "save.dat"} and not now.has(base.before.files):
        return f"done again, and a lost file: {now}"
    return "done again, and complete"


def key(folder: Path, name: str) -> Drive:
    """A stick with a file that opens the store without anybody."""
    path = folder / "key.img"
    word = CASES[name].words[-1:] or ("first",)
    blank(path, 8 * 2**20)
    subprocess.run(["mkfs.vfat", "-n", "KEY", str(path)], check=True, stdout=subprocess.DEVNULL)
    text = {"first": FIRST, "second": SECOND}[word[0]]
    subprocess.run(["mcopy", "-i", str(path), "-", "::byzantium.key"], check=True, text=True, input=text + "\n")
    return Drive(path, "usb", "KEY")


def start(folder: Path, sticks: list[Drive]) -> VM:
    """A node. Where the key file does not open the store (its passphrase was not changed yet), the first is typed."""
    vm = node(folder, sticks, booted=False, serial=(80, 24))

    def ready() -> str | None:
        if b"Passphrase" in vm.serial.history:
            return "asked"
        return "up" if vm.sh("systemctl is-active byz-node")[0] == 0 else None

    if until(ready, 400, "the node to stand or to ask") == "asked":
        vm.serial.press(*FIRST)
        vm.serial.press("enter")
    vm.booted()
    return vm


def told_again(vm: VM, name: str) -> str:
    """As again(); one that fails is a row of the table, and hides none of the others."""
    try:
        return again(vm, name)
    except (AssertionError, Failed, Slow) as fault:
        say(f"{name}: {fault}")
        return f"{FAILED}: {fault}"


def again(vm: VM, name: str) -> str:
    """What this start says of what was cut off; then it is done again."""
    told = vm.run("cat /run/byzantium/cut-off || true 2>&1").strip()
    if told and "No such file" not in told:
        for line in told.splitlines():
            assert line in vm.run("journalctl --no-pager -o cat -u byz-node"), line
            assert line in " ".join(vm.sh("byzwizard status")[1].split()), line
    else:
        told = "nothing"
    opened = vm.sh("mountpoint -q /run/byzantium/store")[0] == 0
    vm.run(f"cd /; {BEFORE.get(name, 'true')}")
    if name in {"upgrade", "upgrade file", "clone"} and opened:
        vm.run("cd /; byzwizard persist lock", PATIENCE)
    if name in {"create", "save.dat"} and opened:  # the store is there: what it keeps is said again
        vm.run("cd /; byzwizard apply /run/home.yaml --yes", PATIENCE)
    elif name == "passphrase":
        first, second = (vm.sh(_tries(word))[0] == 0 for word in ("first", "second"))
        assert (first, second) in {(True, False), (False, True)}, "one of them alone opens it once it was opened"
        if first:
            vm.run(f"cd /; {COMMANDS[name]}", PATIENCE)
    else:
        vm.run(f"cd /; {COMMANDS[name]}", PATIENCE)
    return told.replace("\n", " ")


def _tries(word: str) -> str:
    part = "$(lsblk -nrpo NAME,PARTLABEL | awk '$2 == \"byzdata\" {print $1}')"
    return f"tr -d '\\n' </run/{word} | cryptsetup open --test-passphrase --type luks --key-file=- {part}"


def broken(vm: VM, stick: Drive, name: str, how: str, writes: int) -> int:
    """Put the stick in, begin, and end it behind that many writes."""
    vm.plug(stick)
    vm.wait("lsblk -dno SERIAL | grep -q CUT && udevadm settle", 60, "the stick to be seen")
    if name in OPEN:
        vm.run(f"cd /; byzwizard persist lock; {UNLOCK.format(OPEN[name])}", PATIENCE)
    vm.run(f"cd /; {BEFORE.get(name, 'true')}; sync")
    ended: list[int] = []
    began = _written(vm, stick)

    def run() -> None:
        ended.append(vm.sh(f"cd /; {COMMANDS[name]}", PATIENCE)[0])

    work = threading.Thread(target=run, daemon=True)
    work.start()
    while not ended and (done := _written(vm, stick) - began) < writes:
        pass  # as often as QEMU answers
    assert not ended, f"{name} ended with {ended} before it could be cut"
    if how == "pulled out":
        vm.unplug(stick)
        work.join()
        assert ended != [0], "it did not notice"
    vm.kill()
    work.join()
    return done


def _written(vm: VM, stick: Drive) -> int:
    """How many writes have reached it."""
    for device in vm.monitor.do("query-blockstats"):
        if stick.id in (device.get("qdev") or "") or stick.id == device.get("node-name"):
            return int(device["stats"]["wr_operations"])
    raise AssertionError("QEMU knows no such drive")
