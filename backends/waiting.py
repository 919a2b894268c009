"""Waiting for a state, with a deadline: what happens between two programs has no other event to wait on."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """True as soon as `holds()`; False when it has not come true within `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            return False
        time.sleep(every)
    return True
