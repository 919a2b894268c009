"""The stage "access-point": networks that phones join, by hostapd, their clients in the bridge clients0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard import beacon
from byzwizard.backends import control
from byzwizard.backends.interfaces import index, ip, mac, phy_of
from byzwizard.backends.mesh import OWNER
from byzwizard.backends.radio import TakeRadio, end_former, permanent
from byzwizard.backends.release import keep_off
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import AccessPointPlan, Resolved

FOLDER = "/run/byzantium/ap"


def configuration(resolved: Resolved, point: AccessPointPlan) -> str:
    """The text of hostapd's configuration. The name stands in hexadecimal, any bytes come through; a passphrase
    is the rest of its line, whatever printable characters it has."""
    country = "" if resolved.country == "00" else f"country_code={resolved.country}\nieee80211d=1"
    security = ""
    if point.passphrase is not None:
        # WPA2 for old phones and WPA3 for those that know it, with the same passphrase.
        security = (f"wpa=2\nwpa_key_mgmt=WPA-PSK SAE\nrsn_pairwise=CCMP\nieee80211w=1\nsae_require_mfp=1\n"
                    f"wpa_passphrase={point.passphrase}")
    return fill("access-point.conf", interface=point.name, name=point.ssid, ssid=point.ssid.encode().hex(),
                country=country, band="g" if point.mhz < 3000 else "a", channel=str(point.channel),
                element=_element(resolved) if point.hub else "", security=security)


def _element(resolved: Resolved) -> str:
    """What tells stations that they can mesh over it."""
    content = beacon.content(resolved.keys.air_id)
    return f"vendor_elements={bytes([beacon.VENDOR, len(content)]).hex()}{content.hex()}"


@step_class
class AddInterface(Step):
    """A second interface on the radio of a mesh link, which has joined already: one made earlier would keep the
    radio from joining."""

    phy: str
    name: str
    mac: str | None

    def needed(self, system: System) -> bool:
        return (index(self.name) is None or phy_of(system, self.name) != self.phy
                or (self.mac is not None and mac(system, self.name) != self.mac))

    def before(self, system: System) -> Any:
        return {"mac": mac(system, self.name)}

    def apply(self, system: System, progress: Progress) -> None:
        if index(self.name) is None:
            end_former(system, self.name)
            address = () if self.mac is None else ("addr", self.mac)
            system.run("iw", "phy", self.phy, "interface", "add", self.name, "type", "__ap", *address)
            keep_off(system, self.name)
        elif phy_of(system, self.name) != self.phy:
            raise StepFailed(_("Another network interface is called {name} already.").format(name=self.name),
                             _("`ip link` shows it; rename it or unplug it."))
        else:
            ip(system, f"link set dev {self.name} down", f"link set dev {self.name} address {self.mac}")

    def undo(self, system: System, before: Any) -> None:
        if index(self.name) is None:
            return
        if before["mac"] is None:
            system.run("iw", "dev", self.name, "del")
        else:
            ip(system, f"link set dev {self.name} down", f"link set dev {self.name} address {before['mac']}")


@dataclass(frozen=True)
class Enabled:
    """Does the access point send its beacons, under this name and on this channel? Asked of hostapd."""

    name: str
    ssid: str
    mhz: int

    def __call__(self, system: System) -> bool:
        found = control.status(system.path(f"{FOLDER}/control/{self.name}"))
        return found.get("state") == "ENABLED" and found.get("freq") == str(self.mhz)


def _steps(resolved: Resolved, machine: Machine, point: AccessPointPlan) -> Sequence[Step]:
    path = f"{FOLDER}/{point.name}.conf"
    there: Step
    if point.interface is None:
        there = AddInterface(
            id=f"{point.name}-add", phy=point.phy, name=point.name, mac=point.mac,
            text=_("Add the access point {name} to the radio of {mesh}").format(
                name=point.name, mesh=point.shares))
    else:
        there = TakeRadio(
            id=f"{point.name}-take", interface=point.interface, name=point.name, network=True,
            mac=point.mac or permanent(machine, point.phy),
            text=_("Take the radio {interface} for the access point").format(interface=point.interface))
    text = (_("Let phones join the open network “{ssid}” on channel {channel}") if point.passphrase is None
            else _("Let phones join the network “{ssid}” on channel {channel} with its passphrase"))
    if point.hub:
        text = (_("Let phones and other nodes join the open network “{ssid}” on channel {channel}")
                if point.passphrase is None else
                _("Let phones and other nodes join the network “{ssid}” on channel {channel} with its passphrase"))
    return (
        there,
        # It is a port of the bridge, which has the addresses.
        KernelSettings(id=f"{point.name}-settings", values=((f"ipv6/conf/{point.name}/disable_ipv6", "1"),),
                       after=(there.id,), text=_("Leave the addresses to the bridge")),
        ConfigFile(id=f"{point.name}-file", path=path, content=configuration(resolved, point), mode=0o600,
                   owner=OWNER, text=_("Write down how phones join {name}").format(name=point.name)),
        RunUnit(id=f"{point.name}-start", unit=f"byz-ap@{point.name}.service", files=(path,), network=True,
                ready=Enabled(point.name, point.ssid, point.mhz),
                after=(f"{point.name}-settings", f"{point.name}-file"),
                text=text.format(ssid=point.ssid, channel=point.channel)),
    )


class AccessPointStage:
    name = "access-point"

    @property
    def title(self) -> str:
        return _("Access point")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return tuple(step for point in resolved.access_points for step in _steps(resolved, machine, point))


STAGE = AccessPointStage()
