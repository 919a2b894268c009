"""The machine as the last apply found it. Reading the hardware takes longer than all the rest of an apply that has
nothing to do, and the kernel counts what happens to devices."""

from byzwizard.backends.links import folders
from byzwizard.backends.system import System
from byzwizard.machine import Machine

MACHINE = "/run/byzantium/undo/machine.json"  # `undo` plans with it too
DEVICES = "/run/byzantium/undo/devices"
STAMP = "/run/byzantium/undo/uevents"
EVENTS = "/sys/kernel/uevent_seqnum"  # Documentation/ABI/testing/sysfs-kernel-uevent_seqnum


def remember(system: System, machine: Machine) -> None:
    """Before an apply. Readable by root alone."""
    system.remove(STAMP)
    system.write(MACHINE, machine.model_dump_json(), mode=0o600)
    system.write(DEVICES, _devices(system), mode=0o600)


def stamp(system: System) -> None:
    """After an apply, whose own interfaces are events too. Not when something was plugged in meanwhile."""
    if system.read(DEVICES) == _devices(system):
        system.write(STAMP, system.read(EVENTS) or "", mode=0o600)


def recall(system: System) -> Machine | None:
    """None when the kernel has told of any change since."""
    stamped, text = system.read(STAMP), system.read(MACHINE)
    if not stamped or not text or stamped != system.read(EVENTS):
        return None
    return Machine.model_validate_json(text)


def _devices(system: System) -> str:
    """Radios, and what has a device and is no interface of a radio: an apply renames and adds those."""
    radios = [folder.name for folder in folders(system, "/sys/class/ieee80211")]
    ports = [
        (folder / "ifindex").read_text().strip()
        for folder in folders(system, "/sys/class/net")
        if (folder / "device").exists() and not (folder / "phy80211").exists()
    ]
    return " ".join([*radios, *ports])
