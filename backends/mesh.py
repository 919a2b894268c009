"""The stage "mesh": radios join the mesh by wpa_supplicant (802.11s with SAE, ad-hoc cells, or as stations of a hub),
cables that mesh are switched on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import control
from byzwizard.backends.interfaces import ip, is_up, must_have
from byzwizard.backends.ports import mute
from byzwizard.backends.printable import printable_bytes
from byzwizard.backends.radio import permanent
from byzwizard.backends.retire import PauseAccessPoint
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import MeshLink, Resolved

FOLDER = "/run/byzantium/mesh"
OWNER = (954, 954)  # byz-mesh, under which wpa_supplicant and hostapd run


def configuration(resolved: Resolved, link: MeshLink, own: Sequence[str] = ()) -> str:
    """The text of wpa_supplicant's configuration. Names and secrets stand in hexadecimal: in quotes not every
    printable character would come through. `own` are the addresses of this node's access points."""
    keys, country = resolved.keys, resolved.country
    if link.kind == "station":
        return _station(link, country, own)
    air = {"interface": link.name, "country": country, "air_id": keys.air_id, "ssid": keys.air_id.encode().hex(),
           "mhz": str(link.mhz)}
    if link.kind == "ibss":
        return fill("ibss.conf", **air, bssid=str(link.bssid))
    if keys.sae is None:
        security = "key_mgmt=NONE"
    else:
        security = f"key_mgmt=SAE\n\tsae_password={keys.sae.encode().hex()}\n\tieee80211w=2"
    return fill("mesh.conf", **air, security=security)


def _station(link: MeshLink, country: str, own: Sequence[str]) -> str:
    """WPA2 and WPA3, as our own access points offer both; the key of WPA2 is made here (IEEE 802.11, annex J.4)."""
    assert link.network is not None
    security = "key_mgmt=NONE"
    if link.passphrase is not None:
        secret = link.passphrase.encode()
        psk = hashlib.pbkdf2_hmac("sha1", secret, link.network, 4096, 32).hex()
        security = (f"key_mgmt=WPA-PSK SAE\n\tproto=RSN\n\tpairwise=CCMP\n\tieee80211w=1\n\tpsk={psk}"
                    f"\n\tsae_password={secret.hex()}")
    return fill("station.conf", interface=link.name, country=country, name=printable_bytes(link.network),
                ssid=link.network.hex(), own=f"bssid_ignore={' '.join(own)}" if own else "", security=security)


@dataclass(frozen=True)
class Joined:
    """Is the radio in this mesh on this channel? Asked of wpa_supplicant. A station that waits for its hub is as it
    should be: there may be none yet."""

    name: str
    kind: str
    mhz: int | None

    def __call__(self, system: System) -> bool:
        found = control.status(system.path(f"{FOLDER}/control/{self.name}"))
        if self.kind == "station":
            return "wpa_state" in found
        mode = "IBSS" if self.kind == "ibss" else "mesh"
        return (found.get("wpa_state") == "COMPLETED" and found.get("mode") == mode
                and found.get("freq") == str(self.mhz))


def link_settings(name: str, silent: bool = False) -> tuple[tuple[str, str], ...]:
    """A mesh link has IPv6 link-local only (`silent`: not even that), and believes nobody's announcements. Sources come
    from anywhere in the mesh, over links that have no IPv4 address to compare them with: no reverse path filter."""
    return (
        (f"ipv6/conf/{name}/disable_ipv6", "1" if silent else "0"),
        (f"ipv6/conf/{name}/addr_gen_mode", "0"),  # by the MAC; NetworkManager leaves it at none
        (f"ipv6/conf/{name}/accept_ra", "0"),
        (f"ipv6/conf/{name}/autoconf", "0"),
        (f"ipv6/conf/{name}/accept_redirects", "0"),
        (f"ipv4/conf/{name}/rp_filter", "0"),
        (f"ipv4/conf/{name}/accept_redirects", "0"),
        (f"ipv4/conf/{name}/send_redirects", "0"),
        (f"ipv4/conf/{name}/arp_ignore", "1"),
        (f"ipv4/conf/{name}/arp_announce", "2"),
    )


@step_class
class CableUp(Step):
    interface: str

    def needed(self, system: System) -> bool:
        return not is_up(system, self.interface) or mute(system, self.interface)

    def before(self, system: System) -> Any:
        return is_up(system, self.interface)

    def apply(self, system: System, progress: Progress) -> None:
        must_have(self.interface)
        ip(system, f"link set dev {self.interface} arp on up")  # off: it led back to this node when it was a port

    def undo(self, system: System, before: Any) -> None:
        if before is False and is_up(system, self.interface):
            ip(system, f"link set dev {self.interface} down")


def _radio(resolved: Resolved, machine: Machine, link: MeshLink, phy: str) -> Sequence[Step]:
    path, mesh = f"{FOLDER}/{link.name}.conf", resolved.answers.mesh.name
    own = [mac for point in resolved.access_points if (mac := point.mac or permanent(machine, point.phy))]
    steps: list[Step] = []
    if link.mhz is not None:
        steps.append(PauseAccessPoint(
            id=f"{link.name}-alone", phy=phy, mhz=link.mhz, network=True,
            text=_("Pause the network for phones while {name} changes its channel").format(name=link.name)))
    if link.kind == "station":
        text = _("Join the mesh “{mesh}” over the access point “{ssid}” with {interface}").format(
            mesh=mesh, ssid=printable_bytes(link.network or b""), interface=link.interface)
    elif link.kind == "ibss":
        text = _("Join the mesh “{mesh}” in ad-hoc mode on channel {channel} with {interface}, unencrypted").format(
            mesh=mesh, channel=link.channel, interface=link.interface)
    else:
        text = _("Join the mesh “{mesh}” on channel {channel} with {interface}").format(
            mesh=mesh, channel=link.channel, interface=link.interface)
    return (
        *steps,
        ConfigFile(
            id=f"{link.name}-file", path=path, content=configuration(resolved, link, own), mode=0o600, owner=OWNER,
            text=_("Write down how {name} meshes").format(name=link.name)),
        RunUnit(
            id=f"{link.name}-join", unit=f"byz-mesh@{link.name}.service", files=(path,), network=True,
            ready=Joined(link.name, link.kind, link.mhz),
            after=(f"{link.name}-file", f"{link.name}-settings", *(step.id for step in steps)), text=text),
    )


class MeshStage:
    name = "mesh"

    @property
    def title(self) -> str:
        return _("Mesh")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        steps: list[Step] = []
        for link in resolved.links:
            settings = link_settings(link.name, silent=link.name not in resolved.routed)
            if link.kind == "station":  # its address is there at once when a hub comes, so that routing can begin
                settings = (*settings, (f"ipv6/conf/{link.name}/dad_transmits", "0"))
            steps.append(KernelSettings(
                id=f"{link.name}-settings", values=settings,
                text=_("Take no orders from others over {name}").format(name=link.name)))
            if link.kind == "wired":
                steps.append(CableUp(
                    id=f"{link.name}-up", interface=link.name, network=True, after=(f"{link.name}-settings",),
                    text=_("Use the cable at {name} as a mesh link").format(name=link.name)))
            elif link.phy:
                steps += _radio(resolved, machine, link, link.phy)
        return tuple(steps)


STAGE = MeshStage()
