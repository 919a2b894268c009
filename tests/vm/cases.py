"""What a power cut may leave of each run, and in which order: anything else is a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.vm.verdicts import Found

Verdict = Callable[[Found, Found, Found], str]
"""What is found, what was there before the run and after it: in one word."""


def clone(now: Found, _before: Found, after: Found) -> str:
    if now.system is not None:
        return "complete" if now.system == after.system else "half a system"
    if now.code:
        return "code without a system"
    return "unfinished" if now.parts in {"", "byzantium-unfinished"} else f"parts: {now.parts}"


def clone_data(now: Found, before: Found, after: Found) -> str:
    """Onto a stick that has a system already: that goes first of all."""
    if now.parts in {"", "byzantium-unfinished"}:
        return "code without a system" if now.code else "unfinished"
    if now.parts == before.parts and now.system is None:
        return "unfinished"
    if now.parts == before.parts:
        return "before" if now.system == before.system else "half a system"
    there = (now.system, now.parts, now.opens, now.kept, now.files)
    whole = (after.system, after.parts, after.opens, after.kept, after.files)
    return "complete" if now.sound and there == whole else "a system without all of its data"


def create(now: Found, before: Found, after: Found) -> str:
    """In a partition or in a file, whatever was on the stick stays."""
    if now.parts not in {before.parts, after.parts} or now.system != before.system:
        return "a lost system"
    if not now.opens:
        there = now.size is not None or "byzdata" in now.parts
        return "does not open" if there else "none"
    if not now.sound:
        return "damaged"
    for thing in ("./home/", "./identity/"):
        kept, whole = (
            {name: hash_ for name, hash_ in found.files.items() if name.startswith(thing)} for found in (now, after)
        )
        if kept not in ({}, whole):
            return "half moved in"
    if now.kept:
        return "kept" if (now.kept, now.files) == (after.kept, after.files) else "a lost file"
    return "opens"


def passphrase(now: Found, before: Found, _after: Found) -> str:
    if not now.opens:
        return "a lost header"
    if not now.sound or now.files != before.files:
        return "a lost file"
    return "both" if len(now.opens) == 2 else "old" if now.opens == ("first",) else "new"


def switch(now: Found, before: Found, after: Found) -> str:
    if not now.opens or not now.sound:
        return "damaged"
    if not now.has(before.files) or (now.kept == after.kept and not now.has(after.files)):
        return "a lost file"
    return {before.kept: "before", after.kept: "after"}.get(now.kept, f"keeps {now.kept}")


def upgrade(now: Found, before: Found, after: Found) -> str:
    if not now.opens or not now.sound or (now.files, now.kept) != (before.files, before.kept):
        return "a lost store"
    names = {None: "nothing", before.system: "old", after.system: "new"}
    return names.get(now.system, "half a system")


def upgrade_file(now: Found, before: Found, after: Found) -> str:
    """While there is no file system, its store is found by who copies to it again: that is done at some points."""
    if now.system is None and not now.again:
        return "nothing"
    there = (now.files, now.kept, now.size)
    if not now.opens or not now.sound or there != (before.files, before.kept, before.size):
        return "a lost store"
    if now.again:
        return "nothing" if now.parts == after.parts else "not gone on with"
    return {before.system: "old", after.system: "new"}.get(now.system, "half a system")


def resize(now: Found, before: Found, after: Found) -> str:
    if now.system != before.system:
        return "a lost system"
    if not now.opens or not now.sound:
        return "damaged"
    if now.kept != before.kept or not now.has(before.files):
        return "a lost file"
    assert now.size is not None
    assert before.size is not None
    assert after.size is not None
    if now.size == before.size:
        return "as before"
    if not before.size < now.size <= after.size:
        return f"{now.size} bytes"
    if now.size < after.size:
        return "part of the file"
    return "grown" if now.room == after.room else "the whole file"


@dataclass(frozen=True)
class Case:
    """`order`: the words of the verdict in their order of time. `words`: the passphrases that may open its store.
    `system`: how much of that is read at most points, as the judge has it. `again`: where nothing is found, it is
    copied to again at some of them."""

    verdict: Verdict
    order: tuple[str, ...]
    words: tuple[str, ...] = ()
    kind: str = "none"
    system: str = "-"
    again: bool = False

    def reads(self, whole: bool) -> str:
        return "system" if whole and self.system != "-" else self.system


CASES = {
    "clone": Case(clone, ("unfinished", "complete"), system="system"),
    "clone data": Case(clone_data, ("before", "unfinished", "complete"), ("first",), "partition", system="heads"),
    "create": Case(create, ("none", "opens", "kept"), ("first",), "partition"),
    "passphrase": Case(passphrase, ("old", "both", "new"), ("first", "second"), "partition"),
    "switch": Case(switch, ("before", "after"), ("second",), "partition"),
    "switch back": Case(switch, ("before", "after"), ("second",), "partition"),
    "upgrade": Case(upgrade, ("old", "nothing", "new"), ("second",), "partition", system="system"),
    "save.dat": Case(create, ("none", "opens", "kept"), ("first",), "file", system="heads"),
    "resize": Case(
        resize, ("as before", "part of the file", "the whole file", "grown"), ("first",), "file", system="heads"
    ),
    "upgrade file": Case(upgrade_file, ("old", "nothing", "new"), ("first",), "file", system="heads", again=True),
}
