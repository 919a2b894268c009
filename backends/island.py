"""The stage "island": WireGuard to meshes elsewhere that this owner and theirs want joined (byzwizard.island)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from byzwizard.backends.interfaces import index, is_up
from byzwizard.backends.mesh import link_settings
from byzwizard.backends.settings import KernelSettings
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.islands import public_key
from byzwizard.plan import Step

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/island"
SETTINGS = f"{FOLDER}/settings.json"
STATE = f"{FOLDER}/state.json"
UNIT = "byz-island.service"
OWNER = (956, 956)  # byz-gate, as the duty of the uplinks: both may do with the network what they want


def settings(resolved: Resolved) -> str:
    """What byzwizard.island reads; the key in it is secret. Questions go out by IPv4 alone."""
    servers = list(resolved.answers.internet.servers)
    islands = [asdict(island) for island in resolved.islands]
    return json.dumps({"key": resolved.island_key, "islands": islands, "dns": servers}) + "\n"


@dataclass(frozen=True)
class Made:
    """Are the interfaces there? That anybody answers is not waited for."""

    names: tuple[str, ...]

    def __call__(self, system: System) -> bool:
        return all(index(name) is not None and is_up(system, name) for name in self.names)


class IslandStage:
    name = "island"

    @property
    def title(self) -> str:
        return _("Islands")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        names = tuple(island.name for island in resolved.islands)
        if not names:
            return (StopUnit(id="island-stop", unit=UNIT, network=True, text=_("Join no mesh over the Internet")),)
        waiting = ", ".join(str(island.listen) for island in resolved.islands)
        return (
            ConfigFile(id="island-file", path=SETTINGS, content=settings(resolved), mode=0o600, owner=OWNER,
                       text=_("Write down which meshes to join over the Internet")),
            RunUnit(id="island", unit=UNIT, files=(SETTINGS,), network=True, ready=Made(names), after=("island-file",),
                    text=_("Join meshes over the Internet by WireGuard (key {key}, UDP port {ports})").format(
                        key=public_key(resolved.island_key), ports=waiting)),
            KernelSettings(id="island-settings", after=("island",),
                           values=tuple(value for name in names for value in link_settings(name)),
                           text=_("Take no orders from others over {name}").format(name=", ".join(names))),
        )


STAGE = IslandStage()
