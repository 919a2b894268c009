"""What the tests in the VM say as they go: they take minutes, and a silent minute looks like a hang."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

START = time.monotonic()
WHO = os.environ.get("PYTEST_XDIST_WORKER", "")  # of those that run side by side


class Slow(AssertionError):
    """A state was waited for and did not come in time."""


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


output = _to_stderr


def say(text: str) -> None:
    """One line of progress, with the seconds since the start."""
    output(f"[{WHO}{time.monotonic() - START:6.1f}] {text}")


def until(ready: Callable[[], T | None], timeout: float, what: str) -> T:
    """Poll at 100 ms until `ready` returns something true, and return that. Raises Slow."""
    end = time.monotonic() + timeout
    while True:
        if value := ready():
            return value
        if time.monotonic() > end:
            raise Slow(f"after {timeout:.0f} s still not: {what}")
        time.sleep(0.1)
