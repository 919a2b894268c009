"""Where a stick's old system lies: the new one is written beside it, or it is gone first. How it is written:
test_clone_cuts.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import renewal
from byzwizard.backends.layout import ESP
from byzwizard.backends.system import Result, System
from byzwizard.machine import Disk
from byzwizard.places import LINUX_RESERVED
from tests.unit.test_clone_cuts import disk, parts

MIB = 1 << 20
SIZE = 1000 * MIB
SYSTEM = 400 * MIB
CLUSTER = 8  # sectors


class Tools(System):
    """mtools that say this of the old system."""

    def __init__(self, root: Path, shown: str, told: str) -> None:
        super().__init__(root)
        self.said = {"mshowfat": shown, "minfo": told, "sfdisk": json.dumps({"partitiontable": TABLE})}

    def run(self, *argv: str, **_more: Any) -> Result:
        return Result(0, self.said[argv[0]], "")


TABLE = {"label": "gpt", "partitions": [
    {"start": 2048, "size": SIZE // 512, "type": ESP, "uuid": "A"},
    {"start": 2048 + SIZE // 512, "size": 2048, "type": LINUX_RESERVED, "uuid": "B"},
]}  # fmt: skip


def old_at(at: int) -> tuple[str, str]:
    cluster = at // 512 // CLUSTER
    return f"::/live/filesystem.squashfs <{cluster}-{cluster + 9}>\n", f"cluster size: {CLUSTER} sectors\n"


@pytest.mark.parametrize(
    ("said", "skip", "beside"),
    [
        (old_at(20 * MIB), SIZE // 2, True),
        (old_at(SIZE // 2 + MIB), renewal.SLACK, True),
        (("", "cluster size: 8 sectors\n"), 0, False),
        ((old_at(20 * MIB)[0], ""), 0, False),
        (("", ""), 0, False),
    ],
)
def test_what_cannot_be_told_is_gone_first(tmp_path: Path, said: tuple[str, str], skip: int, beside: bool) -> None:
    """Else new files would come over the old ones while the old tables still start it."""
    ours: Disk = disk(parts())
    kept = renewal.read(Tools(tmp_path, *said), ours, SYSTEM)
    assert (kept.around.skip, kept.beside) == (skip, beside)


def test_there_is_room_for_one_alone(tmp_path: Path) -> None:
    kept = renewal.read(Tools(tmp_path, *old_at(20 * MIB)), disk(parts()), SIZE // 2)
    assert (kept.around.skip, kept.beside) == (0, False)
