"""The plan: a pure function of what is wanted and the machine. Its steps are data with verbs for the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

MAY_SKIP = ("lease", "access-point", "names", "remote", "persistence", "services", "clone")
"""Stages that an apply may leave out: a node without them still meshes."""

BESIDE = ("traffic", "clock", "watch", "wifi", "internet")
"""Stages that need nothing of the one before them, and are made beside it."""

Progress = Callable[[int, int], None]
"""progress(done, total), in bytes or parts."""

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False)
def step_class(cls: type[T]) -> type[T]:
    """A class of steps: a dataclass with an __init__ alone, whose fields nobody assigns to, as the type checker sees.
    Python compiles the methods of a dataclass at every start; the others, of forty classes, take as long as a tenth of
    an apply that finds nothing to do, and stand in Step once."""
    return dataclass(kw_only=True, repr=False, eq=False, match_args=False)(cls)


@step_class
class Step(ABC):
    """One change that a person would recognise. Applying it twice changes nothing.

    `after` names steps of the same stage that come first; steps that do not wait for each other run side by side.
    """

    id: str
    text: str
    destroys: str | None = None
    after: tuple[str, ...] = ()
    network: bool = field(default=False)  # may cut the network that the caller is connected over
    asked: bool = field(default=False)  # done only when a person asked for it, never by answers that a boot found
    seal: str = ""  # of the disk that it writes to, as it was when this was planned; empty: it writes to none
    patient: ClassVar[bool] = False  # waits for a device most of the time: any number of such steps run side by side

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, one.name) == getattr(other, one.name) for one in fields(self) if one.compare)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"

    @property
    def undoable(self) -> bool:
        return True

    @abstractmethod
    def needed(self, system: System) -> bool:
        """Ask the system; True when apply would change something."""

    def before(self, system: System) -> Any:
        """What undo needs to know, as JSON without secrets; taken before apply and kept in the journal."""
        return None

    @abstractmethod
    def apply(self, system: System, progress: Progress) -> None:
        """Make the change and wait until it holds. Raises StepFailed with a sentence."""

    def told(self, system: System) -> str:
        """A sentence about what came of it, where its text does not say all."""
        return ""

    @abstractmethod
    def undo(self, system: System, before: Any) -> None:
        """Take the change back, whole or half done. Must not fail on what is already gone."""


class Stage(Protocol):
    """A part of the node, one file in backends/. `title` is for people ("Wireless mesh")."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        """Pure: looks at nothing but its arguments. Raises CannotHere naming the key to change."""


@dataclass(frozen=True)
class PlannedStage:
    name: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    stages: tuple[PlannedStage, ...]

    @property
    def rounds(self) -> tuple[tuple[PlannedStage, ...], ...]:
        """The stages in their order; those of one round are made side by side."""
        found: list[list[PlannedStage]] = []
        for stage in self.stages:
            if found and stage.name in BESIDE:
                found[-1].append(stage)
            else:
                found.append([stage])
        return tuple(map(tuple, found))

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for stage in self.stages for step in stage.steps)

    def without(self, step: str) -> Plan:
        """The same but for one step, which the others wait for no more."""
        return Plan(tuple(
            replace(stage, steps=tuple(
                replace(each, after=tuple(other for other in each.after if other != step))
                for each in stage.steps if each.id != step))
            for stage in self.stages))

    def as_json(self, needed: Callable[[Step], bool]) -> dict[str, Any]:
        """The shape of `plan --json`."""
        return {
            "plan": 1,
            "stages": [
                {
                    "name": stage.name,
                    "steps": [
                        {
                            "id": step.id,
                            "text": step.text,
                            "needed": needed(step),
                            "destroys": step.destroys,
                            "undo": step.undoable,
                        }
                        for step in stage.steps
                    ],
                }
                for stage in self.stages
            ],
        }


def make_plan(resolved: Resolved, machine: Machine, stages: Iterable[Stage]) -> Plan:
    """Raises CannotHere when a stage cannot be had on this machine."""
    return Plan(
        tuple(
            PlannedStage(stage.name, stage.title, steps)
            for stage in stages
            if (steps := tuple(stage.steps(resolved, machine)))
        )
    )
