"""A store that fills up, one whose stick fails, and a key that lies beside its lock; on real ext4. Needs root."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace

import pytest

from byzwizard import unlocking
from byzwizard.backends import filesystem, keyfile, locker, store, storecheck, storefile, targets
from byzwizard.backends.checks import Check
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import Result, System
from byzwizard.errors import StepFailed
from byzwizard.machine import Partition
from tests.disk.loops import MB, opened, stick, system
from tests.unit.test_targets import disk as named

__all__ = ["opened", "stick", "system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")
LETTER = f"{PLACE}/letter"


def fill(system: System, name: str, to: float) -> None:
    """Until that part of what people may write is taken. Raises OSError where no more goes in."""
    with system.path(f"{PLACE}/{name}").open("wb", buffering=0) as file:
        status = os.statvfs(system.path(PLACE))
        used = status.f_blocks - status.f_bfree
        wanted = int(to * (used + status.f_bavail) - used) * status.f_frsize
        os.posix_fallocate(file.fileno(), 0, wanted)
        os.fsync(file.fileno())


def write_on(system: System, name: str) -> None:
    """Raises OSError at last."""
    with system.path(f"{PLACE}/{name}").open("wb", buffering=0) as file:
        while True:
            file.write(os.urandom(MB))
            os.fsync(file.fileno())


def said(system: System) -> Check:
    check = storecheck.kept(system)
    assert check is not None
    return check


SHUTDOWN, AT_ONCE = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN of <linux/ext4.h>: what the kernel does when the disk has gone


def test_a_store_whose_stick_was_pulled_out_says_so(system: System, opened: Store) -> None:
    """The mount still says that it can be written to."""
    assert said(system).ok
    place = os.open(system.path(PLACE), os.O_RDONLY)
    fcntl.ioctl(place, SHUTDOWN, AT_ONCE.to_bytes(4, "little"))
    os.close(place)
    assert not said(system).ok
    assert "pulled out" in said(system).text
    assert "persist lock" in (said(system).advice or "")
    locker.lock(system)
    assert not store.is_open(system)


def test_a_store_that_is_filled_to_the_last_byte_says_so_in_time_and_stays_sound(
    system: System, opened: Store
) -> None:
    system.write(LETTER, "dear\n")
    assert (said(system).ok, said(system).advice) == (True, None)
    fill(system, "films", 0.95)
    assert "95 % full" in said(system).text
    assert said(system).ok
    assert "before it is full" in (said(system).advice or "")
    with pytest.raises(OSError, match="No space left"):
        write_on(system, "more")
    with pytest.raises(OSError, match="No space left"):
        system.write(LETTER, "x" * MB)
    locker.lock(system)
    assert "locked" in said(system).text
    assert "persist unlock" in (said(system).advice or "")
    assert system.run("e2fsck", "-f", "-n", opened.device).status == 0
    locker.unlock(system, None)
    assert system.read(LETTER) == "dear\n"
    assert "100 % full" in said(system).text
    for name in ("films", "more"):
        system.remove(f"{PLACE}/{name}")
    system.write(LETTER, "dear Ann\n")
    assert said(system).advice is None


def test_one_that_the_kernel_has_found_broken_fails(system: System, opened: Store) -> None:
    system.run("mount", "-o", "remount,ro", str(system.path(PLACE)))
    assert not said(system).ok
    assert opened.device in said(system).text
    assert "failing" in (said(system).advice or "")


class Failing(System):
    """Its stick does not keep what e2fsck writes."""

    def run(self, *argv: str, **more: object) -> Result:
        if argv[0] == "e2fsck" and "-y" in argv:
            argv = ("e2fsck", "-f", "-n", argv[-1])
        return super().run(*argv, **more)  # type: ignore[arg-type]  # as they came


def test_a_stick_that_cannot_be_mended_is_called_failing_and_stays_closed(system: System, opened: Store) -> None:
    system.write(LETTER, "dear\n")
    locker.lock(system)
    with open(opened.device, "r+b") as device:
        device.seek(1024)
        device.write(bytes(1024))
    with pytest.raises(StepFailed, match="cannot be mended: this stick is probably failing") as fault:
        locker.unlock(Failing(system.root), None, thoroughly=True)
    assert "Copy what can still be read" in fault.value.hint
    assert not filesystem.is_mounted(system, PLACE)
    locker.unlock(system, None, thoroughly=True)
    assert system.read(LETTER) == "dear\n"


def test_a_key_that_lies_on_the_stick_of_its_store_opens_nothing(
    system: System, opened: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locker.lock(system)
    beside = f"{opened.disk}p1"
    system.run("partx", "--add", "--nr", "1", opened.disk, ok=(0, 1))
    system.run("mkfs.ext4", "-q", "-F", beside)
    with storefile.carried(system, beside) as place:
        system.write(f"{place}/{keyfile.NAME}", "cactus orbit velvet plinth\n")
    part = Partition(path=beside, bytes=10 * MB, filesystem="ext4", label=None, mounted=None)
    here = named().model_copy(update={"path": opened.disk, "partitions": (part,)})
    monkeypatch.setattr(targets, "disks_now", lambda _system: (here,))
    assert keyfile.find(system, opened.disk) == (keyfile.KeyFile(f"byzantium.key ({beside})", None, same_stick=True),)
    tried: list[str | None] = []
    monkeypatch.setattr(locker, "unlock", lambda _system, passphrase: tried.append(passphrase))
    assert not unlocking._by_key_file(system, opened.disk)
    assert tried == []
    assert "lies on the store's own stick" in capsys.readouterr().err
    assert unlocking._by_key_file(system, replace(opened, disk="/dev/other").disk)
    assert tried == ["cactus orbit velvet plinth"]
