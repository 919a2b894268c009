"""One apply at a time: a lock that the kernel drops when its holder dies."""

import contextlib
import os
from collections.abc import Iterator

from byzwizard.backends.system import System
from byzwizard.backends.waiting import wait_for_lock
from byzwizard.errors import Refused
from byzwizard.i18n import _

LOCK = "/run/byzantium/lock"
PATIENCE = 5.0  # seconds: what the node does by itself (an alert's age, a certificate) is over by then
LONG = 3600.0  # seconds: what does not stand in anybody's way while it waits

_held = False  # by this process


@contextlib.contextmanager
def only_one(system: System, patience: float | None = None) -> Iterator[None]:
    """Raises Refused while another apply or undo runs, and Interrupted."""
    global _held
    path = system.path(LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not wait_for_lock(file.fileno(), PATIENCE if patience is None else patience):
            file.seek(0)
            raise Refused(
                _("Another change of this node is under way (process {pid}).").format(pid=file.read().strip() or "?"),
                _("Wait until it has ended, and try again."),
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        _held = True
        try:
            yield
        finally:
            _held = False


@contextlib.contextmanager
def within_one(system: System) -> Iterator[None]:
    """As only_one(), for what may be a part of a change that this process makes; it waits until others have ended. One
    thread of a process at a time."""
    if _held:
        yield
        return
    with only_one(system, LONG):
        yield
