"""The stage "internet": the wired ports, and a way to the Internet for the mesh where the owner allows it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.backends.tables import LoadTable
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.plan import Step
from byzwizard.resolve import CLIENTS

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/uplink"
SETTINGS = f"{FOLDER}/settings.json"
STATE = f"{FOLDER}/state.json"
UNIT = "byz-gateway.service"
MARK = "0x62797a"
"""On a packet between the mesh and the Internet that the table byz-gateway has passed; byz-filter lets it through."""

TUNNEL = 970  # byz-tunnel, for whom the service `tunnel` fetches

PRIVATE = ("0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, "
           "224.0.0.0/3")
"""What is no address on the Internet (RFC 6890), for nftables."""


def ports(resolved: Resolved, machine: Machine) -> tuple[str, ...]:
    """The wired ports that do not mesh, and the radio that leads to the Internet. Raises CannotHere when
    internet.share names another interface."""
    meshing = {link.interface for link in resolved.links}
    found = tuple(port.interface for port in machine.wired if port.interface not in meshing)
    share = resolved.answers.internet.share
    for name in () if isinstance(share, str) else share:
        if name in meshing:
            raise CannotHere(_("internet.share names {name}, which meshes.").format(name=name),
                             _("Take it out of mesh.interfaces, or out of internet.share."))
        uplink = resolved.uplink.interface if resolved.uplink else None
        if name not in (*found, uplink, *resolved.missing):
            raise CannotHere(_("internet.share names {name}, which is not a wired port of this computer.").format(
                name=name), _("`byzwizard inspect` shows what is here; auto shares whatever leads on."))
    return (*found, resolved.uplink.interface) if resolved.uplink else found


def mesh_interfaces(resolved: Resolved) -> str:
    """For nftables: the interfaces of the mesh."""
    cables = [link.name for link in resolved.links if link.kind == "wired"]
    others = [name for name in resolved.routed
              if not name.startswith("mesh") and name not in cables and name != CLIENTS]
    return ", ".join(f'"{name}"' for name in ("mesh*", *cables, *others))


def ruleset(resolved: Resolved) -> str:
    """The text of the table inet byz-gateway."""
    values = {"address": resolved.address, "ula_mesh": resolved.ula_mesh, "mesh": mesh_interfaces(resolved),
              "mark": MARK, "private": PRIVATE, "tunnel": str(TUNNEL)}
    return fill("gateway.nft", hash=hashlib.sha256(repr(values).encode()).hexdigest()[:16], **values)


def settings(resolved: Resolved) -> str:
    """What byzwizard.gateway reads; it knows IPv4 alone, and finds the ports by itself."""
    internet = resolved.answers.internet
    servers = list(internet.servers)
    uplink, share = resolved.uplink, internet.share
    if uplink and not isinstance(share, str):
        share = tuple(uplink.name if name == uplink.interface else name for name in share)
    stations = {uplink.name: {"ssid": uplink.ssid, "interface": uplink.interface}} if uplink else {}
    meshing = [link.interface for link in resolved.links if link.kind == "wired"]
    return json.dumps({"meshing": meshing, "share": share, "dns": servers, "subnet": resolved.subnet,
                       "stations": stations}, ensure_ascii=False) + "\n"


def _state_there(system: System) -> bool:
    return system.path(STATE).exists()


class InternetStage:
    name = "internet"

    @property
    def title(self) -> str:
        return _("Wired ports and Internet")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        names = ports(resolved, machine)
        alone = LoadTable(id="gateway-ports", family="bridge", table="byz-ports", rules=fill("ports.nft", hash="3"),
                          text=_("Note who else gives out addresses to clients, and pass that on to no other port"))
        share = resolved.answers.internet.share
        what = {"ask": _("Listen at {ports} before serving there; share no Internet until asked to"),
                "never": _("Listen at {ports} before serving there; share no Internet"),
                "auto": _("Listen at {ports} before serving there; share the Internet where it is found")}
        text = what[share] if isinstance(share, str) else _(
            "Listen at {ports} before serving there; share the Internet of {shared}")
        known = ", ".join(names) or _("whatever is plugged in")
        return (
            LoadTable(id="gateway-rules", table="byz-gateway", rules=ruleset(resolved), network=True,
                      text=_("Keep the network at the other end of a cable apart from the mesh")),
            alone,
            ConfigFile(id="gateway-file", path=SETTINGS, content=settings(resolved),
                       text=_("Write down which ports to look after")),
            RunUnit(id="gateway", unit=UNIT, files=(SETTINGS,), network=True, ready=_state_there,
                    after=("gateway-rules", "gateway-ports", "gateway-file"),
                    text=text.format(ports=known, shared=", ".join(() if isinstance(share, str) else share))),
        )


STAGE = InternetStage()
