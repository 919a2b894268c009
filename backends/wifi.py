"""The stage "wifi": a radio of its own joins a Wi-Fi network that leads to the Internet (WPA2, WPA3, or open).

What comes of it is the affair of byzwizard.gateway, as with a cable: a network that is not in reach is no failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends import control
from byzwizard.backends.mesh import OWNER
from byzwizard.backends.radio import TakeRadio, permanent
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.i18n import _
from byzwizard.plan import Step

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved, WifiPlan

FOLDER = "/run/byzantium/wifi"


def configuration(resolved: Resolved, plan: WifiPlan) -> str:
    """The text of wpa_supplicant's configuration. The name stands in hexadecimal, any bytes come through; between the
    quotes a passphrase is taken as it is, up to the last quote of the line."""
    security = "key_mgmt=NONE"
    if plan.passphrase is not None:
        # WPA3 where the access point has it, else WPA2, with the same passphrase and protected frames where it can.
        security = (f'key_mgmt=SAE WPA-PSK\n\tproto=RSN\n\tpairwise=CCMP\n\tieee80211w=1\n'
                    f'\tpsk="{plan.passphrase}"')
    return fill("wifi.conf", name=plan.ssid, ssid=plan.ssid.encode().hex(), country=resolved.country, security=security)


def refused(system: System, name: str) -> bool:
    """Has the access point refused this node again and again, as it does with a wrong passphrase?"""
    told = control.ask(system.path(f"{FOLDER}/control/{name}"), "LIST_NETWORKS") or ""
    return any(line.rstrip().endswith("[TEMP-DISABLED]") for line in told.splitlines())


@dataclass(frozen=True)
class Looking:
    """Is wpa_supplicant looking for the network, or in it?"""

    name: str

    def __call__(self, system: System) -> bool:
        return "wpa_state" in control.status(system.path(f"{FOLDER}/control/{self.name}"))


class WifiStage:
    name = "wifi"

    @property
    def title(self) -> str:
        return _("Internet over Wi-Fi")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        plan = resolved.uplink
        if plan is None:
            return ()
        path = f"{FOLDER}/{plan.name}.conf"
        return (
            TakeRadio(id="wifi-take", interface=plan.interface, name=plan.name, network=True,
                      mac=plan.mac or permanent(machine, plan.phy),
                      text=_("Take the radio {interface} for the way to the Internet").format(
                          interface=plan.interface)),
            # IPv4 alone leads on there; what the network says of IPv6 is not for this node.
            KernelSettings(id="wifi-settings", values=((f"ipv6/conf/{plan.name}/accept_ra", "0"),
                                                       (f"ipv6/conf/{plan.name}/autoconf", "0")),
                           after=("wifi-take",), text=_("Take no orders from others over {name}").format(
                               name=plan.name)),
            ConfigFile(id="wifi-file", path=path, content=configuration(resolved, plan), mode=0o600, owner=OWNER,
                       text=_("Write down how “{ssid}” is joined").format(ssid=plan.ssid)),
            RunUnit(id="wifi-join", unit=f"byz-wifi@{plan.name}.service", files=(path,), network=True,
                    ready=Looking(plan.name), after=("wifi-settings", "wifi-file"),
                    text=_("Join the Wi-Fi network “{ssid}” with {interface} wherever it is heard").format(
                        ssid=plan.ssid, interface=plan.interface)),
        )


STAGE = WifiStage()
