"""Which store is taken for the own one where nobody names it: never that of another node."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from byzwizard import boot, unlocking
from byzwizard.answers import Answers, Persistence
from byzwizard.backends import filesystem, keep, locker, luks, making, new_store, store, storefile, targets
from byzwizard.backends.persistence import STAGE
from byzwizard.backends.store import Store
from byzwizard.backends.system import Result, System
from byzwizard.errors import CannotHere, Refused
from byzwizard.machine import Disk, Machine, Medium
from byzwizard.prepare import prepare_answers
from tests.unit.test_persistence import GB, INSIDE, disk, part
from tests.unit.test_same_plan import MACHINE, NODE

LIVE = "/run/live/medium"


def stick(name: str, label: str | None = "BYZANTIUM", own: bool = False, kept: bool = True, kind: str = "vfat") -> Disk:
    """A system (or other files) and behind it a store."""
    first = part(f"/dev/{name}1", 4 * GB, kind, label, mounted=LIVE if own else None)
    behind = (part(f"/dev/{name}2", 8 * GB, "crypto_LUKS", "byzdata"),) if kept else ()
    return disk(f"/dev/{name}", first, *behind, serial=name, boot_medium=own)


OTHERS = stick("sdc")  # of an organiser, say
DATA = stick("sdd", "PHOTOS")
DISC = disk("/dev/sr0", part("/dev/sr0", GB, "iso9660", "BYZANTIUM", mounted=LIVE), boot_medium=True, read_only=True)
VENTOY = disk("/dev/sdb", part("/dev/sdb1", 16 * GB, "exfat", "Ventoy", mounted="/run/live/findiso"), boot_medium=True)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(filesystem, "uuid", lambda *_: "5A1F-0001")
    monkeypatch.setattr(storefile, "looked_into", lambda *_: contextlib.nullcontext(None))
    return System(tmp_path)


def found(system: System, monkeypatch: pytest.MonkeyPatch, *disks: Disk) -> str | None:
    monkeypatch.setattr(targets, "disks_now", lambda _system: disks)
    there = store.find(system)
    return there.device if there else None


def blank(kind: str = "vfat") -> Disk:
    return stick("sdb", own=True, kept=False, kind=kind)


@pytest.mark.parametrize("kind", ["vfat", "iso9660"])
def test_another_node_s_store_is_not_ours(system: System, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    assert found(system, monkeypatch, blank(kind), OTHERS) is None
    assert found(system, monkeypatch, OTHERS, blank(kind), stick("sde", "byzantium-unfinished")) is None
    assert found(system, monkeypatch, OTHERS, stick("sdb", own=True)) == "/dev/sdb2"


def test_a_stick_that_is_no_node_may_hold_it(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(system, monkeypatch, blank(), OTHERS, DATA) == "/dev/sdd2"
    for own in ((DISC,), (VENTOY,), ()):  # the last: from the network
        assert found(system, monkeypatch, *own, DATA) == "/dev/sdd2"
        assert found(system, monkeypatch, *own, OTHERS) == "/dev/sdc2"


@pytest.mark.parametrize("device", ["sdb1", "sdb"])  # the ISO's file system begins at both
def test_what_was_copied_to_memory_belongs_to_its_stick(
    system: System, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    system.write("/proc/cmdline", "boot=live live-media=/dev/disk/by-uuid/5A1F-0001 toram\n")
    link = system.path("/dev/disk/by-uuid/5A1F-0001")
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../{device}")
    assert found(system, monkeypatch, OTHERS, stick("sdb")) == "/dev/sdb2"
    assert found(system, monkeypatch, OTHERS, stick("sdb", kept=False)) is None
    link.unlink()  # it was taken out
    assert found(system, monkeypatch, DATA) == "/dev/sdd2"


def test_the_wizard_opens_on_a_blank_stick_beside_one_with_a_store(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CREDENTIAL", "ANSWERS", "MEDIUM"):
        monkeypatch.setattr(boot, name, tmp_path / "nowhere" / name)
    monkeypatch.setattr(targets, "disks_now", lambda _system: (blank(), OTHERS))
    monkeypatch.setattr(unlocking, "_by_hand", lambda *_: pytest.fail("it asked"))
    unlocking._open(system)
    assert store.known(system) is None
    assert boot.given(system) is None


OPENED = Store("save.dat", "/dev/sdd", "/dev/sdd1", encrypted=False, file="/save.dat", uuid="5A1F-0001")


def opened(system: System, there: Store = OPENED, is_open: bool = True) -> None:
    """What `persist unlock --device /dev/sdd` leaves, of a guest's stick."""
    store.remember(system, there)
    mounted = f"60 1 254:0 / {system.path(store.PLACE)} rw - ext4 /dev/loop0 rw\n" if is_open else ""
    system.write("/proc/self/mountinfo", mounted)


def plan(system: System, wanted: dict[str, Any], boot: bool = False) -> list[str]:
    """The steps that would be done for answers that ask for this; the disks are those of now."""
    persistence = Persistence.model_validate(wanted)
    disks = targets.disks_now(system)
    medium = Medium(path="/dev/sdb1", kind="usb", filesystem="vfat", writable=True)
    machine = MACHINE.model_copy(update={"disks": disks, "medium": medium})
    ready = prepare_answers(system, Answers(persistence=persistence), machine, NODE, (STAGE,), boot=boot)
    return [step.id for step in ready.plan.steps if step.needed(system)]


@pytest.fixture
def node(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """It runs from a stick without a store; beside it is one with photographs, and a save.dat on it."""
    disks = (blank(), stick("sdd", "PHOTOS", kept=False))
    monkeypatch.setattr(targets, "disks_now", lambda _system: disks)
    monkeypatch.setattr(luks, "is_luks", lambda *_: False)
    return system


@pytest.mark.parametrize("wanted", [
    {"kind": "partition"},
    {"kind": "save.dat", "encrypt": False},  # on the own stick
    {"kind": "save.dat", "device": "sdd"},  # encrypted
])  # fmt: skip
def test_nothing_goes_into_another_store_than_the_answers_ask_for(node: System, wanted: dict[str, Any]) -> None:
    opened(node)
    with pytest.raises(Refused, match=r"save\.dat \(/dev/sdd1\) is there \(not encrypted\)") as refused:
        plan(node, wanted)
    assert "persist lock" in refused.value.hint
    assert plan(node, wanted, boot=True) == [], "a boot makes the node all the same"


def test_answers_that_name_the_open_store_use_it(node: System) -> None:
    opened(node)
    named = {"kind": "save.dat", "device": "sdd", "encrypt": False}
    assert plan(node, named) == ["store-keep"]
    opened(node, replace(OPENED, encrypted=True))
    assert plan(node, named) == ["store-keep"], "more than was asked for"


def test_what_the_open_store_keeps_itself_is_applied_wherever_it_lies(node: System) -> None:
    """It was made by `persist create` after the answers were given."""
    opened(node)
    mounted = f"61 1 254:0 / {node.path('/etc/byzantium')} rw - ext4 /dev/loop0 rw\n"
    node.write("/proc/self/mountinfo", (node.read("/proc/self/mountinfo") or "") + mounted)
    node.write("/etc/byzantium/answers.yaml", "byzantium: 1\npersistence: {kind: partition}\n")
    assert plan(node, {"kind": "partition"}) == []
    with pytest.raises(Refused):
        plan(node, {"kind": "partition", "opens_on": "2GiB"})


def test_once_the_other_one_is_locked_the_own_one_is_made(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=False)
    monkeypatch.setattr(making, "partition", lambda *_: made)
    monkeypatch.setattr(store, "mount", lambda system, there, _passphrase: opened(system, there))
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(locker, "start", lambda _system, units: started.append(units))
    opened(node, replace(OPENED, stopped=("byz-wiki.service",)), is_open=False)
    node.write(keep.MEANWHILE, "byzantium: 1\n")
    assert plan(node, {"kind": "partition", "encrypt": False}) == ["store"]
    machine = Machine(disks=targets.disks_now(node))
    create = new_store.planned(Persistence(kind="partition", device="sdb", encrypt=False), machine)[0]
    create.apply(node, lambda done, total: None)
    assert started == [("byz-wiki.service",)]
    assert node.read(keep.ANSWERS) == "byzantium: 1\n", "what it was told meanwhile is what it is"


def test_a_file_that_anybody_can_read_is_no_encrypted_store(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on the stick that is named, and not open yet."""
    monkeypatch.setattr(store, "_on", lambda _system, disk: iter([OPENED] if disk.path == "/dev/sdd" else []))
    wanted = {"kind": "save.dat", "device": "sdd", "passphrase_file": "/run/passphrase"}
    with pytest.raises(Refused, match="not encrypted"):
        plan(node, wanted)
    assert plan(node, wanted, boot=True) == []


def test_a_store_is_found_again_under_another_name(node: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was /dev/sdc while it was open, and was pulled out."""
    uuids = {"/dev/sdd1": "THE-SAME", "/dev/sdb1": "5A1F-0001"}
    monkeypatch.setattr(filesystem, "uuid", lambda _system, device: uuids.get(device, ""))
    was = Store("save.dat", "/dev/sdc", "/dev/sdc1", encrypted=True, file="/save.dat", uuid="THE-SAME")
    opened(node, was, is_open=False)
    assert store.the(node) == replace(was, disk="/dev/sdd", device="/dev/sdd1")
    del uuids["/dev/sdd1"]
    with pytest.raises(CannotHere, match=r"The store save\.dat \(/dev/sdc1\) is not plugged in"):
        store.the(node)
    node.write("/dev/sdc1", "")
    uuids["/dev/sdc1"] = "ANOTHER"
    with pytest.raises(Refused, match="another stick is in its place"):
        store.the(node)
    uuids["/dev/sdc1"] = ""  # damaged: whoever mends it says more
    assert store.the(node) == was


def test_two_sticks_with_one_serial_number_are_told_apart_by_their_paths(
    node: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = tuple(each.model_copy(update={"serial": "0123456789"}) for each in targets.disks_now(node))
    monkeypatch.setattr(targets, "disks_now", lambda _system: twins)
    for device in ("auto", "/dev/sdb"):
        assert plan(node, {"kind": "partition", "device": device}) == ["store"]
    assert plan(node, {"kind": "save.dat", "device": "/dev/sdd"}) == ["store"]


class Mounted(System):
    """What is mounted at /mnt is a volume on a disk."""

    disk = ""

    def run(self, *argv: str, **_more: Any) -> Result:
        told = {"findmnt": "/dev/mapper/data /mnt\n", "lsblk": f"/dev/mapper/data\n{self.disk}2\n{self.disk}\n"}
        return Result(0, told[argv[0]], "")


@pytest.mark.parametrize(("disk", "why"), [("/dev/nvme0n1", "internal disk"), ("/dev/md0", "on no disk")])
def test_a_file_is_no_way_around_what_is_refused_of_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str, why: str
) -> None:
    monkeypatch.setattr(targets, "disks_now", lambda _system: (blank(), DATA, INSIDE))
    monkeypatch.setattr(filesystem, "uuid", lambda *_: "5A1F-0001")
    monkeypatch.setattr(luks, "is_luks", lambda *_: True)
    system = Mounted(tmp_path)
    system.write("/mnt/save.dat", "")
    system.disk = disk
    with pytest.raises(Refused, match=why):
        store.find(system, "/mnt/save.dat")
    system.disk = "/dev/sdd"
    found = store.find(system, "/mnt/save.dat")
    assert found == Store("save.dat", "/dev/sdd", "/dev/mapper/data", True, "/save.dat", "5A1F-0001")
    assert "serial sdd" in making.deleted(found, DATA), "what is confirmed names the disk"
