"""Services of this node whose disk is full, as tend has found them: what people are told of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.fulldisks import FULL, HOME, advice
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.checks import Check
    from byzwizard.backends.offering import Offered
    from byzwizard.backends.system import System


def is_full(system: System, name: str) -> bool:
    return system.path(f"{FULL}/{name}").exists()


def check(system: System, offered: Sequence[Offered]) -> list[Check]:
    """One for all: nearly always it is the same disk."""
    from byzwizard.backends.checks import Check

    full = [one for one in offered if is_full(system, one.name)]
    if not full:
        return []
    titles = _(" and ").join(_(one.title) for one in full)
    return [Check("full", True, _("The disk for {titles} is full ({percent} %).").format(
        titles=titles, percent=_percent(system, full[0].name)), advice())]


def _percent(system: System, name: str) -> int:
    try:
        disk = os.statvfs(system.path(HOME / name))
    except OSError:  # gone since tend looked
        return 100
    return 100 - 100 * disk.f_bavail // (disk.f_blocks or 1)
