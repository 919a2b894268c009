"""Nodes inside the VM: the same image in systemd-nspawn, each with its own network and its own radio."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.vm.say import say

if TYPE_CHECKING:
    from tests.vm.harness import VM

ROOT = "/run/nodes/root"
LIVE = "/run/live/rootfs"
PROGRAM = "/usr/lib/byzwizard/lib/python3.13/site-packages/byzwizard"


class Node:
    """A container that is a node. Its commands run as root in all of its namespaces."""

    def __init__(self, vm: VM, name: str, phy: str | None) -> None:
        self.vm = vm
        self.name = name
        self.phy = phy
        self.leader = ""

    def start(self, answers: str | None, timeout: float) -> None:
        """Give the radio to a network namespace and boot the node in it, so that the radio is there from the start.

        With answers the node applies them by itself (byz-node.service), like any computer with this credential.
        """
        run = self.vm.run
        run(
            f"mkdir -p {ROOT}; mountpoint -q {ROOT} || "
            f"mount -t overlay -o ro,lowerdir={LIVE}/byzwizard.squashfs:{LIVE}/filesystem.squashfs node {ROOT}"
        )
        run(f"ip netns add {self.name} && ip -n {self.name} link set lo up")
        if self.phy:
            # That of a node which was stopped comes back a moment later.
            self.vm.wait(f"iw phy {self.phy} info", timeout, f"the radio of {self.name}")
            run(f"iw phy {self.phy} set netns name {self.name}")
        options = ""
        if answers is not None:
            path = f"/run/nodes/{self.name}.answers"
            self.vm.put(path, answers, 0o600)
            options = f"--load-credential=byzantium.answers:{path}"
        say(f"{self.name} boots in the VM, its radio is {self.phy or 'none'}")
        run(
            # nspawn itself runs in the network namespace of the node, so that /sys shows the devices of the node.
            f"systemd-run --quiet --unit={self.name} -p Type=notify -p NotifyAccess=all -p KillMode=mixed "
            f"-p TimeoutStartSec=infinity --no-block "
            f"-p NetworkNamespacePath=/run/netns/{self.name} -E SYSTEMD_NSPAWN_API_VFS_WRITABLE=network "
            f"systemd-nspawn --quiet --keep-unit -b -D {ROOT} --volatile=overlay --capability=CAP_NET_ADMIN "
            f"-M {self.name} --hostname={self.name} --resolv-conf=off --timezone=off --link-journal=no "
            f"--notify-ready=yes --console=read-only {options}"
        )
        self.leader = self.vm.wait(
            f"machinectl show -p Leader --value {self.name}", timeout, f"{self.name} to have a first process"
        ).strip()

    def booted(self, timeout: float = 900) -> Node:
        """Wait until its systemd has started everything (and has applied its answers, if it was given any)."""
        self.wait("systemctl is-system-running | grep -qE 'running|degraded'", timeout, f"{self.name} to have booted")
        return self

    def _inside(self, command: str) -> str:
        return f"nsenter -t {self.leader} -m -u -i -n -p -r -w /bin/bash -c {shlex.quote(command)}"

    def sh(self, command: str, timeout: float = 120) -> tuple[int, str]:
        return self.vm.sh(self._inside(command), timeout)

    def run(self, command: str, timeout: float = 120) -> str:
        return self.vm.run(self._inside(command), timeout)

    def wait(self, command: str, timeout: float = 120, what: str = "") -> str:
        return self.vm.wait(self._inside(command), timeout, what or f"{self.name}: {command}")

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        passing = f"/run/nodes/{self.name}.file"
        self.vm.put(passing, text, mode)
        inside = self._inside(f"umask 077; cat >{shlex.quote(path)} && chmod {mode:o} {shlex.quote(path)}")
        self.vm.run(f"{inside} <{passing}; status=$?; rm {passing}; exit $status")

    def stop(self) -> None:
        """Take it away, as a power cut does. Another of its name can be started then."""
        unit = self.name
        self.vm.sh(f"systemctl kill -s KILL {unit}; systemctl stop {unit}; systemctl reset-failed {unit}; "
                   f"ip netns delete {unit}")

    def apply(self, answers: str, timeout: float = 600) -> str:
        """Bring it to these answers; what apply said."""
        self.put("/run/answers.yaml", answers, 0o600)
        return self.run("byzwizard apply /run/answers.yaml", timeout)

    def at_most(self, grade: str | None) -> None:
        """From now on its cards are no better than that; None takes it back."""
        list_of_cards = f"$(readlink -f {PROGRAM}/assets)/hardware.yaml"
        if grade is None:
            self.run(f"while umount {list_of_cards} 2>/dev/null; do :; done")
            return
        quirk = f"{{driver: mac80211_hwsim, at_most: {grade}, reason: Simulated., source: test}}"
        self.put("/run/hardware.yaml", f"format: 1\nquirks:\n  - {quirk}\nchips: []\n")
        self.run(f"mount --bind /run/hardware.yaml {list_of_cards}")

    def facts(self) -> dict[str, Any]:
        """What it is: node.json."""
        found: dict[str, Any] = json.loads(self.run("cat /run/byzantium/node.json"))
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sh("byzwizard status --json")[1])
        return found

    def journal(self, lines: int = 200) -> str:
        return self.sh(f"journalctl --no-pager -n {lines}")[1]


def hear(vm: VM, **masks: int) -> None:
    """Who hears whom: radios whose masks share a bit. phy0=1, phy1=3, phy2=2 is a line with phy1 in the middle. All
    change at one moment."""
    groups = {f"/sys/kernel/debug/ieee80211/{phy}/hwsim/group": mask for phy, mask in masks.items()}
    vm.wait(" && ".join(f"test -e {group}" for group in groups), 120, f"the simulated radios {' '.join(masks)}")
    vm.run(" && ".join(f"echo {mask} >{group}" for group, mask in groups.items()))


def masks_of(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """For hear(): those of each pair hear each other, and nobody else."""
    found: dict[str, int] = {}
    for bit, pair in enumerate(pairs):
        for radio in pair:
            found[radio] = found.get(radio, 0) | 1 << bit
    return found


def cable(vm: VM, one: str, other: str) -> None:
    """A cable between two nodes, or between a node and the VM itself (""): eth0 is its end in each."""
    run = vm.run
    run(f"ip link add {one or 'vm'}-{other or 'vm'} type veth peer name {other or 'vm'}-{one or 'vm'}")
    for here, there in ((one, other), (other, one)):
        if here:
            run(f"ip link set {here}-{there or 'vm'} netns {here} name eth0")
