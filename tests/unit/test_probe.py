"""Reading the hardware from trees of /sys and from what tools print; no tool is started."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byzwizard.backends import probe, radios
from byzwizard.backends.chipnames import chip_name
from byzwizard.backends.disks import parse_disk
from byzwizard.backends.holders import find_holders, held_by, interfaces_of
from byzwizard.backends.kernellog import missing_firmware
from byzwizard.backends.links import Link, natural, parse_link
from byzwizard.backends.medium import read_medium
from byzwizard.backends.mounts import parse_mounts
from byzwizard.backends.nl80211 import Interface, Wiphy, channel_number, merge_wiphys
from byzwizard.backends.system import Result, System
from byzwizard.backends.wired import read_wired
from byzwizard.errors import CannotHere
from byzwizard.machine import Machine

Tree = Callable[[dict[str, str]], System]


class NoTools(System):
    def run(self, *argv: str, **_more: Any) -> Result:
        raise CannotHere(f"{argv[0]} is not installed here.")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Files by path; a value that starts with -> is a link to a path of the tree."""

    def make(files: dict[str, str]) -> System:
        for name, content in files.items():
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("->"):
                goal = tmp_path / content[2:].lstrip("/")
                goal.mkdir(parents=True, exist_ok=True)
                path.symlink_to(os.path.relpath(goal, path.parent))
            else:
                path.write_text(content)
        return NoTools(tmp_path)

    return make


USB = "/sys/devices/pci0000:00/usb1/1-2"
STICK = {
    f"{USB}/idVendor": "0cf3\n", f"{USB}/idProduct": "9271\n", f"{USB}/subsystem": "->/sys/bus/usb",
    f"{USB}/1-2:1.0/subsystem": "->/sys/bus/usb", f"{USB}/1-2:1.0/driver": "->/sys/bus/usb/drivers/ath9k_htc",
    f"{USB}/1-2:1.0/ieee80211/phy0/macaddress": "00:c0:ca:01:02:03\n",
    f"{USB}/1-2:1.0/ieee80211/phy0/device": f"->{USB}/1-2:1.0",
    f"{USB}/1-2:1.0/ieee80211/phy0/rfkill3/soft": "1\n", f"{USB}/1-2:1.0/ieee80211/phy0/rfkill3/hard": "0\n",
    "/sys/class/ieee80211/phy0": f"->{USB}/1-2:1.0/ieee80211/phy0",
}


def machine(system: System, monkeypatch: pytest.MonkeyPatch, wiphys: list[Wiphy], interfaces: list[Interface],
            links: list[Link], log: list[str] | None = None) -> Machine:
    monkeypatch.setattr(probe, "ask_nl80211", lambda _system: (wiphys, interfaces))
    monkeypatch.setattr(probe, "read_links", lambda _system: {link.name: link for link in links})
    monkeypatch.setattr(probe, "read_kernel_log", lambda _system: log or [])
    return probe.read_machine(system)


def test_a_usb_stick(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    found = machine(tree(STICK), monkeypatch, [Wiphy(0, "phy0", ["managed", "mesh point"])],
                    [Interface(3, "wlan0", 0, "managed", None)], [Link(3, "wlan0", "00:c0:ca:01:02:03", None, True)])
    radio, = found.radios
    assert (radio.interface, radio.mac, radio.bus, radio.id, radio.driver) == (
        "wlan0", "00:c0:ca:01:02:03", "usb", "0cf3:9271", "ath9k_htc")
    assert radio.chipset == "Atheros AR9271"
    assert radio.rfkill.soft
    assert not radio.rfkill.hard
    assert radio.verdict is not None
    assert radio.verdict.grade == "B"


def test_the_same_on_a_node_that_runs(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interface is mesh0 now, its own name an altname behind udev's; ap0 was added and does not count."""
    found = machine(tree(STICK), monkeypatch, [Wiphy(0, "phy0", ["managed", "mesh point"])],
                    [Interface(9, "ap0", 0, "ap", 2462), Interface(3, "mesh0", 0, "mesh point", 2462)],
                    [Link(3, "mesh0", "", None, True, ("wlx00c0ca010203", "wlan0")), Link(9, "ap0", "", None, True)])
    assert [radio.interface for radio in found.radios] == ["wlan0"]


@pytest.mark.parametrize(("interfaces", "links", "name"), [
    ([Interface(3, "ap0", 0, "ap", 2462)], [Link(3, "ap0", "", None, True, ("wlan7",))], "wlan7"),
    ([Interface(3, "ap0", 0, "ap", 2462)], [Link(3, "ap0", "", None, True)], None),
    ([Interface(3, "mesh0", 0, "mesh point", 2462)], [Link(3, "mesh0", "", None, True)], "mesh0"),
    ([Interface(4, "mon0", 0, "monitor", None), Interface(5, "wlan0", 0, "managed", None)], [], "wlan0"),
    ([], [], None),
])
def test_own_names(tree: Tree, monkeypatch: pytest.MonkeyPatch, interfaces: list[Interface], links: list[Link],
                   name: str | None) -> None:
    found = machine(tree(STICK), monkeypatch, [Wiphy(0, "phy0")], interfaces, links)
    assert found.radios[0].interface == name


def test_a_container_without_sys_devices(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """No device, no rfkill, no udev: the radio is there all the same."""
    found = machine(tree({}), monkeypatch, [Wiphy(4, "phy4", ["managed", "ap"])],
                    [Interface(2, "wlan4", 4, "managed", None)], [Link(2, "wlan4", "02:00:00:00:04:00", None, True)])
    radio, = found.radios
    assert (radio.interface, radio.mac, radio.driver, radio.id) == ("wlan4", "02:00:00:00:04:00", None, None)
    assert (radio.rfkill.soft, radio.rfkill.hard) == (False, False)


CARD = "/sys/devices/pci0000:00/0000:03:00.0"
PCI = {f"{CARD}/class": "0x028000\n", f"{CARD}/vendor": "0x8086\n", f"{CARD}/device": "0x7740\n",
       f"{CARD}/subsystem": "->/sys/bus/pci", "/sys/bus/pci/devices/0000:03:00.0": f"->{CARD}"}


def test_a_card_whose_firmware_is_missing_has_no_radio_but_is_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ["iwlwifi 0000:03:00.0: enabling device (0000 -> 0002)",
           "iwlwifi 0000:03:00.0: Direct firmware load for iwlwifi-ma-89.ucode failed with error -2",
           "iwlwifi 0000:03:00.0: no suitable firmware found!"]
    radio, = machine(tree(PCI), monkeypatch, [], [], [], log).radios
    assert (radio.interface, radio.id, radio.driver, radio.firmware_missing) == (
        None, "8086:7740", None, ("iwlwifi-ma-89.ucode",))
    assert radio.verdict is not None
    assert radio.verdict.grade == "F"


def test_a_card_whose_radio_is_elsewhere_is_not_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its driver is content: the radio was moved into a container."""
    system = tree(PCI | {f"{CARD}/driver": "->/sys/bus/pci/drivers/iwlwifi"})
    assert machine(system, monkeypatch, [], [], []).radios == ()


def test_in_a_container_the_cards_of_the_host_do_not_count(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine(tree(PCI | {"/run/systemd/container": "systemd-nspawn"}), monkeypatch, [], [], []).radios == ()


def test_no_nl80211_leaves_what_sys_tells(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from byzwizard.backends import nl80211

    system = tree(STICK | {"/sys/class/net/wlan0/phy80211/name": "phy0", "/sys/class/net/wlan0/ifindex": "3"})

    def broken() -> None:
        raise nl80211.Unreadable("broken")

    monkeypatch.setattr(nl80211, "survey", broken)
    wiphys, interfaces = radios.ask_nl80211(system)
    assert [wiphy.name for wiphy in wiphys] == ["phy0"]
    assert [(interface.name, interface.ifindex) for interface in interfaces] == [("wlan0", 3)]


def test_firmware_of_the_kernel_log() -> None:
    lines = [
        'b43-phy0 ERROR: Firmware file "b43/ucode5.fw" not found',
        "usb 1-2: Direct firmware load for rt2870.bin failed with error -2",
        "usb 1-2: firmware: failed to load rt2870.bin (-2)",
        "iwlwifi 0000:03:00.0: Direct firmware load for iwlwifi-7260-17.ucode failed with error -2",
        "iwlwifi 0000:03:00.0: loaded firmware version 16.242414.0 op_mode iwlmvm",
        "bluetooth hci0: Direct firmware load for brcm/x.hcd failed with error -2",
        "hello: world", "", ":",
    ]
    assert missing_firmware(lines) == {"phy0": ["b43/ucode5.fw"], "1-2": ["rt2870.bin"], "hci0": ["brcm/x.hcd"]}


def test_a_driver_that_loads_early_and_has_its_radio_is_not_accused(
        tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ["usb 1-2: Direct firmware load for ath9k_htc/htc_9271-1.dev.0.fw failed with error -2"]
    found = machine(tree(STICK), monkeypatch, [Wiphy(0, "phy0")], [], [], log)
    assert found.radios[0].firmware_missing == ()


def test_wired_ports(tree: Tree) -> None:
    system = tree({
        "/sys/class/net/eth0/device": "->/sys/devices/x", "/sys/class/net/eth0/carrier": "1\n",
        "/sys/class/net/eth0/device/driver": "->/sys/bus/pci/drivers/e1000e",
        "/sys/class/net/eth10/device": "->/sys/devices/y", "/sys/class/net/eth2/device": "->/sys/devices/z",
        "/sys/class/net/wwan0/device": "->/sys/devices/w", "/sys/class/net/wwan0/uevent": "DEVTYPE=wwan\n",
        "/sys/class/net/wlan0/device": "->/sys/devices/v", "/sys/class/net/wlan0/phy80211/name": "phy0",
    })
    links = [Link(1, "lo", "", None, False), *(Link(n, name, f"mac{n}", kind, True) for n, (name, kind) in enumerate((
        ("eth10", None), ("eth2", None), ("eth0", None), ("wwan0", None), ("wlan0", None), ("host0", "veth"),
        ("ve-node1", "veth"), ("clients0", "bridge"), ("keep0", "dummy"), ("dummy0", None)), 2))]
    found = read_wired(system, {link.name: link for link in links})
    assert [port.interface for port in found] == ["eth0", "eth2", "eth10", "host0"]
    assert (found[0].driver, found[0].carrier) == ("e1000e", True)
    assert (found[3].driver, found[3].carrier) == ("veth", False)


def test_links_of_ip() -> None:
    link = parse_link({"ifindex": 3, "ifname": "mesh0", "link_type": "ether", "address": "02:00:00:00:00:01",
                       "permaddr": "00:c0:ca:01:02:03", "altnames": ["wlx00c0ca010203", "wlan0"]})
    assert link == Link(3, "mesh0", "00:c0:ca:01:02:03", None, True, ("wlx00c0ca010203", "wlan0"))
    assert link is not None
    assert link.own_name == "wlan0"
    assert parse_link({}) is None


def test_disks() -> None:
    stick = parse_disk({
        "name": "sdb", "path": "/dev/sdb", "type": "disk", "size": 15931539456, "vendor": "SanDisk ",
        "model": "Ultra\x1b[2J", "serial": "4C53", "tran": "usb", "rm": True, "ro": False,
        "mountpoints": [None], "children": [
            {"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 4294967296, "fstype": "vfat",
             "label": "BYZANTIUM", "mountpoints": ["/usr/lib/live/mount/medium", "/run/live/medium"]},
            {"name": "sdb2", "path": "/dev/sdb2", "type": "part", "size": 1, "fstype": "crypto_LUKS", "mountpoints": [],
             "children": [{"name": "x", "type": "crypt", "mountpoints": ["/media/x"]}]}]})
    assert stick is not None
    assert (stick.vendor, stick.model, stick.transport, stick.removable) == ("SanDisk", r"Ultra\x1b[2J", "usb", True)
    assert [part.mounted for part in stick.partitions] == ["/run/live/medium", "/media/x"]


@pytest.mark.parametrize("entry", [
    {"name": "loop0", "type": "loop", "size": 1}, {"name": "zram0", "type": "disk", "size": 5},
    {"name": "sdc", "type": "disk", "size": 0}, {"name": "ram0", "type": "disk", "size": 5},
    {"name": "sr0", "type": "rom"},
])
def test_what_is_no_disk(entry: dict[str, Any]) -> None:
    assert parse_disk(entry) is None


def test_ventoy_maps_the_whole_disk() -> None:
    disk = parse_disk({"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": 9, "children": [
        {"name": "sdb1", "path": "/dev/sdb1", "type": "part", "size": 8, "fstype": "exfat", "label": "Ventoy",
         "mountpoints": [None]},
        {"name": "ventoy", "path": "/dev/mapper/ventoy", "type": "dm", "mountpoints": ["/run/live/medium"]}]})
    assert disk is not None
    assert [part.mounted for part in disk.partitions] == ["/run/live/medium"]


DISK = "/sys/devices/pci0000:00/usb1/1-1/block/sdb"
BLOCK = {f"{DISK}/dev": "8:16", f"{DISK}/ro": "0", f"{DISK}/sdb1/dev": "8:17", f"{DISK}/sdb1/partition": "1",
         f"{DISK}/sdb1/ro": "0", "/sys/dev/block/8:16": f"->{DISK}", "/sys/dev/block/8:17": f"->{DISK}/sdb1"}
LOOP = "/sys/devices/virtual/block/loop0"
DM = "/sys/devices/virtual/block/dm-0"


@pytest.mark.parametrize(("mounts", "more", "expected"), [
    ("1 1 8:17 / /run/live/medium ro - vfat /dev/sdb1 ro", {}, ("/dev/sdb1", "usb", True)),
    ("1 1 8:16 / /run/live/medium ro - iso9660 /dev/sdb ro", {}, ("/dev/sdb", "usb", False)),
    ("1 1 7:0 / /run/live/medium ro - iso9660 /dev/loop0 ro\n1 1 8:17 / /run/live/findiso ro - ext4 /dev/sdb1 ro",
     {f"{LOOP}/loop/backing_file": "/run/live/findiso/byzantium.iso", "/sys/dev/block/7:0": f"->{LOOP}"},
     ("/dev/sdb1", "iso", False)),
    ("1 1 253:0 / /run/live/medium ro - iso9660 /dev/mapper/ventoy ro",
     {f"{DM}/dm/name": "ventoy", f"{DM}/slaves/sdb": f"->{DISK}", "/sys/dev/block/253:0": f"->{DM}"},
     ("/dev/sdb", "ventoy", False)),
    ("1 1 0:30 / /run/live/medium rw - tmpfs tmpfs rw", {}, (None, "ram", False)),
    ("1 1 0:30 / /run/live/medium rw - tmpfs tmpfs rw", {"/proc/cmdline": "boot=live fetch=http://x/y"},
     (None, "netboot", False)),
    ("1 1 0:30 / /run/live/medium ro - nfs 10.0.0.1:/x ro", {}, (None, "netboot", False)),
    ("1 1 7:0 / /run/live/medium ro - iso9660 /dev/loop0 ro\n1 1 0:2 / / rw - rootfs rootfs rw",
     {f"{LOOP}/loop/backing_file": "/media/byzantium.iso (deleted)", "/sys/dev/block/7:0": f"->{LOOP}",
      "/proc/cmdline": "boot=live fetch=http://x/byzantium.iso"}, (None, "netboot", False)),
    ("1 1 11:0 / /run/live/medium ro - iso9660 /dev/sr0 ro", {"/sys/dev/block/11:0": "->/sys/devices/ata/block/sr0"},
     ("/dev/sr0", "dvd", False)),
    ("1 1 254:0 / /run/live/medium ro - iso9660 /dev/vda ro", {"/sys/dev/block/254:0": "->/sys/devices/v/block/vda"},
     ("/dev/vda", "iso", False)),
    ("1 1 8:17 / / rw - ext4 /dev/sdb1 rw", {}, None),
])
def test_the_medium(
    tree: Tree, mounts: str, more: dict[str, str], expected: tuple[str | None, str, bool] | None
) -> None:
    found = read_medium(tree(BLOCK | {"/proc/self/mountinfo": mounts + "\n"} | more))
    assert (None if found is None else (found.path, found.kind, found.writable)) == expected


def test_mounts_with_blanks() -> None:
    assert parse_mounts(r"1 1 8:1 / /a\040b rw shared:1 - ext4 /dev/sda1 rw")[0].place == "/a b"


def test_holders(tree: Tree) -> None:
    system = tree({
        "/proc/self/ns/x": "", "/proc/10/comm": "NetworkManager\n", "/proc/10/cmdline": "NetworkManager\0--no-daemon\0",
        "/proc/11/comm": "wpa_supplicant\n", "/proc/11/cmdline": "wpa_supplicant\0-B\0-iwlan3\0-c/etc/i.conf\0",
        "/proc/12/comm": "wpa_supplicant\n", "/proc/12/cmdline": "wpa_supplicant\0-i\0mesh0\0",
        "/proc/12/cgroup": "0::/system.slice/system-byz\\x2dmesh.slice/byz-mesh@mesh0.service\n",
        "/proc/14/comm": "hostapd\n", "/proc/14/cmdline": "hostapd\0-B\0-P\0/tmp/pid\0/tmp/ap.conf\0",
        "/tmp/ap.conf": "# x\ninterface=wlan8\n", "/proc/13/comm": "bash\n",
        "/run/NetworkManager/devices/7": "[device]\nmanaged=false\n",
    })
    found = find_holders(system)
    assert held_by(system, found, "wlan3", 4) == "wpa_supplicant"
    assert held_by(system, found, "wlan0", 5) == "NetworkManager"
    assert held_by(system, found, "wlan1", 7) is None
    assert held_by(system, found, "wlan8", 7) == "hostapd"
    assert held_by(system, found, None, None) is None
    assert "mesh0" not in found.single


def test_interfaces_on_a_command_line() -> None:
    assert interfaces_of(["-Dnl80211,wired", "-Bi", "wlan0", "-c", "/tmp/-i", "-iwlan1", "-i"]) == ["wlan0", "wlan1"]


def test_chip_names(tree: Tree) -> None:
    system = tree({"/usr/share/misc/usb.ids": "# list\n148e  Before\n\t5370  Wrong\n148f  Ralink Technology, Corp.\n"
                                              "\t5370  RT5370 Wireless Adapter\n\t\tsub\n1490  After\n\t7610  Wrong\n",
                   "/usr/share/hwdata/pci.ids": "\n8086  Intel Corporation\n\t51f0  Alder Lake-P CNVi WiFi\n"})
    assert chip_name(system, "usb", "148f:5370") == "Ralink RT5370 Wireless Adapter"
    assert chip_name(system, "usb", "148f:7610") == "Ralink"
    assert chip_name(system, "usb", "ffff:0001") is None
    assert chip_name(system, "pci", "8086:51f0") == "Intel Alder Lake-P CNVi WiFi"
    assert chip_name(system, "sdio", "8086:51f0") is None


@pytest.mark.parametrize(("mhz", "number"), [
    (2412, 1), (2472, 13), (2484, 14), (5180, 36), (5825, 165), (5955, 1), (5935, 2), (7115, 233), (58320, 1),
    (900, None)])
def test_channel_numbers(mhz: int, number: int | None) -> None:
    assert channel_number(mhz) == number


def test_a_split_dump_is_put_together() -> None:
    """As the kernel sends it: each piece names its radio, a channel a piece; what is unknown is kept."""
    from byzwizard.backends.nl80211 import _Message

    def piece(*attributes: list[Any]) -> Any:
        message = _Message()
        message["attrs"] = [["wiphy", 1], ["wiphy_name", "phy1"], *attributes]
        message["header"]["type"] = 30
        message.encode()
        decoded = _Message(bytes(message.data))
        decoded.decode()
        return decoded

    def channel(**attributes: object) -> list[Any]:
        return ["bands", [{"attrs": [["frequencies", [{"attrs": [list(pair) for pair in attributes.items()]}]]]}]]

    both = {"attrs": [["max", 2], ["types", {"attrs": [["3", True], ["7", True]]}]]}
    wiphy, = merge_wiphys([
        piece(["modes", {"attrs": [["2", True], ["7", True], ["13", True]]}]),
        piece(channel(mhz=2484, disabled=True)), piece(channel(mhz=2412)), piece(channel(mhz=5260, **{"no-ir": True})),
        piece(["combinations", [{"attrs": [["limits", [both]], ["total", 2], ["channels", 1]]}]])])
    assert wiphy.modes == ["managed", "mesh point", "type 13"]
    assert wiphy.combinations[0].limits[0].types == ("ap", "mesh point")
    assert [(wiphy.channels[mhz].number, wiphy.channels[mhz].flags) for mhz in sorted(wiphy.channels)] == [
        (1, ()), (14, ("disabled",)), (52, ("no-ir",))]


def test_natural_order() -> None:
    assert sorted(["wlan10", "wlan9", "wlp3s0", "wlan0"], key=natural) == ["wlan0", "wlan9", "wlan10", "wlp3s0"]
