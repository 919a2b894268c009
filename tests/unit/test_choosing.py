"""What is no disk, or not one alone: the many names that nobody's disk is taken for."""

import pytest

from byzwizard.backends.targets import choose
from byzwizard.errors import Refused
from tests.unit.test_targets import HERE, disk

TWIN = disk(name="sdc")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("", "empty"),
        (" ", "blanks"),
        ("/dev/sdb\n", "blanks"),
        ("/dev/sdb ", "blanks"),
        ("\t4C530001", "blanks"),
        ("/dev/sdb\x1b[2J", "control"),
        ("/dev/sdb1", "a partition"),
        ("/dev/sdz", "No disk /dev/sdz"),
        ("/dev/../dev/sdb", "No disk"),
        ("/dev/loop0", "loop device"),
        ("/dev/mapper/secret", "mapping"),
        ("/dev/dm-0", "mapping"),
        ("/dev/md127", "RAID"),
        ("/dev/zram0", "memory"),
        ("/dev/ram0", "memory"),
        ("/dev/nbd0", "network"),
        ("/dev/sr0", "disc drive"),
        ("/tmp/file", "No disk"),
        ("4c530001", "serial number 4c530001"),
        ("internal:", "No disk with the serial number"),
        ("auto", "No disk with the serial number"),
        ("None", "No disk with the serial number"),
        ("4C53000", "No disk with the serial number"),
        ("4C530001\0", "control"),
        ("/dev/sdb\u202e", "control"),
        ("internal:OTHER", "serial number OTHER"),
        ("internal: S5GX", "No disk with the serial number"),
        ("INTERNAL:S5GX", "No disk with the serial number"),
        ("/DEV/SDB", "No disk"),
        ("/dev//sdb", "No disk"),
        ("/dev/sdb/", "No disk"),
        ("/dev/disk/by-id/usb-SanDisk_Ultra_4C530001", "No disk"),  # a link, which may lead elsewhere by then
        ("/dev/disk/by-label/PHOTOS", "No disk"),
        ("/dev/nvme0", "No disk"),  # character devices
        ("/dev/sg0", "No disk"),
        ("/dev/null", "No disk"),
        ("/dev/nvme0n1p1", "a partition"),
        ("/dev/mapper/mpatha", "mapping"),
        ("/dev/mtdblock0", "flash memory"),
        ("BYZANTIUM", "No disk with the serial number"),
    ],
)
def test_what_is_no_disk_is_not_chosen(wanted: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        choose(HERE, wanted)
    assert refused.value.status == 3
    assert refused.value.hint
    assert "\n" not in refused.value.message


def test_sticks_that_tell_no_serial_are_not_chosen_by_an_empty_one() -> None:
    two = (disk(serial=None), disk(name="sdc", serial=" "))
    for wanted in ("", "internal:", "None"):
        with pytest.raises(Refused):
            choose(two, wanted)
    assert choose(two, "/dev/sdc") is two[1]


def test_a_serial_that_two_sticks_have_says_nothing() -> None:
    with pytest.raises(Refused, match="fits several disks: /dev/sdb, /dev/sdc"):
        choose((disk(), TWIN), "4C530001")
