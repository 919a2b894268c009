"""In the virtual machine: an apply against a plain script that starts the same daemons, the second apply, and the boot
to the wizard's first frame against the same image to a login prompt."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figure import Figure
from tests.vm.harness import VM

ROUNDS = 3
BOOTS = 5
BY_HAND = Path(__file__).with_name("by_hand.sh")
MASKED = "systemd.mask=byz-wizard@tty1.service systemd.mask=byz-wizard@ttyS0.service"


def spent(vm: VM, command: str) -> Spent:
    """How long a command takes in the guest, and what it and its children compute meanwhile."""
    text = vm.run(
        f"TIMEFORMAT='%R %U %S'; time {{ {command} >/run/bench.log 2>&1 || {{ cat /run/bench.log; exit 1; }}; }}",
        600,
    )
    wall, user, system = map(float, text.split()[-3:])
    return Spent(wall, user + system)


@dataclass(frozen=True)
class Spent:
    """Seconds in the guest: all of them, and those that its processor worked."""

    wall: float
    cpu: float

    def native(self, slower: float) -> float:
        """As it would be without emulation, which makes computing slower and leaves waiting as it is."""
        return max(0.0, self.wall - self.cpu) + self.cpu / slower


def slowness(vm: VM) -> float:
    """How much slower the guest computes than this computer: the same work of the same program in both; 1 by KVM."""
    answers = BY_HAND.parents[1] / "answers" / "minimal.yaml"
    guest = statistics.median(spent(vm, "byzwizard check /run/answers.yaml").cpu for _ in range(ROUNDS))
    here = []
    for _ in range(ROUNDS):
        before = os.times()
        subprocess.run([sys.executable, "-m", "byzwizard", "check", answers], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        here.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return max(1.0, guest / statistics.median(here))


def applying(folder: Path) -> Iterator[Figure]:
    """The medians of turns by turns, so that a busy machine does not tell."""
    apply, hand, again = [], [], []
    with VM(folder, radios=1, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop byz-wizard@tty1")
        vm.put("/run/by_hand", BY_HAND.read_text())
        vm.put("/run/answers.yaml", "byzantium: 1\nnode:\n  name: bench\n")
        slower = slowness(vm)
        # Once unmeasured: what the script starts is in memory by then, as it is for each turn.
        vm.run("byzwizard apply /run/answers.yaml && bash /run/by_hand save /run/saved && byzwizard undo --yes", 1200)
        for _turn in range(ROUNDS):
            apply.append(spent(vm, "byzwizard apply /run/answers.yaml"))
            again.append(spent(vm, "byzwizard apply /run/answers.yaml"))
            vm.run("byzwizard undo --yes", 600)
            hand.append(spent(vm, "bash /run/by_hand up /run/saved"))
            vm.run("bash /run/by_hand down", 600)
    print(f"# the guest computes {slower:.1f} times slower than this computer; that is taken out of these two")
    print(f"# as measured: apply {apply} by hand {hand} again {again}", flush=True)
    ours, script, second = (statistics.median(one.native(slower) for one in many) for many in (apply, hand, again))
    yield Figure("apply / the same by a script", ours / script, "ratio", 1.15)
    yield Figure("a second apply", second, "s", 0.5)


def _boot(folder: Path, append: str, text: str) -> float:
    with VM(folder, radios=1, shell=False, append=append) as vm:
        began = time.monotonic()
        vm.power_on()
        vm.serial.expect(text, timeout=400)
        return time.monotonic() - began


def booting(folder: Path) -> Iterator[Figure]:
    """The median of pairs, one boot after the other: how quick the emulator is changes from minute to minute."""
    pairs = [
        (_boot(folder / "wizard", "", "Just start"), _boot(folder / "login", MASKED, "login:"))
        for _turn in range(BOOTS)
    ]
    print(f"# boots to the wizard, and to a login prompt: {pairs}", flush=True)
    ratio = statistics.median(wizard / login for wizard, login in pairs)
    yield Figure("boot to the wizard / to a login prompt", ratio, "ratio", 1.1)


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from applying(Path(folder) / "apply")
        yield from booting(Path(folder))
