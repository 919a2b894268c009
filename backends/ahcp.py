"""The stage "lease": with mesh.addresses ahcp this node asks the AHCP servers of the mesh for an address beside its own
ones, passes on what others ask, and has the address announced by routing. The servers are not ours, and need not be
there: a node without a lease works as any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends import leased
from byzwizard.backends.interfaces import index, ip, is_up
from byzwizard.backends.leased import INTERFACE
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit, running
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class
from byzwizard.routings import ROUTINGS

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

UNIT = "byz-ahcp.service"
SETTINGS = "/run/byzantium/ahcp-settings"
ID = "/run/byzantium/ahcp-id"
PORT = 5359
ACK = 3  # AHCP_ACK of ahcpd's protocol.h
LESSORS = "lessors"
# From the server's id to the kind of message: behind the UDP header come 24 bytes, of which the last 16 are source and
# destination, and then the message (transport.c).
SET = """set {name} {{
		typeof @th,128,64
		size 16
		flags dynamic, timeout
		timeout 26h
	}}"""
RULES = """ip6 saddr fe80::/10 udp dport {port} @th,192,64 {id} @th,256,8 {ack} update @{name} {{ @th,128,64 }}
		ip6 saddr fe80::/10 udp dport {port} accept"""


def asked(resolved: Resolved) -> tuple[str, ...]:
    """The links on which servers are asked; none where addresses are not leased. Neither phones nor islands are."""
    if resolved.answers.mesh.addresses != "ahcp" or not resolved.links:
        return ()
    whole = ROUTINGS[resolved.answers.mesh.routing].whole
    return tuple(link.name for link in resolved.links) if whole is None else (whole,)


def identity(resolved: Resolved) -> str:
    """The eight bytes by which servers know this node, so that it gets the same address again: as ahcpd wants them in
    its file, and as nobody has to remember them."""
    return resolved.node_id[:8]


def lessors(resolved: Resolved) -> str:
    """The set of nftables with the ids of servers that have leased an address to this node."""
    return SET.format(name=LESSORS) if asked(resolved) else ""


def admitted(resolved: Resolved) -> str:
    """The rules of nftables that let servers and those who ask for them in."""
    number = f"0x{identity(resolved).encode().hex()}"
    return RULES.format(port=PORT, id=number, ack=ACK, name=LESSORS) if asked(resolved) else ""


def lessor(system: System) -> str | None:
    """The id of the server that has leased this node an address last, as eight bytes; None where it is not known."""
    result = system.run("nft", "-j", "list", "set", "inet", "byz-filter", LESSORS, ok=(0, 1), timeout=5)
    if result.status != 0:
        return None
    found = [(int(element["elem"]["expires"]), int(element["elem"]["val"]))
             for entry in json.loads(result.out)["nftables"] for element in entry.get("set", {}).get("elem", ())]
    # nft writes the upper half of 64 bits as negative numbers.
    return (max(found)[1] % 2**64).to_bytes(8).hex(":") if found else None


@step_class
class LeaseInterface(Step):
    """`ahcp0`, up and without an address."""

    def needed(self, system: System) -> bool:
        return index(INTERFACE) is None or not is_up(system, INTERFACE)

    def before(self, system: System) -> Any:
        return {"there": index(INTERFACE) is not None}

    def apply(self, system: System, progress: Progress) -> None:
        commands = [] if index(INTERFACE) is not None else [f"link add {INTERFACE} type dummy"]
        ip(system, *commands, f"link set dev {INTERFACE} addrgenmode none", f"link set dev {INTERFACE} up")

    def undo(self, system: System, before: Any) -> None:
        if index(INTERFACE) is not None and not before["there"]:
            ip(system, f"link del dev {INTERFACE}")


@step_class
class Lease(Step):
    """One thing to a person: the interface, the settings and the daemon."""

    links: tuple[str, ...]
    own: tuple[str, ...]  # networks that no leased address may be in
    identity: str

    @property
    def _parts(self) -> tuple[Step, ...]:
        settings = f"LINKS={' '.join(self.links)}\nOWN={' '.join(self.own)}\n"
        return (
            LeaseInterface(id="", text=""),
            ConfigFile(id="", text="", path=SETTINGS, content=settings),
            ConfigFile(id="", text="", path=ID, content=self.identity),
            RunUnit(id="", text="", unit=UNIT, files=(SETTINGS, ID)),
        )

    def needed(self, system: System) -> bool:
        return any(part.needed(system) for part in self._parts)

    def before(self, system: System) -> Any:
        return [part.before(system) for part in self._parts]

    def apply(self, system: System, progress: Progress) -> None:
        for part in self._parts:
            part.apply(system, progress)

    def undo(self, system: System, before: Any) -> None:
        for part, state in reversed(tuple(zip(self._parts, before, strict=True))):
            part.undo(system, state)


@step_class
class NoLease(Step):
    """Nobody is asked, and no leased address is left."""

    @property
    def _stop(self) -> StopUnit:
        return StopUnit(id="", text="", unit=UNIT)

    def needed(self, system: System) -> bool:
        return index(INTERFACE) is not None or running(system, UNIT)

    def before(self, system: System) -> Any:
        return self._stop.before(system)

    def apply(self, system: System, progress: Progress) -> None:
        self._stop.apply(system, progress)
        if index(INTERFACE) is not None:
            ip(system, f"link del dev {INTERFACE}")
        system.remove(leased.STATE)

    def undo(self, system: System, before: Any) -> None:
        if before["active"]:
            LeaseInterface(id="", text="").apply(system, lambda _done, _total: None)
        self._stop.undo(system, before)


class LeaseStage:
    name = "lease"

    @property
    def title(self) -> str:
        return _("Leased address")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        links = asked(resolved)
        if not links:
            return (NoLease(id="lease-off", network=True, text=_("Take no address from AHCP servers")),)
        return (Lease(
            id="lease", network=True, links=links, own=(resolved.subnet, resolved.ula_mesh),
            identity=identity(resolved),
            text=_("Ask the AHCP servers of the mesh for an address beside {address}, and pass on what others ask them"
                   ).format(address=resolved.address)),)


STAGE = LeaseStage()
