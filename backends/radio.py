"""The stage "radio": the country's rules, the switch, and radios made ready to mesh under their name on a node."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends.interfaces import index, ip, is_up, mac, must_have, name_of
from byzwizard.backends.regulatory import SetCountry
from byzwizard.backends.release import releases, used_phys
from byzwizard.backends.retire import LetGo, unit_of
from byzwizard.backends.units import running
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

RFKILL_OP_CHANGE = 2  # <linux/rfkill.h>


@step_class
class Unblock(Step):
    """Lift the block that software put on a radio. Nodes in containers have no /dev/rfkill: nothing to do there."""

    phy: str

    def _switches(self, system: System) -> list[int]:
        return [int(entry.name.removeprefix("rfkill"))
                for entry in system.path(f"/sys/class/ieee80211/{self.phy}").glob("rfkill[0-9]*")]

    def _state(self, system: System, switch: int, kind: str) -> bool:
        return (system.read(f"/sys/class/rfkill/rfkill{switch}/{kind}") or "").strip() == "1"

    def _blocked(self, system: System) -> list[int]:
        if not system.path("/dev/rfkill").exists():
            return []
        return [switch for switch in self._switches(system)
                if self._state(system, switch, "soft") or self._state(system, switch, "hard")]

    def needed(self, system: System) -> bool:
        return bool(self._blocked(system))

    def before(self, system: System) -> Any:
        return [switch for switch in self._blocked(system) if self._state(system, switch, "soft")]

    def apply(self, system: System, progress: Progress) -> None:
        for switch in self._blocked(system):
            if self._state(system, switch, "hard"):
                raise StepFailed(_("A switch on the computer keeps the radio off."),
                                 _("Look for a switch or a key with an antenna on it, switch it on, try again."))
            self._set(system, switch, 0)
        system.wait_for(lambda: not self._blocked(system), 5, _("The radio stays blocked by software."))

    def undo(self, system: System, before: Any) -> None:
        for switch in set(before or ()) & set(self._switches(system)):
            self._set(system, switch, 1)

    def _set(self, system: System, switch: int, blocked: int) -> None:
        with open(system.path("/dev/rfkill"), "wb", buffering=0) as device:
            device.write(struct.pack("IBBBB", switch, 0, RFKILL_OP_CHANGE, blocked, 0))


@step_class
class TakeRadio(Step):
    """A radio's own interface gets its name on a node, the old one staying as its alternative name, and its
    address (`mac` None: as it is). It is left down: whoever uses it next sets its kind first."""

    interface: str
    name: str
    mac: str | None

    def needed(self, system: System) -> bool:
        number = index(self.interface)
        if number is None or name_of(number) != self.name:
            return True
        return self.mac is not None and mac(system, self.name) != self.mac

    def before(self, system: System) -> Any:
        """{"name", "mac", "up"} as found; None when there is no such interface."""
        number = index(self.interface)
        name = None if number is None else name_of(number)
        if name is None:
            return None
        return {"name": name, "mac": mac(system, name), "up": is_up(system, name)}

    def apply(self, system: System, progress: Progress) -> None:
        number = must_have(self.interface)
        now = name_of(number)
        if index(self.name) not in (None, number):
            raise StepFailed(_("Another network interface is called {name} already.").format(name=self.name),
                             _("`ip link` shows it; rename it or unplug it."))
        if now != self.name:
            end_former(system, self.name)
        # While it is an ordinary station the driver may put it to sleep; some keep that in other kinds.
        system.run("iw", "dev", str(now), "set", "power_save", "off", ok=range(256))
        commands = [f"link set dev {now} down"]
        if self.mac is not None:
            commands.append(f"link set dev {now} address {self.mac}")
        if now != self.name:
            commands.append(f"link set dev {now} name {self.name}")
        ip(system, *commands)
        # A radio that comes back from a container can have its own name as an alternative one already.
        if index(self.interface) != number:
            ip(system, f"link property add dev {self.name} altname {self.interface}")

    def undo(self, system: System, before: Any) -> None:
        number = index(self.name)
        if before is None or number is None or index(self.interface) not in (None, number):
            return
        commands = [f"link set dev {self.name} down"]
        if before["name"] != self.name:
            if index(before["name"]) == number and name_of(number) != before["name"]:
                commands.append(f"link property del dev {self.name} altname {before['name']}")
            commands.append(f"link set dev {self.name} name {before['name']}")
        commands.append(f"link set dev {before['name']} address {before['mac']}")
        if before["up"]:
            commands.append(f"link set dev {before['name']} up")
        ip(system, *commands)


def end_former(system: System, name: str) -> None:
    """The daemon of an interface that had this name and is gone says that all is well, and sends nothing any more."""
    if running(system, unit_of(name)):
        system.run("systemctl", "stop", unit_of(name), timeout=90)


def permanent(machine: Machine, phy: str | None) -> str | None:
    """The address that a radio was made with: what it has under `node.mac: permanent`, also after a random one."""
    return next((radio.mac for radio in machine.radios if radio.phy == phy), None)


def _let_go(resolved: Resolved, machine: Machine) -> Step:
    wanted = {link.phy: link.name for link in resolved.links if link.phy}
    wanted |= {point.phy: point.name for point in resolved.access_points if point.interface}
    if resolved.uplink:
        wanted[resolved.uplink.phy] = resolved.uplink.name
    return LetGo(
        id="let-go", network=True,
        own=tuple((radio.phy, radio.interface, wanted.get(radio.phy)) for radio in machine.radios if radio.interface),
        added=tuple((point.name, point.phy) for point in resolved.access_points if not point.interface),
        text=_("Let go of radios and access points that are not wanted any more"))


class RadioStage:
    name = "radio"

    @property
    def title(self) -> str:
        return _("Radio")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        phys = tuple(used_phys(resolved))
        if not phys:
            return (_let_go(resolved, machine),) if machine.radios else ()
        text = (_("Keep to what the world's Wi-Fi rules have in common") if resolved.country == "00"
                else _("Keep to the Wi-Fi rules of {country}").format(country=resolved.country))
        steps: list[Step] = [SetCountry(id="country", text=text, country=resolved.country)]
        names = {radio.phy: radio.interface or radio.phy for radio in machine.radios}
        steps.append(_let_go(resolved, machine))
        steps += [Unblock(id=f"unblock-{phy}", phy=phy, after=("country",),
                          text=_("Switch the radio {interface} on").format(interface=names.get(phy, phy)))
                  for phy in phys]
        released = releases(resolved, machine)
        steps += released
        for link in resolved.links:
            if link.phy is None:
                continue
            given = (_("Take the radio {interface} for the mesh, as {name}, with the address {mac}") if link.mac
                     else _("Take the radio {interface} for the mesh, as {name}"))
            steps.append(TakeRadio(
                id=f"take-{link.name}", interface=link.interface, name=link.name, network=True,
                mac=link.mac or permanent(machine, link.phy),
                after=(f"unblock-{link.phy}", "let-go", *(step.id for step in released)),
                text=given.format(interface=link.interface, name=link.name, mac=link.mac)))
        return tuple(steps)


STAGE = RadioStage()
