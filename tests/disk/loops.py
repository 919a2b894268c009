"""Loop devices over files, and a store on one. dm-crypt and FAT need a kernel that has them: tests/vm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard.backends import filesystem, freespace, locker, store, storefile
from byzwizard.backends.store import Store
from byzwizard.backends.system import System

MB = 2**20


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path)
    system.path("/proc/self").mkdir(parents=True)
    system.path("/proc/self/mountinfo").symlink_to("/proc/self/mountinfo")
    system.path("/dev").symlink_to("/dev")
    yield system
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed([place for place in places if place.startswith(str(tmp_path))]):
        subprocess.run(["umount", "--lazy", place], check=False)


def disk(
    system: System, size: int, table: str | None = None, later: int = 0, name: str = "disk.img"
) -> Iterator[str]:
    """A loop device over a file; `later` bytes are added after the table was written, as a bigger stick would."""
    image = system.path(f"/{name}")
    with image.open("wb") as file:
        file.truncate(size)
    if table:
        system.run("sfdisk", str(image), stdin=f"label: {table}\nstart=2048,size=20480\n")
    os.truncate(image, size + later)
    loop = system.run("losetup", "--find", "--show", "--partscan", str(image)).out.strip()
    yield loop
    system.run("losetup", "--detach", loop, ok=(0, 1))


@pytest.fixture
def stick(system: System) -> Iterator[str]:
    yield from disk(system, 300 * MB, "dos")


@pytest.fixture
def opened(system: System, stick: str) -> Iterator[Store]:
    """An unencrypted store, open, on a stick that is in use besides."""
    space = freespace.after_last(system, stick, 300 * MB)
    loop = storefile.attach(system, stick, "--offset", str(space.start), "--sizelimit", str(space.bytes))
    filesystem.make(system, loop)
    storefile.detach(system, loop)
    held = os.open(stick, os.O_RDWR)
    node = freespace.add(system, stick, space, "byzdata")
    os.close(held)
    found = Store("partition", stick, node, encrypted=False)
    store.mount(system, found, None)
    store.remember(system, found)
    yield found
    if store.is_open(system):
        locker.close(system, found)
