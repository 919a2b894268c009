"""A recorded machine comes from somebody else: whatever is wrong with it is one sentence and exit status 2."""

import json
from pathlib import Path

import pytest

from byzwizard.backends.probe import RECORDING_LIMIT, load_machine
from byzwizard.errors import Invalid

RADIO = {"interface": "wlan0", "phy": "phy0", "mac": "", "bus": "usb", "chipset": "x", "driver": None}


def written(folder: Path, content: object) -> Path:
    file = folder / "machine.json"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def refused(file: Path) -> str:
    with pytest.raises(Invalid) as fault:
        load_machine(file)
    assert fault.value.status == 2
    assert "\n" not in str(fault.value)
    return str(fault.value)


@pytest.mark.parametrize(("content", "word"), [
    ("", "not JSON"), ("{", "not JSON"), (b"\xff\xfe\x00", "not JSON"), ("[" * 100_000, "not JSON"),
    ("[]", "not a recorded machine"), ("{}", "not a recorded machine"), ("3", "not a recorded machine"),
    ({"machine": 2}, "another format"), ({"machine": "1"}, "another format"), ({"machine": True}, "another format"),
    ({"machine": 1, "radios": 3}, "`radios`"), ({"machine": 1, "radios": [{}]}, "`radios.0.interface`"),
    ({"machine": 1, "radios": [{**RADIO, "modes": "ap"}]}, "`radios.0.modes`"),
    ({"machine": 1, "radios": [RADIO | {"combinations": [{"limits": [], "total": "x", "channels": 1}]}]},
     "`radios.0.combinations.0.total`"),
    ({"machine": 1, "firmware": "openfirmware"}, "`firmware`"),
    ({"machine": 1, "disks": [{"path": "/dev/sda"}]}, "`disks.0.bytes`"),
    ({"machine": 1, "memory_bytes": "much"}, "`memory_bytes`"), ({"machine": 1, "medium": []}, "`medium`"),
])
def test_what_is_wrong_is_said(tmp_path: Path, content: object, word: str) -> None:
    assert word in refused(written(tmp_path, content))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nothing.json")
    assert "directory" in refused(tmp_path)


def test_a_file_without_end(tmp_path: Path) -> None:
    assert "too big" in refused(Path("/dev/zero"))
    assert "too big" in refused(written(tmp_path, b" " * (RECORDING_LIMIT + 1)))


def test_a_byte_order_mark_and_unknown_keys_do_no_harm(tmp_path: Path) -> None:
    said = json.dumps({"machine": 1, "radios": [{**RADIO, "new": 1}], "x": 2})
    file = written(tmp_path, b"\xef\xbb\xbf" + said.encode())
    assert load_machine(file).radios[0].interface == "wlan0"


def test_nothing_in_it_acts_on_a_terminal(tmp_path: Path) -> None:
    file = written(tmp_path, {"machine": 1, "radios": [{**RADIO, "chipset": "\x1b]0;owned\x07\u202ex\x9b31m"}]})
    assert load_machine(file).radios[0].chipset == r"\x1b]0;owned\x07\u202ex\x9b31m"


def test_what_is_computed_is_ignored_whatever_it_is(tmp_path: Path) -> None:
    disk = {"path": "/dev/sda", "bytes": 1, "vendor": None, "model": None, "serial": None, "transport": None,
            "removable": True, "read_only": False, "boot_medium": "perhaps"}
    file = written(tmp_path, {"machine": 1, "radios": [{**RADIO, "verdict": "splendid"}], "disks": [disk]})
    machine = load_machine(file)
    assert machine.radios[0].verdict is not None
    assert not machine.disks[0].boot_medium


def test_what_is_too_deep_does_no_harm(tmp_path: Path) -> None:
    deep = '{"machine": 1, "x": ' + "[" * 900 + "]" * 900 + "}"
    assert load_machine(written(tmp_path, deep)).machine == 1


def test_faults_are_in_our_words(tmp_path: Path) -> None:
    assert "it is missing" in refused(written(tmp_path, {"machine": 1, "radios": [{}]}))
    assert "a list should stand here" in refused(written(tmp_path, {"machine": 1, "radios": 3}))
    assert "a whole number should stand here" in refused(written(tmp_path, {"machine": 1, "memory_bytes": "much"}))
    assert "an object should stand here" in refused(written(tmp_path, {"machine": 1, "medium": []}))
