"""A FAT32 file system as a file of holes: tables, folders and small files are there, of each big file only its place.

mkfs.vfat and mtools make it. They would also write every byte of the big files, hundreds of megabytes in memory; so
these stand in it as one byte at first, and are then given their clusters, each in one piece where there is one, behind
everything else, and around a file that stays from an older system.
What is big is read from where it lies when the medium is written. fsck.fat holds the outcome for sound (in the tests).
"""

import os
import re
import shutil
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.mbr import START
from byzwizard.backends.system import System
from byzwizard.errors import Refused, StepFailed
from byzwizard.i18n import _

MIB = 1 << 20
BIG = MIB
SECTOR = 512
VOLUME_ID_AT = 67  # of the boot sector; its copy stands in sector BACKUP
BACKUP = 6
RESERVED = 32 * SECTOR  # what mkfs.vfat keeps before the first table: boot sectors, and nothing of the content
END = 0x0FFFFFFF

Content = Path | bytes
Run = tuple[int, int]
"""Clusters that follow each other: the first and the last of them."""


class NoRoom(StepFailed):
    """The files do not fit into the file system."""


@dataclass(frozen=True)
class Shape:
    """What decides where a cluster lies, from the boot sector (Microsoft's FAT specification, 3.1 and 3.3). In bytes
    but for `root`, a cluster."""

    cluster: int
    reserved: int
    tables: int
    table: int
    total: int
    root: int

    @property
    def data(self) -> int:
        """Where cluster 2 begins, the first that there is."""
        return self.reserved + self.tables * self.table

    @property
    def end(self) -> int:
        """The number behind that of the last cluster."""
        return (self.total - self.data) // self.cluster + 2

    def at(self, cluster: int) -> int:
        return self.data + (cluster - 2) * self.cluster

    def clusters(self, length: int) -> int:
        return -(-length // self.cluster)


def shape(boot: bytes) -> Shape | None:
    """None where it is no FAT32 with sectors of 512 bytes."""
    sector, cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
    total, table = struct.unpack_from("<II", boot, 32)
    (root,) = struct.unpack_from("<I", boot, 44)
    if sector != SECTOR or not (cluster and reserved and tables and table) or boot[82:90] != b"FAT32   ":
        return None
    found = Shape(cluster * SECTOR, reserved * SECTOR, tables, table * SECTOR, total * SECTOR, root)
    return found if found.data < found.total else None


@dataclass(frozen=True)
class Staying:
    """A file of `length` bytes in the root folder of an older file system, which stays where it is; `begins` is a hash
    of its first bytes. `volume` is the UUID by which that file system is known, 8 hex digits."""

    name: str
    length: int
    runs: tuple[Run, ...]
    shape: Shape
    begins: str
    volume: str


@dataclass(frozen=True)
class Around:
    """Where big files do not lie: in the first `skip` bytes, on the clusters of a file that `stays`, and, where there
    is room for that, on those of `old` ones."""

    skip: int = 0
    old: tuple[Run, ...] = ()
    stays: Staying | None = None


NOTHING = Around()


@dataclass(frozen=True)
class Extent:
    """A file of the stick, or `length` bytes of it from `offset` on, that lie in one piece: `at` in bytes from the
    start of the file system."""

    name: str
    at: int
    length: int
    offset: int = 0


@dataclass(frozen=True)
class FatImage:
    """`small_end`: everything below it is in the image file, but for the `holes` (from, to), where a file stays that is
    not this image's; above lie the `big` files, which are not in it. `begins`: where each of the others begins.
    `beside`: the big ones lie on nothing that an older system has, as far as that is known."""

    path: Path
    small_end: int
    big: tuple[Extent, ...]
    begins: dict[str, int]
    holes: tuple[tuple[int, int], ...]
    beside: bool


def cluster_size(size: int) -> int:
    """Bytes; as big as leaves the 65,525 clusters that make it FAT32, so that the tables are small to write."""
    return 16384 if size >= 2048 * MIB else 8192 if size >= 1024 * MIB else 4096


def place(lengths: Iterable[int], taken: Iterable[Run], begin: int, end: int) -> list[list[Run]] | None:
    """Pure. Where files of so many clusters each go: from `begin` on, before `end`, on nothing that is `taken`; in one
    piece where there is one. None where they do not fit."""
    free: list[Run] = []
    for first, last in sorted(taken):
        if min(first, end) > begin:
            free.append((begin, min(first, end) - 1))
        begin = max(begin, last + 1)
    if end > begin:
        free.append((begin, end - 1))
    found = []
    for length in lengths:
        whole = [run for run in free if run[1] - run[0] + 1 >= length][:1]
        runs: list[Run] = []
        for first, last in whole or list(free):
            if not length:
                break
            runs.append((first, min(last, first + length - 1)))
            length -= runs[-1][1] - first + 1
            rest = [(runs[-1][1] + 1, last)] if runs[-1][1] < last else []
            at = free.index((first, last))
            free[at : at + 1] = rest
        if length:
            return None
        found.append(runs)
    return found


def make(
    system: System, folder: Path, size: int, label: str, files: Mapping[str, Content], around: Around = NOTHING
) -> FatImage:
    """A file system of `size` bytes in `folder`/system.img with `files` by their path, the big ones around what is
    there. Raises StepFailed, NoRoom, Refused."""
    image, tree, stays = folder / "system.img", folder / "tree", around.stays
    with image.open("wb") as made:
        made.truncate(size)
    sectors = str(cluster_size(size) // SECTOR)
    system.run("mkfs.vfat", "-F", "32", "-h", str(START), "-s", sectors, "-n", label, str(image))
    if stays is not None:
        _leave(image, stays)
    lengths = _lay_out(tree, files)
    if stays is not None:
        (tree / stays.name).write_bytes(b"\0")
    system.run("mcopy", "-smQ", "-i", str(image), *sorted(str(path) for path in tree.iterdir()), "::/")
    shutil.rmtree(tree)
    names = [*files, *_parents(files), *([stays.name] if stays else ())]
    with image.open("r+b") as file:
        fat = _Fat(file.fileno())
        first = {name: fat.shape.at(cluster) for name, cluster in _first_clusters(system, image, names)}
        big = [name for name in files if lengths[name] > BIG]
        left = stays.runs if stays else ()
        small_end = fat.next_free(left)
        begin = max(small_end, fat.shape.clusters(around.skip - fat.shape.data) + 2)
        clusters = [fat.shape.clusters(lengths[name]) for name in big]
        beside = place(clusters, (*around.old, *left), begin, fat.shape.end)
        places = beside or place(clusters, left, begin, fat.shape.end)
        if places is None:
            raise NoRoom(_("The system does not fit into {size} MiB.").format(size=size // MIB))
        for name, runs in zip(big, places, strict=True):
            fat.give_room(first[_parent(name)], first[name], runs, lengths[name])
        if stays is not None:
            fat.give_name(fat.shape.at(fat.shape.root), first[stays.name], stays.runs[0][0], stays.length)
        fat.write()
    extents = [
        extent
        for name, runs in zip(big, places, strict=True)
        for extent in _extents(name, fat.shape, runs, lengths[name])
    ]
    begins = {name: first[name] for name in files if name not in big and lengths[name]}
    holes = ((fat.shape.at(one), fat.shape.at(last + 1)) for one, last in left if one < small_end)
    return FatImage(image, fat.shape.at(small_end), tuple(extents), begins, tuple(holes), beside is not None)


def _extents(name: str, of: Shape, runs: Iterable[Run], length: int) -> Iterable[Extent]:
    offset = 0
    for first, last in runs:
        here = min(length - offset, (last - first + 1) * of.cluster)
        yield Extent(name, of.at(first), here, offset)
        offset += here


def _leave(image: Path, stays: Staying) -> None:
    """Before anything else is put there: what stays has its clusters. Raises Refused where they would lie elsewhere."""
    with image.open("r+b") as file:
        fat = _Fat(file.fileno())
        if fat.shape != stays.shape:
            raise Refused(
                _("The file system with {file} is not laid out as this system would.").format(file=stays.name),
                _("Take another stick."),
            )
        fat.chain(stays.runs)
        fat.write()


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
        known = shape(os.pread(descriptor, SECTOR, 0))
        if known is None or known.reserved != RESERVED:
            raise StepFailed(_("mkfs.vfat laid out the file system in a way that is not known here."))
        self.shape = known
        self._table = memoryview(bytearray(os.pread(descriptor, known.table, known.reserved))).cast("I")

    def next_free(self, but: Sequence[Run]) -> int:
        """The cluster behind all that are used, not counting these."""
        others = {cluster for first, last in but for cluster in range(first, last + 1)}
        return max(i for i, entry in enumerate(self._table) if entry and i not in others) + 1

    def chain(self, runs: Sequence[Run]) -> None:
        """One file has these clusters, in this order."""
        for number, (first, last) in enumerate(runs):
            self._table[first : last + 1] = array("I", range(first + 1, last + 2))
            self._table[last] = runs[number + 1][0] if number + 1 < len(runs) else END

    def give_room(self, folder: int, placeholder: int, runs: Sequence[Run], length: int) -> None:
        """Let the file of one cluster at `placeholder` have `length` bytes on these clusters. `folder` is where its
        folder lies."""
        self.chain(runs)
        self.give_name(folder, placeholder, runs[0][0], length)

    def give_name(self, folder: int, placeholder: int, first: int, length: int) -> None:
        """The entry of `folder` that begins at `placeholder`, of one cluster, begins at cluster `first` now."""
        old = (placeholder - self.shape.data) // self.shape.cluster + 2
        self._table[old] = 0
        entries = os.pread(self._file, self.shape.cluster, folder)
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
        for copy in range(self.shape.tables):
            os.pwrite(self._file, self._table, self.shape.reserved + copy * self.shape.table)
        for sector in (1, 1 + BACKUP):
            os.pwrite(self._file, b"\xff" * 8, sector * SECTOR + 488)
