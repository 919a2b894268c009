"""The stage "batman": with mesh.routing batman-adv the kernel makes one link of all mesh links, bat0, and babeld speaks
on that alone. Everything behind it is one hop away, as on a cable. The stage stands before that of babeld: there is
nothing to speak on without the link."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends import beneath
from byzwizard.backends.babel import Babel
from byzwizard.backends.interfaces import attribute, index, ip, is_up, mac, port_of
from byzwizard.backends.mesh import link_settings
from byzwizard.backends.protocol import Beneath
from byzwizard.backends.settings import KernelSettings
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.facts import Facts
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

BAT = "bat0"  # as in byzwizard.routings
WHOLE = 1532  # bytes: a frame of 1500 and batman-adv's 32; smaller links get it in fragments
FRAMES = 0x4305  # ETH_P_BATMAN
HOP_PENALTY = 15  # of 255, what Gluon takes: the kernel's 30 prefers one bad hop over two good ones


@step_class
class JoinLinks(Step):
    """bat0, with these links as its ports and an address made from that of the first."""

    links: tuple[str, ...]

    def _address(self, system: System) -> str | None:
        first = mac(system, self.links[0])
        return bat_address(first) if first else None

    def needed(self, system: System) -> bool:
        return (index(BAT) is None or not is_up(system, BAT) or set(ports(system)) != set(self.links)
                or mac(system, BAT) != self._address(system))

    def before(self, system: System) -> Any:
        """{"there": was bat0 there?, "mac": its address, "ports": its ports, "mtu": {link: bytes}}."""
        return {
            "there": index(BAT) is not None,
            "mac": mac(system, BAT),
            "ports": ports(system),
            "mtu": {name: attribute(system, name, "mtu") for name in self.links},
        }

    def apply(self, system: System, progress: Progress) -> None:
        address = self._address(system)
        if index(BAT) is None:
            ip(system, f"link add {BAT}{f' address {address}' if address else ''} type batadv")
            system.run("batctl", "meshif", BAT, "hop_penalty", str(HOP_PENALTY))
        elif address and mac(system, BAT) != address:
            name_whole(system, address)
        for name in set(ports(system)) - set(self.links):
            ip(system, f"link set dev {name} nomaster")
        for name in self.links:
            with contextlib.suppress(StepFailed):  # a driver that takes no more than 1500
                ip(system, f"link set dev {name} mtu {WHOLE}")
            if port_of(system, name) != BAT:
                ip(system, f"link set dev {name} master {BAT}")
        ip(system, f"link set dev {BAT} up")

    def undo(self, system: System, before: Any) -> None:
        dissolve(system, [] if not before["there"] else before["ports"])
        if before["mac"] and index(BAT) is not None and mac(system, BAT) != before["mac"]:
            name_whole(system, before["mac"])
            ip(system, f"link set dev {BAT} up")
        for name, mtu in before["mtu"].items():
            if mtu is not None and index(name) is not None:
                ip(system, f"link set dev {name} mtu {mtu}")


@step_class
class PartLinks(Step):
    """No bat0 any more."""

    def needed(self, system: System) -> bool:
        return index(BAT) is not None

    def before(self, system: System) -> Any:
        return ports(system)

    def apply(self, system: System, progress: Progress) -> None:
        dissolve(system, [])

    def undo(self, system: System, before: Any) -> None:
        links = tuple(name for name in before if index(name) is not None)
        if links:
            JoinLinks(id="", text="", links=links).apply(system, lambda _done, _total: None)


def bat_address(mac: str) -> str:
    """The MAC of bat0 on the node whose first mesh link has `mac`: another one, so that the kernel can tell them
    apart, and as hidden or permanent as that one."""
    return f"{int(mac[:2], 16) ^ 0x10:02x}{mac[2:].lower()}"


def name_whole(system: System, address: str) -> None:
    """bat0 gets another MAC. It is left down: the link-local address that goes with it comes when it is put up."""
    ip(system, f"link set dev {BAT} down", f"link set dev {BAT} address {address}")


def ports(system: System) -> list[str]:
    """The interfaces that bat0 is made of."""
    names = (entry.name for entry in sorted(system.path("/sys/class/net").glob("*")))
    return [name for name in names if name != BAT and port_of(system, name) == BAT]


def dissolve(system: System, keep: Sequence[str]) -> None:
    """Take all ports but `keep` away, and bat0 with the last of them."""
    gone = [f"link set dev {name} nomaster" for name in ports(system) if name not in keep]
    if not keep and index(BAT) is not None:
        gone.append(f"link del dev {BAT}")
    if gone:
        ip(system, *gone)


class Batman(Babel):
    """babeld, on bat0."""

    name = "batman-adv"
    frames = FRAMES

    def speaks(self, frame: bytes) -> bool:
        return True

    def amiss(self, system: System, facts: Facts) -> str | None:
        for link in facts.links:
            if port_of(system, link.name) != BAT:
                return _("The mesh link {name} is not part of {whole}.").format(name=link.name, whole=BAT)
        return None

    def beneath(self, system: System) -> Beneath:
        return beneath.read(system)


class BatmanStage:
    name = "batman"

    @property
    def title(self) -> str:
        return _("One link of all")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        if BAT not in resolved.routed:
            return (PartLinks(id="bat-off", network=True, text=_("Let each mesh link be one of its own again")),)
        links = tuple(link.name for link in resolved.links)
        return (
            JoinLinks(id="bat-links", network=True, links=links,
                      text=_("Make one link, bat0, of {links} by batman-adv").format(links=", ".join(links))),
            KernelSettings(id="bat-settings", values=link_settings(BAT), after=("bat-links",),
                           text=_("Take no orders from others over {name}").format(name=BAT)),
        )


BATMAN = Batman()
STAGE = BatmanStage()
