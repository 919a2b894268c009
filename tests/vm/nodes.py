"""Nodes inside the VM: the same image in systemd-nspawn, each with its own network and its own radio."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tests.vm.say import say

if TYPE_CHECKING:
    from tests.vm.harness import VM

ROOT = "/run/nodes/root"
LIVE = "/run/live/rootfs"


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

    def booted(self, timeout: float = 300) -> Node:
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
        """Take it away, as a power cut does."""
        unit = self.name
        self.vm.sh(f"systemctl kill -s KILL {unit}; systemctl reset-failed {unit}; ip netns delete {unit}")

    def journal(self, lines: int = 200) -> str:
        return self.sh(f"journalctl --no-pager -n {lines}")[1]


def hear(vm: VM, **masks: int) -> None:
    """Who hears whom: radios whose masks share a bit. phy0=1, phy1=3, phy2=2 is a line with phy1 in the middle."""
    for phy, mask in masks.items():
        group = f"/sys/kernel/debug/ieee80211/{phy}/hwsim/group"
        vm.wait(f"test -e {group}", 120, f"the simulated radio {phy}")
        vm.run(f"echo {mask} >{group}")


def cable(vm: VM, one: str, other: str) -> None:
    """A cable between two nodes, or between a node and the VM itself (""): eth0 is its end in each."""
    run = vm.run
    run(f"ip link add {one or 'vm'}-{other or 'vm'} type veth peer name {other or 'vm'}-{one or 'vm'}")
    for here, there in ((one, other), (other, one)):
        if here:
            run(f"ip link set {here}-{there or 'vm'} netns {here} name eth0")
