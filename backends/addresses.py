"""The stage "addresses": the clients' bridge with this node's addresses, the anycast one, and forwarding."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends.interfaces import (
    DADFAILED,
    attribute,
    index,
    ip,
    ipv4,
    ipv6,
    is_up,
    mac,
    port_of,
)
from byzwizard.backends.settings import KernelSettings
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

BRIDGE, KEEP, ANYCAST = "clients0", "keep0", "here0"
HERE = "10.255.255.1"  # here.byzantium.mesh: the node that one is on
# RFC 5227: three probes, one to two seconds apart, of which arping sends one a second.
PROBES = 3


class AddressTaken(StepFailed):
    """Another computer has the address; `prefix` is the clients' network to avoid."""

    def __init__(self, address: str, prefix: str, who: str) -> None:
        super().__init__(
            _("The address {address} is in use on {bridge} by {who}.").format(
                address=address, bridge=BRIDGE, who=who),
            _("Leave mesh.subnet at auto, or choose another."))
        self.prefix = prefix


def bridge_mac(node_id: str) -> str:
    """Locally administered and steady: phones remember a network by the address of its router."""
    digest = hashlib.sha256(f"byzantium clients0/{node_id}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (digest[0] & 0xFC | 0x02, *digest[1:6]))


@step_class
class ClientsBridge(Step):
    """clients0, up, with the port keep0 that gives it carrier while no phone is there."""

    mac: str

    def needed(self, system: System) -> bool:
        return (attribute(system, BRIDGE, "bridge/stp_state") is None or mac(system, BRIDGE) != self.mac
                or port_of(system, KEEP) != BRIDGE or not is_up(system, BRIDGE) or not is_up(system, KEEP))

    def before(self, system: System) -> Any:
        """{"mac": former address, or None where there was no bridge}."""
        return {"mac": mac(system, BRIDGE)}

    def apply(self, system: System, progress: Progress) -> None:
        commands = []
        if index(BRIDGE) is None:
            # With its address from the first moment: udev (MACAddressPolicy=) gives one of its own to a link that it
            # finds without. Phones move between ports without waiting; snooping without a querier loses router
            # advertisements.
            commands.append(
                f"link add {BRIDGE} address {self.mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        if index(KEEP) is None:
            commands.append(f"link add {KEEP} type dummy")
        commands += [
            f"link set dev {BRIDGE} address {self.mac}",
            f"link set dev {KEEP} addrgenmode none",
            f"link set dev {KEEP} master {BRIDGE} up",
            f"link set dev {BRIDGE} up",
        ]
        ip(system, *commands)

    def undo(self, system: System, before: Any) -> None:
        if before["mac"] is not None:
            if index(BRIDGE) is not None:
                ip(system, f"link set dev {BRIDGE} address {before['mac']}")
            return
        ip(system, *(f"link del dev {name}" for name in (KEEP, BRIDGE) if index(name) is not None))


@step_class
class AnycastAddress(Step):
    """here0 with 10.255.255.1, which means the node that one is on. Its scope keeps it from being a source."""

    def needed(self, system: System) -> bool:
        return ipv4(ANYCAST) != f"{HERE}/32" or not is_up(system, ANYCAST)

    def before(self, system: System) -> Any:
        return {"there": index(ANYCAST) is not None}

    def apply(self, system: System, progress: Progress) -> None:
        commands = [] if index(ANYCAST) is not None else [f"link add {ANYCAST} type dummy"]
        ip(system, *commands,
           f"link set dev {ANYCAST} addrgenmode none",
           f"link set dev {ANYCAST} up",
           f"addr replace {HERE}/32 dev {ANYCAST} scope host")

    def undo(self, system: System, before: Any) -> None:
        if index(ANYCAST) is not None and not before["there"]:
            ip(system, f"link del dev {ANYCAST}")


@step_class
class ClientsAddress(Step):
    """10.x.y.1/24 on clients0, probed first (RFC 5227). Raises AddressTaken."""

    address: str
    prefix: str

    def needed(self, system: System) -> bool:
        return ipv4(BRIDGE) != f"{self.address}/24"

    def before(self, system: System) -> Any:
        """The former address with its length, or None."""
        return ipv4(BRIDGE)

    def apply(self, system: System, progress: Progress) -> None:
        if others(system):
            probe(system, self.address, self.prefix)
        self._replace(system, ipv4(BRIDGE), f"{self.address}/24")

    def undo(self, system: System, before: Any) -> None:
        if index(BRIDGE) is not None and ipv4(BRIDGE) != before:
            self._replace(system, ipv4(BRIDGE), before)

    def _replace(self, system: System, former: str | None, address: str | None) -> None:
        commands = [] if former is None else [f"addr del {former} dev {BRIDGE}"]
        if address is not None:
            commands.append(f"addr add {address} brd + dev {BRIDGE}")
        if commands:
            ip(system, *commands)


def others(system: System) -> bool:
    """Is there anybody who could have our address: has the bridge a port beside keep0 that is up? A probe takes
    its three seconds, and on a bridge that was made a moment ago nobody can answer it."""
    ports = system.path(f"/sys/class/net/{BRIDGE}/brif")
    return any(port.name != KEEP and is_up(system, port.name) for port in ports.glob("*"))


def probe(system: System, address: str, prefix: str) -> None:
    """Ask by ARP who has `address`, from no address. Raises AddressTaken when somebody answers."""
    # Status 1 is an answer, 2 an error of arping itself; `-D` asks from 0.0.0.0.
    result = system.run("arping", "-D", "-q", "-c", str(PROBES), "-w", str(PROBES), "-I", BRIDGE, address, ok=(0, 1))
    if result.status == 1:
        raise AddressTaken(address, prefix, _("another computer"))


@step_class
class UlaAddress(Step):
    """The node's IPv6 address on clients0; the kernel watches for a second one by itself (RFC 4862)."""

    address: str

    def _wanted(self) -> str:
        return f"{self.address}/64"

    def needed(self, system: System) -> bool:
        found = {address for address in ipv6(system, BRIDGE) if address.startswith("fd")}
        return found != {self._wanted()}

    def before(self, system: System) -> Any:
        return [address for address in ipv6(system, BRIDGE) if address.startswith("fd")]

    def apply(self, system: System, progress: Progress) -> None:
        self._replace(system, [self._wanted()])
        if ipv6(system, BRIDGE).get(self._wanted(), 0) & DADFAILED:
            raise StepFailed(_("The address {address} is in use on {bridge} by another computer.").format(
                address=self.address, bridge=BRIDGE))

    def undo(self, system: System, before: Any) -> None:
        if index(BRIDGE) is not None:
            self._replace(system, before)

    def _replace(self, system: System, wanted: list[str]) -> None:
        found = [address for address in ipv6(system, BRIDGE) if address.startswith("fd")]
        commands = [f"addr del {address} dev {BRIDGE}" for address in found if address not in wanted]
        commands += [f"addr add {address} dev {BRIDGE}" for address in wanted if address not in found]
        if commands:
            ip(system, *commands)


FORWARDING = (
    # Writing this one resets others: it comes first.
    ("ipv4/conf/all/forwarding", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    # The stricter of `all` and the interface counts; the other interfaces keep their own filter.
    ("ipv4/conf/all/rp_filter", "0"),
)
BRIDGE_SETTINGS = (
    (f"ipv6/conf/{BRIDGE}/disable_ipv6", "0"),
    (f"ipv6/conf/{BRIDGE}/accept_ra", "0"),
    (f"ipv6/conf/{BRIDGE}/autoconf", "0"),
    (f"ipv6/conf/{BRIDGE}/accept_redirects", "0"),
    (f"ipv4/conf/{BRIDGE}/accept_redirects", "0"),
    (f"ipv4/conf/{BRIDGE}/send_redirects", "0"),
    (f"ipv4/conf/{BRIDGE}/arp_announce", "2"),
)


class AddressesStage:
    name = "addresses"

    @property
    def title(self) -> str:
        return _("Addresses")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (
            KernelSettings(id="forwarding", values=FORWARDING, text=_("Pass on what others send across this node")),
            ClientsBridge(id="bridge", mac=bridge_mac(resolved.node_id), network=True,
                          text=_("Make the network of phones and other clients")),
            KernelSettings(id="bridge-settings", values=BRIDGE_SETTINGS, after=("bridge", "forwarding"),
                           text=_("Take no orders from clients")),
            ClientsAddress(id="address", address=resolved.address, prefix=resolved.subnet, network=True,
                           after=("bridge-settings",),
                           text=_("Give this node the address {address}").format(address=resolved.address)),
            UlaAddress(id="address6", address=resolved.ula_address, network=True, after=("bridge-settings",),
                       text=_("Give this node the address {address}").format(address=resolved.ula_address)),
            AnycastAddress(id="here",
                           text=_("Answer to {address}, which is whatever node one is on").format(address=HERE)),
        )


STAGE = AddressesStage()
