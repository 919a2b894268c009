"""One apply at a time, and none while what is kept is copied: locks that the kernel drops when their holder dies."""

import contextlib
import os
from collections.abc import Iterator

from byzwizard.backends.system import System
from byzwizard.backends.waiting import wait_for_lock
from byzwizard.errors import Refused
from byzwizard.i18n import N_, _

LOCK = "/run/byzantium/lock"
COPYING = "/run/byzantium/copying.lock"
PATIENCE = 5.0  # seconds: what the node does by itself (an alert's age, a certificate) is over by then
LONG = 3600.0  # seconds: what does not stand in anybody's way while it waits
CHANGES = N_("Another change of this node is under way (process {pid}).")
COPIES = N_("What this node keeps is being copied to a stick (process {pid}).")

_held = False  # by this process, both


@contextlib.contextmanager
def only_one(system: System, beside_copies: bool = False) -> Iterator[None]:
    """`beside_copies`: it touches no service and no store. Raises Refused while another apply or undo runs, and
    Interrupted."""
    global _held
    with _locked(system, LOCK, PATIENCE, CHANGES):
        if beside_copies:
            yield
            return
        with _locked(system, COPYING, PATIENCE, COPIES):
            _held = True
            try:
                yield
            finally:
                _held = False


@contextlib.contextmanager
def copying(system: System) -> Iterator[None]:
    """Services stand still and the store stays open meanwhile. It may be a part of a change that this process makes,
    and waits for those of others to end. One thread of a process at a time. Raises Refused, Interrupted."""
    if _held:
        yield
        return
    with _locked(system, COPYING, LONG, COPIES):
        yield


@contextlib.contextmanager
def _locked(system: System, lock: str, patience: float, why: str) -> Iterator[None]:
    path = system.path(lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not wait_for_lock(file.fileno(), patience):
            file.seek(0)
            raise Refused(
                _(why).format(pid=file.read().strip() or "?"), _("Wait until it has ended, and try again.")
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
