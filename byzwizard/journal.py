"""What an apply did, step by step, kept in memory (/run): so it can be undone, explained after a crash, continued.

Lines of JSON without secrets: {"apply": …} opens it; {"step", "stage", "text", "before"} stands before each change,
{"done"} or {"undone"} after it; {"end": status} closes it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from byzwizard.backends.system import System
from byzwizard.i18n import _

JOURNAL = "/run/byzantium/journal"
UNDO = "/run/byzantium/undo"
QUIET = frozenset({"node", "names", "traffic", "clock", "watch", "remote", "persistence", "services", "keep", "clone"})
"""Stages that leave links, access points and addresses alone."""


@dataclass
class Entry:
    """One step that was begun. `done` is False when the program was stopped in its middle."""

    stage: str
    step: str
    text: str
    before: Any
    done: bool = False


@dataclass
class Record:
    """The last apply that changed something: entries that are not undone, in order; `status` None when unfinished."""

    opening: dict[str, Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    status: int | None = None

    @property
    def touches_network(self) -> bool:
        """Whether taking it back may cut phones and neighbours off."""
        return any(entry.stage not in QUIET for entry in self.entries)


def _lines(system: System) -> Iterator[dict[str, Any]]:
    for line in (system.read(JOURNAL) or "").splitlines():
        try:
            item = json.loads(line)
        except ValueError:  # the last line, cut off by a power failure
            return
        if isinstance(item, dict):
            yield item


def read(system: System) -> Record | None:
    """None when nothing was applied since power-on."""
    record: Record | None = None
    for item in _lines(system):
        if "apply" in item:
            record = record or Record(opening=item["apply"])
            record.status = None
        elif record is None:
            return None
        elif "before" in item:
            if all(entry.step != item["step"] for entry in record.entries):
                record.entries.append(Entry(item["stage"], item["step"], item["text"], item["before"]))
        elif "done" in item:
            for entry in record.entries:
                entry.done = entry.done or entry.step == item["done"]
        elif "undone" in item:
            record.entries = [entry for entry in record.entries if entry.step != item["undone"]]
        elif "end" in item:
            record.status = item["end"]
    return record


def unfinished(system: System) -> str | None:
    """A sentence about an apply that was cut off, None when there is none."""
    record = read(system)
    if record is None or record.status is not None:
        return None
    half = next((entry.text for entry in record.entries if not entry.done), None)
    if half is None:
        return _(
            "The last change was stopped between two steps. Applying again continues it; "
            "`byzwizard undo` takes it back."
        )
    return _(
        "The last change was stopped while doing this: {step}. Applying again continues it; `byzwizard undo` takes it "
        "back."
    ).format(step=half)


class Journal:
    """Written by the engine. Opened by the first change, so that an apply with nothing to do keeps the last one's."""

    def __init__(self, system: System, opening: dict[str, Any]) -> None:
        self._system = system
        self._opening = opening
        self._open = False

    def _write(self, item: dict[str, Any]) -> None:
        path = self._system.path(JOURNAL)
        if not self._open:
            self._open = True
            path.parent.mkdir(parents=True, exist_ok=True)
            last = read(self._system)
            if last is None or last.status is not None:  # an unfinished one is continued
                self._system.write(JOURNAL, "", mode=0o600)
            self._write({"apply": self._opening})
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(item, ensure_ascii=False) + "\n")

    def go_on(self) -> None:
        """Write at the end of what is there: an undo belongs to the apply that it takes back."""
        self._open = True

    def begin(self, entry: Entry) -> None:
        self._write({"stage": entry.stage, "step": entry.step, "text": entry.text, "before": entry.before})

    def done(self, step: str) -> None:
        self._write({"done": step})

    def undone(self, step: str) -> None:
        self._write({"undone": step})

    @property
    def opened(self) -> bool:
        """Has anything been changed?"""
        return self._open

    def end(self, status: int) -> None:
        if self._open:
            self._write({"end": status})
