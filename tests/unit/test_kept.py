"""What is done to the folders of a store, without one: tests/disk does it on real file systems."""

from __future__ import annotations

import errno
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from byzwizard import boot, unlocking
from byzwizard.backends import cutoff, kept, locker, luks, making, store
from byzwizard.backends.store import PLACE, Store
from byzwizard.backends.system import Result, System
from byzwizard.errors import ByzantiumError, Damaged, Interrupted, Refused, StepFailed

HOME = "/root"
STORE = Store("save.dat", "/dev/sdb", "/dev/sdb1", encrypted=False, file="/save.dat")


def test_what_a_program_left_goes_and_what_people_put_there_stays(tmp_path: Path) -> None:
    project = tmp_path / "shared/project"
    (project / "lock").mkdir(parents=True)
    mine = {project / name for name in ("Cargo.lock", "notes.pid", "lock/lock")}
    stale = {tmp_path / name for name in ("lock", "tor.pid", "board.lock")}
    for path in mine | stale:
        path.write_text("")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "control"))
    files = kept.Thing("services.files", (str(tmp_path),))
    assert set(kept._stale(files, tmp_path)) == stale | {tmp_path / "control"}
    assert not set(kept._stale(kept.Thing("home", ("/home",)), tmp_path)), "a home is nobody's but its owner's"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Its store is found at the start, and its file system is sound."""
    system = System(tmp_path)
    system.write("/proc/self/mountinfo", "")
    system.write(STORE.device, "")
    system.path(PLACE).mkdir(parents=True)
    monkeypatch.setattr(cutoff, "look", lambda _system: None)
    monkeypatch.setattr(store, "find", lambda *_: STORE)
    monkeypatch.setattr(store, "is_there", lambda *_: True)
    monkeypatch.setattr(store, "mount", lambda *_: None)
    monkeypatch.setattr(store, "unmount", lambda *_: None)
    monkeypatch.setattr(kept, "data_folders", dict)
    for name in ("CREDENTIAL", "ANSWERS", "MEDIUM"):
        monkeypatch.setattr(boot, name, tmp_path / "nowhere" / name)
    return system


def starts_with_the_defaults(system: System, why: str) -> bool:
    unlocking.at_boot(system)
    given = boot.given(system)
    return why in (boot.problem(system) or "") and given is not None and given.path.read_text() == "byzantium: 1\n"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"keep": "mesh"}', '{"keep": [1]}', "null"])
def test_a_list_that_is_damaged_is_asked_about_and_the_node_starts_all_the_same(system: System, text: str) -> None:
    """As e2fsck leaves a file whose blocks it could not find."""
    system.write(kept.LIST, text)
    assert starts_with_the_defaults(system, "list of what the store keeps is damaged")
    with pytest.raises(Damaged, match="--repair"):
        locker.unlock(system, None)


def test_a_list_that_is_mended_has_all_that_the_store_holds(system: System) -> None:
    system.write(kept.LIST, "")
    for path in ("home/root/note", "mesh/etc/byzantium/notes", "logs.before-2026-01-02-030405/var/log/x", "usr/x"):
        system.write(f"{PLACE}/{path}", "")
    kept.mend(system)
    assert kept.listed(system) == ("mesh", "home")
    before = system.read(kept.LIST)
    kept.mend(system)
    assert system.read(kept.LIST) == before == json.dumps({"keep": ["mesh", "home"]})


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_stick_that_cannot_be_read_is_no_reason_for_no_node(
    system: System, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, "it cannot be", "/run/byzantium/store/mesh")

    monkeypatch.setattr(kept, "bind_all", fails)
    assert starts_with_the_defaults(system, "/run/byzantium/store/mesh: it cannot be. Is the stick failing?")
    with pytest.raises(StepFailed):
        locker.unlock(system, None)
    monkeypatch.setattr(store, "find", fails)  # another one may fail as well
    store.forget(system)
    unlocking.at_boot(system)
    assert "it cannot be" in (boot.problem(system) or "")


class Copying(System):
    """What is to be kept has so many bytes; copying it ends as `fault` says, half done."""

    def __init__(self, root: Path, bytes: int, fault: ByzantiumError | None = None) -> None:
        super().__init__(root)
        self.bytes, self.fault = bytes, fault
        self.ran: list[str] = []

    def run(self, *argv: str, **_more: Any) -> Result:
        self.ran.append(argv[0])
        if argv[0] == "cp":
            Path(argv[-1]).mkdir()
            if self.fault:
                raise self.fault
        return Result(0, f"{self.bytes}\ttotal\n", "")


def test_what_has_no_room_in_the_store_is_refused_before_anything_is_copied(system: System) -> None:
    system.write(f"{HOME}/film", "long\n")
    kept._write_list(system, ["mesh"])
    copying = Copying(system.root, 10**18)
    with pytest.raises(Refused, match=r"kept \(1000000\.0 TB\) has no room in the store: [0-9.]+ [MGT]B"):
        kept.switch(copying, ["mesh", "home"])
    assert set(copying.ran) == {"du"}
    assert kept._list(system) == {"keep": ["mesh"]}


@pytest.mark.parametrize("fault", [StepFailed("No space left on device"), Interrupted("Interrupted.")])
def test_nothing_stays_in_the_store_of_what_did_not_come_whole(system: System, fault: ByzantiumError) -> None:
    system.write(f"{HOME}/film", "long\n")
    with pytest.raises(type(fault)):
        kept.switch(Copying(system.root, 5, fault), ["home"])
    assert not list(system.path(f"{PLACE}/home").iterdir())
    system.write(f"{PLACE}/home/.root.half/film", "lo")  # as one that was killed leaves it
    kept.delete(system, "home")
    assert not system.path(f"{PLACE}/home").exists()


@pytest.mark.parametrize("own", [True, False])
def test_a_deletion_that_was_cut_off_is_told_and_finished_on_the_own_stick(
    system: System, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """Once its keys are wiped no passphrase opens it: none is asked for."""
    there = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=True)
    deleted: list[Store] = []
    monkeypatch.setattr(store, "find", lambda *_: there)
    monkeypatch.setattr(store, "is_own", lambda *_: own)
    monkeypatch.setattr(luks, "is_erased", lambda _system, device: device == "/dev/sdb2")
    monkeypatch.setattr(making, "deletable", lambda *_: None)
    monkeypatch.setattr(making, "delete", lambda _system, found, _disk: deleted.append(found))
    unlocking.at_boot(system)
    assert deleted == ([there] if own else [])
    (told,) = cutoff.told(system)
    assert "Deleting the store /dev/sdb2 was cut off" in told
    assert own or "persist delete --device /dev/sdb2" in told
    assert store.known(system) is None
