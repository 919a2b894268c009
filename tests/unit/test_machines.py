"""Every recorded machine is told what tests/machines/expected.yaml says, whatever its file says itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from byzwizard.backends.probe import load_machine
from byzwizard.commands.inspect import describe
from byzwizard.machine import Machine

FOLDER = Path(__file__).parents[1] / "machines"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "expected.yaml").read_text())
FILES = sorted(FOLDER.glob("*.json"))


def machine(name: str) -> Machine:
    return load_machine(FOLDER / f"{name}.json")


def test_each_file_is_expected_and_each_expectation_has_a_file() -> None:
    assert {file.stem for file in FILES} == set(EXPECTED)
    assert len(FILES) >= 18


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_verdicts(name: str) -> None:
    expected = dict(EXPECTED[name])
    boot = expected.pop("boot")
    found = machine(name)
    assert [disk.path for disk in found.disks if disk.boot_medium] == boot
    assert {radio.interface or radio.id or radio.phy for radio in found.radios} == set(expected)
    for radio in found.radios:
        said = expected[radio.interface or radio.id or radio.phy]
        verdict = radio.verdict
        assert verdict is not None
        assert (verdict.grade, verdict.link, verdict.access_point) == (
            said["grade"], said["link"], said["access_point"])
        assert verdict.reason
        assert all(word in verdict.reason for word in said.get("reason", ()))
        if said.get("advice", ()) is None:
            assert verdict.advice is None
        else:
            assert all(word in (verdict.advice or "") for word in said.get("advice", ()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recording_of_a_recording_is_the_same(file: Path, tmp_path: Path) -> None:
    first = load_machine(file)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(first.model_dump(mode="json"), ensure_ascii=False))
    assert load_machine(again) == first


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_keys_are_those_of_the_contract(file: Path) -> None:
    shown = load_machine(file).model_dump(mode="json")
    assert set(shown) == {"machine", "radios", "wired", "disks", "medium", "memory_bytes", "firmware", "secure_boot",
                          "battery"}
    for radio in shown["radios"]:
        assert set(radio) == {"interface", "phy", "mac", "bus", "id", "chipset", "driver", "modes", "combinations",
                              "channels", "rfkill", "firmware_missing", "held_by", "verdict"}
        assert set(radio["verdict"]) == {"grade", "link", "access_point", "reason", "advice"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_person_is_told(file: Path) -> None:
    found = load_machine(file)
    text = "\n".join(describe(found))
    assert all((radio.interface or radio.chipset) in text for radio in found.radios)
    assert all(radio.verdict and radio.verdict.reason in " ".join(text.split()) for radio in found.radios)
    assert ("this system runs from it" in text) == any(disk.boot_medium for disk in found.disks)
    assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
