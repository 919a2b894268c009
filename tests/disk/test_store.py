"""The store on real loop devices, real ext4 and real LUKS headers. Needs root; dm-crypt and FAT are for tests/vm."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard import catalogue_names
from byzwizard.backends import filesystem, freespace, handon, inuse, kept, locker, luks, making, store, storefile
from byzwizard.backends.persistence import GrowFile
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere, Damaged, Refused, StepFailed

MB = 2**20
OLD, NEW, WRONG = "cactus orbit velvet plinth", "ember harbor sextant gravel", "not this one at all"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


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


def disk(system: System, size: int, table: str | None = None, later: int = 0) -> Iterator[str]:
    """A loop device over a file; `later` bytes are added after the table was written, as a bigger stick would."""
    image = system.path("/disk.img")
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
            assert (made["type"], made["name"]) == (freespace.LINUX_RESERVED, "byzdata")
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


class Failing(System):
    """A stick that fails in the middle of a change: the new key never arrives."""

    def run(self, *argv: str, **more: object) -> object:  # type: ignore[override]  # passes all of it on
        if "luksChangeKey" in argv:
            with open(argv[-1], "r+b") as file:  # what a torn write leaves
                file.write(bytes(8192))
            argv = ("false",)
        return super().run(*argv, **more)  # type: ignore[arg-type]  # as they came


def test_a_change_that_fails_puts_the_header_back(system: System, container: str) -> None:
    with pytest.raises(StepFailed, match="the former one holds"):
        luks.change(Failing(system.root), container, OLD, NEW, "/header")
    luks.check(system, container, OLD)
    assert not system.path("/header").exists()


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


def test_what_is_kept_moves_in_and_comes_back_at_the_next_boot(system: System, opened: Store) -> None:
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\n", 0o600)
    locker.switch(system, ("identity", "mesh"))
    assert kept.current(system, ("identity", "mesh"))
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    folder = system.path("/var/lib/byzantium/identity").stat()
    assert (folder.st_uid, folder.st_mode & 0o777) == (0, 0o700)
    assert system.path("/var/lib/byzantium/identity/key").stat().st_mode & 0o777 == 0o600
    assert system.path(PLACE).stat().st_mode & 0o777 == 0o700

    locker.lock(system)
    assert store.locked(system)
    assert system.read("/var/lib/byzantium/identity/key") is None  # nothing was left in memory
    assert list(system.path("/etc/byzantium").iterdir()) == []

    locker.unlock(system, None)
    assert not store.locked(system)
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1  # newer\n", 0o600)  # by rename, inside the mount
    locker.lock(system)
    locker.unlock(system, None)
    assert system.read("/etc/byzantium/answers.yaml") == "byzantium: 1  # newer\n"


def test_switching_off_keeps_the_data_until_they_are_deleted(system: System, opened: Store) -> None:
    system.write("/etc/byzantium/answers.yaml", "byzantium: 1\n", 0o600)
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    locker.switch(system, ("identity", "mesh"))
    with pytest.raises(StepFailed, match="switch it off"):
        kept.delete(system, "mesh")
    locker.switch(system, ("identity",))
    assert system.read("/etc/byzantium/answers.yaml") == "byzantium: 1\n"  # the running node goes on
    assert not kept.bound(system, "/etc/byzantium")
    assert kept.left_over(system) == ("mesh",)
    assert kept.sizes(system)["mesh"] > 0
    kept.delete(system, "mesh")
    assert kept.left_over(system) == ()


def test_services_by_their_descriptors_with_owners_and_without_stale_files(
    system: System, opened: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = tmp_path / "services"
    descriptors.mkdir()
    (descriptors / "board.yaml").write_text("title: Board\ndata: [/var/lib/byzantium/board]\n")
    (descriptors / "chat.yaml").write_text("title: Chat\n")
    monkeypatch.setattr(catalogue_names, "DESCRIPTORS", descriptors)
    system.write("/var/lib/byzantium/board/posts/1", "hello\n", 0o640, owner=(952, 952))
    os.chown(system.path("/var/lib/byzantium/board"), 952, 952)
    locker.switch(system, ("services",))
    system.write("/var/lib/byzantium/board/board.pid", "4711\n")
    system.write("/var/lib/byzantium/board/posts/.lock", "")
    locker.lock(system)
    locker.unlock(system, None)
    folder = system.path("/var/lib/byzantium/board")
    assert (folder.stat().st_uid, folder.stat().st_gid) == (952, 952)
    post = folder / "posts/1"
    assert (post.read_text(), post.stat().st_uid, post.stat().st_mode & 0o777) == ("hello\n", 952, 0o640)
    assert not (folder / "board.pid").exists()
    assert not (folder / "posts/.lock").exists()


def test_a_link_in_the_store_leads_nowhere(system: System, opened: Store) -> None:
    """Whoever had an unencrypted stick may have put anything there."""
    locker.switch(system, ("mesh",))
    locker.lock(system)
    store.mount(system, opened, None)
    inside = system.path(f"{PLACE}/mesh/etc/byzantium")
    inside.rmdir()
    inside.symlink_to("/etc")
    store.unmount(system, opened)
    with pytest.raises(StepFailed, match="no folder"):
        locker.unlock(system, None)
    assert not store.is_open(system)


def test_a_store_in_use_stays_open_and_says_by_whom(system: System, opened: Store) -> None:
    locker.switch(system, ("identity", "home"))
    with subprocess.Popen(["sleep", "60"], cwd=system.path("/root")) as sleeper:
        assert [user.name for user in inuse.users(system, PLACE)] == ["sleep"]
        with pytest.raises(StepFailed, match=rf"by sleep \({sleeper.pid}\)"):
            locker.lock(system)
        assert kept.current(system, ("identity", "home"))
        with pytest.raises(StepFailed, match="in use"):
            locker.let_go(system)
        assert kept.current(system, ("identity", "home"))
        sleeper.kill()
    locker.lock(system)
    with pytest.raises(CannotHere):
        locker.lock(system)


def test_letting_go_leaves_the_node_as_it_is(system: System, opened: Store) -> None:
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    locker.switch(system, ("identity",))
    locker.let_go(system)
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    assert store.known(system) is None
    assert not store.is_open(system)


def test_a_damaged_file_system_is_mended_after_a_question(system: System, opened: Store) -> None:
    system.write(f"{PLACE}/note", "kept\n")
    locker.lock(system)
    with open(opened.device, "r+b") as device:
        device.seek(1024)
        device.write(bytes(1024))  # the superblock; e2fsck finds another
    assert filesystem.kind(system, opened.device) == ""
    with pytest.raises(Damaged):
        locker.unlock(system, None)
    assert not store.is_open(system)
    locker.unlock(system, None, thoroughly=True)
    assert system.read(f"{PLACE}/note") == "kept\n"


def test_a_fault_that_needs_a_question_gets_one(system: System, opened: Store) -> None:
    system.path(f"{PLACE}/folder").mkdir()
    system.write(f"{PLACE}/folder/note", "kept\n")
    locker.lock(system)
    system.run("debugfs", "-w", "-R", "clri /folder", opened.device)
    system.run("debugfs", "-w", "-R", "set_super_value state 2", opened.device)  # as the kernel marks what it found
    with pytest.raises(Damaged):
        locker.unlock(system, None)
    assert not store.is_open(system)
    locker.unlock(system, None, thoroughly=True)
    found = list(system.path(f"{PLACE}/lost+found").rglob("*"))
    assert any(path.is_file() and path.read_text() == "kept\n" for path in found)


def test_a_plain_image_of_porteus_is_opened_and_read(system: System) -> None:
    system.path("/media").mkdir()
    storefile.write(system, "/media/save.dat", 64 * MB, lambda done, total: None)
    image = str(system.path("/media/save.dat"))
    system.run("mkfs.ext4", "-q", "-F", image)
    found = Store("save.dat", "/dev/loop99", "none", encrypted=False, file="/save.dat")
    loop = storefile.attach(system, "/media/save.dat")
    try:
        store.mount(system, replace(found, kind="partition", file=None, device=loop), None)
        assert store.is_open(system)
        assert kept.listed(system) == ()
        assert store.fill(system) < 0.2
        assert store.writable(system)
    finally:
        filesystem.unmount(system, PLACE)
        storefile.detach(system, loop)


def test_what_is_kept_is_handed_on_without_who_we_are(
    system: System, opened: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = tmp_path / "services"
    descriptors.mkdir()
    (descriptors / "board.yaml").write_text("data: /var/lib/byzantium/board\n")
    monkeypatch.setattr(catalogue_names, "DESCRIPTORS", descriptors)
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    system.write("/var/lib/byzantium/board/1", "hello\n", 0o640, owner=(952, 952))
    answers = "byzantium: 1\nnode: {name: lighthouse}\nmesh: {name: relief, passphrase: cactus orbit}\n"
    system.write("/etc/byzantium/answers.yaml", answers + "persistence: {kind: partition}\n", 0o600)
    locker.switch(system, ("identity", "mesh", "services"))
    place = "/other"
    image = system.path("/other.img")
    with image.open("wb") as file:
        file.truncate(64 * MB)
    filesystem.make(system, str(image))
    loop = storefile.attach(system, "/other.img")
    filesystem.mount(system, loop, place)
    try:
        handon.fill(system, place)
        post = system.path(f"{place}/services.board/var/lib/byzantium/board/1")
        assert (post.read_text(), post.stat().st_uid) == ("hello\n", 952)
        assert not system.path(f"{place}/identity").exists()
        handed = system.read(f"{place}/mesh/etc/byzantium/answers.yaml") or ""
        assert "relief" in handed
        assert "kind: partition" in handed
        assert "lighthouse" not in handed
        assert system.read(f"{place}/kept.json") == system.read(kept.LIST)
    finally:
        filesystem.unmount(system, place)
        storefile.detach(system, loop)


@pytest.fixture
def beside(system: System) -> Iterator[Store]:
    """save.dat beside other files, on a partition that nobody has mounted; open, not encrypted."""
    for loop in disk(system, 300 * MB):
        space = freespace.after_last(system, loop, 300 * MB)
        carrier = freespace.add(system, loop, freespace.cut(space, 250 * MB), "PHOTOS")
        system.run("mkfs.ext4", "-q", "-F", "-L", "PHOTOS", carrier)
        with storefile.carried(system, carrier) as place:
            system.write(f"{place}/holiday.jpg", "sea\n")
            storefile.write(system, f"{place}/save.dat", 70 * MB, lambda done, total: None)
            filesystem.make(system, str(system.path(f"{place}/save.dat")))
        assert storefile.mounted_at(system, carrier) is None
        found = Store("save.dat", loop, carrier, encrypted=False, file="/save.dat")
        store.mount(system, found, None)
        store.remember(system, found)
        yield found
        if store.is_open(system):
            locker.close(system, found)


def test_a_file_beside_others_is_locked_grows_and_goes(system: System, beside: Store) -> None:
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    locker.switch(system, ("identity",))
    with storefile.looked_into(system, beside.device) as place:
        assert place is not None
        assert storefile.find(system, storefile.CARRIER) == f"{storefile.CARRIER}/save.dat"

    def room() -> int:
        status = os.statvfs(system.path(PLACE))
        return status.f_blocks * status.f_frsize

    before = room()
    grow = GrowFile(id="store-size", text="", size=120 * MB)
    assert grow.needed(system)
    grow.apply(system, lambda done, total: None)
    assert not grow.needed(system)
    locker.lock(system)
    assert storefile.mounted_at(system, beside.device) is None
    assert storefile.loops(system, f"{storefile.CARRIER}/save.dat") == []
    locker.unlock(system, None)
    assert room() > before + 40 * MB
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    locker.let_go(system)
    making.delete(system, beside)
    with storefile.looked_into(system, beside.device) as place:
        assert place is not None
        assert storefile.find(system, place) is None
        assert system.read(f"{place}/holiday.jpg") == "sea\n"
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
