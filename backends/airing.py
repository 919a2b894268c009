"""What the kernel and wpa_supplicant know of the other stations on a radio: peers, refusals, other meshes heard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.errors import ByzantiumError

if TYPE_CHECKING:
    from byzwizard.backends.system import System

REFUSALS_SINCE = "-5min"  # wpa_supplicant tries a peer for a minute, blocks it for one, and tries again


@dataclass(frozen=True)
class Station:
    """One station on the other side; `plink` is the state of mesh peering (ESTAB when joined), None for a phone;
    `connected_s` the seconds since it was first met; `throughput_mbps` what the driver expects of the link, else the
    bitrate that it sends with now."""

    mac: str
    signal_dbm: int | None
    plink: str | None
    connected_s: int | None
    throughput_mbps: float | None = None

    @property
    def link_local(self) -> str:
        return link_local(self.mac)


def link_local(mac: str) -> str:
    """The IPv6 address that the kernel makes of a MAC (RFC 4291, modified EUI-64)."""
    import ipaddress

    octets = bytearray(bytes.fromhex(mac.replace(":", "")))
    octets[0] ^= 2
    host = bytes(octets[:3]) + b"\xff\xfe" + bytes(octets[3:])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + host))


def parse_stations(text: str) -> list[Station]:
    """From `iw dev IFACE station dump`."""
    found = []
    for block in re.split(r"(?m)^Station ", text)[1:]:
        fields = dict(re.findall(r"(?m)^\t([^:\n]+):[ \t]*(.*)$", block))
        signal = re.match(r"-?\d+", fields.get("signal", ""))
        connected = re.match(r"\d+", fields.get("connected time", ""))
        rate = re.match(r"\d+(\.\d+)?", fields.get("expected throughput") or fields.get("tx bitrate", ""))
        found.append(Station(block[:17].lower(), int(signal[0]) if signal else None, fields.get("mesh plink"),
                             int(connected[0]) if connected else None, float(rate[0]) if rate else None))
    return found


def stations(system: System, interface: str) -> list[Station]:
    """Empty where the interface is gone or cannot tell."""
    try:
        return parse_stations(system.run("iw", "dev", interface, "station", "dump", timeout=5).out)
    except ByzantiumError:
        return []


def parse_refusals(text: str) -> set[str]:
    """The MACs with which SAE failed, from wpa_supplicant's log."""
    return {mac.lower() for mac in re.findall(r"MESH-SAE-AUTH-(?:FAILURE|BLOCKED) addr=([0-9A-Fa-f:]{17})", text)}


def refusals(system: System, interface: str) -> set[str]:
    """Peers whose secret was found to be another than ours, lately."""
    return parse_refusals(_said(system, interface))


def parse_turned_away(text: str) -> bool:
    """Was a station refused by its access point since it was last connected?"""
    said = re.findall(r"CTRL-EVENT-(CONNECTED|SSID-TEMP-DISABLED)", text)
    return said[-1:] == ["SSID-TEMP-DISABLED"]


def turned_away(system: System, interface: str) -> bool:
    return parse_turned_away(_said(system, interface))


def _said(system: System, interface: str) -> str:
    """By wpa_supplicant, lately. Empty where there is no journal to read."""
    try:
        return system.run(
            "journalctl", "-q", "--no-pager", "-o", "cat", "--since", REFUSALS_SINCE, "-n", "500",
            "-u", f"byz-mesh@{interface}.service", ok=(0, 1), timeout=5).out
    except ByzantiumError:
        return ""


def parse_mesh_ids(text: str) -> set[str]:
    """The mesh IDs in `iw dev IFACE scan dump`, with its \\x escapes undone."""
    found = set()
    for word in re.findall(r"(?m)^\tMESH ID: (.*)$", text):
        raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), word.encode())
        found.add(raw.decode("utf-8", "replace"))
    return found


def meshes_heard(system: System, interface: str) -> set[str]:
    """Mesh IDs that the last scan left in the kernel."""
    try:
        return parse_mesh_ids(system.run("iw", "dev", interface, "scan", "dump", timeout=5).out)
    except ByzantiumError:
        return set()
