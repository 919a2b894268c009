"""The stage "routing": babeld between the mesh links, keyed by the mesh's secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.backends import babel_socket
from byzwizard.backends.interfaces import attribute
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.i18n import _
from byzwizard.plan import Step

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

FOLDER = "/run/byzantium/babel"
CONFIG = f"{FOLDER}/babel.conf"
# systemd reads it as the environment of a command that is run as root: not in the folder that babeld may write to.
LINKS = "/run/byzantium/babel-links"
UNIT = "byz-babel.service"
OWNER = (955, 955)  # byz-babel


def configuration(resolved: Resolved) -> str:
    """The text of babeld's configuration."""
    key = resolved.keys.babel
    cables = {link.name for link in resolved.links if link.kind == "wired"}
    interfaces = "\n".join(
        f"interface {name} type {'wired' if name in cables else 'wireless'}" for name in resolved.routed)
    return fill(
        "babel.conf",
        key=f"key id byz type hmac-sha256 value {key}" if key else "# The mesh is open: there is no key.",
        use_key=" key byz" if key else "",
        interfaces=interfaces,
        subnet=resolved.subnet,
        address=resolved.address,
        ula=resolved.ula,
        ula_address=resolved.ula_address,
        ula_mesh=resolved.ula_mesh,
    )


@dataclass(frozen=True)
class Speaking:
    """Does babeld speak on the links, and announce the clients' network? That a neighbour answers is not waited
    for: there may be none. Nor is a cable that is not plugged in."""

    links: tuple[str, ...]
    subnet: str

    def __call__(self, system: System) -> bool:
        try:
            now = babel_socket.read(system)
        except babel_socket.NotAnswering:
            return False
        return self.subnet in now.own and all(
            name in now.up or attribute(system, name, "carrier") != "1" for name in self.links)


@dataclass(frozen=True)
class RoutingStage:
    name: str = "routing"

    @property
    def title(self) -> str:
        return _("Routing")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        names = resolved.routed
        # A station may wait for its hub for days.
        waiting = {link.name for link in resolved.links if link.kind == "station"}
        awaited = " ".join(name for name in names if name not in waiting)
        if not names or resolved.answers.mesh.routing == "none":
            return (StopUnit(id="babel-stop", unit=UNIT, network=True, text=_("Look for no ways to other nodes")),)
        return (
            ConfigFile(id="babel-file", path=CONFIG, content=configuration(resolved), mode=0o600, owner=OWNER,
                       text=_("Write down how ways through the mesh are found")),
            ConfigFile(id="babel-links", path=LINKS, content=f"LINKS={awaited}\n",
                       text=_("Write down which links to wait for")),
            RunUnit(id="babel", unit=UNIT, files=(CONFIG, LINKS), network=True,
                    ready=Speaking(names, resolved.subnet), after=("babel-file", "babel-links"),
                    text=_("Look for ways to other nodes, and announce {subnet}").format(subnet=resolved.subnet)),
        )


STAGE = RoutingStage()
