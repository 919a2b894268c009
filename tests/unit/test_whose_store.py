"""Which store is taken for the own one where nobody names it: never that of another node."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from byzwizard import boot, unlocking
from byzwizard.backends import filesystem, store, storefile, targets
from byzwizard.backends.system import System
from byzwizard.machine import Disk
from tests.unit.test_persistence import GB, disk, part

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
