"""Programs that hold a wireless interface and would fight with us over it. Our own units do not count."""

import os
import re
from dataclasses import dataclass

from byzwizard.backends.system import System

NETWORK_MANAGER = "NetworkManager"
# Those that take every wireless interface there is, by the name of their process (15 characters at most).
MANAGERS = {NETWORK_MANAGER: NETWORK_MANAGER, "iwd": "iwd", "connmand": "ConnMan", "wicd": "Wicd"}
I_OPTION = re.compile(r"^-[BdhKLqstuvwFW]*i(.*)$")  # after switches that take no value themselves


@dataclass(frozen=True)
class Holders:
    """`managers` hold all interfaces; `single` one each, by its name."""

    managers: tuple[str, ...]
    single: dict[str, str]


def find_holders(system: System) -> Holders:
    """Looks at the processes of this network namespace."""
    managers: list[str] = []
    single: dict[str, str] = {}
    here = _namespace(system, "self")
    try:
        processes = [entry.name for entry in os.scandir(system.path("/proc")) if entry.name.isdigit()]
    except OSError:
        return Holders((), {})
    for process in sorted(processes, key=int):
        name = (system.read(f"/proc/{process}/comm") or "").strip()
        if name not in MANAGERS and name not in {"wpa_supplicant", "hostapd"}:
            continue
        if _ours(system, process) or _namespace(system, process) not in {None, here}:
            continue
        if name in MANAGERS:
            managers.append(MANAGERS[name])
            continue
        arguments = _arguments(system, process)
        for interface in interfaces_of(arguments) + (_configured(system, arguments) if name == "hostapd" else []):
            single.setdefault(interface, name)
    return Holders(tuple(dict.fromkeys(managers)), single)


def held_by(system: System, holders: Holders, interface: str | None, ifindex: int | None) -> str | None:
    """The program that holds an interface, None when it is free. `interface` is its name of now."""
    if interface is None:
        return None
    if interface in holders.single:
        return holders.single[interface]
    for manager in holders.managers:
        if manager != NETWORK_MANAGER or not _left_alone(system, ifindex):
            return manager
    return None


def interfaces_of(arguments: list[str]) -> list[str]:
    """The values of -i, as wpa_supplicant and hostapd take them ("-i wlan0", "-iwlan0", "-Bi wlan0")."""
    found = []
    for at, argument in enumerate(arguments):
        if (option := I_OPTION.match(argument)) is not None:
            found.append(option[1] or (arguments[at + 1] if at + 1 < len(arguments) else ""))
    return [interface for interface in found if interface]


def _configured(system: System, arguments: list[str]) -> list[str]:
    """hostapd takes its interface from its configuration files; a file that cannot be read tells nothing."""
    found: list[str] = []
    for argument in arguments:
        if argument.startswith("/"):
            try:
                found += re.findall(r"(?m)^interface=(\S+)", system.read(argument) or "")
            except OSError:  # a folder, or not for us
                continue
    return found


def _left_alone(system: System, ifindex: int | None) -> bool:
    """NetworkManager writes down which devices it was told to leave alone (since 1.6)."""
    text = system.read(f"/run/NetworkManager/devices/{ifindex}") or ""
    return any(line.strip() in {"managed=false", "managed=0", "managed=unmanaged"} for line in text.splitlines())


def _ours(system: System, process: str) -> bool:
    return "/byz-" in (system.read(f"/proc/{process}/cgroup") or "")


def _arguments(system: System, process: str) -> list[str]:
    return (system.read(f"/proc/{process}/cmdline") or "").split("\0")[1:]


def _namespace(system: System, process: str) -> str | None:
    """None where it may not be asked (not root): then it counts as here."""
    try:
        return os.readlink(system.path(f"/proc/{process}/ns/net"))
    except OSError:
        return None
