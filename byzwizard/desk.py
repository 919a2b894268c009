"""What the pages may ask of the rest of the program. The command line hands one in; screens import no backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # the wizard's first frame does not wait for the models
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


@dataclass(frozen=True)
class Phones:
    """The access point that stands now, for its QR code; `passphrase` is None where it is open."""

    ssid: str
    passphrase: str | None


@dataclass(frozen=True)
class Place:
    """Where a file may be written: whether one is there already, and whether power-off forgets it."""

    path: Path
    taken: bool
    forgotten: bool


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
    """All but `apply` and `undo` may take long and are called in a thread (`shell` with the terminal handed over);
    they raise ByzantiumError with a sentence."""

    rehearsal: bool  # Apply only tells the steps

    def answers(self) -> Answers | None:
        """What this node is set up as; None on a new one."""

    def problem(self) -> str | None:
        """Why the answers that this boot found were not applied; a quick question, asked without a thread."""

    def load(self, path: Path) -> Answers: ...

    def place(self, text: str) -> Place:
        """What a person means by a path to write to."""

    def save(self, answers: Answers, path: Path) -> None:
        """Write an answers file, with its comments, readable by its owner alone."""

    def save_log(self, text: str, path: Path) -> None:
        """Write what the Apply page has told, readable by its owner alone."""

    def machine(self) -> Machine: ...

    def review(self, answers: Answers) -> Review: ...

    def apply(self, answers: Answers, skip: frozenset[str] = frozenset()) -> Applying:
        """`skip` names stages that are left out."""

    def titles(self) -> dict[str, str]:
        """What each stage is called, by its name in the events."""

    def status(self) -> dict[str, Any]:
        """The shape of `status --json`, and "kind" of the mesh: public, private or open."""

    def waiting(self) -> float | None:
        """Seconds until an unconfirmed network change reverts; None when none waits."""

    def confirm(self) -> None: ...

    def changed(self) -> list[str]:
        """What the last apply changed, a sentence each."""

    def undo(self) -> Applying: ...

    def self_test(self, interface: str) -> str:
        """Let a radio join a throw-away mesh and tell the outcome in a sentence."""

    def heard(self) -> list[dict[str, Any]]:
        """The shape of `scan --json`."""

    def phones(self) -> Phones | None:
        """What phones can join now; None where there is no access point."""

    def keyboard(self, layout: str) -> None:
        """Let the console have this layout at once; does nothing where there is no console."""

    def shell(self) -> None:
        """Run a shell on this terminal until it is left. Raises Refused where the console is locked."""

    def power(self, what: Literal["off", "restart"]) -> None: ...
