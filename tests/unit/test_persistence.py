"""What the answers ask of a store: planned, refused in words, made only when somebody asked."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

import pytest

from byzwizard import boot
from byzwizard.answers import Answers, Internet, Persistence, Wifi
from byzwizard.backends import inuse, keep, kept, keyfile, locker, making, store, storefile, targets
from byzwizard.backends.new_store import CreateStore, Keep, OpenStore, planned
from byzwizard.backends.store import RECORD, Store
from byzwizard.backends.system import Result, System
from byzwizard.backends.waiting import check_stop
from byzwizard.commands import Context, persist
from byzwizard.commands.apply import _without_asked
from byzwizard.errors import ByzantiumError, CannotHere, Interrupted, Refused
from byzwizard.machine import Disk, Machine, Medium, Partition
from byzwizard.places import own
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


def test_a_store_on_an_internal_disk_is_opened_by_the_name_that_it_was_made_by() -> None:
    inside = disk("/dev/nvme0n1", serial="S5GX", transport="nvme", removable=False)
    opens = steps(Machine(disks=(inside,)), kind="partition", device="internal:S5GX")["store-open"]
    assert isinstance(opens, OpenStore)
    assert targets.choose((inside,), opens.wanted) is inside
    assert targets.overrides(opens.wanted)


def test_memory_fits_the_weakest_computer() -> None:
    assert steps(kind="partition", opens_on="512MiB")["store"].kib == 128 * 1024
    assert steps(kind="partition", encrypt=False)["store"].kib is None
    assert steps(kind="partition", opens_on="64GiB")["store"].kib == 4 * 2**20, "cryptsetup refuses more"


def test_a_file_goes_beside_the_system_or_onto_another_stick() -> None:
    assert steps(kind="save.dat")["store"].device == "/dev/sdb1"
    assert steps(kind="save.dat")["store"].destroys is None
    assert steps(kind="save.dat", device="0BAD", size="500MiB")["store"].device == "/dev/sdc1"


def test_a_file_grows_once_it_is_open() -> None:
    """What opens it lets the file system have all of the file, and tells a file that is growing for cut off."""
    assert "store-open" in steps(kind="save.dat", size="500MiB")["store-size"].after


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


def test_in_doubt_no_disk_is_taken_for_the_own_stick() -> None:
    named = disk("/dev/sdd", part("/dev/sdd1", 4 * GB), boot_medium=True, serial="2")
    assert own(HERE.model_copy(update={"disks": (named, OWN)})) == OWN
    lost = Medium(path="/dev/mapper/ventoy", kind="ventoy", filesystem="iso9660", writable=False)
    assert own(HERE.model_copy(update={"disks": (OWN,), "medium": lost})) == OWN
    assert own(HERE.model_copy(update={"disks": (named, OWN), "medium": lost})) is None


def test_a_save_dat_that_is_there_is_never_written_over(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looked before may not have seen it: the file system could not be mounted then."""
    system.write("/carrier/porteus/save.dat", "all there is")
    monkeypatch.setattr(targets, "hold", lambda *_, **_more: contextlib.nullcontext())
    monkeypatch.setattr(storefile, "carried", lambda *_: contextlib.nullcontext("/carrier"))
    monkeypatch.setattr(storefile, "write", lambda *_: pytest.fail("it wrote"))
    with pytest.raises(Refused, match=r"porteus/save\.dat is on /dev/sdc1 already"):
        making.file(system, OTHER, "/dev/sdc1", False, 64 * MB, None, lambda done, total: None)
    assert system.read("/carrier/porteus/save.dat") == "all there is"


STORE = Store("partition", "/dev/sdc", "/dev/sdc2", encrypted=False)


def kept_on(*parts: Partition, **more: Any) -> Disk:
    return disk("/dev/sdc", part("/dev/sdc1", 4 * GB, label="PHOTOS"), *parts, serial="0BAD", **more)


def test_deleting_names_the_disk_and_takes_nothing_from_another(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [kept_on(part("/dev/sdc2", 4 * GB, "ext4", label="byzdata"))]
    monkeypatch.setattr(targets, "disks_now", lambda _system: tuple(here))
    monkeypatch.setattr(targets, "settle", lambda _system: None)
    monkeypatch.setattr(System, "run", lambda *argv, **_more: pytest.fail(f"it ran {argv}"))
    chosen = making.deletable(system, STORE)
    words = making.deleted(STORE, chosen)
    for word in ("/dev/sdc2", "SanDisk", "Ultra", "16.0 GB", "0BAD", "PHOTOS"):
        assert word in words
    for now in (
        kept_on(part("/dev/sdc2", 4 * GB, "ext4", label="holiday")),
        kept_on(part("/dev/sdc2", 4 * GB, "crypto_LUKS", label="byzdata")),
        kept_on(),
        kept_on(part("/dev/sdc2", 4 * GB, "ext4", label="byzdata")).model_copy(update={"serial": "TWIN"}),
    ):
        here[:] = [now]
        with pytest.raises(Refused):
            making.delete(system, STORE, chosen)
    here.clear()
    with pytest.raises(Refused, match="not there any more"):
        making.deletable(system, STORE)


def test_a_store_is_made_on_the_disk_that_was_confirmed(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody types a passphrase, sticks are exchanged: what is planned then is planned with what was shown."""
    looks: list[Machine] = []

    def look(*_: Any) -> Machine:
        looks.append(HERE)
        return HERE

    monkeypatch.setattr("byzwizard.backends.probe.machine_for", look)
    monkeypatch.setattr(CreateStore, "needed", lambda *_: True)
    monkeypatch.setattr(OpenStore, "needed", lambda *_: False)
    monkeypatch.setattr(CreateStore, "apply", lambda self, *_: made.append(self.disk))
    monkeypatch.setattr(store, "the", lambda *_: STORE)
    monkeypatch.setattr(persist, "say", lambda *_: None)
    made: list[Disk] = []
    options = argparse.Namespace(
        kind="partition", device="auto", size="max", unencrypted=True, opens_on="1GiB", yes=True,
        confirmed=None,
    )
    persist._create(Context(options, lambda: ()), system)
    assert made == [OWN]
    assert len(looks) == 1


def test_a_key_file_that_cannot_be_read_stops_no_boot(system: System) -> None:
    system.path("/stick").mkdir()
    system.path("/stick/byzantium.key").symlink_to("/etc/hostname")
    assert keyfile._read(system, "/stick/byzantium.key") is None
    system.write("/stick/key", "correct horse\n")
    assert keyfile._read(system, "/stick/key") == "correct horse"


class Stoppable(System):
    """Told to stop while it runs the command that begins so; what is run is written down."""

    def __init__(self, root: Path, at: tuple[str, ...]) -> None:
        super().__init__(root)
        self.at = at
        self.ran: list[tuple[str, ...]] = []

    def run(self, *argv: str, **_more: Any) -> Result:
        check_stop()
        self.ran.append(argv)
        if argv[: len(self.at)] == self.at:
            self.at = ("never again",)
            self.stop()
            check_stop()
        return Result(0, "", "")


@pytest.mark.parametrize("at", [("systemctl", "stop"), ("umount",)])
def test_a_lock_that_is_interrupted_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[str, ...]
) -> None:
    system = Stoppable(tmp_path, at)
    system.write("/proc/self/mountinfo", "")
    known(system)
    mount(system)
    bound: list[bool] = []
    monkeypatch.setattr(inuse, "users", lambda *_: (inuse.User(7, "board", "byz-board.service"),))
    monkeypatch.setattr(kept, "unbind_all", lambda system: system.run("umount"))
    monkeypatch.setattr(kept, "bind_all", lambda system: bound.append(bool(system.run("mount"))))
    try:
        with pytest.raises(Interrupted):
            locker.lock(system)
    finally:
        system.go_on()
    assert system.ran[-1] == ("systemctl", "start", "byz-board.service")
    assert bound == ([] if at[0] == "systemctl" else [True])


def test_opening_an_open_store_mounts_what_is_missing(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    known(system)
    mount(system)
    bound: list[System] = []
    monkeypatch.setattr(kept, "bind_all", bound.append)
    locker.unlock(system, None)
    assert bound == [system]
