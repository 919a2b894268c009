"""The stage "clock": nodes agree on a time (chronyd), for many laptops have none. Where one knows it, all do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.plan import Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/clock"
CONFIG = f"{FOLDER}/chrony.conf"
SOCKET = f"{FOLDER}/chronyd.sock"
UNIT = "byz-clock.service"
LOCAL = "7F7F0101"  # chronyd's reference where the time is its own computer's


@dataclass(frozen=True)
class Told:
    """What chronyd says: `follows` is whose time this node has (an address or a host), None for its own; `worst` the
    greatest distance in seconds to a source that answers, None where none does."""

    follows: str | None
    worst: float | None


def parse(tracking: str, sources: str) -> Told:
    """From chronyc's comma-separated answers (its manual, option -c). Raises ValueError, IndexError."""
    words = tracking.strip().split(",")
    rows = [line.split(",") for line in sources.splitlines()]
    answering = [abs(float(row[7])) for row in rows if int(row[5], 8)]
    return Told(None if words[0] in (LOCAL, "00000000") else words[1], max(answering, default=None))


def read(system: System, timeout: float) -> Told | None:
    """None where chronyd does not answer."""
    try:
        answers = [system.run("chronyc", "-n", "-c", "-h", str(system.path(SOCKET)), what, timeout=timeout).out
                   for what in ("tracking", "sources")]
        return parse(*answers)
    except (ByzantiumError, ValueError, IndexError):
        return None


def is_set_here(system: System) -> bool:
    """In a container (machinectl) the clock is its host's, who looks after it."""
    return not system.path("/run/systemd/container").exists()


@step_class
class RunClock(RunUnit):
    def needed(self, system: System) -> bool:
        return is_set_here(system) and super().needed(system)


def _speaks(system: System) -> bool:
    return system.path(SOCKET).exists()


class ClockStage:
    name = "clock"

    @property
    def title(self) -> str:
        return _("Clock")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (
            ConfigFile(id="clock-file", path=CONFIG, content=fill("chrony.conf"),
                       text=_("Write down how the clock is set")),
            RunClock(id="clock", unit=UNIT, files=(CONFIG,), ready=_speaks, after=("clock-file",),
                    text=_("Agree on the time with other nodes")),
        )


STAGE = ClockStage()
