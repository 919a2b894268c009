"""What people keep on a stick is named before a copy to it, and a store is never erased by one."""

import argparse
import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.backends import aboard, clone, keep, storefile, targets
from byzwizard.backends.disks import parse_disk
from byzwizard.backends.system import Result, System
from byzwizard.commands import Context
from byzwizard.commands import clone as verb
from byzwizard.diskwords import holds
from byzwizard.errors import CannotHere, Refused
from byzwizard.machine import Disk, Machine
from tests.unit.test_clone import SIZE, OneDisk, made, need_tools
from tests.unit.test_clone import medium as medium  # the fixtures
from tests.unit.test_clone import template as template

FIRST = {"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 9, "fstype": "vfat", "label": "BYZANTIUM"}
LUKS = {"name": "sdb2", "path": "/dev/sdb2", "type": "part", "size": 9, "fstype": "crypto_LUKS", "label": "byzdata"}


def disk(*children: dict[str, Any], **more: Any) -> Disk:
    found = parse_disk({"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": SIZE, "rm": True, "ro": False,
                        "vendor": "SanDisk", "model": "Ultra", "serial": "4C53", "tran": "usb", "children": children,
                        **more})  # fmt: skip
    assert found is not None
    return found


class Ours(OneDisk):
    """Its first partition is that of a stick of ours."""

    def run(self, *argv: str, **more: Any) -> Result:
        return super().run(*(word.replace("/dev/sdb1", f"{self.file}@@1M") for word in argv), **more)

    def put(self, name: str) -> None:
        subprocess.run(["mmd", "-D", "s", "-i", f"{self.file}@@1M", "::/porteus"], check=False)
        subprocess.run(["mcopy", "-i", f"{self.file}@@1M", "-", f"::/{name}"], check=True, input=b"kept")


@pytest.fixture
def system(template: Any, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ours:
    need_tools()
    monkeypatch.setattr("os.sched_setscheduler", lambda *_: None)
    made(template, tmp_path / "stick")
    system = Ours(tmp_path / "root", tmp_path / "stick", medium)
    system.children = [FIRST]
    return system


def planned(system: System, **more: bool) -> Any:
    """As the verb plans it, confirmed by --yes."""
    options = {"device": ["4C53"], "with_data": False, "with_answers": False, "confirmed": None, "yes": True, **more}
    return verb._plan(Context(argparse.Namespace(**options, json=False, machine=None), tuple), system)


@pytest.mark.allow_subprocess
@pytest.mark.parametrize("children", [[FIRST], [FIRST, LUKS], [{**FIRST, "label": "HOLIDAY"}]])
@pytest.mark.parametrize("name", ["save.dat", "PORTEUS/SAVE.DAT"])
def test_save_dat_where_a_copy_would_erase_it_is_refused(
    system: Ours, children: list[dict[str, Any]], name: str
) -> None:
    """Everywhere but beside a system of ours: there it stays (test_staying.py)."""
    if name == "save.dat" and children[0] is FIRST:
        children = [{**FIRST, "label": "BYZANTIUM", "fstype": "msdos"}]
    system.children = children
    step = planned(system).steps[0]
    system.put(name)
    before = system.file.stat().st_mtime_ns
    for act in (planned, lambda system: step.apply(system, lambda done, total: None)):  # and when it came since
        with pytest.raises(Refused, match=rf"^{name.lower()} is on SanDisk Ultra, 1\.0 GB \(serial 4C53\)") as refused:
            act(system)
        assert "persist delete --device /dev/sdb" in (refused.value.hint or "")
    assert system.file.stat().st_mtime_ns == before, "it was written to"
    here = aboard.look(system, targets.disks_now(system), ["/dev/sdb"], mount=False)
    (shown,) = clone.sticks(here)
    assert "save.dat" in shown.holds
    assert "save.dat" in (shown.refused or "")


@pytest.mark.allow_subprocess
@pytest.mark.parametrize(
    ("children", "words"),
    [
        ([FIRST], "now holds: BYZANTIUM vfat 0 kB with byzantium/answers.yaml"),
        ([FIRST, LUKS], "4C53) and all files beside it (byzantium/answers.yaml); the store"),
    ],
)
def test_answers_on_the_stick_are_named_in_the_confirmation(
    system: Ours, children: list[dict[str, Any]], words: str
) -> None:
    system.children = children
    assert "answers" not in planned(system).steps[0].destroys
    system.put("byzantium/answers.yaml")
    assert words in planned(system).steps[0].destroys


@pytest.mark.allow_subprocess
def test_a_store_on_a_fat_that_only_the_kernel_reads_is_seen(
    system: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mtools refuse some that the kernel mounts; then there is no answer, and not nothing."""
    (seen := tmp_path / "root/seen").mkdir(parents=True)
    (seen / "save.dat").write_text("kept")
    monkeypatch.setattr(storefile, "looked_into", lambda *_: contextlib.nullcontext("/seen"))
    here = targets.disks_now(system)
    assert aboard.look(system, here, ["4C53"], mount=True)[0].partitions[0].files == ()
    with system.file.open("r+b") as file:
        file.seek(2**20 + 16)
        file.write(b"\0")  # the number of its tables
    assert aboard.look(system, here, ["4C53"], mount=True)[0].partitions[0].files == ("save.dat",)


@pytest.mark.allow_subprocess
def test_a_disk_that_is_not_meant_is_not_looked_into(system: Ours) -> None:
    system.put("save.dat")
    inside = disk(FIRST, rm=False)
    for wanted in ("0BAD", "/dev/sdb", "4C53"):
        assert aboard.look(system, [inside], [wanted], mount=False) == (inside,)
    (found,) = aboard.look(system, [inside], ["internal:4C53"], mount=False)
    assert found.partitions[0].files == ("save.dat",)
    assert "save.dat" not in found.model_dump_json(), "recordings are passed on"


@pytest.mark.parametrize(
    "first",
    [{"fstype": "iso9660", "label": "BYZANTIUM"}, {"label": "HOLIDAY"}, {"fstype": "ext4", "label": "BYZANTIUM"}],
)
def test_a_store_behind_a_system_that_is_not_ours_is_refused(first: dict[str, Any]) -> None:
    """Behind an ISO that was written by dd, behind a FAT with another name."""
    here = disk({**FIRST, **first}, LUKS)
    with pytest.raises(Refused, match="has a store") as refused:
        clone.steps(("4C53",), "blank", None, Machine(disks=(here,)))
    assert refused.value.status == 3
    assert "persist delete" in (refused.value.hint or "")
    assert "has a store" in (clone.sticks([here])[0].refused or "")
    clone.steps(("4C53",), "blank", None, Machine(disks=(disk(FIRST, LUKS),)))


def test_a_store_is_never_one_of_those_that_are_not_shown() -> None:
    other = [{**FIRST, "path": f"/dev/sdb{n}", "label": f"P{n}"} for n in range(4)]
    assert holds(disk(*other)) == "P0 vfat 0 kB, P1 vfat 0 kB, P2 vfat 0 kB and 1 more"
    assert holds(disk(*other, LUKS)) == "P0 vfat 0 kB, P1 vfat 0 kB, byzdata crypto_LUKS 0 kB and 2 more"
    four = holds(disk(*other, *({**LUKS, "path": f"/dev/sdb{n}"} for n in range(5, 9))))
    assert (four.count("byzdata"), four.endswith(" and 4 more")) == (4, True)


@pytest.mark.parametrize("also", [True, False])
def test_with_data_and_answers_both_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: bool
) -> None:
    hand: Any = object()
    answers = Answers()
    monkeypatch.setattr(targets, "settle", lambda _system: None)
    monkeypatch.setattr(targets, "disks_now", lambda _system: (disk(),))
    monkeypatch.setattr(verb, "_hand", lambda *_: hand)
    monkeypatch.setattr(keep, "answers", lambda _system: answers)
    (step,) = planned(System(tmp_path), with_data=True, with_answers=also).steps
    assert isinstance(step, clone.CopySystem)
    assert step.hand is hand
    assert step.copy._answers == (answers if also else None)
    monkeypatch.setattr(verb, "_hand", lambda *_: None)
    with pytest.raises(CannotHere, match="open store"):
        planned(System(tmp_path), with_data=True, with_answers=also)
