"""Two folders: does one hold what the other has not?"""

import filecmp
import os
from pathlib import Path


def has_more(here: Path, there: Path) -> bool:
    """Is there a file or a link that `there` has not, or not so?"""
    for folder, folders, files in os.walk(here):
        other = there / Path(folder).relative_to(here)
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        if not all(_same(Path(folder) / name, other / name) for name in (*files, *links)):
            return True
    return False


def _same(one: Path, other: Path) -> bool:
    if not other.is_symlink() and not other.exists():
        return False
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return not one.is_file() or (other.is_file() and filecmp.cmp(one, other, shallow=False))
