"""The kernel's log, for what no other place tells: firmware that a driver asked for and did not get."""

import os
import re
import stat
from collections.abc import Iterable

from byzwizard.backends.system import System

# What drivers say, with the device as the kernel words it before the first colon ("iwlwifi 0000:03:00.0", "usb 1-2",
# "b43-phy0", "ieee80211 phy1"). Lines of Linux 4.19 to 6.18 and of Debian's own patch to the firmware loader.
MISSING = (
    re.compile(r"^(?P<who>[^:]+(?::[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])?(?::[\d.]+)?): "
               r"Direct firmware load for (?P<file>\S+) failed with error -2\b"),
    re.compile(r"^(?P<who>[^:]+(?::[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])?(?::[\d.]+)?): "
               r"firmware: failed to load (?P<file>\S+) \(-2\)"),
    re.compile(r"^(?P<who>b43(?:legacy)?-phy\d+) ERROR: Firmware file \"(?P<file>[^\"]+)\" not found"),
    re.compile(r"^(?P<who>[^:]+(?::[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])?): no suitable firmware found!?(?P<file>)"),
)
LOADED = re.compile(r"^(?P<who>[^:]+(?::[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])?(?::[\d.]+)?): "
                    r"(?:loaded firmware version|firmware: direct-loading firmware|.*Firmware (?:revision|version)[: ]|"
                    r".*Loading firmware version)|^(?P<b43>b43(?:legacy)?-phy\d+): Loading firmware version")
LIMIT = 4 << 20


def read_kernel_log(system: System) -> list[str]:
    """Messages without their time stamps, oldest first; empty where the log may not be read (dmesg_restrict)."""
    path = system.path("/dev/kmsg")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return _messages(handle) if stat.S_ISCHR(os.fstat(handle).st_mode) else []
    finally:
        os.close(handle)


def _messages(handle: int) -> list[str]:
    lines: list[str] = []
    size = 0
    while size < LIMIT:
        try:
            record = os.read(handle, 8192)
        except BrokenPipeError:  # overwritten while we read: go on with the oldest that is left
            continue
        except OSError:  # EAGAIN: read to the end; EPERM, EINVAL: not for us
            break
        if not record:
            break
        size += len(record)
        _head, _sep, text = record.decode("utf-8", "replace").partition(";")
        lines.append(text.split("\n", 1)[0])
    return lines


def missing_firmware(lines: Iterable[str]) -> dict[str, list[str]]:
    """Firmware files by the device that did not get them; a later success of the device takes them back."""
    missing: dict[str, list[str]] = {}
    for line in lines:
        if (found := LOADED.match(line)) is not None:
            missing.pop(_device(found["who"] or found["b43"]), None)
            continue
        for pattern in MISSING:
            if (found := pattern.match(line)) is not None:
                files = missing.setdefault(_device(found["who"]), [])
                if found["file"] and found["file"] not in files:
                    files.append(found["file"])
                break
    return missing


def _device(words: str) -> str:
    """The part that names the device: "0000:03:00.0", "1-2", "phy0"."""
    last = words.split()[-1]
    return re.sub(r"^b43(?:legacy)?-", "", last)
