"""Settings of the kernel's network below /proc/sys/net, as a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System

BASE = "/proc/sys/net"


def get(system: System, path: str) -> str | None:
    text = system.read(f"{BASE}/{path}")
    return None if text is None else text.strip()


def put(system: System, path: str, value: str) -> None:
    """The kernel's files are written in place. Raises StepFailed where there is no such setting."""
    try:
        with open(system.path(f"{BASE}/{path}"), "w", encoding="ascii") as file:
            file.write(value)
    except OSError as fault:
        raise StepFailed(_("The kernel does not take {value} for {path}: {why}.").format(
            value=value, path=f"net/{path}", why=fault.strerror)) from fault


@step_class
class KernelSettings(Step):
    """`values` are (path below /proc/sys/net, value), written in this order."""

    values: tuple[tuple[str, str], ...]

    def needed(self, system: System) -> bool:
        return any(get(system, path) != value for path, value in self.values)

    def before(self, system: System) -> Any:
        return {path: get(system, path) for path, _value in self.values}

    def apply(self, system: System, progress: Progress) -> None:
        for path, value in self.values:
            if get(system, path) != value:
                put(system, path, value)

    def undo(self, system: System, before: Any) -> None:
        for path, value in before.items():
            if value is not None and get(system, path) not in (None, value):
                put(system, path, value)
