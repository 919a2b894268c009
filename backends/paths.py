"""Paths that people give: what is meant by them, and whether a file can be written there. Makes no folders."""

import os
import stat
from pathlib import Path

from byzwizard.desk import Place
from byzwizard.errors import Invalid
from byzwizard.i18n import _

IN_MEMORY = {"tmpfs", "ramfs", "rootfs", "overlay"}  # overlay: a live system's root, whose changes lie in memory


def meant(text: str | Path) -> Path:
    """The path with its ~ and the current folder filled in. Raises Invalid."""
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, ValueError, OSError) as fault:  # a ~ of nobody; a folder that is gone under our feet
        raise _cannot(text, str(fault).rstrip(".")) from fault


def place(text: str | Path) -> Place:
    """Where a file goes that a person names. Raises Invalid where there is no folder, or something else than a file."""
    path = meant(text)
    try:
        path = path.resolve()
        mode = path.stat().st_mode if path.exists() else None
        folder = path.parent.is_dir()
    except OSError as fault:
        raise _cannot(text, os.strerror(fault.errno or 0)) from fault
    except (RuntimeError, ValueError) as fault:  # links that lead round in a circle
        raise _cannot(text, str(fault).rstrip(".")) from fault
    if not folder:
        raise Invalid(_("There is no folder {folder}.").format(folder=path.parent), _("Choose another place."))
    if mode is not None and stat.S_ISDIR(mode):
        raise Invalid(_("{path} is a folder.").format(path=path), _("Add the name of the file."))
    if mode is not None and not stat.S_ISREG(mode):  # a device would be replaced by the file
        raise Invalid(_("{path} is no ordinary file.").format(path=path), _("Choose another place."))
    return Place(path, mode is not None, in_memory(path))


def _cannot(text: str | Path, why: str) -> Invalid:
    return Invalid(_("{path} cannot be used: {why}.").format(path=text, why=why), _("Choose another place."))


def in_memory(path: Path, mounts: str | None = None) -> bool:
    """Is what is written there forgotten at power-off? `mounts` is the text of /proc/self/mounts."""
    text = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace") if mounts is None else mounts
    found = {}
    for line in text.splitlines():
        _device, point, kind, *_rest = line.split(" ")
        found[Path(point.replace("\\040", " "))] = kind  # a later one hides an earlier one of the same place
    return next((found[point] in IN_MEMORY for point in (path, *path.parents) if point in found), False)
