"""Copies against dd and cp of the same bytes, in the virtual machine, every drive throttled alike: else the emulator is
what is measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.figure import Figure
from tests.bench.node import spent
from tests.vm.harness import VM, Drive, blank

GB = 10**9
WRITE, READ = 20_000_000, 40_000_000  # bytes a second, of every stick
COPYING = Path(__file__).with_name("copying.py")


def copy(vm: VM, *serials: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(vm.run(f"python3 /run/copying.py {' '.join(serials)}", 900))
    assert told["status"] == 0, told
    return told


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sticks = [
            Drive(blank(folder / f"stick-{n}.img", 2 * GB), "usb", f"STICK-{n}", limit=WRITE, read_limit=READ)
            for n in range(4)
        ]
        with VM(folder / "vm", medium="usb", read_limit=READ, drives=sticks, serial=None) as vm:
            vm.start().booted()
            vm.run("systemctl stop byz-wizard@tty1")
            vm.put("/run/copying.py", COPYING.read_text())
            yield from figures(vm)


def cold(vm: VM) -> None:
    """What was read of the medium before is read again."""
    vm.run("sync; echo 3 >/proc/sys/vm/drop_caches")


def figures(vm: VM) -> Iterator[Figure]:
    cold(vm)
    one = copy(vm, "STICK-0")
    count = one["bytes"]
    path = vm.run("lsblk -dno PATH,SERIAL | awk '$2 == \"STICK-1\" {print $1}'").strip()
    dd = spent(vm, f"dd if=/dev/zero of={path} bs=4M oflag=direct iflag=count_bytes count={count} conv=fsync").wall
    read = spent(vm, f"dd if={path} of=/dev/null bs=4M iflag=direct,count_bytes count={count}").wall
    vm.run(f"mkfs.vfat -I {path} && mkdir -p /run/cp && mount {path} /run/cp")
    cold(vm)
    cp = spent(vm, "cp -a /run/live/medium/live /run/live/medium/boot /run/cp/ && sync").wall
    vm.run("umount /run/cp")
    cold(vm)
    four = copy(vm, "STICK-0", "STICK-1", "STICK-2", "STICK-3")
    print(f"# one {one} dd {dd} read {read} cp {cp} four {four}", flush=True)
    yield Figure("a copy written / dd of the same bytes", one["written"] / dd, "ratio", 1.05)
    yield Figure("a copy written / cp -a and sync", one["written"] / cp, "ratio", 0.95)
    yield Figure("four copies at once / one", four["written"] / one["written"], "ratio", 1.25)
    yield Figure("a copy checked / read", one["checked"] / read, "ratio", 1.1)
    yield Figure("four copies at once, peak memory", four["memory"] / 1e6, "MB", 150)


if __name__ == "__main__":
    for figure in measure():
        print(figure.line(), flush=True)
