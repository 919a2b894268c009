"""Wait until interfaces are ready for a daemon: up, and with an IPv6 link-local address that is not tentative.

Run by units as `python -I -S ready.py [--address] [--seconds N] IFACE…`, so that it stands alone: standard library
only, and little of it, because a node waits for its imports. `--address` is content with an address of any kind. An
interface whose cable is not plugged in is not waited for: it may stay so for days. When the time is over there is a
sentence for each that is not ready, and exit 1 where none is.
"""

import os
import select
import socket
import struct
import sys
import time

SECONDS = 60.0
IFF_UP = 1
TENTATIVE, DADFAILED = 0x40, 0x08
LINK_SCOPE = 0x20
RTMGRP = 0x1 | 0x10 | 0x100  # links, IPv4 addresses, IPv6 addresses
SIOCGIFADDR = 0x8915


def _read(name: str, what: str) -> str:
    try:
        with open(f"/sys/class/net/{name}/{what}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _has_ipv4(name: str) -> bool:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("16s240x", name.encode()))
        except OSError:
            return False
        return True


def _ipv6(name: str) -> list[tuple[int, int]]:
    """(scope, flags) of each IPv6 address."""
    found = []
    with open("/proc/net/if_inet6", encoding="ascii") as file:
        for line in file:
            _address, _index, _length, scope, flags, owner = line.split()
            if owner == name:
                found.append((int(scope, 16), int(flags, 16)))
    return found


def missing(name: str, any_address: bool) -> str | None:
    """What the interface lacks, as the end of a sentence; None when it is ready."""
    flags = _read(name, "flags")
    if not flags:
        return "is not there"
    if not int(flags, 16) & IFF_UP:
        return "is not up"
    own = _ipv6(name)
    if any_address:
        settled = [entry for entry in own if not entry[1] & (TENTATIVE | DADFAILED)]
        return None if settled or _has_ipv4(name) else "has no address"
    if not os.path.exists(f"/sys/class/net/{name}/phy80211") and _read(name, "carrier") == "0":
        return None
    local = [flags for scope, flags in own if scope == LINK_SCOPE]
    if any(flags & DADFAILED for flags in local):
        return "has a link-local address that another computer on the link has too"
    if not local:
        return "has no IPv6 link-local address"
    if all(flags & TENTATIVE for flags in local):
        return "has an IPv6 link-local address that is still tentative"
    return None


def main(arguments: list[str]) -> int:
    seconds, any_address, names = SECONDS, False, []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--address":
            any_address = True
        elif argument == "--seconds":
            seconds = float(next(rest))
        else:
            names.append(argument)
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as events:
        events.bind((0, RTMGRP))
        while True:
            lacking = {name: what for name in names if (what := missing(name, any_address))}
            if not lacking:
                return 0
            left = end - time.monotonic()
            if left <= 0:
                for name, what in lacking.items():
                    print(f"{name} {what}, even after {seconds:.0f} s.", file=sys.stderr)
                # Of several, those that are there shall not wait for one that was unplugged.
                return len(lacking) == len(names)
            # The end of duplicate address detection is announced, losing an event must not cost the deadline.
            select.select([events], [], [], min(left, 1.0))
            try:
                while events.recv(65536, socket.MSG_DONTWAIT):
                    pass
            except OSError:
                pass  # all read, or more than the buffer held: look again


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
