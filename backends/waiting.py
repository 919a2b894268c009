"""Waiting for a state, with a deadline: what happens between two programs has no other event to wait on."""

import threading
import time
from collections.abc import Callable

from byzwizard.errors import Interrupted
from byzwizard.i18n import _

stopping = threading.Event()  # set by a signal (System.stop): whatever waits gives up, so that it can be undone


def check_stop() -> None:
    """Raises Interrupted after System.stop(), until System.go_on()."""
    if stopping.is_set():
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
