"""A page that looks every two seconds does not read everything every two seconds."""

from pathlib import Path

import pytest

from byzwizard.backends import reader
from byzwizard.backends.system import System
from byzwizard.machine import Machine


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    done: list[int] = []

    def read(_system: System, _file: Path | None) -> Machine:
        done.append(1)
        return Machine(memory_bytes=len(done))

    monkeypatch.setattr(reader, "machine_for", read)
    return done


def test_only_a_change_or_age_or_a_wish_reads_again(tmp_path: Path, reads: list[int],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("byzwizard.backends.reader.time.monotonic", lambda: now[0])
    asked = reader.MachineReader(System(tmp_path), None)
    assert asked.machine().memory_bytes == asked.machine().memory_bytes == 1
    (tmp_path / "sys/class/net/wlan0").mkdir(parents=True)
    assert asked.machine().memory_bytes == 2
    switch = tmp_path / "sys/class/rfkill/rfkill0/soft"
    switch.parent.mkdir(parents=True)
    switch.write_text("0")
    assert asked.machine().memory_bytes == 3
    switch.write_text("1")
    assert asked.machine().memory_bytes == 4
    assert asked.machine(fresh=True).memory_bytes == 5
    now[0] += reader.OLDEST
    assert asked.machine().memory_bytes == 6
    assert asked.machine().memory_bytes == 6
    assert len(reads) == 6


@pytest.mark.usefixtures("reads")
def test_a_recording_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    asked = reader.MachineReader(System(tmp_path), file)
    assert asked.machine().memory_bytes == 1
    file.write_text("{}")
    assert asked.machine().memory_bytes == 2
    assert asked.machine().memory_bytes == 2
