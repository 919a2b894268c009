"""What a store keeps: moved in, bound, locked, in use, damaged, handed on; on real ext4. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard import catalogue_names
from byzwizard.backends import (
    cutoff,
    filesystem,
    freespace,
    handon,
    inuse,
    kept,
    locker,
    luks,
    making,
    store,
    storefile,
)
from byzwizard.backends.new_store import GrowFile
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere, Damaged, StepFailed
from tests.disk.loops import MB, disk, opened, stick, system

__all__ = ["opened", "stick", "system"]  # fixtures

CAP_SYS_RESOURCE = 24
BOARD = f"{catalogue_names.HOME}/board"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")


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
    system: System, opened: Store, descriptors: Path
) -> None:
    (descriptors / "board.yaml").write_text(f"title: Board\ndata: [{BOARD}]\n")
    (descriptors / "chat.yaml").write_text("title: Chat\n")
    system.write(f"{BOARD}/posts/1", "hello\n", 0o640, owner=(952, 952))
    os.chown(system.path(BOARD), 952, 952)
    locker.switch(system, ("services",))
    system.write(f"{BOARD}/board.pid", "4711\n")
    system.write(f"{BOARD}/posts/Cargo.lock", "somebody's own\n")
    locker.lock(system)
    locker.unlock(system, None)
    folder = system.path(BOARD)
    assert (folder.stat().st_uid, folder.stat().st_gid) == (952, 952)
    post = folder / "posts/1"
    assert (post.read_text(), post.stat().st_uid, post.stat().st_mode & 0o777) == ("hello\n", 952, 0o640)
    assert not (folder / "board.pid").exists()
    assert (folder / "posts/Cargo.lock").exists(), "it is no program's"


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


def test_what_is_kept_is_handed_on_without_who_we_are(system: System, opened: Store, descriptors: Path) -> None:
    (descriptors / "board.yaml").write_text(f"data: [{BOARD}]\n")
    system.write("/var/lib/byzantium/identity/key", "secret\n", 0o600)
    system.write(f"{BOARD}/1", "hello\n", 0o640, owner=(952, 952))
    answers = "byzantium: 1\nnode: {name: lighthouse}\nmesh: {name: relief, passphrase: cactus orbit}\n"
    system.write("/etc/byzantium/answers.yaml", answers + "persistence: {kind: save.dat, device: SRC1}\n", 0o600)
    for name in (".ssh/id_ed25519", ".bash_history", ".local/share/fish_history", ".gnupg/key", "my.ssh/notes", "todo"):
        system.write(f"/root/{name}", "mine\n", 0o600)
        system.write(f"/home/ann/{name}", "mine\n", 0o640, owner=(1000, 1000))
    os.chown(system.path("/home/ann"), 1000, 1000)
    os.utime(system.path("/home/ann"), (1, 1))
    locker.switch(system, ("identity", "mesh", "services", "home"))
    place = "/other"
    image = system.path("/other.img")
    with image.open("wb") as file:
        file.truncate(64 * MB)
    filesystem.make(system, str(image))
    loop = storefile.attach(system, "/other.img")
    filesystem.mount(system, loop, place)
    try:
        handon.fill(system, place, handon.Way(MB, list[int]().append), encrypted=True)
        post = system.path(f"{place}/services.board{BOARD}/1")
        assert (post.read_text(), post.stat().st_uid) == ("hello\n", 952)
        assert not system.path(f"{place}/identity").exists()
        handed = system.read(f"{place}/mesh/etc/byzantium/answers.yaml") or ""
        assert "relief" in handed
        assert "kind: partition" in handed
        assert "lighthouse" not in handed
        assert system.read(f"{place}/kept.json") == system.read(kept.LIST)
        for home in ("root", "home/ann"):
            found = system.path(f"{place}/home/{home}")
            assert {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()} == {
                "my.ssh/notes", "todo",
            }  # fmt: skip
            assert (found / ".local/share").is_dir()
        assert (found.stat().st_uid, found.stat().st_mtime, (found / "todo").stat().st_gid) == (1000, 1, 1000)
        system.run("sync", "--file-system", str(system.path(place)))
        assert b"todo" in image.read_bytes()
        assert b"id_ed25519" not in image.read_bytes(), "it came onto the other stick"
    finally:
        filesystem.unmount(system, place)
        storefile.detach(system, loop)


def spoil(system: System, place: str, _encrypted: bool) -> None:
    system.path(f"{place}/services.board{BOARD}/1").write_text("xxxxx\n")


def test_what_is_handed_on_is_read_back_from_the_stick(
    system: System, opened: Store, descriptors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies where the new stick's table will name it, and nothing names it yet."""
    (descriptors / "board.yaml").write_text(f"data: [{BOARD}]\n")
    system.write(f"{BOARD}/1", "hello\n" * 100_000)
    locker.switch(system, ("services",))
    other = system.path("/other.img")
    with other.open("wb") as file:
        file.truncate(300 * MB)
    stick = storefile.attach(system, "/other.img")
    try:
        space = freespace.behind(64 * MB, 300 * MB, "gpt")
        size = handon.kept_bytes(system)
        handed = handon.Handed(system, stick, making.piece(space), None, size)
        told: list[int] = []
        handed.write(told.append)
        assert sum(told) == size
        handed.check(told.append)
        assert sum(told) == 2 * size
        assert not filesystem.is_mounted(system, making.filled_at(stick))
        system.run("blockdev", "--flushbufs", stick)
        with other.open("r+b") as file:  # the stick forgets some of it
            data = file.read()
            assert not any(data[MB : 64 * MB]), "it is behind the system"
            file.seek(data.index(b"hello\n" * 1000))
            file.write(b"xxxxx")
        system.run("blockdev", "--flushbufs", stick)
        with pytest.raises(StepFailed, match="does not keep what is written"):
            handed.check(told.append)
        handed.write(told.append)  # a copy that was interrupted makes it anew
        handed.check(told.append)
        # What the stick gave back wrong before it was looked at for the first time is no better.
        with monkeypatch.context() as patch:
            patch.setattr(handon, "_answers", spoil)
            handed.write(told.append)
        with pytest.raises(StepFailed, match="does not keep what is written"):
            handed.check(told.append)
    finally:
        storefile.detach(system, stick)


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


def test_what_is_done_to_another_one_leaves_the_open_one_alone(
    system: System, beside: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its carrier would cover that of the open one, and later verbs take the wrong file."""
    open_file = system.path(f"{storefile.CARRIER}/save.dat").stat().st_ino
    seen: list[str] = []
    monkeypatch.setattr(luks, "check", lambda _system, device, _passphrase: seen.append(device))
    for other in disk(system, 300 * MB, name="other.img"):
        system.run("mkfs.ext4", "-q", "-F", other)
        with storefile.carried(system, other) as place:
            system.write(f"{place}/save.dat", "4" * 4096)
        there = Store("save.dat", other, other, encrypted=True, file="/save.dat")
        store.check_passphrase(system, there, "")
        store.check_passphrase(system, beside, "")
        making.delete(system, replace(there, encrypted=False), None)
        assert storefile.mounted_at(system, other) is None
    assert len(set(seen)) == 2
    assert system.path(f"{storefile.CARRIER}/save.dat").stat().st_ino == open_file
    locker.lock(system)
    assert storefile.mounted_at(system, beside.device) is None


def may_grow() -> bool:
    """Root in a container may not let a file system grow that is mounted."""
    return bool(int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16) >> CAP_SYS_RESOURCE & 1)


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
    with storefile.carried(system, beside.device) as place:
        note = f"{place}/save.dat{storefile.GROWS}"
        assert not system.path(note).exists()
        system.write(note, "0\n")  # as one that was killed while it grew leaves it
    assert cutoff.told(system) == ()
    locker.unlock(system, None)
    assert not system.path(note).exists()
    assert cutoff.grows(beside.device) in cutoff.told(system)
    if may_grow():  # else tests/vm shows it
        assert room() > before + 40 * MB
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
    locker.let_go(system)
    making.delete(system, beside, making.deletable(system, beside))
    with storefile.looked_into(system, beside.device) as place:
        assert place is not None
        assert storefile.find(system, place) is None
        assert system.read(f"{place}/holiday.jpg") == "sea\n"
    assert system.read("/var/lib/byzantium/identity/key") == "secret\n"
