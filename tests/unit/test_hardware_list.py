"""assets/hardware.yaml, which anybody may add to: it is read strictly, and what is wrong is named."""

import pytest
import yaml

from byzwizard.hardware import FILE, hardware_list, read_list

QUIRK = {"driver": "x", "at_most": "D", "reason": "It is so.", "source": "tried"}


def test_our_list_is_right() -> None:
    known = hardware_list()
    assert {quirk.driver for quirk in known.quirks} >= {"brcmfmac", "iwlwifi"}
    assert any(chip.buy for chip in known.chips)
    assert all(chip.grade == "A" for chip in known.chips if chip.buy), "what cannot mesh and serve is not recommended"
    assert all(quirk.reason.endswith(".") for quirk in known.quirks)
    sources = [quirk.source for quirk in known.quirks] + [chip.source for chip in known.chips]
    assert all(source.startswith(("https://", "tried:")) for source in sources)


def test_no_number_stands_twice() -> None:
    numbers = [number for chip in hardware_list().chips for number in chip.ids]
    assert sorted(numbers) == sorted(set(numbers))


def test_the_file_says_how_to_add_to_it() -> None:
    head = FILE.read_text().split("\nformat:")[0]
    assert all(line.startswith("#") for line in head.splitlines() if line)
    assert all(word in head for word in ("at_most", "source", "How to add one"))


@pytest.mark.parametrize("change", [
    {"at_most": "A"}, {"at_most": "X"}, {"ids": ["0CF3:9271"]}, {"ids": ["9271"]}, {"driver": None}, {"why": "x"},
    {"reason": ""}, {"ids": "0cf3:9271"},
])
def test_what_is_wrong_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="quirks"):
        read_list(yaml.safe_dump({"format": 1, "quirks": [QUIRK | change], "chips": []}))


def test_broken_yaml_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_list("{")
