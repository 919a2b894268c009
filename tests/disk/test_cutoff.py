"""What was cut off in the middle, in a store and behind the partitions: told, and cleared up. Needs root."""

from __future__ import annotations

import os
import sys

import pytest

from byzwizard.backends import cutoff, freespace, kept, locker, making
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import System
from byzwizard.machine import Disk, Partition
from tests.disk.loops import MB, opened, stick, system

__all__ = ["opened", "stick", "system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


def test_what_was_half_moved_in_when_the_power_went_is_cleared_up_and_told(system: System, opened: Store) -> None:
    locker.switch(system, ("mesh",))
    system.write(f"{PLACE}/home/.root.half/letter", "half of it")
    system.write(f"{PLACE}/mesh/etc/byzantium/.notes.half/letter", "somebody's own")
    elsewhere = system.path("/elsewhere/var/.log.half")
    elsewhere.mkdir(parents=True)
    system.path(f"{PLACE}/logs").symlink_to(system.path("/elsewhere"))
    locker.lock(system)
    locker.unlock(system, None)
    assert not system.path(f"{PLACE}/home/.root.half").exists()
    assert system.path("/etc/byzantium/.notes.half/letter").exists()
    assert elsewhere.exists(), "a link leads out of the store"
    assert [line for line in cutoff.told(system) if "home" in line] == list(cutoff.told(system)) != []


def test_what_had_moved_in_whole_when_the_power_went_is_told_and_stays(
    system: System, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    locker.switch(system, ("mesh",))
    (home, *_more) = kept.things(("home",))[0].folders
    system.write(f"{home}/letter", "all of it")
    with monkeypatch.context() as patch:
        patch.setattr(kept, "_bind", lambda *_: sys.exit("the power went"))
        with pytest.raises(SystemExit):
            kept.switch(system, ("mesh", "home"))
    locker.lock(system)
    locker.unlock(system, None)
    (told,) = cutoff.told(system)
    assert "home" in told
    assert kept.listed(system) == ("mesh",)
    assert system.read(f"{PLACE}/home{home}/letter") == "all of it"
    system.remove(cutoff.NOTE)
    locker.lock(system)
    locker.unlock(system, None)
    assert cutoff.told(system) == (), "told once"


def test_a_store_that_was_being_made_is_told_and_one_that_was_deleted_is_not(
    system: System, opened: Store, stick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Partition(path=f"{stick}p1", bytes=10 * MB, filesystem=None, label=None, mounted=None)
    disk = Disk(path=stick, bytes=300 * MB, vendor=None, model=None, serial=None, transport="usb", removable=True,
                read_only=False, partitions=(part,))  # fmt: skip
    monkeypatch.setattr("byzwizard.backends.targets.disks_now", lambda _system: (disk,))
    locker.let_go(system)
    start, _size = freespace.extent(system, stick, opened.device)
    freespace.remove(system, stick, opened.device)  # the table does not name it, as before making() is done
    cutoff.look(system)
    assert "cut off" in cutoff.told(system)[0]
    cutoff.look(system)
    assert len(cutoff.told(system)) == 1, "told once"
    system.remove(cutoff.NOTE)

    freespace.add(system, stick, freespace.after_last(system, stick, 300 * MB), "byzdata")
    monkeypatch.setattr("byzwizard.backends.making.deletable", lambda _system, _found: None)
    making.delete(system, opened, None)
    with open(stick, "rb") as disk_file:
        disk_file.seek(start)
        assert b"\x53\xef" not in disk_file.read(4096)
    cutoff.look(system)
    assert cutoff.told(system) == ()


def test_a_store_that_was_never_told_what_to_keep_is_told_of_until_it_is(system: System, opened: Store) -> None:
    locker.lock(system)
    locker.unlock(system, None)
    [said] = cutoff.told(system)
    assert "keeps nothing yet" in said
    locker.switch(system, ())
    system.remove(cutoff.NOTE)  # another start
    locker.lock(system)
    locker.unlock(system, None)
    assert cutoff.told(system) == ()
