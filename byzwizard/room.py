"""Whether services fit together into the memory of a computer: one answer for `enable`, for a plan and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from byzwizard.diskwords import size
from byzwizard.errors import CannotHere
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from byzwizard.catalogue import Descriptor

SYSTEM_BYTES = 400 << 20
"""Memory that the system, the mesh and the files of a live system take without any service."""


def too_much(wanted: Sequence[Descriptor], memory_bytes: int) -> tuple[int, int, tuple[str, ...]] | None:
    """None where they fit together; else what they need, what is there for them, and the names of those that could be
    left out: one alone where that is enough, the smallest such, else the greatest first."""
    need, there = sum(one.memory_bytes for one in wanted), max(0, memory_bytes - SYSTEM_BYTES)
    if need <= there:
        return None
    over = need - there
    alone = sorted((one.memory_bytes, one.name) for one in wanted if one.memory_bytes >= over)
    if alone:
        return need, there, (alone[0][1],)
    drop: list[str] = []
    for one in sorted(wanted, key=lambda one: (-one.memory_bytes, one.name)):
        if over > 0:
            drop.append(one.name)
            over -= one.memory_bytes
    return need, there, tuple(drop)


class NoRoom(CannotHere):
    """`drop` are the names of those that could be left out."""

    def __init__(self, message: str, hint: str, drop: tuple[str, ...]) -> None:
        super().__init__(message, hint)
        self.drop = drop


def lack(services: Sequence[Descriptor], memory_bytes: int) -> NoRoom | None:
    """None where they fit; else the numbers, and what to leave out. `memory_bytes` is all that the computer has."""
    found = too_much(services, memory_bytes)
    if found is None:
        return None
    need, there, drop = found
    called = {one.name: _called(one) for one in services}
    return NoRoom(
        _("These services need {need} of memory, and this computer has {there} for them ({all} in all).").format(
            need=size(need), there=size(there), all=size(memory_bytes)),
        _("Leave out {names}.").format(names=_(" and ").join(called[name] for name in drop)),
        drop,
    )  # fmt: skip


def _called(one: Descriptor) -> str:
    """With the name that a command takes, where the title is another."""
    title, takes = _(one.title), size(one.memory_bytes)
    return f"{title} ({takes})" if title.lower() == one.name else f"{title} ({one.name}, {takes})"


def left(services: Sequence[Descriptor], memory_bytes: int) -> str:
    """What they may take at the most, of what there is for services."""
    need, there = sum(one.memory_bytes for one in services), size(max(0, memory_bytes - SYSTEM_BYTES))
    if not need:
        return _("{there} are there for services").format(there=there)
    return _("up to {need}, of {there} that are there for services").format(need=size(need), there=there)
