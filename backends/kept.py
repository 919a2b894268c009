"""What a store keeps: folders of the system that lie in it and are mounted over their own places.

Each kept thing has a folder of its own in the store, with the paths of the system below it. What is on stands in
kept.json in the store; switching off leaves the data there until they are deleted. Switched on again, a thing is what
it is by then: what the store has of it from before stays beside it, under a name with the date.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard import catalogue_names
from byzwizard.backends import compare, cutoff, filesystem, movein
from byzwizard.backends.store import PLACE
from byzwizard.backends.system import CommandFailed
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import ByzantiumError, Damaged, StepFailed
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.system import System

LIST = f"{PLACE}/kept.json"
DUMPS = "/var/lib/byzantium/dumps"  # a folder for the saved data of each service
ASIDE = ".before-"  # in the name of what the store had of a thing that was switched on again
EVERY = ("identity", "mesh", "services", "home", "logs")  # all that can be kept, for things()
STALE = (".pid", ".lock")
JOURNAL = "/var/log/journal"


@dataclass(frozen=True)
class Thing:
    """`folders` are places of the system. `mode` and root as owner are demanded of them where it is not None; `back`
    says that they are copied into memory when it is switched off, because the running node needs them."""

    name: str
    folders: tuple[str, ...]
    mode: int | None = None
    back: bool = False


def things(keep: Sequence[str]) -> tuple[Thing, ...]:
    """The things of a list such as persistence.keep; `services` are those of every descriptor that has data.

    Wi-Fi uplinks stand in the answers: without `wifi` they are left out of those, without `mesh` there are none.
    """
    found: dict[str, Thing] = {}
    for name in keep:
        match name:
            case "identity":
                found[name] = Thing(name, ("/var/lib/byzantium/identity",), 0o700, back=True)
            case "mesh":
                found[name] = Thing(name, ("/etc/byzantium",), 0o755, back=True)
            case "home":
                found[name] = Thing(name, ("/root", "/home"))
            case "logs":
                found[name] = Thing(name, ("/var/log",))
            case "services":
                found.update({f"services.{one}": _service(one) for one in sorted(data_folders())})
            case _ if name.startswith("services."):
                found[name] = _service(name.removeprefix("services."))
    return tuple(thing for thing in found.values() if thing.folders)


def _service(name: str) -> Thing:
    return Thing(f"services.{name}", data_folders().get(name, ()))


def data_folders() -> dict[str, tuple[str, ...]]:
    """The folders with data of each service, by the `data` of its descriptor, and with what was saved of them. Those of
    one that the catalogue leaves out are kept as well, where they are its own."""
    from byzwizard import strictyaml

    found = {}
    for name, text in catalogue_names.texts().items():
        said = strictyaml.read(text).data
        data = said.get("data") if isinstance(said, dict) else None
        folders = tuple(str(one) for one in (data if isinstance(data, list) else ())
                        if catalogue_names.has_home(name, str(one)))
        if folders:
            found[name] = (*folders, f"{DUMPS}/{name}")
    return found


def listed(system: System) -> tuple[str, ...]:
    """What the open store is told to keep; empty in one that is new or comes from elsewhere."""
    return tuple(_list(system).get("keep", ()))


def _list(system: System) -> dict[str, list[str]]:
    """`keep`, and while something moves into the store `coming`: names of things. Raises Damaged."""
    text = system.read(LIST)
    if text is None:
        return {}
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and all(map(_are_names, found.values())):
            return found
    raise Damaged(
        _("The list of what the store keeps is damaged."),
        _("`byzwizard persist unlock --repair` makes it anew: all that the store holds is kept then."),
    )


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def mend(system: System) -> None:
    """A list that is damaged is made of what the store holds."""
    try:
        _list(system)
    except Damaged:
        folders = {thing.name: [system.path(inside(thing, each)) for each in thing.folders] for thing in things(EVERY)}
        _write_list(system, [name for name, each in folders.items() if any(_within(system, one) for one in each)])


def _write_list(system: System, keep: Sequence[str], coming: Sequence[str] = ()) -> None:
    system.write(LIST, json.dumps({"keep": list(keep)} | ({"coming": list(coming)} if coming else {})), 0o600)


def inside(thing: Thing, folder: str) -> str:
    return f"{PLACE}/{thing.name}{folder}"


def bound(system: System, folder: str) -> bool:
    return filesystem.is_mounted(system, folder)


def current(system: System, keep: Sequence[str]) -> bool:
    """Is exactly this kept now?"""
    return set(listed(system)) == set(keep) and all(
        bound(system, folder) for thing in things(keep) for folder in thing.folders
    )


def bind_all(system: System) -> None:
    """Mount what the store keeps over its places; what is there already stays hidden below."""
    for thing in things(listed(system)):
        for folder in thing.folders:
            if not bound(system, folder):
                _need_nothing_below(system, folder)
                _bind(system, thing, folder)


def clear_up(system: System) -> None:
    """What was on its way into the store when the power went: what came by half is of no use, what came whole stays."""
    if not system.path(LIST).exists():
        cutoff.tell(system, _("The store keeps nothing yet: making it was cut off, or it comes from elsewhere. Ask for "
                              "it again, and say what it is to keep."))  # fmt: skip
    coming = _list(system).get("coming", ())
    for thing in things(EVERY):
        places = [system.path(inside(thing, folder)) for folder in thing.folders]
        halves = [half for place in places if _within(system, half := movein.half_of(place))]
        for half in halves:
            shutil.rmtree(half)
        if thing.name in coming and any(_within(system, place) for place in places):
            cutoff.tell(system, _("Switching on {name} was cut off: it is not kept yet. What the store has of it stays "
                                  "there, beside the new, when you switch it on again.").format(name=thing.name))
        elif halves:
            cutoff.tell(system, _("Moving {name} into the store was cut off: it was not there yet, and what was "
                                  "half there is cleared away.").format(name=thing.name))  # fmt: skip
    if coming:
        _write_list(system, listed(system))


def _within(system: System, folder: Path) -> bool:
    """Is it there, and no link that leads out of a store that anybody could write to?"""
    place = system.path(PLACE)
    return folder.is_dir() and folder.resolve() == place.resolve() / folder.relative_to(place)


def unbind_all(system: System) -> None:
    """The reverse, also of a store whose stick or list is damaged or has gone. Raises CommandFailed where something is
    in use."""
    try:
        names = listed(system)
    except (OSError, Damaged):
        names = EVERY
    for thing in reversed(things(names)):
        for folder in reversed(thing.folders):
            _unbind(system, folder)


def switch(system: System, keep: Sequence[str]) -> None:
    """Keep exactly this from now on: what comes new moves into the store, what goes stays there until it is deleted.

    The list is written before anything is taken away and after everything has come, so that a power cut loses nothing;
    what is on its way stands in it meanwhile, for clear_up.
    """
    was = list(listed(system))
    before, after = things(was), things(keep)
    unbound = [(thing, folder) for thing in after for folder in thing.folders if not bound(system, folder)]
    for _thing, folder in unbound:
        _need_nothing_below(system, folder)
    coming = [thing for thing in after if thing not in before]
    moving = [folder for thing, folder in unbound
              if not _in_store(system, thing, folder) or (thing in coming and _has_news(system, thing, folder))]
    movein.need_room(system, moving, PLACE)
    if coming:
        _write_list(system, was, [thing.name for thing in coming])
    date = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
    gone = [thing for thing in before if thing.name not in {other.name for other in after}]
    emptied: list[str] = []
    try:
        for thing, folder in unbound:
            if thing in coming:
                _set_aside(system, thing, folder, date)
            if not _in_store(system, thing, folder):
                emptied.append(folder)
                _move_in(system, thing, folder)
            _bind(system, thing, folder)
    except (ByzantiumError, OSError):
        with clearing_up():
            _stay_out(system, was, coming, emptied)
        raise
    _write_list(system, keep)
    try:
        for thing in gone:
            for folder in thing.folders:
                _unbind(system, folder)
    except CommandFailed:
        # Somebody has it open: all stays on.
        _write_list(system, was)
        bind_all(system)
        raise
    for thing in gone:
        for folder in thing.folders:
            if thing.back:
                _copy(system, inside(thing, folder), folder)


def _stay_out(system: System, was: Sequence[str], coming: Sequence[Thing], emptied: Sequence[str]) -> None:
    """After one could not come in: what came whole is kept, and what came by half goes back to its place. So does what
    was `emptied` and then could not be mounted: services start over it, and people look for it."""
    whole = [thing for thing in coming if all(bound(system, folder) for folder in thing.folders)]
    for thing in things([*was, *(thing.name for thing in coming)]):
        for folder in thing.folders:
            if thing in coming and thing not in whole and bound(system, folder):
                _unbind(system, folder)
                _copy(system, inside(thing, folder), folder)
            elif folder in emptied and not bound(system, folder) and _in_store(system, thing, folder):
                _copy(system, inside(thing, folder), folder)
    _write_list(system, [*was, *(thing.name for thing in whole)])


def delete(system: System, name: str) -> None:
    """Delete what the store still holds of a thing that is switched off. Raises StepFailed while it is on."""
    if name in {thing.name for thing in things(listed(system))}:
        raise StepFailed(_("{name} is being kept: switch it off first.").format(name=name))
    if name not in left_over(system):
        raise StepFailed(_("The store has no {name} that was switched off.").format(name=name))
    for folder in _folders(system, name):
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):  # up to where something else is
            os.removedirs(folder.parent)


def left_over(system: System) -> tuple[str, ...]:
    """Things that the store holds and that are switched off. An image from elsewhere has folders of its own."""
    on = {thing.name for thing in things(listed(system))}
    folders = (entry for entry in os.scandir(system.path(PLACE)) if entry.is_dir(follow_symlinks=False))
    return tuple(sorted(entry.name for entry in folders if entry.name not in on and _folders(system, entry.name)))


def _folders(system: System, name: str) -> list[Path]:
    """Those that lie in the store for a thing, whichever it is, or for what was set aside of it."""
    kind = name.partition(ASIDE)[0]
    place = system.path(f"{PLACE}/{name}")
    if kind.startswith("services."):  # its descriptor may be gone
        return [place]
    mine = (thing for thing in things(("identity", "mesh", "home", "logs")) if thing.name == kind)
    whole = [system.path(f"{PLACE}/{name}{folder}") for thing in mine for folder in thing.folders]
    return [folder for place in whole for folder in (place, movein.half_of(place)) if _within(system, folder)]


def aside(system: System) -> tuple[str, ...]:
    """What the store had of things from before they were switched on again."""
    return tuple(name for name in left_over(system) if ASIDE in name)


def sizes(system: System) -> dict[str, int]:
    """Bytes of each thing in the store, also of those that are switched off."""
    names = [thing.name for thing in things(listed(system))] + list(left_over(system))
    found = {}
    for name in names:
        path = system.path(f"{PLACE}/{name}")
        if path.is_dir():
            said = system.run("du", "--summarize", "--bytes", "--one-file-system", str(path), ok=(0, 1), timeout=120)
            found[name] = int(said.out.split()[0])
    return found


def _need_nothing_below(system: System, folder: str) -> None:
    """Raises StepFailed where another medium is mounted in a folder that is to be covered: it would be out of sight,
    and what moves into the store is deleted in its old place."""
    root = str(system.path(folder)).rstrip("/") + "/"
    found = next((place for place in sorted(filesystem.mounted_places(system)) if place.startswith(root)), None)
    if found is not None:
        raise StepFailed(
            _("{place} is mounted in a folder that is to be kept ({folder}).").format(place=found, folder=folder),
            _("Unmount it, and try again."),
        )


def _set_aside(system: System, thing: Thing, folder: str, date: str) -> None:
    """Where the place holds what the store has not: what people see now is what they want to keep, and what was kept
    from before is no rubbish either."""
    if not _has_news(system, thing, folder):
        return
    name = f"{thing.name}{ASIDE}{date}"  # which clocks may tell twice
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    target = next(path for name in names if not (path := system.path(f"{PLACE}/{name}{folder}")).exists())
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    system.path(inside(thing, folder)).rename(target)


def _has_news(system: System, thing: Thing, folder: str) -> bool:
    there = system.path(inside(thing, folder))
    return not there.is_symlink() and there.exists() and compare.has_more(system.path(folder), there)


def _in_store(system: System, thing: Thing, folder: str) -> bool:
    there = system.path(inside(thing, folder))
    return there.is_symlink() or there.exists()


def _move_in(system: System, thing: Thing, folder: str) -> None:
    """What the place holds goes into the store, which has nothing of it from before. Whole, or not at all."""
    there = system.path(inside(thing, folder))
    here = system.path(folder)
    here.mkdir(mode=thing.mode or 0o755, parents=True, exist_ok=True)
    movein.move(system, here, there)


def _bind(system: System, thing: Thing, folder: str) -> None:
    there = system.path(inside(thing, folder))
    if not there.exists():
        there.mkdir(mode=thing.mode or 0o755, parents=True)
    _check(thing, there)
    for stale in tuple(_stale(thing, there)):
        stale.unlink()
    system.path(folder).mkdir(mode=thing.mode or 0o755, parents=True, exist_ok=True)
    if folder == "/var/log":
        (there / "journal").mkdir(exist_ok=True)
    system.run("mount", "--bind", str(there), str(system.path(folder)))
    if folder == "/var/log":
        system.run("journalctl", "--flush", ok=(0, 1), timeout=60)


def _unbind(system: System, folder: str) -> None:
    if folder == "/var/log" and bound(system, folder):
        system.run("journalctl", "--relinquish-var", ok=(0, 1), timeout=60)
    filesystem.unmount(system, folder)


def _check(thing: Thing, there: Path) -> None:
    """Whoever had the stick may have written to a store without encryption: links lead elsewhere, and folders that all
    may write to are no place for keys. Raises StepFailed."""
    status = there.lstat()
    if not stat.S_ISDIR(status.st_mode) or there.resolve() != there.parent.resolve() / there.name:
        raise StepFailed(
            _("{path} in the store is no folder.").format(path=there), _("Delete it there, and start again.")
        )
    if thing.mode is not None:
        if status.st_uid != 0 and os.geteuid() == 0:
            os.chown(there, 0, 0)
        there.chmod(thing.mode)
    elif status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        there.chmod(stat.S_IMODE(status.st_mode) & ~stat.S_IWOTH)


def _stale(thing: Thing, there: Path) -> Iterator[Path]:
    """Files that say that a program runs, and sockets; of a program that a power cut ended. Programs have theirs at the
    top of their folder: what lies deeper is people's, whatever it is called."""
    if not thing.name.startswith("services."):
        return
    for path in there.iterdir():
        mode = path.lstat().st_mode
        named = stat.S_ISREG(mode) and (path.name.endswith(STALE) or path.name == "lock")
        if named or stat.S_ISSOCK(mode):
            yield path


def _copy(system: System, source: str, target: str) -> None:
    system.run("cp", "--archive", "--no-target-directory", str(system.path(source)), str(system.path(target)),
               timeout=600)
