"""Who uses a file system: the processes that have something of it open, and the units that they belong to."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from byzwizard.backends.system import System

UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")
# People's own programs are asked to end, never ended; and the wizard does not end itself.
NOT_STOPPED = ("byz-wizard@", "byz-node", "user@", "getty@", "serial-getty@", "byz-ssh", "ssh", "harness-shell",
               "debug-shell")


@dataclass(frozen=True)
class User:
    """`unit` is None for what a person has started."""

    pid: int
    name: str
    unit: str | None


def users(system: System, place: str) -> tuple[User, ...]:
    """Processes with an open file, a folder or a program on the file system that is mounted at `place`."""
    device = os.stat(system.path(place)).st_dev
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _uses(entry.path, device):
            found.append(User(int(entry.name), _read(f"{entry.path}/comm").strip(), _unit(entry.path)))
    return tuple(sorted(found, key=lambda user: user.pid))


def _uses(process: str, device: int) -> bool:
    try:
        links = [f"{process}/cwd", f"{process}/root", f"{process}/exe", *(e.path for e in os.scandir(f"{process}/fd"))]
    except OSError:  # it has just ended
        return False
    return any(_on(link, device) for link in links)


def _on(link: str, device: int) -> bool:
    try:
        return os.stat(link).st_dev == device
    except OSError:
        return False


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _unit(process: str) -> str | None:
    group = _read(f"{process}/cgroup")
    found = UNIT.search(group)
    if found is None or ".scope" in group or found[1].startswith(NOT_STOPPED):
        return None
    return found[1]


def units_below(system: System, folders: Sequence[str]) -> tuple[str, ...]:
    """The units whose processes have a file or folder open below one of these folders."""
    roots = tuple(os.path.realpath(system.path(folder)).rstrip("/") + "/" for folder in folders)
    if not roots:
        return ()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and any((path + "/").startswith(roots) for path in _open_paths(entry.path)):
            unit = _unit(entry.path)
            if unit:
                found.append(unit)
    return tuple(dict.fromkeys(found))


def _open_paths(process: str) -> list[str]:
    paths = []
    try:
        for link in (f"{process}/cwd", *(e.path for e in os.scandir(f"{process}/fd"))):
            paths.append(os.readlink(link))
    except OSError:  # it has ended meanwhile
        return paths
    return paths
