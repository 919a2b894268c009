"""The Internet as `status` shows it: the wired ports, who shares what, and what a person could do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import gateway, strangers, tables, wifi
from byzwizard.backends.checks import Check
from byzwizard.backends.facts import Facts
from byzwizard.backends.neighbours import Known
from byzwizard.backends.protocol import Dump
from byzwizard.backends.units import running
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from byzwizard.backends.system import System


@dataclass(frozen=True)
class PortState:
    """One row of byzwizard.gateway's state.json."""

    port: str
    state: str
    address: str | None
    router: str | None
    server: str | None
    stranger: str | None  # None for a refused port: it leads back to this node
    shared: bool
    allowed: bool
    working: bool
    asks: bool  # nobody has said yet whether it is to be shared
    network: str | None  # the Wi-Fi network that a radio is to join
    interface: str  # what internet.share calls the port

    @property
    def name(self) -> str:
        """For a person."""
        return self.port if self.network is None else _("Wi-Fi “{ssid}”").format(ssid=self.network)


def ports(system: System) -> list[PortState] | None:
    """None where wired ports are not looked after."""
    try:
        return [PortState(**row) for row in json.loads(system.read(gateway.STATE) or "null")["ports"]]
    except (ValueError, TypeError, KeyError):
        return None


def look(system: System) -> tuple[list[PortState], list[Check]]:
    """The ports, and what is to be said of them and of who else gives out addresses."""
    try:
        wanted = tables.loaded(system, "byz-gateway") is not None
        rogues = [_rogue(mac) for port, mac in strangers.read(system).items() if port.startswith("ap")]
    except ByzantiumError:
        wanted, rogues = False, []
    if not wanted:
        return [], rogues
    found = ports(system)
    if found is None or not running(system, gateway.UNIT):
        return [], [*rogues, Check("ports", False, _("The wired ports are not looked after."),
                          _("See `journalctl -u {unit}`; `byzwizard apply` starts it again.").format(
                              unit=gateway.UNIT))]
    said = [check for port in found for check in (_internet(port), _wifi(system, port), _stranger(port)) if check]
    return found, said + rogues


def _rogue(mac: str) -> Check:
    return Check("stranger", True,
                 _("A device on the network for phones gives out addresses too ({mac}).").format(mac=mac),
                 _("Phones that believe it lead nowhere, or to it. Find its owner, or give the network a passphrase."))


def _internet(port: PortState) -> Check | None:
    if port.state not in ("uplink", "held"):
        return None
    if port.shared:
        return Check("internet", True, _("The Internet at {port} is shared with the mesh.").format(port=port.name))
    if port.allowed:
        return Check("internet", True, _("{port} does not lead to the Internet now, so nothing is shared.").format(
            port=port.name), _("Look at the modem or router at the other end; it is tried again all the time."))
    if port.working:
        return Check("ask-internet" if port.asks else "internet", True,
                     _("{port} leads to the Internet, which is not shared.").format(port=port.name),
                     _("To share it, set internet.share to auto or [{port}] and apply.").format(port=port.interface))
    return None


def _wifi(system: System, port: PortState) -> Check | None:
    if port.network is None or port.state in ("uplink", "held"):
        return None
    if port.state == "listening":
        return Check("wifi", True, _("“{ssid}” is joined, and has given no address yet.").format(ssid=port.network))
    advice = (_("It refuses this node: compare internet.wifi.passphrase with the one that others use.")
              if wifi.refused(system, port.port) else
              _("It is not heard here; it is joined as soon as it is. Is the name in internet.wifi right?"))
    return Check("wifi", True, _("The Wi-Fi network “{ssid}” is not joined.").format(ssid=port.network), advice)


def _stranger(port: PortState) -> Check | None:
    if port.state != "refused":
        return None
    if port.stranger is None:
        return Check("loop", True, _("{port} leads back to this node: nobody is served there.").format(port=port.name),
                     _("Two cables of this node are in the same network: pull one of them out."))
    return Check("stranger", True,
                 _("Another computer at {port} gives out addresses too ({mac}): nobody is served there.").format(
                     port=port.port, mac=port.stranger),
                 _("Unplug it, or plug this node into it by a port that listens first."))


def shared_by(found: list[PortState], dump: Dump, facts: Facts, names: Mapping[str, Known]) -> dict[str, Any] | None:
    """The field "gateway": {"here", "interface", "name", "via", "address"}; None where nothing leads out.

    Of a way through the mesh, `name` and `via` are of the next node on it, which may not be the one with the cable."""
    for port in found:
        if port.shared:
            return {"here": True, "interface": port.port, "name": facts.name, "via": port.router,
                    "address": port.address}
    way = next((way for way in dump.ways if way.prefix == "0.0.0.0/0" and way.installed and way.metric), None)
    if way is None:
        return None
    near = dump.announced_by(way.via)
    node = near.prefix.removesuffix("0/24") + "1" if near else None
    known = names.get(node) if node else None
    return {"here": False, "interface": way.interface, "name": known.label if known else None,
            "via": node or way.via, "address": None}
