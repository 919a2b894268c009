"""Partition tables, LUKS headers and files with the real tools, on loop devices. Needs root."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import filesystem, freespace, luks, store, storefile
from byzwizard.backends.store import Store
from byzwizard.backends.system import Process, System
from byzwizard.errors import CannotHere, Interrupted, Refused, StepFailed
from byzwizard.places import LINUX_RESERVED
from tests import fat
from tests.disk.loops import MB, disk, stick, system

__all__ = ["stick", "system"]  # fixtures

OLD, NEW, WRONG = "cactus orbit velvet plinth", "ember harbor sextant gravel", "not this one at all"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root"),
    # Opening a store is made slow on purpose; beside other tests one takes ten times as long.
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize(("table", "later"), [("dos", 0), ("gpt", 0), ("gpt", 100 * MB), (None, 0)])
def test_a_partition_behind_the_last_one_of_a_disk_in_use(system: System, table: str | None, later: int) -> None:
    for loop in disk(system, 200 * MB, table, later):
        before = [part["uuid"] for part in freespace.partitions(freespace.read_table(system, loop)) if "uuid" in part]
        space = freespace.after_last(system, loop, 200 * MB + later)
        assert space.table == table
        assert space.bytes >= 200 * MB + later - space.start - 2 * MB
        held = os.open(loop, os.O_RDWR)
        node = freespace.add(system, loop, freespace.cut(space, 70 * MB), "byzdata")
        os.close(held)
        made = next(p for p in freespace.partitions(freespace.read_table(system, loop)) if p["node"] == node)
        assert int(str(made["size"])) * 512 == 70 * MB
        if table != "dos":
            assert (made["type"], made["name"]) == (LINUX_RESERVED, "byzdata")
            assert "63" in str(made["attrs"])
        assert "No errors" in system.run("sfdisk", "--verify", loop).out
        freespace.remove(system, loop, node)
        assert not Path(node).exists()
        after = [part["uuid"] for part in freespace.partitions(freespace.read_table(system, loop)) if "uuid" in part]
        assert after == before
        assert freespace.after_last(system, loop, 200 * MB + later).start == space.start


def test_more_than_is_free_is_refused(system: System, stick: str) -> None:
    space = freespace.after_last(system, stick, 300 * MB)
    with pytest.raises(Refused, match="Only"):
        freespace.cut(space, 400 * MB)


@pytest.fixture
def container(system: System) -> str:
    path = str(system.path("/container"))
    storefile.write(system, "/container", 20 * MB, lambda done, total: None)
    luks.make(system, path, OLD, luks.memory_kib(128 * MB))
    return path


def test_what_is_deleted_opens_no_more_and_a_deletion_that_was_killed_is_repeated(
    system: System, container: str
) -> None:
    for _time in range(2):
        luks.erase(system, container)
        assert luks.is_luks(system, container), "else nobody knows what the partition is"
        assert "argon2id" not in system.run("cryptsetup", "luksDump", container).out


def test_luks_has_the_memory_that_the_weakest_computer_has(system: System, container: str) -> None:
    dump = system.run("cryptsetup", "luksDump", container).out
    assert "argon2id" in dump
    assert f"Memory:     {32 * 1024}" in dump
    assert int(dump.split("Time cost:")[1].split()[0]) >= luks.LEAST_ITERATIONS
    assert luks.memory_kib(2**30) == 256 * 1024
    luks.check(system, container, OLD)
    with pytest.raises(luks.WrongPassphrase):
        luks.check(system, container, WRONG)


def test_a_guess_takes_about_two_seconds_here(system: System, container: str) -> None:
    begin = time.monotonic()
    with pytest.raises(luks.WrongPassphrase):
        luks.check(system, container, WRONG)
    assert time.monotonic() - begin > 0.3


def test_the_passphrase_is_changed_and_the_former_one_is_gone(system: System, container: str) -> None:
    luks.change(system, container, OLD, NEW, "/header")
    luks.check(system, container, NEW)
    with pytest.raises(luks.WrongPassphrase):
        luks.check(system, container, OLD)
    assert not system.path("/header").exists()
    with pytest.raises(luks.WrongPassphrase):
        luks.change(system, container, WRONG, OLD, "/header")
    luks.check(system, container, NEW)


class Cut(System):
    """A computer whose power goes when the new key stands beside the old one, or when the old one is gone."""

    def __init__(self, root: Path, command: str) -> None:
        super().__init__(root)
        self.command = command

    def run(self, *argv: str, **more: object) -> object:  # type: ignore[override]  # passes all of it on
        if self.command in argv or "luksHeaderRestore" in argv:
            if self.command == "luksChangeKey":
                argv = tuple(word.replace("luksChangeKey", "luksAddKey") for word in argv)
                super().run(*argv, **more)  # type: ignore[arg-type]  # as they came
            raise PowerCut
        return super().run(*argv, **more)  # type: ignore[arg-type]  # as they came


class PowerCut(Exception):
    pass


@pytest.mark.parametrize(("at", "holding", "other"), [("luksChangeKey", OLD, NEW), ("luksChangeKey", NEW, OLD),
                                                      ("remove", NEW, OLD)])  # fmt: skip
def test_a_change_that_was_cut_off_is_finished_with_the_passphrase_that_opens_it(
    system: System, container: str, at: str, holding: str, other: str
) -> None:
    with pytest.raises(PowerCut):
        luks.change(Cut(system.root, at), container, OLD, NEW, "/header")
    luks.check(system, container, holding)
    assert luks.finish_change(system, container, holding, "/header")
    luks.check(system, container, holding)
    with pytest.raises(luks.WrongPassphrase):
        luks.check(system, container, other)
    assert not luks.finish_change(system, container, holding, "/header"), "it is told once"
    assert not system.path("/header").exists()


QUICK = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")


@pytest.fixture
def quick(system: System, monkeypatch: pytest.MonkeyPatch) -> str:
    """A container that is not made slow to guess."""
    monkeypatch.setattr(luks, "_pbkdf", lambda *_: QUICK)
    storefile.write(system, "/container", 20 * MB, lambda done, total: None)
    container = str(system.path("/container"))
    system.run("cryptsetup", "luksFormat", "--batch-mode", *QUICK, "--key-file=-", container, stdin=OLD)
    return container


def test_keys_that_somebody_else_added_outlast_a_change_that_was_cut_off(system: System, quick: str) -> None:
    system.run("cryptsetup", "luksAddKey", "--batch-mode", *QUICK, quick, stdin=f"{OLD}\n{WRONG}\n")
    with pytest.raises(PowerCut):
        luks.change(Cut(system.root, "luksChangeKey"), quick, OLD, NEW, "/header")
    assert not luks.finish_change(system, quick, WRONG, "/header"), "it does not say which of the two holds"
    assert luks.finish_change(system, quick, NEW, "/header")
    luks.check(system, quick, WRONG)
    luks.check(system, quick, NEW)
    with pytest.raises(luks.WrongPassphrase):
        luks.check(system, quick, OLD)


def test_what_luks1_cannot_is_said_and_nothing_is_tried(system: System, quick: str) -> None:
    """As Porteus makes it."""
    system.run("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks1", *QUICK, "--key-file=-", quick, stdin=OLD)
    with pytest.raises(luks.WrongPassphrase):
        luks.change(system, quick, WRONG, NEW, "/header")
    with pytest.raises(CannotHere, match="LUKS1"):
        luks.change(system, quick, OLD, NEW, "/header")
    luks.check(system, quick, OLD)
    assert not luks.is_erased(system, quick)
    luks.erase(system, quick)
    assert luks.is_erased(system, quick)


class Failing(System):
    """A stick that fails in the middle of what `command` does to its keys; `restores`: it takes the header once more.
    Where `stopped`, somebody presses Ctrl-C then, and again while the header is put back."""

    def __init__(
        self, root: Path, command: str = "luksChangeKey", restores: bool = True, stopped: bool = False
    ) -> None:
        super().__init__(root)
        self.command, self.restores, self.stopped = command, restores, stopped

    def run(self, *argv: str, **more: object) -> object:  # type: ignore[override]  # passes all of it on
        if self.command in argv or ("luksHeaderRestore" in argv and not self.restores):
            with open(next(word for word in argv if word.endswith("/container")), "r+b") as file:
                file.write(bytes(32768))  # both headers, as a torn write leaves them
            argv = ("false",)
            if self.stopped:
                self.stop()
        return super().run(*argv, **more)  # type: ignore[arg-type]  # as they came

    def spawn(self, *argv: str, **more: Any) -> Process:
        process = super().spawn(*argv, **more)
        if self.stopped and "luksHeaderRestore" in argv:
            self._running.add(process)
            self.stop()
        return process


def test_a_change_that_fails_puts_the_header_back(system: System, container: str) -> None:
    with pytest.raises(StepFailed, match="the former one holds"):
        luks.change(Failing(system.root), container, OLD, NEW, "/header")
    luks.check(system, container, OLD)
    assert not system.path("/header").exists()


def test_one_that_is_interrupted_puts_it_back_however_often_somebody_presses(
    system: System, container: str
) -> None:
    failing = Failing(system.root, stopped=True)
    try:
        with pytest.raises(Interrupted):
            luks.change(failing, container, OLD, NEW, "/header")
    finally:
        failing.go_on()
    luks.check(system, container, OLD)
    assert not system.path("/header").exists()
    assert not failing.undisturbed


def test_what_a_change_left_is_finished_with_the_header_at_hand(system: System, container: str) -> None:
    with pytest.raises(PowerCut):
        luks.change(Cut(system.root, "luksChangeKey"), container, OLD, NEW, "/header")
    with pytest.raises(StepFailed, match="could not be finished"):
        luks.finish_change(Failing(system.root, "luksKillSlot"), container, OLD, "/header")
    luks.check(system, container, OLD)
    assert luks.finish_change(system, container, OLD, "/header")
    luks.check(system, container, OLD)


def test_a_header_that_cannot_be_put_back_stays_in_its_copy_and_that_is_named(
    system: System, container: str
) -> None:
    with pytest.raises(StepFailed, match="could not be put back") as fault:
        luks.change(Failing(system.root, restores=False), container, OLD, NEW, "/header")
    last = "/header-container"
    assert f"They are whole in {last}" in fault.value.hint
    assert not luks.is_luks(system, container)
    storefile.write(system, "/other", 20 * MB, lambda done, total: None)
    luks.make(system, str(system.path("/other")), OLD, 32768)
    luks.change(system, str(system.path("/other")), OLD, NEW, "/header")  # takes it from nobody
    system.run("cryptsetup", "luksHeaderRestore", "-q", container, "--header-backup-file", str(system.path(last)))
    luks.check(system, container, OLD)


@pytest.mark.parametrize("kind", ["ext4", "ext3", "ext2"])
def test_a_stick_that_is_looked_at_is_not_written_to(system: System, kind: str) -> None:
    """It was pulled out while a file was written and one that was deleted was still open."""
    image, pulled = system.path("/image"), system.path("/pulled")
    with image.open("wb") as file:
        file.truncate(64 * MB)
    system.run(f"mkfs.{kind}", "-q", "-F", str(image))
    loop = storefile.attach(system, "/image")
    filesystem.mount(system, loop, "/there")
    with system.path("/there/gone").open("wb") as gone:
        gone.write(bytes(3 * MB))
        gone.flush()
        os.fsync(gone.fileno())
        system.remove("/there/gone")
        system.write("/there/save.dat", "kept\n")
        os.sync()
        shutil.copyfile(image, pulled)
    filesystem.unmount(system, "/there")
    storefile.detach(system, loop)
    before = hashlib.sha256(pulled.read_bytes()).digest()
    stick = storefile.attach(system, "/pulled")
    with storefile.looked_into(system, stick) as place:
        assert place is not None
        assert system.read(f"{place}/save.dat") == "kept\n"
    storefile.detach(system, stick)
    os.sync()
    assert hashlib.sha256(pulled.read_bytes()).digest() == before
    assert not storefile.loops(system, stick)


def test_a_file_has_real_blocks_and_grows(system: System) -> None:
    told: list[int] = []
    storefile.write(system, "/save.dat", 9 * MB, lambda done, total: told.append(done))
    status = system.path("/save.dat").stat()
    assert (status.st_size, status.st_blocks * 512 >= 9 * MB) == (9 * MB, True)
    assert told[-1] == 9 * MB
    storefile.write(system, "/save.dat", 12 * MB, lambda done, total: None)
    assert system.path("/save.dat").stat().st_size == 12 * MB
    with pytest.raises(StepFailed, match="no room"):
        storefile.write(system, "/save.dat", 2**50, lambda done, total: None)
    assert system.path("/save.dat").stat().st_size == 12 * MB


def test_a_fat_whose_power_went_while_a_file_grew_is_mended_before_it_grows_again(system: System) -> None:
    image = system.path("/fat.img")
    with image.open("wb") as file:
        file.truncate(100 * MB)
    system.run("mkfs.vfat", "-F", "32", str(image))
    for name in ("save.dat", "photo.jpg"):
        system.path(f"/{name}").write_bytes(os.urandom(3 * MB))
        system.run("mcopy", "-i", str(image), str(system.path(f"/{name}")), "::")
    assert not filesystem.mend_fat(system, str(image))
    fat.grows(image, "SAVE    DAT")
    assert system.run("fsck.vfat", "-n", str(image), ok=(1,)).status == 1
    assert filesystem.mend_fat(system, str(image))
    assert system.run("fsck.vfat", "-n", str(image)).status == 0
    for name in ("save.dat", "photo.jpg"):
        system.run("mcopy", "-n", "-i", str(image), f"::{name}", str(system.path("/back")))
        assert system.path("/back").read_bytes() == system.path(f"/{name}").read_bytes()


@pytest.fixture
def usb(system: System, stick: str) -> str:
    """A partition with a save.dat that is not encrypted."""
    space = freespace.cut(freespace.after_last(system, stick, 300 * MB), 150 * MB)
    usb = freespace.add(system, stick, space, "USB")
    system.run("mkfs.ext4", "-q", "-F", usb)
    with storefile.carried(system, usb) as place:
        storefile.write(system, f"{place}/save.dat", 70 * MB, lambda done, total: None)
        filesystem.make(system, str(system.path(f"{place}/save.dat")))
    return usb


def options(system: System, place: str) -> list[str]:
    return system.run("findmnt", "-no", "OPTIONS", str(system.path(place))).out.strip().split(",")


@pytest.mark.parametrize(("place", "how"), [("/mnt/usb", "rw"), ("/run/live/medium", "ro")])
def test_what_is_mounted_stays_as_it_was(system: System, stick: str, usb: str, place: str, how: str) -> None:
    """The live medium is writable for as long as a save.dat on it is open, and afterwards as before."""
    filesystem.mount(system, usb, place, how)
    found = Store("save.dat", stick, usb, encrypted=False, file="/save.dat")
    store.mount(system, found, None)
    with storefile.carried(system, usb) as there:  # as for a file that grows while it is open
        system.write(f"{there}/note", "")
    system.write(f"{place}/photo", "sea\n")
    store.unmount(system, found)
    assert how in options(system, place)
    with storefile.carried(system, usb) as there:
        system.write(f"{there}/note", "")
    assert how in options(system, place)


def test_what_somebody_has_mounted_read_only_is_left_so(system: System, stick: str, usb: str) -> None:
    filesystem.mount(system, usb, "/mnt/usb", "ro")
    with pytest.raises(Refused, match=f"{usb} is mounted read-only at /mnt/usb. Unmount it"):
        store.mount(system, Store("save.dat", stick, usb, encrypted=False, file="/save.dat"), None)
    assert "ro" in options(system, "/mnt/usb")


def test_a_file_of_the_running_system_leaves_that_writable(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(System, "run", lambda _system, *argv, **_more: ran.append(argv))
    storefile.let_go(system, "/")
    assert ran == []
