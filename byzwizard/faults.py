"""What is wrong with an answers file: a place, a sentence, and what to write instead."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from byzwizard.errors import Invalid
from byzwizard.i18n import ngettext
from byzwizard.values import shown

MOST = 100
"""Faults told in one run; a file with more is not an answers file that somebody mistyped."""


@dataclass(frozen=True, order=True)
class Fault:
    """`line` and `column` count from 1; `key` is the path, as mesh.interfaces[1], empty for the file as a whole."""

    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self, name: str) -> str:
        """`FILE:LINE:COLUMN: sentence`, one line."""
        return f"{shown(name, 4096)}:{self.line}:{self.column}: {self.message} {self.hint}".rstrip()


class InvalidAnswers(Invalid):
    """An answers file that cannot be used; `faults` in the order of the file, at least one."""

    def __init__(self, name: str, faults: Iterable[Fault]) -> None:
        self.name = name
        self.faults = tuple(sorted(set(faults)))[:MOST]
        more = len(self.faults) - 1
        hint = ngettext(
            "And {n} more fault; `byzwizard check` lists it.",
            "And {n} more faults; `byzwizard check` lists them.",
            more,
        )
        super().__init__(self.faults[0].text(name), hint.format(n=more) if more else "")

    def lines(self) -> list[str]:
        return [fault.text(self.name) for fault in self.faults]
