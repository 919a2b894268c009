"""Switched off, used, and switched on again: nothing that people wrote is lost or hidden, on real ext4. Needs root."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import cutoff, filesystem, handon, kept, locker
from byzwizard.backends.new_store import Keep
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import CommandFailed, Result, System
from byzwizard.errors import ByzantiumError, Interrupted, StepFailed
from tests.disk.loops import opened, stick, system

__all__ = ["opened", "stick", "system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")
HOME = "/root"
NOTE = f"{HOME}/note"
STICK = f"{HOME}/usb"


def keep(system: System, *names: str) -> None:
    Keep(id="store-keep", text="", keep=names).apply(system, lambda done, total: None)


def said(system: System) -> str:
    return Keep(id="store-keep", text="", keep=()).told(system)


@pytest.mark.usefixtures("opened")
def test_what_was_written_meanwhile_is_kept_and_the_older_stays_beside_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.gmtime(0)
    monkeypatch.setattr(time, "gmtime", lambda: clock)  # as on computers that have lost the time
    system.write(NOTE, "old\n")
    system.write("/home/ann/photo", "sea\n")
    keep(system, "home")
    assert said(system) == ""
    for number in range(2):
        keep(system, "identity")
        system.write(NOTE, f"new {number}\n")
        keep(system, "identity", "home")
        assert system.read(NOTE) == f"new {number}\n"
        assert system.read("/home/ann/photo") == "sea\n"  # nothing there was newer: it came back
    older = ("home.before-1970-01-01-000000", "home.before-1970-01-01-000000-2")
    assert kept.left_over(system) == kept.aside(system) == older
    assert [system.read(f"{PLACE}/{name}{NOTE}") for name in older] == ["old\n", "new 0\n"]
    assert all(name in said(system) for name in older)
    assert set(kept.sizes(system)) == {"home", "identity", *older}
    locker.lock(system)
    locker.unlock(system, None)
    assert system.read(NOTE) == "new 1\n"
    for name in older:
        kept.delete(system, name)
    assert said(system) == ""


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("write", ["nothing", "the same", "a folder"])
def test_what_is_no_news_is_no_reason_to_put_anything_aside(system: System, write: str) -> None:
    """A fresh start brings a home folder with the files of the system in it."""
    system.write(f"{HOME}/.profile", "of the system\n")
    system.path(f"{HOME}/link").symlink_to(".profile")
    system.write(NOTE, "old\n")
    keep(system, "home")
    keep(system)
    if write == "the same":
        system.write(f"{HOME}/.profile", "of the system\n")
        system.path(f"{HOME}/link").symlink_to(".profile")
    elif write == "a folder":
        system.path(f"{HOME}/empty").mkdir()
    keep(system, "home")
    assert system.read(NOTE) == "old\n"
    assert kept.left_over(system) == ()


@pytest.mark.usefixtures("opened")
def test_the_running_node_keeps_the_answers_that_it_runs_by(system: System) -> None:
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\n", 0o600)
    keep(system, "mesh")
    keep(system)
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1  # changed\n", 0o600)
    keep(system, "mesh")
    assert system.read("/etc/byzantium/answers.yaml") == "byzantium: 1  # changed\n"
    (older,) = kept.aside(system)
    assert system.read(f"{PLACE}/{older}/etc/byzantium/answers.yaml") == "byzantium: 1\n"
    assert [entry.name for entry in handon._entries(system) if older in entry.name] == [], "it would be handed on"


def test_what_is_on_and_not_mounted_is_only_mounted(system: System, opened: Store) -> None:
    """What lies in its place then was put there without the store, which has what counts."""
    system.write(NOTE, "kept\n")
    keep(system, "home")
    filesystem.unmount(system, HOME)
    system.write(NOTE, "of this boot\n")
    keep(system, "home", "identity")
    assert system.read(NOTE) == "kept\n"
    assert kept.left_over(system) == ()


class Cut(System):
    """Its power goes when a command begins so."""

    command = ""

    def run(self, *argv: str, **more: Any) -> Any:
        if self.command and " ".join(argv).startswith(self.command):
            raise KeyboardInterrupt
        return super().run(*argv, **more)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("command", ["cp", "sync", "mount --bind"])
def test_a_power_cut_meanwhile_loses_neither(system: System, command: str) -> None:
    system.write(NOTE, "old\n")
    keep(system, "home")
    keep(system)
    system.write(NOTE, "new\n")
    cut = Cut(system.root)
    cut.command = command
    with pytest.raises(KeyboardInterrupt):
        kept.switch(cut, ("home",))
    keep(system, "home")
    assert system.read(NOTE) == "new\n"
    (older,) = kept.aside(system)
    assert system.read(f"{PLACE}/{older}{NOTE}") == "old\n"


@pytest.fixture
def mounted(system: System) -> Iterator[Path]:
    """Another stick, in a folder of the home folder."""
    place = system.path(STICK)
    place.mkdir(parents=True)
    system.run("mount", "-t", "tmpfs", "none", str(place))
    system.write(f"{STICK}/photo", "sea\n")
    yield place
    filesystem.unmount(system, STICK)


def test_a_stick_that_is_mounted_in_a_kept_folder_is_neither_emptied_nor_hidden(
    system: System, opened: Store, mounted: Path
) -> None:
    system.write(NOTE, "mine\n")
    with pytest.raises(StepFailed, match=f"{STICK} is mounted in a folder"):
        keep(system, "home")
    assert (mounted / "photo").read_text() == "sea\n"
    assert system.read(NOTE) == "mine\n"
    filesystem.unmount(system, STICK)
    keep(system, "home")
    locker.lock(system)
    mounted.mkdir()
    system.run("mount", "-t", "tmpfs", "none", str(mounted))
    with pytest.raises(StepFailed, match=f"{STICK} is mounted in a folder"):
        locker.unlock(system, None)
    assert filesystem.is_mounted(system, STICK)
    filesystem.unmount(system, STICK)
    locker.unlock(system, None)
    assert system.read(NOTE) == "mine\n"


def test_what_is_refused_is_not_told_as_cut_off(system: System, opened: Store, mounted: Path) -> None:
    filesystem.unmount(system, STICK)
    keep(system, "home")
    keep(system)
    mounted.mkdir(parents=True, exist_ok=True)
    system.run("mount", "-t", "tmpfs", "none", str(mounted))
    with pytest.raises(StepFailed):
        keep(system, "home")
    kept.clear_up(system)
    assert cutoff.told(system) == ()


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("whole", [True, False])
def test_one_that_cannot_move_in_leaves_what_came_before_it_kept_and_is_no_power_cut(
    system: System, whole: bool
) -> None:
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\n")
    system.write(NOTE, "mine\n")
    system.write("/home/ann/photo", "sea\n")
    full = Full(system.root)
    full.folder = HOME if whole else "/home"
    with pytest.raises(CommandFailed):
        kept.switch(full, ("mesh", "home"))
    assert kept.listed(system) == ("mesh",)
    assert system.read(NOTE) == "mine\n"
    assert system.read("/home/ann/photo") == "sea\n"
    assert not filesystem.is_mounted(system, HOME)
    locker.lock(system)
    locker.unlock(system, None)
    assert system.read("/etc/byzantium/answers.yaml") == "byzantium: 1\n"
    assert not any("cut off: it is not kept yet" in line for line in cutoff.told(system))
    keep(system, "mesh", "home")
    assert (system.read(NOTE), system.read("/home/ann/photo")) == ("mine\n", "sea\n")
    assert kept.aside(system) == ()


class Full(System):
    """Its store has no room for one folder."""

    folder = ""

    def run(self, *argv: str, **more: Any) -> Any:
        if argv[0] == "cp" and argv[-2] == str(self.path(self.folder)) and argv[-1].endswith(".half"):
            raise CommandFailed(argv, Result(1, "", "cp: No space left on device"))
        return super().run(*argv, **more)


class Unmountable(System):
    """One folder of it cannot be mounted over, or somebody presses Ctrl-C then."""

    fault: ByzantiumError

    def run(self, *argv: str, **more: Any) -> Any:
        if argv[:2] == ("mount", "--bind") and argv[-1] == str(self.path("/home")):
            raise self.fault
        return super().run(*argv, **more)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    "fault", [CommandFailed(("mount", "--bind"), Result(32, "", "mount: wrong fs type")), Interrupted("Interrupted.")]
)
def test_what_cannot_be_mounted_is_where_it_was(
    system: System, fault: ByzantiumError, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\n")
    system.write(NOTE, "mine\n")
    system.write("/home/ann/photo", "sea\n", 0o640, owner=(1000, 1000))
    system.write("/var/lib/byzantium/identity/key", "secret\n")
    keep(system, "identity")
    system.run("umount", str(system.path("/var/lib/byzantium/identity")))
    found: list[str | None] = []
    monkeypatch.setattr(locker, "start", lambda system, _units: found.append(system.read("/home/ann/photo")))
    failing = Unmountable(system.root)
    failing.fault = fault
    with pytest.raises(type(fault)):
        locker.switch(failing, ("identity", "mesh", "home"))
    assert found == ["sea\n"], "services were started over an empty folder"
    assert system.path("/home/ann/photo").stat().st_uid == 1000
    assert system.read(NOTE) == "mine\n"
    assert not filesystem.is_mounted(system, HOME)
    assert kept.listed(system) == ("identity", "mesh")
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    keep(system, "identity", "mesh", "home")
    assert system.read("/home/ann/photo") == "sea\n"
    assert filesystem.is_mounted(system, "/home")


class Busy(System):
    """Somebody writes while the home folder is copied into the store."""

    def run(self, *argv: str, **more: Any) -> Any:
        done = super().run(*argv, **more)
        if argv[0] == "cp" and argv[-1].endswith("/home/.root.half"):
            self.write(NOTE, "OLD\n")  # as long as before
            self.write(f"{HOME}/mail/new/1", "came just now\n", 0o640, owner=(1000, 1000))
            self.write(f"{HOME}/fresh/letter", "dear\n")
        return done


@pytest.mark.usefixtures("opened")
def test_what_is_written_while_it_moves_is_kept(system: System) -> None:
    system.write(NOTE, "old\n")
    system.write(f"{HOME}/mail/cur/0", "read\n")
    system.path(f"{HOME}/link").symlink_to("note")
    kept.switch(Busy(system.root), ("home",))
    wanted = {NOTE: "OLD\n", f"{HOME}/mail/new/1": "came just now\n", f"{HOME}/fresh/letter": "dear\n",
              f"{HOME}/mail/cur/0": "read\n", f"{HOME}/link": "OLD\n"}  # fmt: skip
    assert {path: system.read(path) for path in wanted} == wanted
    assert system.path(f"{HOME}/mail/new/1").stat().st_uid == 1000
    locker.lock(system)
    assert list(system.path(HOME).iterdir()) == [], "it tells what the store hides"


@pytest.mark.usefixtures("opened")
def test_an_image_from_elsewhere_keeps_its_own_folders(system: System) -> None:
    """As Porteus makes them: the root of a system."""
    for name in ("etc/passwd", "home/guest/photo", "usr/lib/x", "lost+found/1", "mesh/notes"):
        system.write(f"{PLACE}/{name}", "theirs\n")
    assert kept.left_over(system) == ()
    for name in ("etc", "home", "usr", "lost+found", "mesh", "nothing", "../store", ""):
        with pytest.raises(StepFailed, match="switched off"):
            kept.delete(system, name)
    system.write(NOTE, "mine\n")
    keep(system, "home")
    keep(system)
    assert kept.left_over(system) == ("home",)
    kept.delete(system, "home")
    assert kept.left_over(system) == ()
    assert not system.path(f"{PLACE}/home/root").exists()
    assert system.read(f"{PLACE}/home/guest/photo") == "theirs\n"
