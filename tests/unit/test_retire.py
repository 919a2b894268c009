"""Radios and access points that an earlier apply took, and this one does not want."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.backends import retire
from byzwizard.backends.retire import LetGo
from byzwizard.backends.system import Result, System

# Radio 0 meshes and serves phones, radio 1 serves phones on its own.
NAMES = {"mesh0": 2, "wlan0": 2, "ap0": 9, "ap1": 3, "wlan1": 3, "eth0": 4}
PHYS = {"mesh0": "phy0", "ap0": "phy0", "ap1": "phy1"}


class Commands(System):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ran: list[str] = []

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        self.ran += [" ".join(argv)] if stdin is None else stdin.splitlines()
        return Result(0, "", "")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands(tmp_path)
    for name in ("mesh0", "ap0", "ap1", "eth0"):
        made.write(f"/sys/class/net/{name}/address", f"02:00:00:00:00:0{NAMES[name]}\n")
    for name, phy in PHYS.items():
        made.write(f"/sys/class/net/{name}/phy80211/name", phy)
    monkeypatch.setattr(retire, "index", NAMES.get)
    return made


def let_go(mesh: str | None, second: str | None, *added: tuple[str, str]) -> LetGo:
    return LetGo(id="let-go", text="", own=(("phy0", "wlan0", mesh), ("phy1", "wlan1", second)), added=added)


def test_nothing_is_let_go_that_is_wanted(system: Commands) -> None:
    assert not let_go("mesh0", "ap1", ("ap0", "phy0")).needed(system)
    assert system.ran == []


def test_an_added_access_point_is_taken_down(system: Commands) -> None:
    step = let_go("mesh0", "ap1")
    assert step.needed(system)
    before = step.before(system)
    assert [made["name"] for made in before] == ["ap0"]
    step.apply(system, lambda done, total: None)
    assert system.ran == ["systemctl stop byz-ap@ap0.service", "iw dev ap0 del"]


def test_radios_get_their_own_names_back(system: Commands) -> None:
    step = let_go(None, None)
    step.apply(system, lambda done, total: None)
    assert system.ran == [
        "systemctl stop byz-ap@ap0.service", "iw dev ap0 del",
        "systemctl stop byz-ap@ap1.service", "link set dev ap1 down", "link property del dev ap1 altname wlan1",
        "link set dev ap1 name wlan1",
        "systemctl stop byz-mesh@mesh0.service", "link set dev mesh0 down",
        "link property del dev mesh0 altname wlan0", "link set dev mesh0 name wlan0",
    ]


def test_radios_that_were_not_looked_at_are_left_alone(system: Commands) -> None:
    assert not LetGo(id="let-go", text="", own=(), added=()).needed(system)
