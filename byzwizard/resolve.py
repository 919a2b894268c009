"""Resolve: every `auto` and `null` replaced once, from the answers, the machine and the node's identity."""

from dataclasses import dataclass
from typing import Literal

from byzwizard.answers import Answers

LinkKind = Literal["802.11s", "wired"]


@dataclass(frozen=True)
class MeshLink:
    """One interface that meshes. `interface` is its own name as found, `name` what it is called on a node.

    `phy`, `channel` and `mhz` are None when wired; `mac` is None where the address stays as it is.
    """

    interface: str
    name: str
    kind: LinkKind
    phy: str | None = None
    channel: int | None = None
    mhz: int | None = None
    mac: str | None = None


@dataclass(frozen=True)
class AccessPointPlan:
    """One access point for phones. `shares` names the mesh link on the same radio, None when it has its own;
    then `interface` is the radio's own interface, which becomes `name`."""

    name: str
    phy: str
    interface: str | None
    shares: str | None
    ssid: str
    channel: int
    mhz: int
    mac: str | None
    passphrase: str | None


@dataclass(frozen=True)
class Keys:
    """What the mesh's secret derives into. `sae` is the SAE password (None: open), `babel` 64 hex digits (None: open)."""

    air_id: str
    sae: str | None
    babel: str | None
    kind: Literal["public", "private", "open"]


@dataclass(frozen=True)
class Resolved:
    """Nothing here is auto or null that a backend would have to guess. `answers` is what is kept for the next boot."""

    answers: Answers
    name: str
    node_id: str
    country: str
    links: tuple[MeshLink, ...]
    access_points: tuple[AccessPointPlan, ...]
    keys: Keys
    subnet: str  # 10.x.y.0/24
    address: str  # 10.x.y.1
    ula: str  # fdxx:xxxx:xxxx:yyyy::/64
    ula_address: str  # …::1
    ula_mesh: str  # the mesh's /48
    notes: tuple[str, ...] = ()  # sentences that Review and `plan` show
