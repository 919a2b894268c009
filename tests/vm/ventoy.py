"""A stick as Ventoy makes it, and what Ventoy does in the initramfs of an ISO that it starts.

After Ventoy 1.1's own scripts for Debian: it takes the place of /init, writes its hook into the real one just before
live-boot is called, and there maps the ISO's place on its first partition, without the help of udev. What is not
here: its boot loader, exFAT, and ISO files in several pieces.
"""

from __future__ import annotations

import mmap
import shutil
import subprocess
from pathlib import Path

MIB = 1 << 20
SIZE = 512 * MIB  # of the first partition
TABLE = f"label: dos\nstart=2048, size={SIZE // 512}, type=7, bootable\nsize=65536, type=ef\n"
INIT = """#!/bin/sh
sed -i /init -e '/^mountroot$/i sh /ventoy/hook.sh' \\
    -e '/^mountroot$/i export LIVEMEDIA=/dev/mapper/ventoy' -e '/^mountroot$/i export LIVE_MEDIA=/dev/mapper/ventoy'
exec /init
"""
# The disk is known to Ventoy by its signature, here by its second partition.
HOOK = """disk=
while [ -z "$disk" ]; do
    for found in /dev/sd?; do [ -e "${{found}}2" ] && disk=$found; done
    sleep 0.3
done
modprobe dm-mod
export DM_DISABLE_UDEV=1
echo "0 {sectors} linear ${{disk}}1 {start}" | dmsetup --readonly create ventoy
echo "0 {whole} linear ${{disk}}1 0" | dmsetup create "${{disk#/dev/}}1"
"""


def stick(path: Path, iso: Path) -> int:
    """Makes it, with the ISO as a file on it. The sector of its first partition at which the ISO lies."""
    with path.open("wb") as file:
        file.truncate(SIZE + 40 * MIB)
    subprocess.run(["sfdisk", "--quiet", str(path)], input=TABLE, text=True, check=True)
    format_it = ["mkfs.vfat", "-F", "32", "-n", "Ventoy", "--offset", "2048", str(path), str(SIZE // 1024)]
    subprocess.run(format_it, check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", f"{path}@@1M", str(iso), "::/"], check=True)
    with path.open("rb") as stored, mmap.mmap(stored.fileno(), 0, access=mmap.ACCESS_READ) as there:
        content = iso.read_bytes()
        at = there.find(content[: 64 * 1024])
        assert there[at : at + len(content)] == content, "the ISO lies in several pieces"
    return (at - MIB) // 512


def initrd(path: Path, real: Path, iso: Path, start: int) -> Path:
    """The real one, and behind it what Ventoy adds; the kernel is to begin with /ventoy/init."""
    hook = HOOK.format(sectors=iso.stat().st_size // 512, start=start, whole=SIZE // 512)
    shutil.copyfile(real, path)
    with path.open("ab") as file:
        file.write(bytes(-path.stat().st_size % 4))
        file.write(_entry("ventoy", 0o40755, b"") + _entry("ventoy/init", 0o100755, INIT.encode()))
        file.write(_entry("ventoy/hook.sh", 0o100644, hook.encode()) + _entry("TRAILER!!!", 0, b""))
    return path


def _entry(name: str, mode: int, data: bytes) -> bytes:
    """Of an archive of cpio's newc format."""
    named = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(named), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + named
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
