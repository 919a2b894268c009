"""In the virtual machine: an apply against a plain script that starts the same daemons, the second apply, and the boot
to the wizard's first frame against the same image to a login prompt."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.vm.harness import VM

ROUNDS = 3
BY_HAND = Path(__file__).with_name("by_hand.sh")
MASKED = "systemd.mask=byz-wizard@tty1.service systemd.mask=byz-wizard@ttyS0.service"


def seconds(vm: VM, command: str) -> float:
    """How long a command takes by the guest's own clock."""
    text = vm.run(f"a=$(date +%s%N); {command} >/run/bench.log 2>&1 || {{ cat /run/bench.log; exit 1; }}; "
                  "b=$(date +%s%N); echo $((b - a))", 600)
    return int(text.split()[-1]) / 1e9


def applying(folder: Path) -> Iterator[Figure]:
    """The medians of turns by turns, so that a busy machine does not tell."""
    apply, hand, again, empty = [], [], [], []
    with VM(folder, radios=1, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop byz-wizard@tty1")
        vm.put("/run/by_hand", BY_HAND.read_text(), 0o755)
        vm.put("/run/answers.yaml", "byzantium: 1\nnode:\n  name: bench\n")
        for turn in range(ROUNDS):
            apply.append(seconds(vm, "byzwizard apply /run/answers.yaml"))
            again.append(seconds(vm, "byzwizard apply /run/answers.yaml"))
            empty.append(seconds(vm, "/usr/lib/byzwizard/bin/python -c pass"))
            if turn == 0:
                vm.run("/run/by_hand save /run/saved")
            vm.run("byzwizard undo --yes", 600)
            hand.append(seconds(vm, "/run/by_hand up /run/saved"))
            vm.run("/run/by_hand down", 600)
    print(f"# apply {apply} by hand {hand} again {again} python {empty}", flush=True)
    yield Figure("apply / the same by a script", statistics.median(apply) / statistics.median(hand), "ratio", 1.15)
    # What an emulator makes of every Python start is not ours: the second apply beside an empty one.
    yield Figure("a second apply, emulated", statistics.median(again), "s", 0.5)


def _boot(folder: Path, append: str, text: str) -> float:
    with VM(folder, radios=1, shell=False, append=append) as vm:
        began = time.monotonic()
        vm.power_on()
        vm.serial.expect(text, timeout=400)
        return time.monotonic() - began


def booting(folder: Path) -> Iterator[Figure]:
    wizard, login = [], []
    for _turn in range(ROUNDS):
        login.append(_boot(folder / "login", MASKED, "login:"))
        wizard.append(_boot(folder / "wizard", "", "Just start"))
    print(f"# wizard {wizard} login {login}", flush=True)
    ratio = statistics.median(wizard) / statistics.median(login)
    yield Figure("boot to the wizard / to a login prompt", ratio, "ratio", 1.1)


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from applying(Path(folder) / "apply")
        yield from booting(Path(folder))
