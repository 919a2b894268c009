"""Whether services fit together into the memory of a computer: one answer for `enable`, for a plan and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from byzwizard.diskwords import size
from byzwizard.errors import CannotHere
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from byzwizard.catalogue import Descriptor


def lack(services: Sequence[Descriptor], memory_bytes: int) -> CannotHere | None:
    """None where they fit; else the numbers, and what to leave out. `memory_bytes` is all that the computer has."""
    from byzwizard import catalogue

    found = catalogue.too_much(services, memory_bytes)
    if found is None:
        return None
    need, there, drop = found
    sizes = {one.name: one.memory_bytes for one in services}
    return CannotHere(
        _("These services need {need} of memory, and this computer has {there} for them ({all} in all).").format(
            need=size(need), there=size(there), all=size(memory_bytes)),
        _("Leave out {names}.").format(names=_(" and ").join(f"{name} ({size(sizes[name])})" for name in drop)),
    )  # fmt: skip


def left(services: Sequence[Descriptor], memory_bytes: int) -> str:
    """What they may take at the most, of what there is for services."""
    from byzwizard.catalogue import SYSTEM_BYTES

    need, there = sum(one.memory_bytes for one in services), size(max(0, memory_bytes - SYSTEM_BYTES))
    if not need:
        return _("{there} are there for services").format(there=there)
    return _("up to {need}, of {there} that are there for services").format(need=size(need), there=there)
