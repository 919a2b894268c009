"""What the pages may ask of the rest of the program. The command line hands one in; screens import no backend."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from byzwizard.answers import Answers
from byzwizard.machine import Machine
from byzwizard.plan import Plan
from byzwizard.resolve import Resolved


@dataclass(frozen=True)
class Review:
    """What Apply would do: the resolved answers, the plan, and the ids of the steps that would change something."""

    resolved: Resolved
    plan: Plan
    needed: frozenset[str]


class Applying(Protocol):
    """An apply that runs on its own. `fd` becomes readable when `lines` has more; each line is an Event's JSON."""

    fd: int

    def lines(self) -> Iterator[str]:
        """What has arrived, without waiting; empty while nothing has."""

    def cancel(self) -> None:
        """Ask it to stop; it undoes what it did and ends with status 130."""

    def status(self) -> int | None:
        """Exit status, None while it runs."""


class Desk(Protocol):
    """All but `apply` may take long and are called in a thread; they raise ByzantiumError with a sentence."""

    rehearsal: bool  # Apply only tells the steps

    def answers(self) -> Answers | None:
        """What this node is set up as; None on a new one."""

    def load(self, path: Path) -> Answers: ...

    def machine(self) -> Machine: ...

    def review(self, answers: Answers) -> Review: ...

    def apply(self, answers: Answers) -> Applying: ...

    def status(self) -> dict[str, Any]:
        """The shape of `status --json`."""

    def waiting(self) -> float | None:
        """Seconds until an unconfirmed network change reverts; None when none waits."""

    def confirm(self) -> None: ...

    def undo(self) -> Applying: ...

    def self_test(self, interface: str) -> str:
        """Let a radio join a throw-away mesh and tell the outcome in a sentence."""

    def heard(self) -> list[dict[str, Any]]:
        """The shape of `scan --json`."""
