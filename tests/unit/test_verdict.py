"""The ladder, rung by rung, and that quirks can only lower it."""

from itertools import product

import pytest

from byzwizard.hardware import HardwareList, Quirk, hardware_list
from byzwizard.machine import Combination, Limit, Machine, Medium, Partition, Radio, Rfkill, Verdict
from byzwizard.machine import Disk as DiskOf
from byzwizard.verdict import judge, together, with_verdicts

EMPTY = HardwareList(format=1, quirks=(), chips=())


def combination(*limits: tuple[int, str], total: int = 2, channels: int = 1) -> Combination:
    return Combination(limits=tuple(Limit(max=most, types=tuple(types.split("+"))) for most, types in limits),
                       total=total, channels=channels)


def radio(modes: str, *combinations: Combination, **more: object) -> Radio:
    return Radio.model_validate({
        "interface": "wlan0", "phy": "phy0", "mac": "02:00:00:00:00:01", "bus": "usb", "chipset": "x", "driver": "x",
        "modes": tuple(modes.split("+")) if modes else (), "combinations": combinations, **more})


def only_quirk(at_most: str) -> HardwareList:
    quirk = Quirk.model_validate({"driver": "x", "at_most": at_most, "reason": "Because it is so.", "source": "tried"})
    return HardwareList(format=1, chips=(), quirks=(quirk,))


BOTH = combination((2, "ap+mesh point"))


@pytest.mark.parametrize(("modes", "combinations", "grade", "link", "serves"), [
    ("managed+ap+mesh point", (BOTH,), "A", "802.11s", True),
    ("managed+ap+mesh point", (), "B", "802.11s", False),
    ("managed+ap+mesh point", (combination((1, "ap+mesh point")),), "B", "802.11s", False),
    ("managed+ap+mesh point", (combination((2, "ap+mesh point"), total=1),), "B", "802.11s", False),
    ("managed+ap+mesh point", (combination((1, "ap"), (1, "mesh point")),), "A", "802.11s", True),
    ("managed+ap+mesh point", (combination((0, "ap"), (1, "mesh point")),), "B", "802.11s", False),
    ("managed+ap+mesh point", (combination((2, "managed+ap")), combination((2, "managed+mesh point"))), "B", "802.11s",
     False),
    ("managed+mesh point", (BOTH,), "B", "802.11s", False),
    ("managed+ap+ibss", (combination((1, "managed"), (1, "ap")),), "C", "ibss", False),
    ("ibss+ap", (combination((1, "ibss"), (1, "ap")),), "C", "ibss", True),
    ("managed+ap", (), "D", "hub", True),
    ("managed+monitor", (), "E", "hub", False),
    ("monitor", (), "F", None, False),
    ("", (), "F", None, False),
    ("something new", (), "F", None, False),
])
def test_the_rungs(
    modes: str, combinations: tuple[Combination, ...], grade: str, link: str | None, serves: bool
) -> None:
    verdict = judge(radio(modes, *combinations), EMPTY)
    assert (verdict.grade, verdict.link, verdict.access_point) == (grade, link, serves)
    assert (verdict.advice is None) == (grade == "A")


def test_a_hard_switch_beats_all_and_missing_firmware_the_rest() -> None:
    best = radio("managed+ap+mesh point", BOTH)
    assert judge(best.model_copy(update={"rfkill": Rfkill(hard=True)}), EMPTY).grade == "F"
    assert judge(best.model_copy(update={"firmware_missing": ("x.fw",)}), EMPTY).grade == "F"
    soft = judge(best.model_copy(update={"rfkill": Rfkill(soft=True)}), EMPTY)
    assert soft.grade == "A"
    assert "flight mode" in (soft.advice or "")


def test_a_quirk_only_lowers() -> None:
    for at_most, modes in product("BCDEF", ["managed+ap+mesh point+ibss", "managed+ap", "managed", ""]):
        known = only_quirk(at_most)
        plain, lowered = judge(radio(modes, BOTH), EMPTY), judge(radio(modes, BOTH), known)
        assert lowered.grade >= plain.grade
        assert lowered.grade >= at_most or plain.grade > at_most
        assert ("Because" in lowered.reason) == (plain.grade < at_most)


def test_a_lowered_radio_is_only_told_what_it_can_do() -> None:
    assert judge(radio("managed+mesh point"), only_quirk("D")).grade == "E"  # no access point to fall back on


@pytest.mark.parametrize(("driver", "number", "grade"), [
    ("iwlwifi", "8086:a0f0", "D"), ("iwlwifi", "8086:4239", "C"), ("iwlwifi", "8086:4238", "C"), ("iwlwifi", None, "D"),
    ("brcmfmac", "02d0:a9a6", "D"), ("rtw_8822bu", "0bda:b812", "D"), ("rtw88_8821cu", None, "D"), ("wl", None, "E"),
    ("rtw89_8852be", None, "C"), ("ath9k", "168c:002b", "C"),
])
def test_the_quirks_that_we_ship(driver: str, number: str | None, grade: str) -> None:
    assert judge(radio("managed+ibss+ap", driver=driver, id=number), hardware_list()).grade == grade


def test_limits_are_counted_each_on_its_own() -> None:
    assert together([combination((1, "ibss"), (2, "managed+ap+mesh point"))], "mesh point", "ap")
    assert not together([combination((1, "ibss"), (1, "managed+ap+mesh point"))], "mesh point", "ap")
    assert not together([combination((2, "ap+mesh point"), channels=0)], "mesh point", "ap")


def test_what_a_file_says_is_ignored() -> None:
    lie = Verdict(grade="A", link="802.11s", access_point=True, reason="x", advice=None)
    disk = DiskOf(path="/dev/sda", bytes=1, vendor=None, model=None, serial=None, transport=None, removable=False,
                  read_only=False, boot_medium=True)
    found = with_verdicts(Machine(radios=(radio("managed", verdict=lie),), disks=(disk,)))
    assert found.radios[0].verdict is not None
    assert found.radios[0].verdict.grade == "E"
    assert not found.disks[0].boot_medium


@pytest.mark.parametrize(("path", "kind", "mounted", "marked"), [
    ("/dev/sdb1", "usb", None, True), ("/dev/sdb", "dvd", None, True), ("/dev/sdc1", "usb", None, False),
    ("/dev/dm-0", "iso", "/run/live/medium", True), (None, "ram", None, False),
    ("/dev/loop0", "iso", "/run/live/findiso", True), ("/dev/sdc1", "usb", "/run/live/persistence/sdb1", False),
])
def test_the_boot_medium(path: str | None, kind: str, mounted: str | None, marked: bool) -> None:
    part = Partition(path="/dev/sdb1", bytes=1, filesystem=None, label=None, mounted=mounted)
    disk = DiskOf(path="/dev/sdb", bytes=1, vendor=None, model=None, serial=None, transport="usb", removable=True,
                  read_only=False, partitions=(part,))
    medium = Medium(path=path, kind=kind, filesystem=None, writable=False)
    assert with_verdicts(Machine(disks=(disk,), medium=medium)).disks[0].boot_medium is marked
