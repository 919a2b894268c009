"""mesh.routing babel: babeld between the mesh links, keyed by the mesh's secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.backends import ahcp, babel_socket, leased
from byzwizard.backends.linkaddresses import LinkAddresses
from byzwizard.backends.protocol import Dump, Protocol, Speaking, udp_port
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.keys import is_legacy
from byzwizard.plan import Step
from byzwizard.routings import ROUTINGS

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/babel"
CONFIG = f"{FOLDER}/babel.conf"
# systemd reads it as the environment of a command that is run as root: not in the folder that babeld may write to.
LINKS = "/run/byzantium/babel-links"
OLD = "/run/byzantium/babel-old"  # the links that have an address for nodes of the old Byzantium
UNIT = "byz-babel.service"
PORT = 6696  # RFC 8966
IPV6 = 0x86DD  # ETH_P_IPV6
OWNER = (955, 955)  # byz-babel
# On one link of many hops everybody is a neighbour and costs the same, so that a way counts by how long its answers
# take too, as in tunnels: 20 more for each millisecond, where a link over the air costs 256. It begins at nothing and
# is linear, so that nobody seems nearer by way of another.
MANY_HOPS = "type wireless enable-timestamps true rtt-min 1 rtt-max 101 max-rtt-penalty 2000"


def configuration(resolved: Resolved) -> str:
    """The text of babeld's configuration."""
    key = resolved.keys.babel
    kinds = {link.name: "type wired" for link in resolved.links if link.kind == "wired"}
    kinds |= {island.name: "type tunnel" for island in resolved.islands}  # a way counts by how long its answers take
    if whole := ROUTINGS[resolved.answers.mesh.routing].whole:
        kinds[whole] = MANY_HOPS
    interfaces = "\n".join(f"interface {name} {kinds.get(name, 'type wireless')}" for name in resolved.routed)
    return fill(
        "babel.conf",
        key=f"key id byz type hmac-sha256 value {key}" if key else "# The mesh is open: there is no key.",
        use_key=" key byz" if key else "",
        interfaces=interfaces,
        subnet=resolved.subnet,
        address=resolved.address,
        ula=resolved.ula,
        ula_address=resolved.ula_address,
        ula_mesh=resolved.ula_mesh,
        **leases(resolved),
    )


def _addresses(links: tuple[str, ...], address: str | None, after: tuple[str, ...] = ()) -> LinkAddresses:
    """A babeld of 2012 takes no way by IPv4 from a neighbour without such an address (RFC 9229 came in 2022)."""
    text = (_("Give the mesh links the address {address} too") if address
            else _("Give mesh links no address of their own"))
    return LinkAddresses(id="babel-addresses", file=OLD, network=True, links=links, address=address,
                         after=after, text=text.format(address=address))


def leases(resolved: Resolved) -> dict[str, str]:
    """Where addresses are leased: the single one of this node is announced, and those of others are believed."""
    if not ahcp.asked(resolved):
        return {"lease": "", "leases": ""}
    return {
        "lease": f"redistribute local if {leased.INTERFACE} ip {leased.MESH4} eq 32 allow\n" + "\n".join(
            f"redistribute local if {leased.INTERFACE} ip {network} eq 128 allow" for network in leased.WIDE6),
        "leases": f"in ip {leased.MESH4} eq 32 allow\nin ip {resolved.ula_mesh} deny\n" + "\n".join(
            f"in ip {network} eq 128 allow" for network in leased.WIDE6),
    }


class Babel(Protocol):
    name = "babel"
    unit = UNIT
    frames = IPV6

    def start(self, resolved: Resolved) -> Sequence[Step]:
        names = resolved.routed
        # A station may wait for its hub for days.
        waiting = {link.name for link in resolved.links if link.kind == "station"}
        waiting |= {island.name for island in resolved.islands}  # its duty looks after it
        awaited = " ".join(name for name in names if name not in waiting)
        old = is_legacy(resolved.answers.mesh)
        return (
            _addresses(resolved.routed if old else (), resolved.address if old else None),
            ConfigFile(id="babel-file", path=CONFIG, content=configuration(resolved), mode=0o600, owner=OWNER,
                       text=_("Write down how ways through the mesh are found")),
            ConfigFile(id="babel-links", path=LINKS, content=f"LINKS={awaited}\n",
                       text=_("Write down which links to wait for")),
            RunUnit(id="babel", unit=UNIT, files=(CONFIG, LINKS), network=True,
                    ready=Speaking(self, names, resolved.subnet),
                    after=("babel-addresses", "babel-file", "babel-links"),
                    text=_("Look for ways to other nodes, and announce {subnet}").format(subnet=resolved.subnet)),
        )

    def stop(self) -> Sequence[Step]:
        return (StopUnit(id="babel-stop", unit=UNIT, network=True, text=_("Look for no ways to other nodes")),
                _addresses((), None, after=("babel-stop",)))

    def admitted(self) -> str:
        """From link-local addresses alone; who speaks is noted, for babeld takes those alone that have the key."""
        speaks = f"ip6 saddr fe80::/10 udp dport {PORT}"
        return f"{speaks} update @speakers {{ ip6 saddr }}\n\t\t{speaks} accept"

    def read(self, system: System, timeout: float = 1.0) -> Dump:
        return babel_socket.read(system, timeout=timeout)

    def speaks(self, frame: bytes) -> bool:
        return udp_port(frame, header=40, protocol_at=6) == PORT


BABEL = Babel()
