"""Radios that another program has. NetworkManager is asked to let go of one, and given it back by undo; who else has
one is named, and nothing is changed: to end it is its owner's to decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends.holders import NETWORK_MANAGER, find_holders, held_by
from byzwizard.backends.interfaces import index, name_of
from byzwizard.backends.retire import OURS
from byzwizard.errors import Refused
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine, Radio
    from byzwizard.resolve import Resolved

UNMANAGED = "10"  # NM_DEVICE_STATE_UNMANAGED
NOT_RUNNING, NO_DEVICE = 8, 10  # exit statuses of nmcli(1)


@step_class
class Release(Step):
    """NetworkManager leaves the interface alone."""

    interface: str

    def _managed(self, system: System) -> bool:
        number = index(self.interface)
        name = None if number is None else name_of(number)
        if name is None:
            return False
        told = system.run("nmcli", "-g", "GENERAL.STATE", "device", "show", name, ok=(0, NOT_RUNNING, NO_DEVICE))
        return told.status == 0 and told.out.split()[:1] != [UNMANAGED]

    def needed(self, system: System) -> bool:
        return self._managed(system)

    def before(self, system: System) -> Any:
        """Did it have it?"""
        return self._managed(system)

    def apply(self, system: System, progress: Progress) -> None:
        self._set(system, "no")
        system.wait_for(lambda: not self._managed(system), 10, _(
            "NetworkManager does not let go of {interface}.").format(interface=self.interface))

    def undo(self, system: System, before: Any) -> None:
        if before and index(self.interface) is not None:
            self._set(system, "yes")

    def _set(self, system: System, managed: str) -> None:
        name = name_of(index(self.interface) or 0) or self.interface
        system.run("nmcli", "device", "set", name, "managed", managed, ok=(0, NOT_RUNNING, NO_DEVICE))


def keep_off(system: System, name: str) -> None:
    """An interface that was just made stays ours: NetworkManager takes every wireless one, once it has seen it."""
    def told() -> bool:
        said = system.run("nmcli", "device", "set", name, "managed", "no", ok=(0, NOT_RUNNING, NO_DEVICE))
        return said.status != NO_DEVICE

    if system.has("nmcli"):
        system.wait_for(told, 10, _("NetworkManager does not let go of {interface}.").format(interface=name))


def used_phys(resolved: Resolved) -> Iterable[str]:
    """Every radio that is used, once."""
    found = [link.phy for link in resolved.links if link.phy] + [point.phy for point in resolved.access_points]
    found += [resolved.uplink.phy] if resolved.uplink else []
    return dict.fromkeys(found)


def _used(resolved: Resolved, machine: Machine) -> list[Radio]:
    phys = set(used_phys(resolved))
    return [radio for radio in machine.radios if radio.phy in phys and radio.interface]


def releases(resolved: Resolved, machine: Machine) -> Sequence[Release]:
    return [Release(id=f"release-{radio.phy}", interface=radio.interface, network=True,
                    text=_("Ask NetworkManager to let go of {interface}").format(interface=radio.interface))
            for radio in _used(resolved, machine) if radio.interface and radio.held_by == NETWORK_MANAGER]


def must_be_free(system: System, resolved: Resolved, machine: Machine) -> None:
    """Raises Refused while a program that is not ours to end has a radio which this node is to take."""
    radios = _used(resolved, machine)
    holders = find_holders(system) if any(radio.held_by for radio in radios) else None
    for radio in radios:
        number = index(radio.interface or "")
        name = None if number is None else name_of(number)
        if holders is None or name is None or OURS.fullmatch(name):
            continue  # free, gone, or this node's already
        program = held_by(system, holders, name, number)
        if program not in (None, NETWORK_MANAGER):
            raise Refused(
                _("The wireless card {interface} is in use by {program}.").format(
                    interface=radio.interface, program=program),
                _("End that program, or leave the card out of mesh.interfaces."))
