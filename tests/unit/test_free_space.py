"""The free space behind the last partition, where nothing more can be put."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import direct, freespace, making, targets
from byzwizard.backends.system import Result, System
from byzwizard.errors import Refused
from tests.unit.test_persistence import disk


def table(label: str, *numbers: int, **more: str) -> dict[str, Any]:
    """As sfdisk tells it; each partition has 50 MiB."""
    parts = [{"node": f"/dev/sdc{number}", "start": number * 102400, "size": 102400} for number in numbers]
    return {"label": label, "partitions": parts, **more}


@pytest.mark.parametrize(("there", "full"), [
    (table("dos", 1, 2, 3, 4), True),
    (table("dos", 1, 2, 3, 4, 5), True),
    (table("dos", 1, 2, 5, 6, 7), False),
    (table("gpt", 1, 2, 3, 4, 5), False),
    (table("gpt", 1, 2, 3, 4, **{"table-length": "4"}), True),
    ({}, False),
])  # fmt: skip
def test_a_table_without_an_entry_left_is_refused_before_the_space_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, Any], full: bool
) -> None:
    monkeypatch.setattr(targets, "hold", lambda *_, **_more: contextlib.nullcontext(0))
    monkeypatch.setattr(direct, "need_sectors_of_512", lambda _descriptor: None)
    monkeypatch.setattr(freespace, "read_table", lambda *_: there)
    monkeypatch.setattr(System, "run", lambda *_, **_more: Result(2, "", ""))
    monkeypatch.setattr(making, "container", lambda *_: pytest.fail("it wrote") if full else sys.exit("it goes on"))
    with pytest.raises(Refused if full else SystemExit) as told:
        making.partition(System(tmp_path), disk("/dev/sdc"), False, None, None, lambda done, total: None)
    assert not full or "no room for one more partition. Use another stick, or a file (save.dat)" in str(told.value)
