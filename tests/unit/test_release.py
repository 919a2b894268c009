"""Radios that other programs have: NetworkManager is asked for one, the others are named."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from byzwizard.answers_file import parse
from byzwizard.backends import radio
from byzwizard.backends.release import Release, keep_off, must_be_free
from byzwizard.backends.system import Result, System
from byzwizard.errors import Refused, StepFailed
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio, Verdict
from byzwizard.resolve import Resolved, resolve
from byzwizard.verdict import with_verdicts

HERE = "lo"  # stands for the card: it is on every computer


def machine(held_by: str | None, *, interface: str = HERE) -> Machine:
    return Machine(radios=(Radio(
        interface=interface, phy="phy0", mac="02:00:00:00:00:00", bus="usb", chipset="", driver=None, held_by=held_by,
        modes=("managed", "mesh point"),
        verdict=Verdict(grade="B", link="802.11s", access_point=False, reason="", advice=None)),))


def node(here: Machine) -> Resolved:
    return resolve(parse("byzantium: 1\n"), here, Identity(b"n" * 32))


class Manager(System):
    """A NetworkManager: it `manages` the card, or not; `deaf` when it does nothing."""

    def __init__(self, root: Path, manages: bool = True, deaf: bool = False) -> None:
        super().__init__(root)
        self.manages, self.deaf = manages, deaf
        self.running = True

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        assert argv[0] == "nmcli"
        assert HERE in argv
        if not self.running:
            assert 8 in ok
            return Result(8, "", "Error: NetworkManager is not running.\n")
        if argv[1:3] == ("device", "set"):
            self.manages = (argv[-1] == "yes") if not self.deaf else self.manages
            return Result(0, "", "")
        return Result(0, "100 (connected)\n" if self.manages else "10 (unmanaged)\n", "")


def held(root: Path, name: str, *arguments: str, process: str = "77") -> System:
    """A computer on which a program runs that has the card."""
    for each, comm in (("self", "byzwizard"), (process, name)):
        folder = root / "proc" / each
        (folder / "ns").mkdir(parents=True)
        os.symlink("net:[1]", folder / "ns/net")
        (folder / "comm").write_text(f"{comm}\n")
        (folder / "cgroup").write_text(f"0::/system.slice/{name}.service\n")
        (folder / "cmdline").write_text("\0".join([name, *arguments]) + "\0")
    return System(root)


def test_network_manager_lets_go_of_what_the_node_takes_and_gets_it_back(tmp_path: Path) -> None:
    here = machine("NetworkManager")
    steps = radio.STAGE.steps(node(here), here)
    step = next(step for step in steps if isinstance(step, Release))
    take = next(step for step in steps if isinstance(step, radio.TakeRadio))
    assert step.id in take.after
    assert step.network
    system = Manager(tmp_path)
    assert step.needed(system)
    before = step.before(system)
    step.apply(system, lambda _done, _total: None)
    assert not system.manages
    assert not step.needed(system)
    step.undo(system, before)
    assert system.manages
    other = machine("NetworkManager", interface="wlan9")
    assert not any(isinstance(step, Release) for step in radio.STAGE.steps(
        replace(node(other), links=(), access_points=()), other)), "a card that is not used stays as it is"


def test_network_manager_keeps_off_an_access_point_that_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears of it a moment later than we do, and would join other networks with it."""
    told: list[int] = []

    class Late(System):
        def has(self, program: str) -> bool:
            return program == "nmcli" and installed

        def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
            assert argv == ("nmcli", "device", "set", "ap0", "managed", "no")
            told.append(10 if len(told) < 2 else 0)
            return Result(told[-1], "", "")

        def wait_for(self, holds: Callable[[], bool], seconds: float, sentence: str, every: float = 0.05) -> None:
            while not holds():
                pass

    installed = True
    keep_off(Late(tmp_path), "ap0")
    assert told == [10, 10, 0]
    installed = False
    keep_off(Late(tmp_path), "ap0")
    assert told == [10, 10, 0], "most computers have none"


def test_what_was_its_owners_before_stays_so(tmp_path: Path) -> None:
    step = Release(id="release", text="", interface=HERE)
    system = Manager(tmp_path, manages=False)
    step.undo(system, step.before(system))
    assert not system.manages, "it had been told to leave the card alone"
    system.running = False
    assert not step.needed(system)
    step.undo(system, True)  # and what has ended meanwhile is no fault


def test_a_network_manager_that_does_not_let_go_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(System, "wait_for", _at_once)
    with pytest.raises(StepFailed, match="NetworkManager does not let go of lo"):
        Release(id="release", text="", interface=HERE).apply(Manager(tmp_path, deaf=True), lambda _done, _total: None)


def _at_once(_system: System, holds: object, _seconds: float, sentence: str) -> None:
    assert callable(holds)
    if not holds():
        raise StepFailed(sentence)


@pytest.mark.parametrize(("name", "arguments", "program"), [
    ("hostapd", ("-B", "-i", HERE, "/etc/hostapd.conf"), "hostapd"),
    ("wpa_supplicant", (f"-i{HERE}",), "wpa_supplicant"),
    ("iwd", (), "iwd"),
])
def test_who_else_has_it_is_named_and_may_end_meanwhile(
    tmp_path: Path, name: str, arguments: tuple[str, ...], program: str,
) -> None:
    here = machine(program)
    system = held(tmp_path, name, *arguments)
    with pytest.raises(Refused, match=f"lo is in use by {program}. End that program") as told:
        must_be_free(system, node(here), here)
    assert told.value.status == 3
    must_be_free(system, replace(node(here), links=(), access_points=()), here)  # it is not needed
    (tmp_path / "proc/77/comm").write_text("cat\n")
    must_be_free(system, node(here), here)


def test_our_own_and_those_that_let_go_stand_in_nobodys_way(tmp_path: Path) -> None:
    here = machine("NetworkManager")
    must_be_free(held(tmp_path / "manager", "NetworkManager"), node(here), here)
    (tmp_path / "ours").mkdir()
    system = held(tmp_path / "ours", "hostapd", "-i", HERE)
    system.path("/proc/77/cgroup").write_text("0::/byz.slice/byz-ap@ap0.service\n")
    must_be_free(system, node(machine("hostapd")), machine("hostapd"))


def test_inspect_says_which_of_them_need_a_hand() -> None:
    for program, words in (("NetworkManager", "asks it to let go"), ("iwd", "iwd is using it: end it first")):
        advice = with_verdicts(machine(program)).radios[0].verdict
        assert advice is not None
        assert advice.advice is not None
        assert words in advice.advice
