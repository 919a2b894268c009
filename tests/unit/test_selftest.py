"""The self-test refuses what is in use, and puts everything back, however it ends."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import nl80211, selftest
from byzwizard.backends.nl80211 import Interface, Wiphy
from byzwizard.backends.probe import load_machine
from byzwizard.backends.selftest import channel_for, self_test
from byzwizard.backends.system import Result, System
from byzwizard.errors import ByzantiumError, CannotHere, Refused, StepFailed
from byzwizard.machine import Radio

MACHINES = Path(__file__).parents[1] / "machines"


def radio(name: str) -> Radio:
    return load_machine(MACHINES / f"{name}.json").radios[0]


class Tools(System):
    """Remembers what was asked for; the command that holds `fails` ends with that word."""

    def __init__(self, root: Path, fails: str = "") -> None:
        super().__init__(root)
        self.asked: list[str] = []
        self.fails = fails

    def run(self, *argv: str, **_more: Any) -> Result:
        self.asked.append(" ".join(argv))
        failed = bool(self.fails) and self.fails in self.asked[-1]
        return Result(161 if failed else 0, "", "command failed: Operation not supported (-95)\n" if failed else "")


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> list[Interface]:
    """What the kernel shows of the radio: before the test, and then while it runs."""
    shown = [Interface(3, "wlan0", 0, "managed", None), Interface(3, "wlan0", 0, "mesh point", 2462)]
    monkeypatch.setattr(nl80211, "survey", lambda: ([Wiphy(0, "phy0")], shown[:1]))
    monkeypatch.setattr(nl80211, "interfaces", lambda: shown[-1:])
    monkeypatch.setattr(selftest, "DEADLINE", 0.05)
    return shown


@pytest.mark.parametrize(("name", "error", "word"), [
    ("hardware-switch-is-off", CannotHere, "switch"),
    ("bcm4311-b43-firmware-is-not-free", CannotHere, "firmware"),
    ("flight-mode-left-on-by-windows", CannotHere, "flight mode"),
    ("comfast-mt7921u-lists-join-mesh-but-has-no-mesh-point", CannotHere, "no mesh mode"),
    ("networkmanager-holds-the-only-radio", Refused, "NetworkManager"),
    ("card-without-driver-in-this-kernel", CannotHere, "RTL8852AE"),
])
def test_what_cannot_be_tried(tmp_path: Path, name: str, error: type[ByzantiumError], word: str) -> None:
    tools = Tools(tmp_path)
    with pytest.raises(error, match=word):
        self_test(tools, radio(name))
    assert tools.asked == []


@pytest.mark.parametrize("now", [
    Interface(3, "mesh0", 0, "mesh point", 2462), Interface(3, "wlan0", 0, "ap", 2462),
    Interface(3, "wlan0", 0, "managed", 2412), Interface(3, "ap0", 0, "managed", None),
])
def test_what_is_at_work(tmp_path: Path, kind: list[Interface], now: Interface) -> None:
    kind[0] = now
    tools = Tools(tmp_path)
    with pytest.raises(Refused):
        self_test(tools, radio("netbook-ath9k-one-gigabyte"))
    assert tools.asked == []


@pytest.mark.usefixtures("kind")
def test_it_joins_and_leaves(tmp_path: Path) -> None:
    tools = Tools(tmp_path)
    assert "channel 11" in self_test(tools, radio("netbook-ath9k-one-gigabyte"))
    joined = next(command for command in tools.asked if "mesh join" in command)
    assert joined.startswith("iw dev wlan0 mesh join byz-test-")
    assert joined.endswith(" freq 2462")
    assert tools.asked[-3:] == [
        "iw dev wlan0 mesh leave", "ip link set dev wlan0 down", "iw dev wlan0 set type managed"]


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("fails", ["set type mp", "mesh join", "up"])
def test_a_failure_is_explained_and_everything_put_back(tmp_path: Path, fails: str) -> None:
    tools = Tools(tmp_path, fails)
    flags = tmp_path / "sys/class/net/wlan0/flags"
    flags.parent.mkdir(parents=True)
    flags.write_text("0x1003\n")  # it was up
    with pytest.raises(StepFailed, match="says that it can mesh"):
        self_test(tools, radio("netbook-ath9k-one-gigabyte"))
    assert tools.asked[-2:] == ["iw dev wlan0 set type managed", "ip link set dev wlan0 up"]


def test_a_driver_that_says_yes_and_does_nothing(tmp_path: Path, kind: list[Interface]) -> None:
    kind[1] = Interface(3, "wlan0", 0, "mesh point", None)
    with pytest.raises(StepFailed, match="no channel"):
        self_test(Tools(tmp_path), radio("netbook-ath9k-one-gigabyte"))


def test_the_channel() -> None:
    assert getattr(channel_for(radio("netbook-ath9k-one-gigabyte")), "number", None) == 11
    some = radio("fritz-ac860-mt7612u-without-p2p")
    only_five = some.model_copy(update={"channels": tuple(c for c in some.channels if c.mhz > 5000)})
    assert getattr(channel_for(only_five), "number", None) == 36
    assert channel_for(some.model_copy(update={"channels": ()})) is None
