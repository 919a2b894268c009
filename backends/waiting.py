"""Waiting for a state, with a deadline: what happens between two programs has no other event to wait on."""

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator

from byzwizard.errors import Interrupted
from byzwizard.i18n import _

stopping = threading.Event()  # set by a signal (System.stop): whatever waits gives up, so that it can be undone


_spared = threading.local()


@contextlib.contextmanager
def clearing_up() -> Iterator[None]:
    """What this thread does in here is done to its end after a stop, too: closing what it had opened."""
    before = getattr(_spared, "on", False)
    _spared.on = True
    try:
        yield
    finally:
        _spared.on = before


def check_stop() -> None:
    """Raises Interrupted after System.stop(), until System.go_on()."""
    if stopping.is_set() and not getattr(_spared, "on", False):
        raise Interrupted(_("Interrupted."))


def wait_until(holds: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """True as soon as `holds()`; False when it has not come true within `seconds`. Raises Interrupted."""
    end = time.monotonic() + seconds
    while not holds():
        check_stop()
        if time.monotonic() >= end:
            return False
        stopping.wait(every)
    return True


def wait_for_lock(descriptor: int, seconds: float) -> bool:
    """flock(2), for us alone; False when somebody else has it all the while. Raises Interrupted."""

    def locks() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return wait_until(locks, seconds)
