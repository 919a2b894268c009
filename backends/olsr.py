"""mesh.routing olsr: olsrd (RFC 3626, with link quality) between the mesh links, where it is installed. It has no key:
who gets onto a link is believed. IPv4 alone: the links carry the node's own address, and its network is announced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.backends import olsr_info
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.backends.protocol import Dump, Protocol, Speaking, udp_port
from byzwizard.backends.routes import PROTO_SHARED
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.plan import Step
from byzwizard.routings import ROUTINGS

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/olsr"
CONFIG = f"{FOLDER}/olsrd.conf"
LINKS = "/run/byzantium/olsr-links"
UNIT = "byz-olsr.service"
PORT = 698  # RFC 3626
IPV4 = 0x0800  # ETH_P_IP


def configuration(resolved: Resolved) -> str:
    """The text of olsrd's configuration. On a cable all hear each other, on the air they need not."""
    cables = {link.name for link in resolved.links if link.kind == "wired"}
    interfaces = "\n".join(
        f'Interface "{name}"\n{{\n\tMode "{"ether" if name in cables else "mesh"}"\n}}' for name in resolved.routed)
    return fill(
        "olsrd.conf",
        folder=FOLDER,
        address=resolved.address,
        network=resolved.subnet.removesuffix("/24"),
        proto=str(ROUTINGS["olsr"].kernel),
        shared=str(PROTO_SHARED),
        port=str(olsr_info.PORT),
        interfaces=interfaces,
    )


class Olsr(Protocol):
    name = "olsr"
    unit = UNIT
    frames = IPV4

    def start(self, resolved: Resolved) -> Sequence[Step]:
        names = resolved.routed
        return (
            LinkAddresses(id="olsr-addresses", file=LINKS, network=True, links=names, address=resolved.address,
                          text=_("Give the mesh links the address {address} too").format(address=resolved.address)),
            ConfigFile(id="olsr-file", path=CONFIG, content=configuration(resolved), mode=0o600,
                       text=_("Write down how ways through the mesh are found")),
            RunUnit(id="olsr", unit=UNIT, files=(CONFIG, LINKS), network=True,
                    ready=Speaking(self, names, resolved.subnet), after=("olsr-addresses", "olsr-file"),
                    text=_("Look for ways to other nodes, and announce {subnet}").format(subnet=resolved.subnet)),
        )

    def stop(self) -> Sequence[Step]:
        return (
            StopUnit(id="olsr-stop", unit=UNIT, network=True, text=_("Look for no ways by olsr")),
            LinkAddresses(id="olsr-addresses", file=LINKS, network=True, after=("olsr-stop",),
                          text=_("Give mesh links no address of olsr")),
        )

    def admitted(self) -> str:
        return f"ip saddr 10.0.0.0/8 udp dport {PORT} accept"

    def read(self, system: System, timeout: float = 1.0) -> Dump:
        return olsr_info.read(system, timeout=timeout)

    def speaks(self, frame: bytes) -> bool:
        header = (frame[0] & 15) * 4 if frame else 0
        return udp_port(frame, header, protocol_at=9) == PORT


OLSR = Olsr()
