"""Which services have a disk that is full: tend tells nginx (backends/tls.py), which takes in nothing more for them."""

import os
from pathlib import Path

from byzwizard.i18n import _

HOME = Path("/var/lib/byzantium/services")  # a folder for the data of each, which may be in a store of its own
FULL = "/run/byzantium/names/full"  # a file for each service whose disk is full, by tend
LEAST = 256 << 20  # bytes: the system may live on that disk, in memory too, as identity and answers do
SHARE = 10  # of a small one it is this part


def advice() -> str:
    return _("Nothing more is taken in. Delete there what is old, or make the store bigger (Keep).")


def services(home: Path = HOME) -> set[str]:
    return {folder.name for folder in home.glob("*") if _is_full(folder)}


def _is_full(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:  # what is gone, or cannot be read, takes nothing in as it is
        return False
    return disk.f_bavail < min(LEAST // disk.f_frsize, disk.f_blocks // SHARE)
