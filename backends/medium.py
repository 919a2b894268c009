"""What the system was started from: the mount of live-boot, followed down through loops and device mapper to a disk."""

import os
import re
from pathlib import Path

from byzwizard.backends.links import attribute
from byzwizard.backends.mounts import Mount, parse_mounts
from byzwizard.backends.printable import printable
from byzwizard.backends.system import System
from byzwizard.machine import Medium

MOUNTS = ("/run/live/medium", "/lib/live/mount/medium")
READ_ONLY_SYSTEMS = {"iso9660", "udf", "squashfs"}
MEMORY_SYSTEMS = {"tmpfs", "ramfs", "overlay"}
NET_SYSTEMS = {"nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse.httpfs", "fuse.sshfs", "fuse.curlftpfs"}
# live-boot: these fetch the system over the network into memory.
NET_WORDS = re.compile(r"(?:^|\s)(fetch|httpfs|ftpfs|nfsroot|netboot)=")
LIVE_MEDIA = re.compile(r"(?:^|\s)live-media=(/dev/\S+)")
DEPTH = 16


def read_medium(system: System) -> Medium | None:
    """None on a system that is not live. `path` is the partition or disk at the end of the chain: for an ISO file on a
    Ventoy stick that which the file lies on. `writable` tells whether files of ours could be put beside the system."""
    mounts = parse_mounts(system.read("/proc/self/mountinfo") or "")
    # The last mount at a place is the one that shows.
    mount = next((m for place in MOUNTS for m in reversed(mounts) if m.place == place), None)
    command_line = system.read("/proc/cmdline") or ""
    if mount is None:
        return None
    # An ISO that was fetched is a file in memory with a loop over it. With these words live-boot takes nothing else.
    if mount.filesystem in NET_SYSTEMS or NET_WORDS.search(command_line):
        return Medium(path=None, kind="netboot", filesystem=mount.filesystem, writable=False)
    if mount.filesystem in MEMORY_SYSTEMS:
        return Medium(path=None, kind="ram", filesystem=mount.filesystem, writable=False)
    chain = _chain(system, mount.number, mounts)
    kind = _kind(system, chain, mount.filesystem)
    end = chain[-1]
    writable = (kind == "usb" and mount.filesystem not in READ_ONLY_SYSTEMS
                and all(attribute(folder, "ro") in {"0", None} for folder in (end, end.parent)))
    return Medium(path=printable(f"/dev/{end.name.replace('!', '/')}"), kind=kind, filesystem=mount.filesystem,
                  writable=writable)


def started_from(system: System) -> str | None:
    """The partition or disc that the boot menu named; also when the system was copied to memory since. None where it is
    not plugged in any more."""
    named = LIVE_MEDIA.search(system.read("/proc/cmdline") or "")
    try:
        return f"/dev/{os.path.basename(os.readlink(system.path(named[1])))}" if named else None
    except OSError:
        return None


def _chain(system: System, number: str, mounts: list[Mount]) -> list[Path]:
    """Folders of /sys from the mounted device down to what holds it; the first parent where there are several."""
    chain: list[Path] = []
    while len(chain) < DEPTH:
        folder = _folder(system, number)
        if folder is None or folder in chain:
            break
        chain.append(folder)
        below = _below(system, folder, mounts)
        if below is None:
            break
        number = below
    return chain or [Path("/sys/dev/block") / number]


def _folder(system: System, number: str) -> Path | None:
    link = system.path(f"/sys/dev/block/{number}")
    return link.resolve() if link.exists() else None


def _below(system: System, folder: Path, mounts: list[Mount]) -> str | None:
    """major:minor of what a loop or a mapping lies on; None for a disk or a partition of one."""
    backing = attribute(folder, "loop/backing_file")
    if backing:
        return _holder_of(system, backing, mounts)
    if folder.name.startswith("loop") and (folder / "partition").exists():
        return attribute(folder.parent, "dev")
    slaves = sorted((folder / "slaves").iterdir()) if (folder / "slaves").is_dir() else []
    return attribute(slaves[0], "dev") if slaves else None


def _holder_of(system: System, file: str, mounts: list[Mount]) -> str | None:
    """The device that a file lies on: of the mount with the longest fitting path."""
    fitting = [m for m in mounts if file == m.place or file.startswith(m.place.rstrip("/") + "/")]
    if fitting:
        best = max(len(m.place) for m in fitting)
        number = next(m.number for m in reversed(fitting) if len(m.place) == best)
        if not number.startswith("0:"):
            return number
    try:
        device = os.stat(system.path(file)).st_dev
    except OSError:
        return None
    return f"{os.major(device)}:{os.minor(device)}"


def _kind(system: System, chain: list[Path], filesystem: str) -> str:
    if any((attribute(folder, "dm/name") or "").lower().startswith("ventoy") for folder in chain):
        return "ventoy"
    end = chain[-1].name
    if len(chain) > 1:
        return "iso"
    if end.startswith("sr"):
        return "dvd"
    if filesystem in READ_ONLY_SYSTEMS and not _on_usb(chain[-1]):
        return "iso"
    return "usb"


def _on_usb(folder: Path) -> bool:
    return any(re.match(r"^usb\d+$", part) for part in folder.parts)
