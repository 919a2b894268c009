"""The data of a service as a whole: how much there is, whether a store keeps them, and how they are deleted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from byzwizard.backends import dumped, store
from byzwizard.backends import kept as keeping
from byzwizard.backends.kept import ASIDE, DUMPS
from byzwizard.backends.store import PLACE
from byzwizard.backends.units import running
from byzwizard.errors import CannotHere, Refused
from byzwizard.i18n import _

if TYPE_CHECKING:
    from pathlib import Path

    from byzwizard.backends.system import System
    from byzwizard.catalogue import Descriptor


def folders(system: System, one: Descriptor) -> list[Path]:
    """Where they are: in use or saved, and what an open store holds of them from when it kept them."""
    own = [system.path(folder) for folder in (*one.data, f"{DUMPS}/{one.name}")]
    return [path for path in (*own, *_left_over(system, one)) if path.is_dir() and not path.is_symlink()]


def _left_over(system: System, one: Descriptor) -> Iterator[Path]:
    if store.is_open(system):
        name = f"services.{one.name}"
        for found in keeping.left_over(system):
            if found == name or found.startswith(name + ASIDE):
                yield system.path(f"{PLACE}/{found}")


def size(system: System, one: Descriptor) -> int:
    """Bytes of all files in them."""
    return below(folders(system, one))


def below(folders: Iterable[Path]) -> int:
    files = (os.path.join(at, name) for path in folders for at, _below, names in os.walk(path) for name in names)
    found = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # the service is at work
            found += os.lstat(file).st_size
    return found


def kept(system: System, one: Descriptor) -> bool:
    """Does the store keep them?"""
    return all(keeping.bound(system, folder) for folder in one.data)


def need_off(system: System, one: Descriptor) -> None:
    """Raises Refused while the service is on, CannotHere where it writes none."""
    from byzwizard.backends import offering

    if not one.data:
        raise CannotHere(_("{name} writes no data.").format(name=one.name))
    if any(chosen.name == one.name for chosen in offering.chosen(system)) or running(system, one.unit):
        raise Refused(_("{name} is switched on.").format(name=one.name),
                      _("`byzwizard disable {name}` switches it off first.").format(name=one.name))


def delete(system: System, one: Descriptor) -> None:
    """All of it. What was saved goes first: else it would be taken in again where this is cut off. The folders stay, as
    what a store keeps is mounted over them, but for those of the store that are not."""
    need_off(system, one)
    dumped.need_open(system)
    for path in reversed(folders(system, one)):
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if path.is_relative_to(system.path(PLACE)):
            path.rmdir()
