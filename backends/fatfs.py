"""A FAT32 file system as a file of holes: tables, folders and small files are there, of each big file only its place.

mkfs.vfat and mtools make it. They would also write every byte of the big files, hundreds of megabytes in memory; so
these stand in it as one byte at first, and are then given their clusters, in one piece each, behind everything else.
What is big is read from where it lies when the medium is written. fsck.fat holds the outcome for sound (in the tests).
"""

import os
import re
import shutil
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.mbr import START
from byzwizard.backends.system import System
from byzwizard.errors import StepFailed
from byzwizard.i18n import _

MIB = 1 << 20
BIG = MIB
SECTOR = 512
VOLUME_ID_AT = 67  # of the boot sector; its copy stands in sector BACKUP
BACKUP = 6
RESERVED = 32 * SECTOR  # what mkfs.vfat keeps before the first table: boot sectors, and nothing of the content
END = 0x0FFFFFFF

Content = Path | bytes


@dataclass(frozen=True)
class Extent:
    """A file of the stick that lies in one piece: `at` in bytes from the start of the file system."""

    name: str
    at: int
    length: int


@dataclass(frozen=True)
class FatImage:
    """`small_end`: everything below it is in the image file; above lie the `big` files, which are not."""

    path: Path
    small_end: int
    big: tuple[Extent, ...]
    small: tuple[Extent, ...]


def cluster_size(size: int) -> int:
    """Bytes; as big as leaves the 65,525 clusters that make it FAT32, so that the tables are small to write."""
    return 16384 if size >= 2048 * MIB else 8192 if size >= 1024 * MIB else 4096


def make(
    system: System, folder: Path, size: int, label: str, files: Mapping[str, Content], skip: int = 0
) -> FatImage:
    """A file system of `size` bytes in `folder`/system.img with `files` by their path, the big ones behind the first
    `skip` bytes. Raises StepFailed."""
    image, tree = folder / "system.img", folder / "tree"
    with image.open("wb") as made:
        made.truncate(size)
    sectors = str(cluster_size(size) // SECTOR)
    system.run("mkfs.vfat", "-F", "32", "-h", str(START), "-s", sectors, "-n", label, str(image))
    lengths = _lay_out(tree, files)
    system.run("mcopy", "-smQ", "-i", str(image), *sorted(str(path) for path in tree.iterdir()), "::/")
    shutil.rmtree(tree)
    with image.open("r+b") as file:
        fat = _Fat(file.fileno())
        first = {name: fat.at(cluster) for name, cluster in _first_clusters(system, image, [*files, *_parents(files)])}
        big = [name for name in files if lengths[name] > BIG]
        small_end = fat.at(fat.next_free)
        fat.skip_to(skip)
        extents = [
            Extent(name, fat.give_room(first[_parent(name)], first[name], lengths[name]), lengths[name])
            for name in big
        ]
        fat.write()
    small = tuple(Extent(name, first[name], lengths[name]) for name in files if name not in big and lengths[name])
    return FatImage(image, small_end, tuple(extents), small)


def _lay_out(tree: Path, files: Mapping[str, Content]) -> dict[str, int]:
    """The tree that mcopy reads: small files as they are, big ones as one byte. The length of each."""
    lengths = {}
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            lengths[name] = len(content)
            path.write_bytes(content)
            continue
        told = content.stat()
        lengths[name] = told.st_size
        path.write_bytes(content.read_bytes() if told.st_size <= BIG else b"\0")
        os.utime(path, (told.st_mtime, told.st_mtime))
    return lengths


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _parents(files: Mapping[str, Content]) -> list[str]:
    return sorted({_parent(name) for name in files if _parent(name)})


def _first_clusters(system: System, image: Path, names: list[str]) -> list[tuple[str, int]]:
    told = system.run("mshowfat", "-i", str(image), *(f"::/{name}" for name in names)).out
    found = re.findall(r"(?m)^::/(.+?) <(\d+)(?:-\d+)?>", told)
    return [(name, int(cluster)) for name, cluster in found]


class _Fat:
    """The one thing that no tool does: give a file its clusters without writing what is in them."""

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        boot = os.pread(descriptor, SECTOR, 0)
        self._cluster: int = boot[13] * SECTOR
        (reserved,) = struct.unpack_from("<H", boot, 14)
        self._copies: int = boot[16]
        (sectors,) = struct.unpack_from("<I", boot, 36)
        self._length: int = sectors * SECTOR
        self._at: int = reserved * SECTOR
        if self._at != RESERVED:
            raise StepFailed(_("mkfs.vfat laid out the file system in a way that is not known here."))
        self._data: int = self._at + self._copies * self._length
        (total,) = struct.unpack_from("<I", boot, 32)
        self._count = (total * SECTOR - self._data) // self._cluster
        self._table = memoryview(bytearray(os.pread(descriptor, self._length, self._at))).cast("I")
        self.next_free = self._last_used() + 1

    def _last_used(self) -> int:
        return max(i for i, entry in enumerate(self._table) if entry)

    def skip_to(self, at: int) -> None:
        self.next_free = max(self.next_free, -(-(at - self._data) // self._cluster) + 2)

    def at(self, cluster: int) -> int:
        """Where a cluster begins, in bytes."""
        return self._data + (cluster - 2) * self._cluster

    def give_room(self, folder: int, placeholder: int, length: int) -> int:
        """Let the file of one cluster at `placeholder` have `length` bytes in one piece; where they begin. `folder`
        is where its folder lies."""
        first, clusters = self.next_free, -(-length // self._cluster)
        if first + clusters > self._count + 2:
            raise StepFailed(_("The system does not fit into {size} MiB.").format(
                size=(self._data + self._count * self._cluster) // MIB))
        self._table[first : first + clusters] = array("I", range(first + 1, first + clusters + 1))
        self._table[first + clusters - 1] = END
        self.next_free += clusters
        old = (placeholder - self._data) // self._cluster + 2
        self._table[old] = 0
        self._rename(folder, old, first, length)
        return self.at(first)

    def _rename(self, folder: int, old: int, first: int, length: int) -> None:
        """The folder's entry that begins at cluster `old` begins at `first` now."""
        entries = os.pread(self._file, self._cluster, folder)
        for at in range(0, len(entries), 32):
            (high,), (low,) = struct.unpack_from("<H", entries, at + 20), struct.unpack_from("<H", entries, at + 26)
            if (high << 16 | low) == old and entries[at + 11] & 0x18 == 0:
                entry = bytearray(entries[at : at + 32])
                struct.pack_into("<H", entry, 20, first >> 16)
                struct.pack_into("<HI", entry, 26, first & 0xFFFF, length)
                os.pwrite(self._file, entry, folder + at)
                return
        raise StepFailed(_("mcopy laid out a folder in a way that is not known here."))

    def write(self) -> None:
        """The tables, and what the file system remembers of its free space: not known, which every driver accepts."""
        for copy in range(self._copies):
            os.pwrite(self._file, self._table, self._at + copy * self._length)
        for sector in (1, 1 + BACKUP):
            os.pwrite(self._file, b"\xff" * 8, sector * SECTOR + 488)
