"""What was cut off is told at the next start: a copy, a save.dat; what lies on the own stick is cleared up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import checks, cutoff, storefile
from byzwizard.backends.system import System
from byzwizard.machine import Disk, Partition


class FakeSystem(System):
    """Its partitions are mounted below /mounted already; nothing is behind them."""

    def run(self, *argv: str, **_more: Any) -> Any:
        if argv[0] == "findmnt":
            return Said("rw\n" if "FS-OPTIONS" in argv else f"/mounted/{Path(argv[-1]).name}\n")
        return Said("")


class Said:
    def __init__(self, out: str) -> None:
        self.out, self.status, self.err = out, 0, ""


@pytest.fixture
def system(tmp_path: Path) -> System:
    return FakeSystem(tmp_path)


def disk(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    part = Partition(path="/dev/sdb1", bytes=2**30, filesystem=more.pop("filesystem", "vfat"),
                     label=more.pop("label", "BYZANTIUM"), mounted=None)  # fmt: skip
    found = Disk(path="/dev/sdb", bytes=2**31, vendor=None, model=None, serial="4C53", transport="usb", removable=True,
                 read_only=False, partitions=(part,)).model_copy(update=more)  # fmt: skip
    monkeypatch.setattr("byzwizard.backends.targets.disks_now", lambda _system: (found,))
    monkeypatch.setattr("byzwizard.backends.cutoff._behind", lambda _system, _disk: False)


def test_a_copy_that_was_cut_off(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, filesystem=None, label="byzantium-unfinished")
    cutoff.look(system)
    cutoff.look(system)
    assert len(cutoff.told(system)) == 1
    assert "4C53" in cutoff.told(system)[0]
    assert [check.text for check in checks.last_change(system) if check.id == "cut-off"] == list(cutoff.told(system))


@pytest.mark.parametrize("own", [True, False])
def test_a_save_dat_without_its_name_goes_from_the_own_stick_alone(
    system: System, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    disk(monkeypatch, boot_medium=own)
    system.write(f"/mounted/sdb1/{storefile.HALF}", "half")
    system.write("/mounted/sdb1/photo", "whole")
    cutoff.look(system)
    assert "save.dat" in cutoff.told(system)[0]
    assert system.path(f"/mounted/sdb1/{storefile.HALF}").exists() is not own
    assert system.read("/mounted/sdb1/photo") == "whole"


@pytest.mark.parametrize("own", [True, False])
def test_a_save_dat_that_was_to_become_bigger(system: System, monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    disk(monkeypatch, boot_medium=own)
    system.write("/mounted/sdb1/changes/save.dat", "what people wrote")
    system.write(f"/mounted/sdb1/changes/save.dat{storefile.GROWS}", "125829120\n")
    cutoff.look(system)
    assert ["save.dat on /dev/sdb1 bigger was cut off" in line for line in cutoff.told(system)] == [True]
    assert system.path(f"/mounted/sdb1/changes/save.dat{storefile.GROWS}").exists() is not own
    assert system.read("/mounted/sdb1/changes/save.dat") == "what people wrote"


def test_an_internal_disk_is_not_looked_into(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, transport="nvme", removable=False)
    system.write(f"/mounted/sdb1/{storefile.HALF}", "half")
    cutoff.look(system)
    assert cutoff.told(system) == ()
