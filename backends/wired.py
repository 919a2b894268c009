"""The wired ports: Ethernet devices, and in a container the end of its virtual cable. Nothing else that is virtual."""

import re
from collections.abc import Mapping
from pathlib import Path

from byzwizard.backends.links import Link, attribute, natural, target
from byzwizard.backends.system import System
from byzwizard.machine import Wired

# The ends of a virtual cable as containers see them (host0 of systemd-nspawn, eth0 of others).
CONTAINER_PORT = re.compile(r"^(host|eth|en[a-z0-9]*)\d+$")
NO_PORTS = {"wlan", "wwan", "bluetooth", "bridge", "bond", "vlan", "gadget"}  # DEVTYPE in uevent


def read_wired(system: System, links: Mapping[str, Link]) -> tuple[Wired, ...]:
    """Natural order of their own names."""
    found = []
    for link in links.values():
        folder = system.path(f"/sys/class/net/{link.name}")
        name = link.own_name
        if name and link.ethernet and not (folder / "phy80211").exists() and _is_port(folder, link):
            found.append(Wired(interface=name, mac=link.mac, driver=target(folder, "device/driver") or link.kind,
                               carrier=attribute(folder, "carrier") == "1"))
    return tuple(sorted(found, key=lambda port: natural(port.interface)))


def _is_port(folder: Path, link: Link) -> bool:
    if link.kind is not None:
        return link.kind == "veth" and CONTAINER_PORT.match(link.name) is not None
    if not (folder / "device").exists():
        return False
    kinds = re.findall(r"^DEVTYPE=(\w+)$", attribute(folder, "uevent") or "", re.MULTILINE)
    return not NO_PORTS.intersection(kinds)
