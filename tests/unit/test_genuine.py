"""Sticks that say more than they are."""

import os
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import genuine
from byzwizard.errors import StepFailed

MIB = 1 << 20


@pytest.mark.parametrize("kind", ["wraps", "drops"])
def test_a_forged_stick_is_found_out(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = 256 * MIB
    put, get = os.pwrite, os.preadv
    with (tmp_path / "a").open("wb") as file:
        file.truncate(real)

    def forged_put(file: int, data: Any, at: int) -> int:
        return len(data) if kind == "drops" and at >= real else put(file, data, at % real)

    def forged_get(file: int, buffers: Any, at: int) -> int:
        return get(file, buffers, at % real)

    monkeypatch.setattr("byzwizard.backends.direct.os.pwrite", forged_put)
    monkeypatch.setattr("byzwizard.backends.direct.os.preadv", forged_get)
    descriptor = os.open(tmp_path / "a", os.O_RDWR)
    with pytest.raises(StepFailed, match="forged"):
        genuine.prove(descriptor, 8_000_000_000)
    os.close(descriptor)


def test_an_honest_stick_is_believed(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(8_000_000_000)
    descriptor = os.open(tmp_path / "a", os.O_RDWR)
    genuine.prove(descriptor, 8_000_000_000)
    os.close(descriptor)
