"""Where the data of a service lie, and how others take their place: cut off anywhere, that is gone on with.

All of it happens in DUMPS/NAME, which is root's, on the file system of the data folder:

    NAME.tar.gz   what was saved last
    coming/       unfinished, and worth nothing
    new/          whole, and on its way into the data folder: whoever finds it finishes that
    former/       what was in the data folder, until the service has shown that it works with the new ones
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard import catalogue_names
from byzwizard.backends import kept, store
from byzwizard.backends.kept import DUMPS
from byzwizard.errors import Refused
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.catalogue import Descriptor

SEEDS = "/run/live/medium/byzantium/data"


@dataclass(frozen=True)
class Dumped:
    """What is to be known of a service for it: `folder` has its data, the rest is its descriptor's."""

    name: str
    unit: str
    folder: str
    holds: tuple[str, ...]
    save: str
    load: str
    most_bytes: int

    @property
    def file(self) -> str:
        return f"{DUMPS}/{self.name}/{self.name}.tar.gz"

    @property
    def tool(self) -> str:
        """The unit that its scripts run in."""
        return f"byz-data-{self.name}.service"


def of(one: Descriptor) -> Dumped | None:
    """None where its descriptor does not say how."""
    if one.dump is None:
        return None
    scripts = catalogue_names.DESCRIPTORS / one.name
    return Dumped(one.name, one.unit, one.data[0], one.dump.holds, str(scripts / one.dump.save),
                  str(scripts / one.dump.load), one.dump.most_bytes)


def _real(system: System, one: Dumped, folder: str) -> Path:
    """Where it lies; what is mounted over two places is one file system only there."""
    if kept.bound(system, folder):
        return system.path(f"{store.PLACE}/services.{one.name}{folder}")
    return system.path(folder)


def data(system: System, one: Dumped) -> Path:
    return _real(system, one, one.folder)


def work(system: System, one: Dumped) -> Path:
    return _real(system, one, f"{DUMPS}/{one.name}")


def is_empty(system: System, one: Dumped) -> bool:
    """Has the service no data yet?"""
    return not any((data(system, one) / name).exists() for name in one.holds)


def unproven(system: System, one: Dumped) -> bool:
    """Are there data that it has not yet run with?"""
    place = work(system, one)
    return (place / "new").exists() or (place / "former").exists()


def source(system: System, one: Dumped) -> Path | None:
    """What is taken in where there are no data: what was saved here, else what came with the medium."""
    paths = (system.path(one.file), system.path(f"{SEEDS}/{one.name}.tar.gz"))
    return next((path for path in paths if path.exists()), None)


def need_open(system: System) -> None:
    """Raises Refused while what is kept is out of reach: nothing is written in its place."""
    if store.locked(system):
        raise Refused(_("The store is locked, and the data may be in it."),
                      _("`byzwizard persist unlock` opens it, or k on the Node page."))


def stop(system: System, unit: str) -> None:
    system.run("systemctl", "stop", unit, ok=(0, 5), timeout=90)


def clear(system: System, one: Dumped) -> bool:
    """What is unfinished goes, and the script that may still be at it. Was there anything?"""
    place = work(system, one)
    coming, part = place / "coming", place / f"{one.name}.tar.gz.part"
    if not coming.exists() and not part.exists():
        return False
    stop(system, one.tool)
    part.unlink(missing_ok=True)
    if coming.exists():
        shutil.rmtree(coming)
    return True


def settle(system: System, one: Dumped) -> str | None:
    """Finish what was cut off, and say so."""
    half = clear(system, one)
    if (work(system, one) / "new").exists():
        stop(system, one.unit)
        swap(system, one)
        return _("Taking in data of {name} was cut off, and is finished now.").format(name=one.name)
    if half:
        return _("Saving or taking in data of {name} was cut off: nothing that was there is lost.").format(
            name=one.name)
    return None


def swap(system: System, one: Dumped) -> None:
    """The data folder gets what is in "new", and "former" what was there. Killed anywhere, it is gone on with."""
    from byzwizard.backends import dumpfile

    place, folder = work(system, one), data(system, one)
    new, former, half = place / "new", place / "former", place / "former.half"
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        owner = next(new.iterdir(), new).lstat()
        os.chown(folder, owner.st_uid, owner.st_gid)
    if not former.exists():
        half.mkdir(mode=0o700, exist_ok=True)
        _move_all(folder, half)
        os.rename(half, former)
        dumpfile.sync(place)
    _move_all(new, folder)
    dumpfile.sync(folder)
    new.rmdir()


def _move_all(source: Path, target: Path) -> None:
    for entry in sorted(os.listdir(source)):
        os.rename(source / entry, target / entry)


def proven(system: System, one: Dumped) -> None:
    """It works with its data: the former ones go."""
    place = work(system, one)
    if (place / "former").exists():
        os.rename(place / "former", place / "coming")  # half of it is worth nothing
        shutil.rmtree(place / "coming")


def put_back(system: System, one: Dumped) -> None:
    """It does not work with the new data: the former ones are in their place again."""
    place = work(system, one)
    os.rename(place / "former", place / "new")
    swap(system, one)
    proven(system, one)
