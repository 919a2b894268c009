"""The two kinds of step that every daemon needs: a file with this text, and a unit that runs with its files.

What a unit was started with is recorded below /run/byzantium/units (0600, it holds the files), so that "does
it run with the present configuration" is answered without a process, and undo can put the former one back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from byzwizard.backends.system import CommandFailed
from byzwizard.backends.waiting import wait_until
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System

UNDO = "/run/byzantium/undo"
RECORDS = "/run/byzantium/units"
BUSY = 3.0  # seconds in which a daemon that runs shows that it is ready
SYSTEMD = 135.0  # seconds on top of that until systemd itself gives up: TimeoutStartSec, 3 min at most, of our duties
COMPLAINT = re.compile(
    r"(?i)\b(error|fail\w*|cannot|can't|couldn't|could not|unable|invalid|denied|busy|in use|no such"
    r"|not found|unknown|refused|unsupported|not supported|bad|illegal)\b")
# Said by daemons that work.
NOISE = re.compile(r"rfkill: Cannot open|Note: nl80211|nl80211: deinit")


def keep_copy(system: System, text: str) -> str:
    """Put `text` where only root reads it and name the place; the same text has the same place, so that it is
    never overwritten by another apply."""
    path = f"{UNDO}/{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    system.write(path, text, 0o600)
    return path


def _state(system: System, path: str) -> dict[str, Any] | None:
    """{"text", "mode", "owner"} of a file, None when there is none."""
    text = system.read(path)
    if text is None:
        return None
    status = system.path(path).stat()
    return {"text": text, "mode": status.st_mode & 0o7777, "owner": [status.st_uid, status.st_gid]}


def _put(system: System, path: str, state: dict[str, Any]) -> None:
    system.write(path, state["text"], state["mode"], (state["owner"][0], state["owner"][1]))


@step_class
class ConfigFile(Step):
    """`path` holds exactly `content`, with this mode and owner (uid, gid; None: whoever makes it)."""

    path: str
    content: str
    mode: int = 0o644
    owner: tuple[int, int] | None = None

    def needed(self, system: System) -> bool:
        state = _state(system, self.path)
        return (state is None or state["text"] != self.content or state["mode"] != self.mode
                or (self.owner is not None and tuple(state["owner"]) != self.owner))

    def before(self, system: System) -> Any:
        """{"copy": path of a private copy, "mode", "owner"}, or None where there was no file."""
        state = _state(system, self.path)
        if state is None:
            return None
        return {"copy": keep_copy(system, state["text"]), "mode": state["mode"], "owner": state["owner"]}

    def apply(self, system: System, progress: Progress) -> None:
        system.write(self.path, self.content, self.mode, self.owner)

    def undo(self, system: System, before: Any) -> None:
        if before is None:
            system.remove(self.path)
            return
        text = system.read(before["copy"])
        if text is None:
            raise StepFailed(_("The former text of {path} is gone from {copy}.").format(
                path=self.path, copy=before["copy"]))
        _put(system, self.path, {**before, "text": text})


@step_class
class ConfigFiles(Step):
    """Several files that are one thing to a person, such as a page in each language."""

    files: tuple[ConfigFile, ...]

    def needed(self, system: System) -> bool:
        return any(file.needed(system) for file in self.files)

    def before(self, system: System) -> Any:
        return [file.before(system) for file in self.files]

    def apply(self, system: System, progress: Progress) -> None:
        for file in self.files:
            file.apply(system, progress)

    def undo(self, system: System, before: Any) -> None:
        for file, state in zip(self.files, before, strict=True):
            file.undo(system, state)


def _cgroup(unit: str) -> str:
    template, at, _instance = unit.partition("@")
    slice_ = f"system-{template.replace('-', chr(92) + 'x2d')}.slice/" if at else ""
    return f"/sys/fs/cgroup/system.slice/{slice_}{unit}/cgroup.procs"


def invocation(system: System, unit: str) -> str | None:
    """systemd's id of this start of a service, None while it is stopped."""
    try:
        return os.readlink(system.path(f"/run/systemd/units/invocation:{unit}"))
    except OSError:
        return None


def running(system: System, unit: str) -> bool:
    """Is the unit started, with a process of its own? Of services read from files; of other kinds asked."""
    if not unit.endswith(".service"):
        return system.run("systemctl", "is-active", "--quiet", unit, ok=(0, 1, 3, 4)).status == 0
    return invocation(system, unit) is not None and bool((system.read(_cgroup(unit)) or "").strip())


def last_words(system: System, unit: str, start: str | None) -> str:
    """What the daemon complained of, in one line; `start` is the invocation that failed, None: the last ones."""
    which = f"_SYSTEMD_INVOCATION_ID={start}" if start else f"_SYSTEMD_UNIT={unit}"
    system.run("journalctl", "--sync", ok=(0, 1), timeout=20)
    said = system.run("journalctl", "-q", "--no-pager", "-o", "cat", "-n", "30", which, ok=(0, 1)).out
    lines = list(dict.fromkeys(line.strip() for line in said.splitlines() if line.strip()))
    complaints = [line for line in lines if COMPLAINT.search(line) and not NOISE.match(line)]
    # The first complaint tends to be the cause, the last one what it led to.
    return " / ".join((complaints or lines[-1:] or [_("nothing")])[-3:])[:300]


def _texts(files: dict[str, dict[str, Any] | None]) -> dict[str, str | None]:
    """What a daemon has read of its files; systemd changes the owner when it gives it their folder."""
    return {path: None if state is None else state["text"] for path, state in files.items()}


@step_class
class RunUnit(Step):
    """`unit` runs with the present text of `files`, and is `ready` (None: running will do) in `timeout` s.

    `ready(system)` is asked while waiting and by needed(): it must be quick, and raise nothing.
    """

    unit: str
    files: tuple[str, ...] = ()
    ready: Callable[[System], bool] | None = None
    timeout: float = 60

    @property
    def record(self) -> str:
        return f"{RECORDS}/{self.unit}.json"

    def _read(self, system: System) -> dict[str, Any] | None:
        text = system.read(self.record)
        return None if text is None else json.loads(text)

    def _write(self, system: System, files: dict[str, dict[str, Any] | None]) -> None:
        record = {"invocation": invocation(system, self.unit), "files": files}
        system.write(self.record, json.dumps(record), 0o600)

    def _files(self, system: System) -> dict[str, dict[str, Any] | None]:
        return {path: _state(system, path) for path in self.files}

    def _current(self, system: System) -> bool:
        """Does what runs have the present files? A start that is not ours counts when it came after them."""
        record = self._read(system)
        if record is None:
            return not self.files
        if _texts(record["files"]) != _texts(self._files(system)):
            return False
        now = invocation(system, self.unit)
        if now is None or record["invocation"] == now:
            return True
        started = os.lstat(system.path(f"/run/systemd/units/invocation:{self.unit}")).st_mtime
        return all(system.path(path).stat().st_mtime <= started for path in self.files)

    def needed(self, system: System) -> bool:
        if not running(system, self.unit) or not self._current(system):
            return True
        # What is busy answers late, and starting it anew would not help.
        return self.ready is not None and not wait_until(lambda: self.ready is None or self.ready(system), BUSY)

    def before(self, system: System) -> Any:
        """{"active", "retried" (systemd tries to start it), "record": a copy of what it was started with, or None}."""
        text, active = system.read(self.record), running(system, self.unit)
        return {"active": active, "retried": not active and self.retried(system),
                "record": None if text is None else keep_copy(system, text)}

    def retried(self, system: System) -> bool:
        """Was it started, and does systemd go on starting it, again and again?"""
        if system.read(self.record) is None:  # systemd is asked of few
            return False
        return system.run("systemctl", "is-active", self.unit, ok=range(256)).out.strip() == "activating"

    def apply(self, system: System, progress: Progress) -> None:
        files = self._files(system)
        system.remove(self.record)
        self._start(system)
        self._write(system, files)

    def _start(self, system: System) -> None:
        try:
            system.run("systemctl", "restart", self.unit, timeout=self.timeout + SYSTEMD)
        except CommandFailed as fault:
            # A program that ExecStartPre waits for has spoken too; the id of this start is gone with it.
            raise self._failed(last_words(system, self.unit, None)) from fault
        start = invocation(system, self.unit)

        def dead() -> bool:
            return not running(system, self.unit) or invocation(system, self.unit) != start

        sentence = _("{unit} runs, but is not ready after {seconds:.0f} s.").format(
            unit=self.unit, seconds=self.timeout)
        try:
            system.wait_for(lambda: dead() or self.ready is None or self.ready(system), self.timeout, sentence, 0.05)
        except CommandFailed:
            raise
        except StepFailed as slow:
            raise self._said(slow.message, last_words(system, self.unit, start)) from slow
        if dead():
            raise self._failed(last_words(system, self.unit, start))

    def _failed(self, words: str) -> StepFailed:
        return self._said(_("{unit} could not start.").format(unit=self.unit), words)

    def _said(self, sentence: str, words: str) -> StepFailed:
        return StepFailed(_("{sentence} It said: {words}").format(sentence=sentence, words=words),
                          _("`journalctl -u {unit}` shows all of it.").format(unit=self.unit))

    def undo(self, system: System, before: Any) -> None:
        # Files are put back by their own steps only after this one, so a former daemon gets its files here.
        if not before or not (before["active"] or before.get("retried")):
            system.run("systemctl", "stop", self.unit, ok=(0, 5), timeout=self.timeout + SYSTEMD)
            system.run("systemctl", "reset-failed", self.unit, ok=(0, 1))
            system.remove(self.record)
            return
        start = self._try_on if before.get("retried") else self._start_former
        text = system.read(before["record"]) if before["record"] else None
        if text is None:
            start(system)
            return
        for path, state in json.loads(text)["files"].items():
            if state is None:
                system.remove(path)
            else:
                _put(system, path, state)
        start(system)
        self._write(system, json.loads(text)["files"])

    def _start_former(self, system: System) -> None:
        """Ready for what the new files say is not what the former ones lead to."""
        replace(self, ready=None)._start(system)

    def _try_on(self, system: System) -> None:
        """It did not come up before: systemd goes on trying, and nobody waits for it."""
        system.run("systemctl", "reset-failed", self.unit, ok=(0, 1))
        system.run("systemctl", "restart", "--no-block", self.unit)


@step_class
class StopUnit(Step):
    """`unit` does not run any more; undo starts it again with the files that it had."""

    unit: str

    @property
    def _run(self) -> RunUnit:
        return RunUnit(id=self.id, text=self.text, unit=self.unit)

    def needed(self, system: System) -> bool:
        return running(system, self.unit) or self._run.retried(system)

    def before(self, system: System) -> Any:
        return self._run.before(system)

    def apply(self, system: System, progress: Progress) -> None:
        system.run("systemctl", "stop", self.unit, timeout=90)
        system.remove(self._run.record)

    def undo(self, system: System, before: Any) -> None:
        self._run.undo(system, before)
