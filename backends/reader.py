"""The machine for a page that looks again every two seconds: read anew only when something was plugged, switched or
mounted, and now and then for what gives no sign (programs, Wi-Fi rules, the battery)."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from byzwizard.backends.links import attribute, folders
from byzwizard.backends.probe import machine_for
from byzwizard.backends.system import System
from byzwizard.machine import Machine

OLDEST = 15.0  # seconds

# What changes in /sys when hardware comes, goes or is switched; a read of all takes about a millisecond.
SIGNS = (("/sys/class/ieee80211", ()), ("/sys/class/net", ("ifindex", "carrier", "flags")),
         ("/sys/class/rfkill", ("soft", "hard")), ("/sys/block", ("size", "ro")), ("/sys/bus/usb/devices", ()))


class MachineReader:
    """One for each page or program that asks again and again; used by one thread at a time."""

    def __init__(self, system: System, file: Path | None, read: Callable[[], Machine] | None = None) -> None:
        """`read` stands in for machine_for(system, file)."""
        self._system = system
        self._file = file
        self._read = read or (lambda: machine_for(system, file))
        self._sign = ""
        self._read_at = -OLDEST
        self._machine: Machine | None = None

    def machine(self, fresh: bool = False) -> Machine:
        """As machine_for; `fresh` reads in any case. Raises Invalid for a bad recording."""
        sign, now = fingerprint(self._system, self._file), time.monotonic()
        if fresh or self._machine is None or sign != self._sign or now - self._read_at >= OLDEST:
            self._machine = self._read()
            self._sign, self._read_at = sign, now
        return self._machine


def fingerprint(system: System, file: Path | None) -> str:
    """Another text whenever something that can be seen cheaply has changed."""
    return hashlib.sha256("\n".join(_recording(file) if file is not None else _signs(system)).encode()).hexdigest()


def _recording(file: Path) -> Iterator[str]:
    try:
        found = os.stat(file)
    except OSError:
        return
    yield f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _signs(system: System) -> Iterator[str]:
    for path, names in SIGNS:
        for folder in folders(system, path):
            yield " ".join((folder.name, *(attribute(folder, name) or "" for name in names)))
    yield system.read("/proc/self/mountinfo") or ""
