"""What the kernel refuses although nothing that is told of the disk speaks against it; on loop devices. Needs root."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard.backends import filesystem, freespace, locker, store, storefile, targets
from byzwizard.backends.new_store import GrowFile
from byzwizard.backends.store import Store
from byzwizard.backends.system import System
from byzwizard.errors import Refused
from byzwizard.machine import Disk
from tests.disk.loops import MB, disk, system
from tests.unit.test_targets import disk as named

__all__ = ["system"]  # fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


@pytest.fixture
def loop(system: System) -> Iterator[str]:
    yield from disk(system, 100 * MB, "dos")


def refused(system: System, monkeypatch: pytest.MonkeyPatch, path: str, now: Disk | None = None, size: int = 0) -> str:
    """Why it cannot be held, whatever lsblk says of it; nothing was written to it."""
    stick = named().model_copy(update={"path": path, "bytes": size or 100 * MB})
    monkeypatch.setattr(targets, "disks_now", lambda _system: (now or stick,))
    monkeypatch.setattr(targets, "LOCK_SECONDS", 0)
    image = system.path("/disk.img")
    before = hashlib.sha256(image.read_bytes()).digest()
    with pytest.raises(Refused) as fault, targets.hold(system, stick, allow_internal=False):
        pytest.fail("it was given away")
    assert hashlib.sha256(image.read_bytes()).digest() == before
    assert fault.value.status == 3
    return fault.value.message


def test_what_is_plain_is_held(system: System, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stick = named().model_copy(update={"path": loop, "bytes": 100 * MB})
    monkeypatch.setattr(targets, "disks_now", lambda _system: (stick,))
    with targets.hold(system, stick, allow_internal=False) as descriptor:
        assert os.pread(descriptor, 2, 510) == b"\x55\xaa"


def test_a_partition_that_is_mounted_where_we_do_not_see_it(
    system: System, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the mount namespace of another program, as containers have them."""
    system.run("mkfs.ext4", "-q", "-F", freespace.tell_kernel(system, loop, f"{loop}p1"))
    place = system.path("/elsewhere")
    place.mkdir()
    script = f"mount {loop}p1 {place} && echo there && read done"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "there\n"
        assert str(place) not in Path("/proc/self/mountinfo").read_text()
        assert "busy" in refused(system, monkeypatch, loop)
        other.stdin.close()


def test_swap(system: System, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system.run("mkswap", freespace.tell_kernel(system, loop, f"{loop}p1"))
    system.run("swapon", f"{loop}p1")
    try:
        assert "busy" in refused(system, monkeypatch, loop)
    finally:
        system.run("swapoff", f"{loop}p1")


def test_held_by_another_program(system: System, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As udev, fdisk and another copy of ours do."""
    other = os.open(loop, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "used by another program" in refused(system, monkeypatch, loop)
    finally:
        os.close(other)


@pytest.mark.parametrize(
    ("path", "why"),
    [("/dev/null", "changed"), ("/dev/tty", "cannot be opened"), ("/dev", "cannot be opened"), ("/dev/no", "cannot")],
)
@pytest.mark.usefixtures("loop")
def test_no_block_device(system: System, monkeypatch: pytest.MonkeyPatch, path: str, why: str) -> None:
    assert why in refused(system, monkeypatch, path)


def test_another_size_than_it_told(system: System, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "changed" in refused(system, monkeypatch, loop, size=100 * MB + 512)


def test_a_twin_in_its_place(system: System, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = named(ptuuid="0002").model_copy(update={"path": loop, "bytes": 100 * MB})
    assert "changed" in refused(system, monkeypatch, loop, twin)


@pytest.mark.parametrize("device", ["partition", "save.dat"])
def test_another_stick_where_a_locked_store_was(system: System, loop: str, device: str) -> None:
    """Neither opened nor deleted, though it may be a store as well."""
    node = freespace.tell_kernel(system, loop, f"{loop}p1")
    filesystem.make(system, node)
    found = Store(device, loop, node, encrypted=False, file="/save.dat" if device == "save.dat" else None,
                  uuid=filesystem.uuid(system, node))  # fmt: skip
    store.remember(system, found)
    assert store.the(system) == found
    filesystem.make(system, node)
    for act in (locker.unlock, lambda system, _no: store.the(system)):
        with pytest.raises(Refused, match="another stick is in its place"):
            act(system, None)
    assert not store.is_open(system)
    system.run("wipefs", "--all", node)
    assert store.the(system) == found  # it may be damaged: e2fsck says more


def test_the_save_dat_of_another_stick_does_not_grow(
    system: System, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugged in where that of a locked store was."""
    monkeypatch.setattr(storefile, "SPARE", 0)  # this one is small
    node = freespace.tell_kernel(system, loop, f"{loop}p1")

    def plug_in() -> None:
        system.run("mkfs.ext4", "-q", "-F", node)
        with storefile.carried(system, node) as place:
            system.write(f"{place}/save.dat", "somebody's")

    plug_in()
    store.remember(system, Store("save.dat", loop, node, False, "/save.dat", filesystem.uuid(system, node)))
    plug_in()
    grow = GrowFile(id="store-size", text="", size=MB)
    assert grow.needed(system), "it is wanted, and cannot be"
    with pytest.raises(Refused, match="another stick is in its place"):
        grow.apply(system, lambda done, total: None)
    with storefile.looked_into(system, node) as place:
        assert system.read(f"{place}/save.dat") == "somebody's"
    store.remember(system, Store("save.dat", loop, node, False, "/save.dat", filesystem.uuid(system, node)))
    grow.apply(system, lambda done, total: None)
    assert not grow.needed(system)
