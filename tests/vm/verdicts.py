"""What a stick that lost its power in the middle is: which system starts from it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

SECTOR = 512
BEGIN = 2**20  # of the system's partition
BOOT_CODE = 440  # bytes, of the master boot record

Files = dict[str, str]
"""Path and hash of each file of a system."""


def partitions(stick: Path) -> list[tuple[int, int, str]]:
    """(begin, bytes, name) of each; as firmware and kernel do, from the second table where the first is torn."""
    done = subprocess.run(["sfdisk", "--json", str(stick)], capture_output=True, text=True)
    if done.returncode:
        return []
    parts = json.loads(done.stdout)["partitiontable"].get("partitions", [])
    return [(part["start"] * SECTOR, part["size"] * SECTOR, part.get("name", "")) for part in parts]


def read(stick: Path, at: int, length: int) -> bytes:
    with stick.open("rb") as file:
        file.seek(at)
        return file.read(length)


def has_code(stick: Path) -> bool:
    """A BIOS would start something from it."""
    return any(read(stick, 0, BOOT_CODE))


def has_system(stick: Path) -> bool:
    """There is a file system where ours is: UEFI and GRUB look into it whatever the table calls it."""
    sector = read(stick, BEGIN, SECTOR)
    return sector[82:87] == b"FAT32" and sector[510:] == b"\x55\xaa"


def system(stick: Path, scratch: Path) -> Files:
    """What lies in the system's partition: all of it, or as much as can be read. Files are named with their hashes."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    subprocess.run(["mcopy", "-s", "-n", "-Q", "-i", f"{stick}@@{BEGIN}", "::", str(scratch)], capture_output=True)
    found = {}
    for path in sorted(scratch.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[str(path.relative_to(scratch))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def clean(stick: Path, scratch: Path) -> bool:
    """Is the file system of the system's partition without a fault?"""
    size = next(size for begin, size, _name in partitions(stick) if begin == BEGIN)
    scratch.unlink(missing_ok=True)
    cut = f"skip={BEGIN} count={size} iflag=skip_bytes,count_bytes conv=sparse status=none bs=1M"
    subprocess.run(["dd", f"if={stick}", f"of={scratch}", *cut.split()], check=True)
    with scratch.open("r+b") as file:
        file.truncate(size)
    return subprocess.run(["fsck.vfat", "-n", str(scratch)], capture_output=True).returncode == 0


def hash_of(stick: Path, at: int, length: int) -> str:
    """Of `length` bytes from `at` on."""
    digest = hashlib.sha256()
    with stick.open("rb") as file:
        file.seek(at)
        while length and (data := file.read(min(length, 2**22))):
            digest.update(data)
            length -= len(data)
    return digest.hexdigest()
