"""The stage "mesh": radios join the mesh by wpa_supplicant (802.11s, SAE), cables that mesh are switched on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import control
from byzwizard.backends.facts import FACTS
from byzwizard.backends.interfaces import ip, is_up, must_have
from byzwizard.backends.retire import PauseAccessPoint
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import MeshLink, Resolved

FOLDER = "/run/byzantium/mesh"
WATCH = "byz-radio.service"
OWNER = (954, 954)  # byz-mesh, under which wpa_supplicant and hostapd run


def configuration(resolved: Resolved, link: MeshLink) -> str:
    """The text of wpa_supplicant's configuration. Names and secrets stand in hexadecimal: in quotes not every
    printable character would come through."""
    keys = resolved.keys
    if keys.sae is None:
        security = "key_mgmt=NONE"
    else:
        security = f"key_mgmt=SAE\n\tsae_password={keys.sae.encode().hex()}\n\tieee80211w=2"
    return fill("mesh.conf", interface=link.name, country=resolved.country, air_id=keys.air_id,
                ssid=keys.air_id.encode().hex(), mhz=str(link.mhz), security=security)


@dataclass(frozen=True)
class Joined:
    """Is the radio in this mesh on this channel? Asked of wpa_supplicant."""

    name: str
    air_id: str
    mhz: int | None

    def __call__(self, system: System) -> bool:
        found = control.status(system.path(f"{FOLDER}/control/{self.name}"))
        return (found.get("wpa_state") == "COMPLETED" and found.get("mode") == "mesh"
                and found.get("freq") == str(self.mhz))


def link_settings(name: str, silent: bool = False) -> tuple[tuple[str, str], ...]:
    """A mesh link has IPv6 link-local only (`silent`: not even that), and believes nobody's announcements. Sources come
    from anywhere in the mesh, over links that have no IPv4 address to compare them with: no reverse path filter."""
    return (
        (f"ipv6/conf/{name}/disable_ipv6", "1" if silent else "0"),
        (f"ipv6/conf/{name}/accept_ra", "0"),
        (f"ipv6/conf/{name}/autoconf", "0"),
        (f"ipv6/conf/{name}/accept_redirects", "0"),
        (f"ipv4/conf/{name}/rp_filter", "0"),
        (f"ipv4/conf/{name}/accept_redirects", "0"),
        (f"ipv4/conf/{name}/send_redirects", "0"),
        (f"ipv4/conf/{name}/arp_ignore", "1"),
        (f"ipv4/conf/{name}/arp_announce", "2"),
    )


@dataclass(frozen=True, kw_only=True)
class CableUp(Step):
    interface: str

    def needed(self, system: System) -> bool:
        return not is_up(system, self.interface)

    def before(self, system: System) -> Any:
        return is_up(system, self.interface)

    def apply(self, system: System, progress: Progress) -> None:
        must_have(self.interface)
        ip(system, f"link set dev {self.interface} up")

    def undo(self, system: System, before: Any) -> None:
        if before is False and is_up(system, self.interface):
            ip(system, f"link set dev {self.interface} down")


def _radio(resolved: Resolved, link: MeshLink, phy: str, mhz: int) -> Sequence[Step]:
    path = f"{FOLDER}/{link.name}.conf"
    return (
        PauseAccessPoint(
            id=f"{link.name}-alone", phy=phy, mhz=mhz, network=True,
            text=_("Pause the network for phones while {name} changes its channel").format(name=link.name)),
        ConfigFile(
            id=f"{link.name}-file", path=path, content=configuration(resolved, link), mode=0o600, owner=OWNER,
            text=_("Write down how {name} meshes").format(name=link.name)),
        RunUnit(
            id=f"{link.name}-join", unit=f"byz-mesh@{link.name}.service", files=(path,), network=True,
            ready=Joined(link.name, resolved.keys.air_id, link.mhz),
            after=(f"{link.name}-file", f"{link.name}-settings", f"{link.name}-alone"),
            text=_("Join the mesh “{mesh}” on channel {channel} with {interface}").format(
                mesh=resolved.answers.mesh.name, channel=link.channel, interface=link.interface)),
    )


def _watch(resolved: Resolved) -> Step:
    radios = tuple(link.name for link in resolved.links if link.kind != "wired")
    if not radios:
        return StopUnit(id="mesh-watch", unit=WATCH, text=_("Watch over no radio"))
    return RunUnit(id="mesh-watch", unit=WATCH, files=(FACTS,), after=tuple(f"{name}-join" for name in radios),
                   text=_("Join anew when a radio hears nobody any more"))


@dataclass(frozen=True)
class MeshStage:
    name: str = "mesh"

    @property
    def title(self) -> str:
        return _("Mesh")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        steps: list[Step] = []
        for link in resolved.links:
            steps.append(KernelSettings(
                id=f"{link.name}-settings", values=link_settings(link.name, silent=link.name not in resolved.routed),
                text=_("Take no orders from others over {name}").format(name=link.name)))
            if link.kind == "wired":
                steps.append(CableUp(
                    id=f"{link.name}-up", interface=link.name, network=True, after=(f"{link.name}-settings",),
                    text=_("Use the cable at {name} as a mesh link").format(name=link.name)))
            elif link.phy and link.mhz:
                steps += _radio(resolved, link, link.phy, link.mhz)
        return (*steps, _watch(resolved))


STAGE = MeshStage()
