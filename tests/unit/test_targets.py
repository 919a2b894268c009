"""What may be written to, and the many things that may not."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import store, targets
from byzwizard.backends.disks import parse_disk
from byzwizard.backends.new_store import CreateStore
from byzwizard.backends.system import Result, System
from byzwizard.backends.targets import check, choose, describe, hold, overrides
from byzwizard.errors import Refused
from byzwizard.machine import Disk, Machine, Medium
from byzwizard.verdict import with_verdicts

SIZE = 8 << 20


def part(name: str, **more: Any) -> dict[str, Any]:
    entry = {"name": name, "path": f"/dev/{name}", "type": "part", "size": SIZE // 2, "fstype": None, "label": None}
    return {**entry, "mountpoints": [None], **more}


def stick(name: str = "sdb", **more: Any) -> dict[str, Any]:
    """An entry of lsblk: a healthy stick with one partition, unless told otherwise."""
    return {
        "name": name, "path": f"/dev/{name}", "type": "disk", "size": SIZE, "vendor": "SanDisk ", "model": "Ultra",
        "serial": "4C530001", "tran": "usb", "rm": True, "ro": False, "fstype": None, "label": None,
        "mountpoints": [None], "children": [part(f"{name}1", fstype="vfat", label="PHOTOS")], **more,
    }  # fmt: skip


def disk(**more: Any) -> Disk:
    found = parse_disk(stick(**more))
    assert found is not None
    return found


INTERNAL = disk(name="nvme0n1", tran="nvme", rm=False, serial="S5GX", model="SSD 980", vendor=None,
                children=[part("nvme0n1p1", fstype="ext4", label="root")])
HERE = (disk(), INTERNAL)


def test_a_stick_is_chosen_by_path_and_by_serial() -> None:
    assert choose(HERE, "/dev/sdb") is HERE[0]
    assert choose(HERE, "4C530001") is HERE[0]
    check(HERE[0], allow_internal=False, need_bytes=SIZE)
    assert describe(HERE[0]) == "SanDisk Ultra, 8.4 MB (serial 4C530001), now holds: PHOTOS vfat 4.2 MB"


def test_an_internal_disk_needs_its_own_spelling() -> None:
    wanted = "internal:S5GX"
    check(choose(HERE, wanted), overrides(wanted))
    with pytest.raises(Refused, match="internal:S5GX"):
        check(choose(HERE, "S5GX"), overrides("S5GX"))
    with pytest.raises(Refused):
        choose(HERE, "internal:/dev/nvme0n1")


WRONG = {
    "internal": (INTERNAL, "internal"),
    "a store's label on an internal disk": (
        disk(tran="sata", rm=False, children=[part("sdb2", fstype="crypto_LUKS", label="byzdata")]), "internal"),
    "a USB disk that says it is not removable": (disk(rm=False), "not removable"),
    "removable, but not of a kind that is plugged": (disk(tran="sata"), "internal"),
    "an iSCSI disk": (disk(tran="iscsi"), "internal"),
    "read-only": (disk(ro=True), "write-protected"),
    "mounted": (disk(children=[part("sdb1", fstype="vfat", mountpoints=["/media/x"])]), "mounted at /media/x"),
    "mounted whole": (disk(children=[], fstype="ext4", mountpoints=["/mnt"]), "mounted at /mnt"),
    "swap": (disk(children=[part("sdb1", fstype="swap", mountpoints=["[SWAP]"])]), "swap"),
    "an open container": (
        disk(children=[part("sdb1", fstype="crypto_LUKS", children=[{"type": "crypt", "mountpoints": [None]}])]),
        "crypt"),
    "an open volume": (
        disk(children=[part("sdb1", fstype="LVM2_member", children=[{"type": "lvm", "mountpoints": [None]}])]), "lvm"),
    "a running RAID": (
        disk(children=[part("sdb1", fstype="linux_raid_member", children=[{"type": "raid1", "mountpoints": []}])]),
        "raid1"),
    "a member of a RAID that does not run": (
        disk(children=[part("sdb1"), part("sdb2", fstype="linux_raid_member")]), "group of disks"),
    "a whole disk in a RAID": (disk(children=[], fstype="isw_raid_member"), "group of disks"),
    "a path of a multipath disk": (
        disk(children=[{"type": "mpath", "mountpoints": [None]}], fstype="mpath_member"), "mpath"),
    "a multipath member without its map": (disk(children=[], fstype="mpath_member"), "group of disks"),
    "a mapping over the whole disk": (disk(children=[{"type": "dm", "mountpoints": [None]}]), "something is open"),
    "a member of a group of volumes that does not run": (
        disk(children=[part("sdb1", fstype="LVM2_member")]), "group of disks"),
    "the cache of another disk": (disk(children=[part("sdb1", fstype="bcache")]), "group of disks"),
    "a mirror of another computer's disk": (disk(children=[], fstype="drbd"), "group of disks"),
    "mounted below two mappings": (
        disk(children=[part("sdb1", fstype="crypto_LUKS", children=[
            {"type": "crypt", "mountpoints": [None], "children": [{"type": "lvm", "mountpoints": ["/home"]}]}])]),
        "in use"),
    "swap below a mapping": (
        disk(children=[part("sdb1", fstype="crypto_LUKS", children=[{"type": "crypt", "mountpoints": ["[SWAP]"]}])]),
        "swap"),
    "swap over all of it": (disk(children=[], fstype="swap", mountpoints=["[SWAP]"]), "swap"),
    "the second of two partitions is mounted": (
        disk(children=[part("sdb1"), part("sdb2", fstype="ext4", mountpoints=["/srv"])]), "mounted at /srv"),
    "an open store of ours": (
        disk(children=[part("sdb1", fstype="vfat", label="BYZANTIUM"), part("sdb2", fstype="crypto_LUKS", children=[
            {"type": "crypt", "mountpoints": ["/run/byzantium/store", "/root"]}])]), "in use"),
    "a disc in its drive": (disk(name="sr0", type="rom", tran="usb", children=[]), "write-protected"),
    "a card that is built in": (disk(name="mmcblk0", tran=None, rm=False), "internal"),
    "a disk that tells no way to it": (disk(tran=None), "internal"),
    "ZFS": (disk(children=[part("sdb1", fstype="zfs_member")]), "group of disks"),
    "too small": (disk(size=SIZE - 512), "too small: 8.4 MB"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_in_use_or_not_ours_is_refused(what: str) -> None:
    target, why = WRONG[what]
    with pytest.raises(Refused, match=why) as refused:
        check(target, allow_internal=False, need_bytes=SIZE)
    assert refused.value.status == 3
    assert refused.value.hint


def test_the_boot_medium_is_refused_unless_its_free_space_is_meant() -> None:
    medium = Medium(path="/dev/sdb1", kind="usb", filesystem="vfat", writable=True)
    entry = stick(children=[part("sdb1", fstype="vfat", mountpoints=["/run/live/medium"])])
    found = parse_disk(entry)
    assert found is not None
    here = with_verdicts(Machine(disks=(found,), medium=medium)).disks[0]
    with pytest.raises(Refused, match="runs from"):
        check(here, allow_internal=True)
    check(here, allow_internal=False, boot_medium_ok=True)
    for wanted in ("/dev/sdb", "4C530001", "internal:4C530001"):
        with pytest.raises(Refused, match="runs from"):
            check(choose((here,), wanted), overrides(wanted))


class Lsblk(System):
    """A system whose lsblk tells what the test says; its disks are files below its root."""

    def __init__(self, root: Path, *entries: dict[str, Any]) -> None:
        super().__init__(root)
        self.entries = list(entries)
        (root / "dev").mkdir()
        for entry in entries:
            with self.path(entry["path"]).open("wb") as file:
                file.truncate(entry["size"])

    def run(self, *argv: str, **_more: Any) -> Result:
        if argv[0] == "blkid":
            return Result(0, "", "")
        assert argv[0] == "lsblk"
        return Result(0, json.dumps({"blockdevices": self.entries}), "")


def test_a_disk_is_held_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "LOCK_SECONDS", 0)
    system = Lsblk(tmp_path, stick())
    with hold(system, disk(), allow_internal=False) as descriptor:
        os.pwrite(descriptor, b"ours", 0)
        with pytest.raises(Refused, match="used by another"), hold(system, disk(), allow_internal=False):
            pass
    assert system.path("/dev/sdb").read_bytes()[:4] == b"ours"


@pytest.mark.parametrize(
    "now",
    [
        stick(serial="OTHER"),
        stick(model="Cruzer"),
        stick(size=SIZE + 512),
        stick(children=[]),
        stick(children=[part("sdb1", fstype="ext4", label="PHOTOS")]),
        stick(ptuuid="0001"),
        *(stick(children=[part("sdb1", fstype="vfat", label="PHOTOS", **{mark: "0001"})])
          for mark in ("partuuid", "uuid", "start")),
        stick(children=[part("sdb1", fstype="vfat", label="PHOTOS", mountpoints=["/media/now"])]),
        stick("sdc"),
        stick(ro=True),
    ],
)
def test_what_changed_since_it_was_chosen_is_refused(tmp_path: Path, now: dict[str, Any]) -> None:
    system = Lsblk(tmp_path, stick())
    system.entries = [now]
    with pytest.raises(Refused), hold(system, disk(), allow_internal=False):
        pytest.fail("it was given away")
    assert not any(system.path("/dev/sdb").read_bytes())


class Reader(Lsblk):
    """A card reader in which the card was exchanged: that is noticed when it is opened, and told when udev has looked;
    it does not look at what is locked."""

    def has(self, program: str) -> bool:
        return True

    def run(self, *argv: str, **more: Any) -> Result:
        if argv[:2] != ("udevadm", "settle"):
            return super().run(*argv, **more)
        with self.path("/dev/sdb").open("rb") as other, contextlib.suppress(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            self.entries = [stick(children=[part("sdb1", fstype="vfat", label="WEDDING")])]
        return Result(0, "", "")


def test_a_card_that_was_exchanged_in_its_reader_is_refused(tmp_path: Path) -> None:
    system = Reader(tmp_path, stick())
    with pytest.raises(Refused, match="has changed"), hold(system, disk(), allow_internal=False):
        pytest.fail("it was given away")


def test_a_stick_that_was_pulled_out_is_refused(tmp_path: Path) -> None:
    system = Lsblk(tmp_path, stick())
    system.path("/dev/sdb").unlink()
    with pytest.raises(Refused, match="cannot be opened"), hold(system, disk(), allow_internal=False):
        pytest.fail("it was given away")


def test_another_disk_at_the_same_path_is_told_apart(tmp_path: Path) -> None:
    targets.need_same(disk(children=[part("sdb1", fstype="vfat")]), disk())  # whatever it holds by now
    for now in (disk(serial="OTHER"), disk(size=SIZE + 512), disk(model="Cruzer")):
        with pytest.raises(Refused, match="has changed"):
            targets.need_same(now, disk())
    system = Lsblk(tmp_path, stick())
    assert targets.need_unchanged(system, disk()) == disk()
    system.entries = [stick(children=[part("sdb1", fstype="ext4", label="PHOTOS")])]
    with pytest.raises(Refused, match="has changed"):
        targets.need_unchanged(system, disk())


def test_two_sticks_of_one_model_that_tell_no_serial_are_told_apart_by_their_ids() -> None:
    def of(**ids: str) -> Disk:
        return disk(serial=None, children=[part("sdb1", fstype="vfat", label="PHOTOS", **ids)])

    shown = targets.seal("copy-sdb", of(uuid="5A1F-0001", partuuid="77aa-01"))
    assert targets.seal("copy-sdb", of(uuid="5A1F-0001", partuuid="77aa-01")) == shown
    assert targets.seal("copy-sdb", of(uuid="5A1F-0002", partuuid="77aa-01")) != shown
    assert targets.seal("copy-sdb", of(uuid="5A1F-0001", partuuid="77bb-01")) != shown
    assert targets.seal("store", of(uuid="5A1F-0001", partuuid="77aa-01")) != shown, "confirmed for something else"
    assert "5A1F" not in of(uuid="5A1F-0001").model_dump_json(), "recordings are passed on"


@pytest.mark.parametrize("device", ["auto", "/dev/sda2", "/dev/sda", "S5GX"])
def test_a_store_s_label_on_an_internal_disk_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """At a boot it is not even looked at; named by its path or serial number it is refused."""
    fake = disk(name="sda", tran="sata", rm=False, serial="S5GX",
                children=[part("sda2", fstype="crypto_LUKS", label="byzdata")])  # fmt: skip
    system = Lsblk(tmp_path, stick())
    monkeypatch.setattr(targets, "disks_now", lambda _system: (fake,))
    if device == "auto":
        assert store.find(system) is None
        return
    with pytest.raises(Refused, match="internal disk"):
        store.find(system, device)
    found = store.find(system, "internal:S5GX")
    assert found is not None
    assert found.device == "/dev/sda2"


def test_an_internal_disk_that_was_named_so_may_hold_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = INTERNAL
    monkeypatch.setattr(targets, "disks_now", lambda _system: (inside,))
    monkeypatch.setattr(store, "_on", lambda *_: iter(()))
    create = CreateStore(
        id="store", text="", kind="partition", disk=inside, device=None, allow_internal=True, size=None, kib=None,
        passphrase_file=None,
    )  # fmt: skip
    assert create.needed(System(tmp_path))
