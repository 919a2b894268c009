"""What an earlier apply made and this one does not want any more: radios given back, access points taken down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from byzwizard.backends import control
from byzwizard.backends.interfaces import index, ip, mac, phy_of
from byzwizard.backends.settings import put
from byzwizard.backends.units import RunUnit, StopUnit, running
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System

OURS = re.compile(r"(mesh|ap|wifi)\d+")


def unit_of(name: str) -> str:
    return f"byz-{name.rstrip('0123456789')}@{name}.service"


def ours(system: System) -> list[tuple[str, str]]:
    """(name, phy) of each wireless interface that has a name of ours."""
    names = (entry.name for entry in sorted(system.path("/sys/class/net").glob("*")))
    return [(name, phy) for name in names if OURS.fullmatch(name) and (phy := phy_of(system, name))]


@step_class
class LetGo(Step):
    """`own` are (phy, the interface's own name, the name wanted for it or None), `added` the (name, phy) of further
    interfaces that are wanted."""

    own: tuple[tuple[str, str, str | None], ...]
    added: tuple[tuple[str, str], ...]

    def _unwanted(self, system: System) -> list[tuple[str, str, str | None]]:
        """(name, phy, own name or None for an added one); added ones first."""
        radios = {phy: (interface, name) for phy, interface, name in self.own}
        found: list[tuple[str, str, str | None]] = []
        for name, phy in ours(system):
            interface, wanted = radios.get(phy, (None, None))
            if interface is None:
                continue  # a radio that came after this machine was looked at
            if index(interface) == index(name):
                if wanted != name:
                    found.append((name, phy, interface))
            elif (name, phy) not in self.added:
                found.insert(0, (name, phy, None))
        return found

    def needed(self, system: System) -> bool:
        return bool(self._unwanted(system))

    def before(self, system: System) -> Any:
        """[{"name", "phy", "own", "mac", "unit": what RunUnit's undo needs}]."""
        return [{"name": name, "phy": phy, "own": own, "mac": mac(system, name),
                 "unit": StopUnit(id="", text="", unit=unit_of(name)).before(system)}
                for name, phy, own in self._unwanted(system)]

    def apply(self, system: System, progress: Progress) -> None:
        for name, _phy, own in self._unwanted(system):
            StopUnit(id="", text="", unit=unit_of(name)).apply(system, progress)
            if own is None:
                system.run("iw", "dev", name, "del")
                continue
            back = [] if own == name else [f"link property del dev {name} altname {own}",
                                           f"link set dev {name} name {own}"]
            ip(system, f"link set dev {name} down", *back)

    def undo(self, system: System, before: Any) -> None:
        for made in reversed(before):
            name = made["name"]
            if made["own"] is None:
                if index(name) is None:
                    system.run("iw", "phy", made["phy"], "interface", "add", name, "type", "__ap", "addr", made["mac"])
                    put(system, f"ipv6/conf/{name}/disable_ipv6", "1")
            elif index(name) is None and index(made["own"]) is not None:
                ip(system, f"link set dev {made['own']} down", f"link set dev {made['own']} address {made['mac']}",
                   f"link set dev {made['own']} name {name}", f"link property add dev {name} altname {made['own']}")
            RunUnit(id="", text="", unit=unit_of(name)).undo(system, made["unit"])


@step_class
class PauseAccessPoint(Step):
    """A radio stays on one channel: while its access point is on another, the mesh could not join. The stage
    "access-point" starts it again, on the mesh's channel."""

    phy: str
    mhz: int

    def _elsewhere(self, system: System) -> list[str]:
        """Access points on this radio that are on another channel."""
        found = []
        for name, phy in ours(system):
            if phy == self.phy and name.startswith("ap") and running(system, unit_of(name)):
                now = control.status(system.path(f"/run/byzantium/ap/control/{name}")).get("freq")
                if now != str(self.mhz):
                    found.append(name)
        return found

    def needed(self, system: System) -> bool:
        return bool(self._elsewhere(system))

    def before(self, system: System) -> Any:
        return [{"name": name, "unit": StopUnit(id="", text="", unit=unit_of(name)).before(system)}
                for name in self._elsewhere(system)]

    def apply(self, system: System, progress: Progress) -> None:
        for name in self._elsewhere(system):
            StopUnit(id="", text="", unit=unit_of(name)).apply(system, progress)

    def undo(self, system: System, before: Any) -> None:
        for made in before:
            RunUnit(id="", text="", unit=unit_of(made["name"])).undo(system, made["unit"])
