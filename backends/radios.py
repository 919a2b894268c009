"""The radios of this computer: nl80211 tells what they can do, /sys what they are, the kernel's log what is missing."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.backends.chipnames import chip_name
from byzwizard.backends.holders import Holders, held_by
from byzwizard.backends.links import Link, attribute, folders, natural, target
from byzwizard.backends.printable import printable
from byzwizard.backends.system import System
from byzwizard.backends.wifiprobe import second_opinion
from byzwizard.hardware import hardware_list
from byzwizard.machine import Radio, Rfkill

if TYPE_CHECKING:
    from byzwizard.backends.nl80211 import Interface, Wiphy

# Drivers that ask for firmware only when the interface is switched on: their radio is there without it. All others have
# no radio without firmware, and what they did not find although it works was optional (another version, board data).
LATE_FIRMWARE = re.compile(r"^(b43|b43legacy|rt2800\w+|rt73usb|rt61pci|zd1211rw|p54\w*|at76c50x-usb)(-|$)")

# linux-firmware's names for wireless USB sticks; other USB devices ask for firmware too.
WIRELESS_FIRMWARE = re.compile(r"^(ath|htc_|carl9170|ar5523|mediatek/mt7|mt7|rt2|rt3|rt7|rtlwifi|rtw8|zd1211|brcm/|"
                               r"mrvl/|libertas|isl388|rsi|wilc)")


class Survey:
    """What was read side by side; each part is taken when it is needed."""

    def __init__(self, links: Mapping[str, Link], holders: "Future[Holders]",
                 firmware: "Future[dict[str, list[str]]]") -> None:
        self.links = links
        self.holders = holders
        self.firmware = firmware


def read_radios(system: System, survey: Survey,
                told: "tuple[list[Wiphy], list[Interface]]") -> tuple[Radio, ...]:
    """Every radio in natural order, also cards that have none yet because their driver could not start them."""
    wiphys, interfaces = told
    found = [_radio(system, survey, wiphy, [i for i in interfaces if i.wiphy == wiphy.index]) for wiphy in wiphys]
    seen = {path for wiphy in wiphys if (path := _device(system, wiphy.name)) is not None}
    found += _without_radio(system, survey, seen)
    return tuple(sorted(found, key=lambda radio: (radio.interface is None, natural(radio.interface or radio.phy))))


def _radio(system: System, survey: Survey, wiphy: "Wiphy", interfaces: "list[Interface]") -> Radio:
    name, now = _own_interface(interfaces, survey.links)
    device = _device(system, wiphy.name)
    driver = target(device, "driver") if device else None
    bus, number = bus_and_id(device, system) if device else ("", None)
    modes = tuple(wiphy.modes)
    if not modes and now is not None and (other := second_opinion(system, now.name)) is not None:
        modes = tuple(sorted(other.modes))
    folder = system.path(f"/sys/class/ieee80211/{wiphy.name}")
    mac = attribute(folder, "macaddress") or (survey.links[now.name].mac if now and now.name in survey.links else "")
    return Radio(
        interface=name, phy=wiphy.name, mac=mac, bus=bus, id=number,
        chipset=_chipset(system, bus, number, driver, device), driver=driver, modes=modes,
        combinations=tuple(wiphy.combinations), channels=tuple(wiphy.channels[mhz] for mhz in sorted(wiphy.channels)),
        rfkill=_rfkill(folder), firmware_missing=_firmware(survey.firmware.result(), wiphy.name, device, driver),
        held_by=held_by(system, survey.holders.result(), now.name if now else None, now.ifindex if now else None))


def _own_interface(interfaces: "list[Interface]", links: Mapping[str, Link]) -> "tuple[str | None, Interface | None]":
    """The radio's own interface: its name as found, and as it is now. What the node added (ap0) is not it."""
    named = [(_own_name(interface, links), interface) for interface in interfaces
             if interface.kind not in {"monitor", "ap/vlan", "p2p-device"}]
    own = [(name, interface) for name, interface in named if name is not None]
    return min(own, key=lambda pair: pair[1].ifindex) if own else (None, None)


def _own_name(interface: "Interface", links: Mapping[str, Link]) -> str | None:
    link = links.get(interface.name)
    if link is None:
        return interface.name
    # A mesh0 without an altname was named so by hand: it is the radio's interface all the same.
    return link.own_name or (interface.name if interface.name.startswith("mesh") else None)


def _device(system: System, phy: str) -> Path | None:
    """The folder of /sys/devices that the driver is bound to."""
    link = system.path(f"/sys/class/ieee80211/{phy}/device")
    return link.resolve() if link.exists() else None


def bus_and_id(device: Path, system: System) -> tuple[str, str | None]:
    """("usb", "0cf3:9271") of the device or of what carries it (ssb and bcma cores lie on a PCI card)."""
    top = system.path("/sys/devices").resolve()
    for folder in (device, *device.parents):
        if folder == top or top not in folder.parents:
            break
        bus = target(folder, "subsystem")
        first, second = {"usb": ("idVendor", "idProduct")}.get(bus or "", ("vendor", "device"))
        vendor, product = attribute(folder, first), attribute(folder, second)
        if bus in {"usb", "pci", "sdio"} and vendor and product:
            return bus, f"{vendor.removeprefix('0x')}:{product.removeprefix('0x')}".lower()
    if target(device, "subsystem") == "mac80211_hwsim":
        return "virtual", None
    return target(device, "subsystem") or "", None


def _chipset(system: System, bus: str, number: str | None, driver: str | None, device: Path | None) -> str:
    if driver == "mac80211_hwsim" or bus == "virtual":
        return "Simulated radio (mac80211_hwsim)"
    chip = hardware_list().chip(number)
    name = chip.name if chip else chip_name(system, bus, number)
    if name is None and device is not None and bus == "usb":
        said = [attribute(folder, "product") for folder in (device, device.parent)]
        name = next((printable(text, 80) for text in said if text), None)
    return name or f"Unknown ({number or driver or bus or 'no number'})"


def _rfkill(folder: Path) -> Rfkill:
    """The switch of this radio; none at all (containers, some drivers) means not blocked."""
    try:
        switches = [entry for entry in folder.iterdir() if entry.name.startswith("rfkill")]
    except OSError:
        switches = []
    return Rfkill(soft=any(attribute(switch, "soft") == "1" for switch in switches),
                  hard=any(attribute(switch, "hard") == "1" for switch in switches))


def _firmware(missing: Mapping[str, list[str]], phy: str, device: Path | None, driver: str | None) -> tuple[str, ...]:
    files = list(missing.get(phy, ()))
    if device is not None and LATE_FIRMWARE.match(driver or ""):
        files += missing.get(device.name, missing.get(device.name.split(":")[0], []))
    return tuple(dict.fromkeys(printable(file, 100) for file in files))


def _without_radio(system: System, survey: Survey, seen: set[Path]) -> list[Radio]:
    """Wireless cards whose driver is missing or gave up: they have a number, and nothing else."""
    found: list[Radio] = []
    if system.path("/run/systemd/container").exists():  # a container sees the cards of its host, and cannot use them
        return found
    for bus, wireless in (("pci", _pci_wireless), ("usb", _usb_wireless)):
        for folder in folders(system, f"/sys/bus/{bus}/devices"):
            device = folder.resolve()
            if any(device == other or device in other.parents for other in seen):
                continue
            missing = survey.firmware.result().get(folder.name, [])
            driver = target(device, "driver") if bus == "pci" else None
            # A driver that is content has its radio somewhere else (the network namespace of a container).
            if not wireless(device, missing) or (driver is not None and not missing):
                continue
            kind, number = bus_and_id(device, system)
            found.append(Radio(interface=None, phy="", mac="", bus=kind, id=number,
                               chipset=_chipset(system, kind, number, driver, device), driver=driver,
                               firmware_missing=tuple(printable(file, 100) for file in missing)))
    return found


def _pci_wireless(device: Path, _missing: list[str]) -> bool:
    """PCI class 0280 (network controller, other) is what wireless cards call themselves."""
    return (attribute(device, "class") or "").startswith("0x0280")


def _usb_wireless(device: Path, missing: list[str]) -> bool:
    """USB has no class for Wi-Fi: a driver that asked for firmware in vain, or a number of the hardware list."""
    if any(WIRELESS_FIRMWARE.match(file) for file in missing):
        return True
    vendor, product = attribute(device, "idVendor"), attribute(device, "idProduct")
    if not vendor or not product or hardware_list().chip(f"{vendor}:{product}") is None:
        return False
    interfaces = (entry for entry in device.iterdir() if entry.name.startswith(f"{device.name}:"))
    return all(target(entry, "driver") is None for entry in interfaces)


def ask_nl80211(system: System) -> "tuple[list[Wiphy], list[Interface]]":
    """Empty where there is no radio: then pyroute2, which takes a third of a second to import, is left alone."""
    phys = folders(system, "/sys/class/ieee80211")
    if not phys:
        return [], []
    from byzwizard.backends import nl80211

    try:
        return nl80211.survey()
    except nl80211.Unreadable:
        # Without combinations and channels; PyRIC may still tell the modes.
        wiphys = [nl80211.Wiphy(int(attribute(phy, "index") or at), phy.name) for at, phy in enumerate(phys)]
        numbers = {wiphy.name: wiphy.index for wiphy in wiphys}
        nets = [(folder, attribute(folder, "phy80211/name")) for folder in folders(system, "/sys/class/net")]
        return wiphys, [
            nl80211.Interface(int(attribute(folder, "ifindex") or 0), folder.name, numbers[phy], "managed", None)
            for folder, phy in nets if phy in numbers]
