"""`byzwizard inspect`: the hardware, with a verdict for each radio."""

import argparse
import json
import shutil
import textwrap

from byzwizard.backends.probe import machine_for
from byzwizard.backends.selftest import self_test
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.diskwords import name, size
from byzwizard.errors import CannotHere, Invalid
from byzwizard.hardware import hardware_list
from byzwizard.i18n import _, ngettext
from byzwizard.machine import Disk, Machine, Radio, Wired
from byzwizard.verdict import what_to_buy

SIGNS = {"A": "✓", "B": "✓", "C": "!", "D": "!", "E": "!", "F": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--test", metavar="INTERFACE",
                        help=_("let this radio join a throw-away mesh, and tell what came of it (as root)"))


def run(context: Context) -> int:
    system = System()
    machine = machine_for(system, context.machine_file)
    if context.options.test:
        return _test(context, system, machine, context.options.test)
    if context.json:
        print(json.dumps(machine.model_dump(mode="json"), ensure_ascii=False, indent=1))
    else:
        print("\n".join(describe(machine)))
    return 0


def _test(context: Context, system: System, machine: Machine, interface: str) -> int:
    if context.machine_file is not None:
        raise Invalid(_("A recorded machine has no radio to test."), _("Leave out --machine."))
    radio = next((radio for radio in machine.radios if radio.interface == interface), None)
    if radio is None:
        raise CannotHere(_("There is no radio {interface} here.").format(interface=interface), _here(machine))
    said = self_test(system, radio)
    print(json.dumps({"interface": interface, "ok": True, "text": said}, ensure_ascii=False) if context.json else said)
    return 0


def _here(machine: Machine) -> str:
    names = [radio.interface for radio in machine.radios if radio.interface]
    return _("There are: {names}.").format(names=", ".join(names)) if names else _("There is none at all.")


def describe(machine: Machine) -> list[str]:
    """Lines for a person."""
    lines = [_("Wireless cards")]
    for radio in machine.radios:
        lines += _radio(radio)
    if not machine.radios:
        lines.append("  " + _("none: without one, a node meshes by cable only."))
        lines += _wrapped(_("Plug in {buy}.").format(buy=what_to_buy(hardware_list())))
    lines += ["", _("Wired ports"), *(_wired(port) for port in machine.wired)]
    if not machine.wired:
        lines.append("  " + _("none"))
    lines += ["", _("Disks"), *(_disk(disk) for disk in machine.disks)]
    if not machine.disks:
        lines.append("  " + _("none"))
    return [*lines, "", _("Computer"), *("  " + line for line in _computer(machine))]


def _radio(radio: Radio) -> list[str]:
    verdict = radio.verdict
    where = {"usb": _("USB"), "pci": _("built in"), "virtual": _("simulated")}.get(radio.bus, radio.bus)
    lines = [f"  {SIGNS[verdict.grade] if verdict else ' '} {radio.interface or radio.phy or '-':<9} "
             f"{radio.chipset} ({where})"]
    if verdict is not None:
        lines[0] += "   " + _("grade {grade}").format(grade=verdict.grade)
        lines += _wrapped(verdict.reason) + _wrapped(verdict.advice or "")
    facts = [radio.driver or _("no driver"), _bands(radio)]
    if radio.rfkill.hard or radio.rfkill.soft:
        facts.append(_("switched off by a switch") if radio.rfkill.hard else _("switched off in software"))
    if radio.held_by:
        facts.append(_("used by {program}").format(program=radio.held_by))
    return [*lines, "      " + " · ".join(fact for fact in facts if fact)]


def _wrapped(text: str) -> list[str]:
    width = min(shutil.get_terminal_size().columns, 100)
    indent = " " * 6
    return textwrap.wrap(text, max(width, 40), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _bands(radio: Radio) -> str:
    usable = [channel.mhz for channel in radio.channels if "disabled" not in channel.flags]
    bands = [name for name, low, high in (("2.4", 2400, 2500), ("5", 4900, 5925), ("6", 5926, 7125))
             if any(low <= mhz <= high for mhz in usable)]
    return _("{bands} GHz").format(bands=_(" and ").join(bands)) if bands else ""


def _wired(port: Wired) -> str:
    cable = _("cable is in") if port.carrier else _("no cable, or not switched on")
    return f"    {port.interface:<9} {port.driver or '-'}   {cable}"


def _disk(disk: Disk) -> str:
    notes = [disk.transport or "", _("removable") if disk.removable else "",
             _("read-only") if disk.read_only else "",
             _("this system runs from it") if disk.boot_medium else "",
             ngettext("{n} partition", "{n} partitions", len(disk.partitions)).format(n=len(disk.partitions))]
    return f"    {disk.path:<13} {size(disk.bytes):>9}  {name(disk)}   " + ", ".join(note for note in notes if note)


def _computer(machine: Machine) -> list[str]:
    medium = machine.medium
    lines = [_("memory    {size}").format(size=size(machine.memory_bytes)),
             _("firmware  {kind}{secure}").format(kind=machine.firmware.upper(),
                                                  secure=_(", Secure Boot is on") if machine.secure_boot else "")]
    if medium is not None:
        lines.append(_("started from  {where}, {kind}, {filesystem}{writable}").format(
            where=medium.path or _("memory"), kind=medium.kind, filesystem=medium.filesystem or "-",
            writable="" if medium.writable else _(", read-only")))
    if machine.battery is not None:
        left = machine.battery.seconds_left
        hours = _(", {hours:.1f} h left").format(hours=left / 3600) if left else ""
        lines.append(_("battery   {percent} %{left}").format(percent=machine.battery.percent, left=hours))
    return lines
