"""Hardware is read again as soon as the kernel has told of a change, and only then."""

from pathlib import Path

import pytest

from byzwizard.backends import remembered
from byzwizard.backends.system import System
from byzwizard.machine import Machine, Wired

MACHINE = Machine(wired=(Wired(interface="eth0", mac="00:00:00:00:00:02", carrier=True),))


class Computer(System):
    """A computer of files, with a count of events."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.plug("eth0", 2)
        self.event(100)

    def event(self, number: int) -> None:
        self.write(remembered.EVENTS, f"{number}\n")

    def plug(self, name: str, index: int) -> None:
        self.write(f"/sys/class/net/{name}/ifindex", f"{index}\n")
        self.path(f"/sys/class/net/{name}/device").mkdir()


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    made = Computer(tmp_path)
    remembered.remember(made, MACHINE)
    made.event(120)  # the apply's own interfaces
    return made


def test_what_the_last_apply_saw_will_do_while_nothing_happens(computer: Computer) -> None:
    assert remembered.recall(computer) is None, "an apply that did not end proves nothing"
    remembered.stamp(computer)
    assert remembered.recall(computer) == MACHINE


def test_any_event_of_the_kernel_makes_it_old(computer: Computer) -> None:
    remembered.stamp(computer)
    computer.event(121)
    assert remembered.recall(computer) is None


def test_what_is_plugged_in_while_an_apply_runs_is_not_missed(computer: Computer) -> None:
    computer.plug("eth1", 9)
    remembered.stamp(computer)
    assert remembered.recall(computer) is None
