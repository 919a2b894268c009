"""mesh.routing olsr: olsrd (RFC 3626, with link quality) between the mesh links, where it is installed. It has no key:
who gets onto a link is believed. IPv4 alone: the links carry the node's own address, and its network is announced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends import olsr_info
from byzwizard.backends.interfaces import index, ip, ipv4, must_have
from byzwizard.backends.protocol import Dump, Protocol, Speaking, udp_port
from byzwizard.backends.routes import PROTO_SHARED
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class
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


@step_class
class LinkAddresses(Step):
    """The mesh links carry `address`, a /32; with None, none of those that carried one. Which they are is in LINKS, as
    the unit's environment."""

    links: tuple[str, ...] = ()
    address: str | None = None

    @property
    def _text(self) -> str | None:
        return None if self.address is None else f"LINKS={' '.join(self.links)}\nADDRESS={self.address}\n"

    def needed(self, system: System) -> bool:
        return system.read(LINKS) != self._text or any(ipv4(name) != f"{self.address}/32" for name in self.links)

    def before(self, system: System) -> Any:
        """The former text of LINKS."""
        return system.read(LINKS)

    def apply(self, system: System, progress: Progress) -> None:
        for name in self.links:
            must_have(name)
        _take(system, system.read(LINKS))
        _give(system, self._text)

    def undo(self, system: System, before: Any) -> None:
        _take(system, self._text)
        _give(system, before)


def _take(system: System, text: str | None) -> None:
    links, address = _given(text)
    gone = [f"addr del {address}/32 dev {name}" for name in links if ipv4(name) == f"{address}/32"]
    if gone:
        ip(system, *gone)
    system.remove(LINKS)


def _give(system: System, text: str | None) -> None:
    if text is not None:
        links, address = _given(text)
        ip(system, *(f"addr replace {address}/32 dev {name}" for name in links if index(name) is not None))
        system.write(LINKS, text)


def _given(text: str | None) -> tuple[list[str], str | None]:
    """The links and their address."""
    fields = dict(line.partition("=")[::2] for line in (text or "").splitlines())
    return fields.get("LINKS", "").split(), fields.get("ADDRESS")


class Olsr(Protocol):
    name = "olsr"
    unit = UNIT
    frames = IPV4

    def start(self, resolved: Resolved) -> Sequence[Step]:
        names = resolved.routed
        return (
            LinkAddresses(id="olsr-addresses", network=True, links=names, address=resolved.address,
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
            LinkAddresses(id="olsr-addresses", network=True, after=("olsr-stop",),
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
