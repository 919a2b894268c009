"""A provider, a node with its cable, a second node behind the mesh, and a phone of each, in network namespaces."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from byzwizard.backends import firewall, gateway
from byzwizard.backends.babel import configuration
from byzwizard.machine import Machine, Wired
from byzwizard.resolve import MeshLink, Resolved
from tests.net.spaces import TREE, Inside, Spaces, resolved, spaces

KNOWN = ("9.9.9.9", "149.112.112.112", "1.1.1.1")  # the first three of internet.dns
ABROAD, PRINTER = "203.0.113.5", "192.168.7.9"  # somebody on the Internet, somebody in the owner's own network
MACHINE = Machine(wired=(Wired(interface="eth0", mac="02:00:00:00:00:01", driver=None, carrier=True),))


def node(letter: str, subnet: str, share: Any = "ask") -> Resolved:
    it = resolved(letter, subnet=subnet)
    internet = it.answers.internet.model_copy(update={"share": share})
    return replace(it, answers=it.answers.model_copy(update={"internet": internet}),
                   links=(MeshLink(interface="mesh0", name="mesh0", kind="802.11s"),))


@dataclass
class Lab:
    made: Spaces
    root: Path
    here: str = ""
    there: str = ""
    provider: str = ""
    phone: str = ""
    far: str = ""
    duty: subprocess.Popen[str] | None = None
    babels: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def uplink(self) -> Path:
        return self.root / "run/byzantium/uplink"

    def port(self, name: str = "eth0") -> dict[str, Any]:
        try:
            rows: list[dict[str, Any]] = json.loads((self.uplink / "state.json").read_text())["ports"]
        except FileNotFoundError:
            rows = []
        return next((row for row in rows if row["port"] == name), {"state": None})

    def reaches(self, who: str, target: str) -> bool:
        return self.made.run(who, "ping", "-c", "1", "-W", "1", target).returncode == 0

    def leads_out(self, who: str) -> bool:
        return "via" in self.made.run(who, "ip", "route", "show", "type", "unicast", "default", "proto", "babel").stdout

    def begin(self, share: Any) -> None:
        """The stages of the node with the cable, and its duty as the unit starts it."""
        it = node("h", "10.1.1.0/24", share)
        for step in firewall.STAGE.steps(node("t", "10.2.2.0/24"), Machine()):
            step.apply(Inside(self.there, self.root / "there"), lambda done, total: None)
        system = Inside(self.here, self.root)
        for stage in (firewall.STAGE, gateway.STAGE):
            for step in stage.steps(it, MACHINE):
                if step.id != "gateway":
                    step.apply(system, lambda done, total: None)
        self.duty = self.program("from byzwizard import gateway\ngateway.main()\n")

    def program(self, code: str) -> subprocess.Popen[str]:
        """Python on the node, with the real paths in a file system of its own."""
        given = ("from byzwizard.backends import listening\n"
                 f"listening.SCRIPT = {str(TREE / 'iso/overlay/usr/lib/byzantium/lease')!r}\n")
        return self.made.start(self.here, "unshare", "--mount", "sh", "-c",
                               'mkdir -p /run/byzantium; mount --bind "$0" /run/byzantium; exec "$@"',
                               str(self.root / "run/byzantium"), sys.executable, "-c", given + code)

    def end(self) -> None:
        assert self.duty is not None
        self.duty.terminate()
        self.duty.wait(15)

    def route(self, space: str, it: Resolved) -> None:
        place = self.root / f"{space}.babel"
        place.write_text(configuration(it).replace("/run/byzantium/babel/socket", str(self.root / f"{space}.socket")))
        self.babels.append(self.made.start(space, "babeld", "-I", "", "-S", "", "-c", str(place)))


def _node(made: Spaces, name: str, it: Resolved) -> str:
    space = made.add(name)
    made.ip(space, "link add clients0 type bridge forward_delay 0", "link add keep0 type veth peer name keep1",
            "link set keep0 master clients0 up", "link set keep1 up", "link set clients0 up",
            f"addr add {it.address}/24 dev clients0", f"addr add {it.ula_address}/64 dev clients0 nodad")
    made.run(space, "sysctl", "-q", "-w", "net/ipv4/conf/all/forwarding=1", "net/ipv4/conf/all/rp_filter=0",
             "net/ipv4/conf/default/rp_filter=0", "net/ipv6/conf/all/forwarding=1")
    return space


def _phone(made: Spaces, name: str, space: str, address: str) -> str:
    phone = made.add(name)
    made.cable(space, f"to-{name}", phone, "wlan0")
    made.ip(space, f"link set to-{name} master clients0")
    made.ip(phone, f"addr add {address}/24 dev wlan0", f"route add default via {address.rpartition('.')[0]}.1")
    return phone


def provide(lab: Lab) -> None:
    """The provider's DHCP server, and its name servers at the well-known addresses."""
    lab.made.start(lab.provider, "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--no-resolv",
                   "--no-hosts", "--conf-file=/dev/null", f"--dhcp-leasefile={lab.root}/provider.leases",
                   "--dhcp-range=192.168.7.50,192.168.7.99,255.255.255.0,2m", "--dhcp-authoritative",
                   "--address=/www.example.org/203.0.113.5")


@contextmanager
def laboratory(root: Path) -> Iterator[Lab]:
    with spaces() as made:
        found = Lab(made, root)
        here, there = node("h", "10.1.1.0/24"), node("t", "10.2.2.0/24")
        found.here, found.there = _node(made, "here", here), _node(made, "there", there)
        found.provider = made.add("provider")
        made.cable(found.here, "mesh0", found.there, "mesh0")
        made.cable(found.here, "eth0", found.provider, "lan0")
        made.ip(found.here, "link set eth0 down")
        made.ip(found.provider, "addr add 192.168.7.1/24 dev lan0", f"addr add {PRINTER}/24 dev lan0",
                f"addr add {ABROAD}/32 dev lo", *(f"addr add {address}/32 dev lo" for address in KNOWN))
        found.phone = _phone(made, "phone", found.here, "10.1.1.50")
        found.far = _phone(made, "far", found.there, "10.2.2.50")
        (root / "run/byzantium/uplink").mkdir(parents=True)
        try:
            yield found
        finally:
            if found.duty and found.duty.poll() is None:
                found.end()
