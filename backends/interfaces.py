"""What the kernel says of network interfaces, read without starting a process (a second apply must be quick)."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import re
import socket
import struct
from typing import TYPE_CHECKING

from byzwizard.backends.system import CommandFailed
from byzwizard.errors import StepFailed
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.system import System

SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B  # <linux/sockios.h>
TENTATIVE, DADFAILED = 0x40, 0x08  # IFA_F_… of <linux/if_addr.h>, as /proc/net/if_inet6 prints them
LINK_SCOPE = 0x20
IFF_UP = 1


def index(name: str) -> int | None:
    """The index of an interface by name or alternative name; None when there is none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def name_of(number: int) -> str | None:
    """The present name of the interface with this index."""
    try:
        return socket.if_indextoname(number)
    except OSError:
        return None


def attribute(system: System, name: str, what: str) -> str | None:
    """A file of /sys/class/net/NAME, stripped; None where there is none or it cannot be told now."""
    try:
        text = system.read(f"/sys/class/net/{name}/{what}")
    except OSError:  # `carrier` of an interface that is down reads as EINVAL
        return None
    return None if text is None else text.strip()


def is_up(system: System, name: str) -> bool:
    return bool(int(attribute(system, name, "flags") or "0", 16) & IFF_UP)


def blocked(system: System, name: str, *kinds: str) -> bool:
    """Is a radio switched off: `hard` by a switch, `soft` by a program or key, or by either of them?"""
    folder = system.path(f"/sys/class/net/{name}/phy80211")
    found = (path for kind in kinds or ("hard", "soft") for path in folder.glob(f"rfkill*/{kind}"))
    return any(path.read_text().strip() == "1" for path in found)


def mac(system: System, name: str) -> str | None:
    return attribute(system, name, "address")


def port_of(system: System, name: str) -> str | None:
    """The bridge that the interface is a port of."""
    with contextlib.suppress(OSError):
        return system.path(f"/sys/class/net/{name}/master").resolve(strict=True).name
    return None


def phy_of(system: System, name: str) -> str | None:
    return attribute(system, name, "phy80211/name")


def ipv4(name: str) -> str | None:
    """The first IPv4 address of an interface as a.b.c.d/length."""
    request = struct.pack("16s240x", name.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            address = fcntl.ioctl(asking, SIOCGIFADDR, request)[20:24]
            mask = fcntl.ioctl(asking, SIOCGIFNETMASK, request)[20:24]
        except OSError:
            return None
    return f"{socket.inet_ntoa(address)}/{int.from_bytes(mask).bit_count()}"


def ipv6(system: System, name: str) -> dict[str, int]:
    """The IPv6 addresses of an interface as address/length, each with its flags."""
    found = {}
    for line in (system.read("/proc/net/if_inet6") or "").splitlines():
        digits, _index, length, _scope, flags, owner = line.split()
        if owner == name:
            address = ipaddress.IPv6Address(bytes.fromhex(digits))
            found[f"{address}/{int(length, 16)}"] = int(flags, 16)
    return found


def ip(system: System, *commands: str) -> None:
    """Several commands of ip(8) in one process. Raises StepFailed with the first bad one and what it said."""
    try:
        system.run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")
    except CommandFailed as fault:
        lines = fault.result.err.strip().splitlines()
        found = re.search(r"Command failed -:(\d+)", fault.result.err)
        command = commands[int(found[1]) - 1] if found else commands[0]
        why = lines[0].removeprefix("RTNETLINK answers: ") if lines else _("no message")
        raise StepFailed(_("`ip {command}` failed: {why}.").format(
            command=command, why=why.rstrip("."))) from fault


def must_have(name: str) -> int:
    """The index of an interface that has to be here."""
    number = index(name)
    if number is None:
        raise StepFailed(_("The network interface {name} is not here (any more).").format(name=name),
                         _("Plug it in, or leave it out of mesh.interfaces."))
    return number
