"""The data of a service, saved and taken in again: by the service's own scripts, as its user, without network."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.backends import cutoff, dumped, kept
from byzwizard.backends.kept import DUMPS
from byzwizard.backends.printable import printable
from byzwizard.backends.system import CommandFailed
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import ByzantiumError, Interrupted, StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress

if TYPE_CHECKING:
    from byzwizard.backends.dumped import Dumped
    from byzwizard.backends.dumpfile import Manifest
    from byzwizard.backends.system import System

LONGEST = 3600  # seconds that a script may take


class NoData(StepFailed):
    def __init__(self, name: str) -> None:
        super().__init__(_("{name} has no data yet.").format(name=name))


@contextmanager
def _coming(system: System, one: Dumped) -> Iterator[tuple[Path, int, int]]:
    """Where it happens, and the ids of the service's user; there is an empty folder "coming", with "in" for us and
    "out" for that user, which is gone in the end. Raises StepFailed, also for a disk that is full or broken."""
    try:
        yield _begin(system, one)
    except OSError as fault:
        raise StepFailed(_("The data of {name} cannot be copied: {why}.").format(
            name=one.name, why=fault.strerror or fault)) from fault
    finally:
        with clearing_up():
            dumped.clear(system, one)


def _begin(system: System, one: Dumped) -> tuple[Path, int, int]:
    name = system.run("systemctl", "show", "--property=User", "--value", one.unit).out.strip()
    try:
        user = pwd.getpwnam(name)
    except KeyError as fault:
        raise StepFailed(_("{unit} has no user of its own.").format(unit=one.unit)) from fault
    shown = system.path(f"{DUMPS}/{one.name}")
    shown.mkdir(mode=0o711, parents=True, exist_ok=True)
    shown.chmod(0o711)
    dumped.clear(system, one)
    work = dumped.work(system, one)
    for folder in ("coming", "coming/in", "coming/out"):
        (work / folder).mkdir(mode=0o700)
    (work / "coming").chmod(0o711)
    os.chown(work / "coming/out", user.pw_uid, user.pw_gid)
    return work, user.pw_uid, user.pw_gid


def _run(system: System, one: Dumped, user: int, script: str, folder: str, argument: str) -> str:
    """What it printed. Raises StepFailed with its last words."""
    # No MemoryMax: where there is no store, what it copies lies in memory and would count.
    within = {
        "User": str(user), "WorkingDirectory": folder, "ReadWritePaths": f"{folder} {DUMPS}/{one.name}/coming",
        "RuntimeMaxSec": str(LONGEST), "LimitDATA": "256M", "TasksMax": "32", "UMask": "0077",
        "LimitFSIZE": str(one.most_bytes),
        "Environment": "HOME=/tmp USER=node", "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectSystem": "strict",
        "ProtectHome": "yes", "ProtectProc": "invisible", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "",
        "RestrictAddressFamilies": "AF_UNIX", "IPAddressDeny": "any", "RestrictNamespaces": "yes",
        "SystemCallFilter": "@system-service", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
        "MemoryDenyWriteExecute": "yes",
    }
    try:
        return system.run(
            "systemd-run", "--quiet", "--wait", "--collect", "--pipe", f"--unit={one.tool}",
            *(f"--property={name}={value}" for name, value in within.items()), "/bin/sh", script, argument,
            timeout=LONGEST + 60).out
    except CommandFailed as fault:
        words = fault.result.err.strip() or _("nothing")
        raise StepFailed(_("The data of {name} cannot be copied. Its program said: {words}").format(
            name=one.name, words=printable(words.splitlines()[-1], 300))) from fault
    except BaseException:
        with clearing_up():
            dumped.stop(system, one.tool)
        raise


def save(system: System, one: Dumped, target: Path, progress: Progress) -> Manifest:
    """The data as they are at one moment, in the file `target`. Raises StepFailed, with the former file in place;
    NoData where there are none."""
    from byzwizard.backends import dumpfile

    dumped.need_open(system)
    if dumped.is_empty(system, one):
        raise NoData(one.name)
    with _coming(system, one) as (work, user, _group):
        out = work / "coming/out"
        used = system.run("du", "--summarize", "--bytes", str(dumped.data(system, one)), ok=(0, 1), timeout=120).out
        both = work.stat().st_dev == target.parent.stat().st_dev  # the copy, and the file that it is packed in
        dumpfile.need_room(work, int(used.split()[0]) * (2 if both else 1))
        said = _run(system, one, user, one.save, one.folder, f"{DUMPS}/{one.name}/coming/out")
        _take(out)
        files = dumpfile.files_of(out, one.holds, one.most_bytes)
        if not files:
            raise NoData(one.name)
        version = printable(said.strip().splitlines()[0], 100) if said.strip() else ""
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        manifest = dumpfile.Manifest(one.name, made, version, len(files), sum(files.values()))
        dumpfile.write(target, manifest, out, files, progress)
    return manifest


def _take(folder: Path) -> None:
    """Out of reach for the service, which may run: the folder, and from above each folder in it."""
    os.chown(folder, 0, 0)
    for place, folders, _files in os.walk(folder):
        for name in folders:
            os.chown(Path(place) / name, 0, 0, follow_symlinks=False)


def load(system: System, one: Dumped, path: Path, progress: Progress) -> Manifest:
    """What a dump holds takes the place of the data; the service is stopped. Raises Invalid, StepFailed, with all as it
    was."""
    from byzwizard.backends import dumpfile

    dumped.need_open(system)
    with _coming(system, one) as (work, user, group):
        inside, out = work / "coming/in", work / "coming/out"
        manifest = dumpfile.unpack(path, inside, one.name, one.holds, one.most_bytes, progress)
        _give(inside, user, group)
        _run(system, one, user, one.load, f"{DUMPS}/{one.name}/coming/out", f"{DUMPS}/{one.name}/coming/in")
        os.chown(out, 0, 0)
        if not any((out / name).exists() for name in one.holds):
            raise StepFailed(_("{path} holds no data of {name}.").format(path=path, name=one.name))
        for name in dumpfile.files_of(out, one.holds, one.most_bytes):
            dumpfile.sync(out / name)
        os.rename(out, work / "new")
        dumpfile.sync(work)
    with clearing_up():  # it is whole, and whoever finds it would finish this
        dumped.stop(system, one.unit)
        dumped.swap(system, one)
    return manifest


def _give(folder: Path, user: int, group: int) -> None:
    """Our files to the user of the service."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place) / name, user, group, follow_symlinks=False)
    os.chown(folder, user, group)


def take_in(system: System, one: Dumped, progress: Progress) -> None:
    """Before a start: what was cut off is finished, and where there are no data those that were saved are taken in.
    Raises Invalid, StepFailed: rather no start than one without the data that there are."""
    said = dumped.settle(system, one)
    if said:
        cutoff.tell(system, said)
    path = dumped.source(system, one)
    if path is None or dumped.unproven(system, one) or not dumped.is_empty(system, one):
        return
    load(system, one, path, progress)


def save_kept(system: System, one: Dumped, progress: Progress) -> None:
    """What was just stopped, into the store; where there is none there is nothing to keep it in. Tells what failed:
    whoever stops a service wants it stopped."""
    if not kept.bound(system, f"{DUMPS}/{one.name}"):
        return
    try:
        save(system, one, system.path(one.file), progress)
    except NoData:
        system.remove(one.file)  # what people took away does not come back
    except Interrupted:
        raise
    except ByzantiumError as fault:
        cutoff.tell(system, _("The data of {name} could not be saved when it was stopped: {why}").format(
            name=one.name, why=fault.message))
