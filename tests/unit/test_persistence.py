"""What the answers ask of a store: planned, refused in words, made only when somebody asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from byzwizard import boot
from byzwizard.answers import Answers, Internet, Persistence, Wifi
from byzwizard.backends import keep, store
from byzwizard.backends.persistence import CreateStore, Keep, planned
from byzwizard.backends.store import RECORD, Store
from byzwizard.backends.system import System
from byzwizard.commands.apply import _without_asked
from byzwizard.errors import ByzantiumError, CannotHere, Refused
from byzwizard.machine import Disk, Machine, Medium, Partition
from byzwizard.plan import Plan, PlannedStage

GB = 10**9
MB = 2**20


def part(path: str, size: int, filesystem: str | None = "vfat", label: str | None = None, **more: Any) -> Partition:
    return Partition(path=path, bytes=size, filesystem=filesystem, label=label, mounted=more.get("mounted"))


def disk(path: str = "/dev/sdb", *parts: Partition, **more: Any) -> Disk:
    return Disk(
        **{
            "path": path,
            "bytes": 16 * GB,
            "vendor": "SanDisk",
            "model": "Ultra",
            "serial": "4C530001",
            "transport": "usb",
            "removable": True,
            "read_only": False,
            "partitions": parts,
            **more,
        }
    )


SYSTEM = part("/dev/sdb1", 4 * GB, label="BYZANTIUM", mounted="/run/live/medium")
OWN = disk("/dev/sdb", SYSTEM, boot_medium=True)
OTHER = disk("/dev/sdc", part("/dev/sdc1", 8 * GB, label="PHOTOS"), serial="0BAD", bytes=8 * GB)
INSIDE = disk("/dev/nvme0n1", part("/dev/nvme0n1p1", 9 * GB, "ext4"), serial="S5GX", transport="nvme", removable=False)
HERE = Machine(
    disks=(OWN, OTHER, INSIDE), medium=Medium(path="/dev/sdb1", kind="usb", filesystem="vfat", writable=True)
)


def steps(machine: Machine = HERE, **wanted: Any) -> dict[str, Any]:
    return {step.id: step for step in planned(Persistence(**wanted), machine)}


def test_nothing_is_asked_and_nothing_is_done() -> None:
    assert steps() == {}


def test_the_free_space_of_the_own_stick_is_named_in_full() -> None:
    made = steps(kind="partition")
    create = made["store"]
    assert isinstance(create, CreateStore)
    assert create.disk is OWN
    assert create.kib == 256 * 1024
    assert create.destroys is not None
    for word in ("SanDisk", "Ultra", "16.0 GB", "4C530001", "BYZANTIUM", "12.0 GB"):
        assert word in create.destroys
    assert not create.undoable
    assert create.asked
    assert made["store-keep"].keep == ("identity", "mesh", "wifi", "services", "home")


def test_memory_fits_the_weakest_computer() -> None:
    assert steps(kind="partition", opens_on="512MiB")["store"].kib == 128 * 1024
    assert steps(kind="partition", encrypt=False)["store"].kib is None


def test_a_file_goes_beside_the_system_or_onto_another_stick() -> None:
    assert steps(kind="save.dat")["store"].device == "/dev/sdb1"
    assert steps(kind="save.dat")["store"].destroys is None
    assert steps(kind="save.dat", device="0BAD", size="500MiB")["store"].device == "/dev/sdc1"


def test_on_fat_a_file_has_at_most_975_mib() -> None:
    assert steps(kind="save.dat", size="975MiB")["store"].size < 1_024_000_000
    with pytest.raises(Refused, match="975 MiB") as refused:
        steps(kind="save.dat", size="976MiB")
    assert refused.value.status == 3
    on_ext4 = disk("/dev/sdc", part("/dev/sdc1", 8 * GB, "ext4"), serial="0BAD", bytes=8 * GB)
    machine = HERE.model_copy(update={"disks": (OWN, on_ext4)})
    assert steps(machine, kind="save.dat", device="0BAD", size="4GiB")["store"].size == 4 * 2**30


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"kind": "partition", "size": "13GB"}, "of free space"),
        ({"kind": "partition", "size": "10MB"}, "the least"),
        ({"kind": "partition", "device": "0BAD"}, "of free space"),
        ({"kind": "partition", "device": "S5GX"}, "internal"),
        ({"kind": "partition", "device": "/dev/nvme0n1"}, "internal"),
        ({"kind": "save.dat", "device": "/dev/sdc1"}, "is a partition"),
        ({"kind": "save.dat", "device": "0BAD", "size": "1MB"}, "save.dat on"),
        ({"kind": "partition", "device": "nobody"}, "No disk"),
    ],
)
def test_refused_with_a_reason(wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        steps(**wanted)
    assert why in str(refused.value)
    assert refused.value.status == 3


def test_a_disk_with_one_file_system_over_all_of_it_has_no_room() -> None:
    whole = disk("/dev/sdc", part("/dev/sdc", 16 * GB), serial="WHOLE")
    with pytest.raises(Refused, match="over all of it"):
        steps(HERE.model_copy(update={"disks": (whole,)}), kind="partition", device="WHOLE")


@pytest.mark.parametrize("kind", ["netboot", "ram", "dvd"])
def test_without_a_stick_another_one_has_to_be_named(kind: str) -> None:
    machine = HERE.model_copy(update={"medium": Medium(path=None, kind=kind, filesystem=None, writable=False)})
    with pytest.raises(CannotHere, match="does not run from a stick"):
        steps(machine, kind="partition")


def test_a_store_that_is_there_is_never_made_again() -> None:
    """However full the stick is, and while its store is mounted."""
    full = disk(
        "/dev/sdb", SYSTEM, part("/dev/sdb2", 12 * GB, "crypto_LUKS", "byzdata", mounted="/run/byzantium/store"),
        boot_medium=True,
    )  # fmt: skip
    assert "store" in steps(HERE.model_copy(update={"disks": (full,)}), kind="partition")


def test_answers_that_a_boot_found_make_no_store() -> None:
    plan = Plan((PlannedStage("persistence", "Keep", planned(Persistence(kind="partition"), HERE)),))
    assert [step.id for step in _without_asked(plan).stages[0].steps] == ["store-open", "store-keep"]


def known(system: System, **more: Any) -> None:
    store.remember(system, Store("partition", "/dev/sdb", "/dev/sdb2", encrypted=True, **more))


@pytest.fixture
def system(tmp_path: Path) -> System:
    system = System(tmp_path)
    system.write("/proc/self/mountinfo", "")
    return system


def mount(system: System) -> None:
    line = f"60 1 254:0 / {system.path(store.PLACE)} rw - ext4 /dev/mapper/byzdata rw\n"
    system.write("/proc/self/mountinfo", line)


def test_open_is_what_is_mounted(system: System) -> None:
    assert not store.locked(system)
    known(system, stopped=("byz-board.service",))
    assert store.locked(system)
    found = store.known(system)
    assert found is not None
    assert found.stopped == ("byz-board.service",)
    mount(system)
    assert not store.locked(system)
    assert system.path(RECORD).stat().st_mode & 0o777 == 0o600


def test_a_locked_store_keeps_everything_else_out(system: System) -> None:
    identity = keep.KeepIdentity(id="identity", text="")
    answers = keep.KeepAnswers(id="answers", text="", answers=Answers())
    assert identity.needed(system)
    known(system)
    assert not identity.needed(system)
    assert answers.needed(system)
    answers.apply(system, lambda done, total: None)
    assert not answers.needed(system)
    assert system.read(keep.ANSWERS) is None
    assert keep.answers(system) == Answers()
    mount(system)
    assert keep.answers(system) is None


def test_what_keeps_is_needed_while_open_alone(system: System) -> None:
    step = Keep(id="store-keep", text="", keep=("identity",))
    known(system)
    assert not step.needed(system)
    mount(system)
    assert step.needed(system)


def test_answers_are_kept_without_the_passphrase_and_what_is_not_kept() -> None:
    uplink = Internet(wifi=Wifi(ssid="cafe"))
    answers = Answers(
        persistence=Persistence(kind="partition", passphrase_file="/proc/1/fd/7", keep=("identity",)), internet=uplink
    )
    kept = keep.keepable(answers)
    assert kept.persistence.passphrase_file is None
    assert kept.internet.wifi is None
    assert keep.keepable(Answers(internet=uplink)).internet.wifi is not None


def test_the_answers_of_a_boot(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "CREDENTIAL", tmp_path / "credential")
    monkeypatch.setattr(boot, "ANSWERS", str(tmp_path / "kept.yaml"))
    monkeypatch.setattr(boot, "MEDIUM", tmp_path / "medium")
    assert boot.given(system) is None
    known(system)
    defaults = boot.given(system)
    assert defaults is not None
    assert defaults.path.read_text() == "byzantium: 1\n"
    assert not defaults.asked
    (tmp_path / "medium/byzantium").mkdir(parents=True)
    (tmp_path / "medium/byzantium/answers.yaml").write_text("byzantium: 1\n")
    found = boot.given(system)
    assert found is not None
    assert (found.path.name, found.asked) == ("answers.yaml", False)
    (tmp_path / "kept.yaml").write_text("byzantium: 1\n")
    found = boot.given(system)
    assert found is not None
    assert (found.path.name, found.asked) == ("kept.yaml", False)
    (tmp_path / "credential").write_text("byzantium: 1\n")
    found = boot.given(system)
    assert found is not None
    assert (found.path.name, found.asked) == ("credential", True)


def test_a_passphrase_is_handed_on_in_memory() -> None:
    from byzwizard.answers_file import read_secret
    from byzwizard.handed import handed

    with handed("cactus orbit velvet") as path:
        assert read_secret(Path(path), "persistence.passphrase_file") == "cactus orbit velvet"
        assert read_secret(Path(path), "persistence.passphrase_file") == "cactus orbit velvet"
    with pytest.raises(ByzantiumError):
        read_secret(Path(path), "persistence.passphrase_file")
