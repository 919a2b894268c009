"""What e2fsck says of a store's file system, told for what it is: damaged, not looked at, or interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import filesystem
from byzwizard.backends.system import Result, System
from byzwizard.errors import ByzantiumError, Damaged, Interrupted, StepFailed

IN_USE = "/dev/sdb2 is in use.\n"
UNREADABLE = "The superblock could not be read or does not describe a valid ext2/ext3/ext4 filesystem.\n"


class Checked(System):
    """e2fsck ends with one status after the other, and says this."""

    def __init__(self, root: Path, said: str, *statuses: int) -> None:
        super().__init__(root)
        self.said, self.statuses = said, list(statuses)

    def run(self, *argv: str, **_more: Any) -> Result:
        return Result(self.statuses.pop(0), self.said, "") if argv[0] == "e2fsck" else Result(0, "ext4\n", "")


@pytest.mark.parametrize(("said", "statuses", "thoroughly", "fault", "words"), [
    ("", (4,), False, Damaged, "damaged"),
    (UNREADABLE, (8,), False, Damaged, "damaged"),
    (IN_USE, (8,), False, StepFailed, "could not be checked: /dev/sdb2 is in use"),
    (IN_USE, (8,), True, StepFailed, "could not be checked: /dev/sdb2 is in use"),
    ("cancelled!", (32,), False, Interrupted, "Interrupted"),
    ("cancelled!", (4, 33), True, Interrupted, "Interrupted"),
    ("", (4, 1, 32), True, Interrupted, "Interrupted"),
    ("", (4, 4), True, StepFailed, "cannot be mended"),
])  # fmt: skip
def test_only_what_is_damaged_is_called_so(
    tmp_path: Path, said: str, statuses: tuple[int, ...], thoroughly: bool, fault: type[ByzantiumError], words: str
) -> None:
    with pytest.raises(ByzantiumError, match=words) as told:
        filesystem.mend(Checked(tmp_path, said, *statuses), "/dev/sdb2", thoroughly)
    assert type(told.value) is fault


def test_what_is_mended_is_no_fault(tmp_path: Path) -> None:
    for statuses in ((0,), (1,), (4, 1, 0)):
        filesystem.mend(Checked(tmp_path, "", *statuses), "/dev/sdb2", thoroughly=True)
