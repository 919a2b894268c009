"""Network interfaces by their own names: the node renames them (mesh0, ap0) and leaves the old name as an altname."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError

# Names that the node gives (DESIGN, "The network of a node").
OURS = re.compile(r"^(mesh|ap|wifi)\d+$")


@dataclass(frozen=True)
class Link:
    """An interface as the kernel shows it now. `kind` is the virtual kind (veth, bridge …), None for a device."""

    ifindex: int
    name: str
    mac: str
    kind: str | None
    ethernet: bool
    altnames: tuple[str, ...] = ()

    @property
    def own_name(self) -> str | None:
        """The name that the kernel or udev gave it; None for one that the node made (ap0 beside mesh0)."""
        if not OURS.match(self.name):
            return self.name
        # The newest altname is the one that the renaming left; earlier ones are udev's other names for the device.
        return next((name for name in reversed(self.altnames) if not OURS.match(name)), None)


def read_links(system: System) -> dict[str, Link]:
    """All interfaces of this network namespace by the name of now, in the kernel's order."""
    try:
        listed = json.loads(system.run("ip", "-json", "-details", "link", "show", timeout=10).out or "[]")
        found = [link for entry in listed if (link := parse_link(entry)) is not None]
    except (ByzantiumError, ValueError):
        found = _from_sysfs(system)
    return {link.name: link for link in found}


def parse_link(entry: object) -> Link | None:
    """One entry of `ip -json -details link`; None when it is not of that shape (a deleted interface is {})."""
    if not isinstance(entry, dict) or not entry.get("ifname"):
        return None
    return Link(int(entry["ifindex"]), str(entry["ifname"]), str(entry.get("permaddr") or entry.get("address") or ""),
                (entry.get("linkinfo") or {}).get("info_kind"), entry.get("link_type") == "ether",
                tuple(str(name) for name in entry.get("altnames") or ()))


def _from_sysfs(system: System) -> list[Link]:
    """Where there is no `ip`: without altnames and kinds. ARPHRD_ETHER is 1 (linux/if_arp.h)."""
    found = []
    for folder in folders(system, "/sys/class/net"):
        index = attribute(folder, "ifindex")
        if index is not None:
            found.append(Link(int(index), folder.name, attribute(folder, "address") or "", None,
                              attribute(folder, "type") == "1"))
    return sorted(found, key=lambda link: link.ifindex)


def folders(system: System, path: str) -> list[Path]:
    """The entries of a folder of /sys in natural order; empty where there is none."""
    try:
        return sorted(system.path(path).iterdir(), key=lambda entry: natural(entry.name))
    except OSError:
        return []


def attribute(folder: Path, name: str) -> str | None:
    """An attribute below /sys; None where it is missing or cannot be read now (a carrier of a port that is down)."""
    try:
        return (folder / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def target(folder: Path, name: str) -> str | None:
    """The last part of where a link below /sys points to ("ath9k_htc" for device/driver)."""
    try:
        return os.path.basename(os.readlink(folder / name))
    except OSError:
        return None


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts wlan10 behind wlan9."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
