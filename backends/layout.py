"""How a stick of ours is laid out: for clones and for the USB image alike.

    0          GPT, and GRUB for computers without UEFI in the gap behind it (mbr.py)
    960 KiB    nothing, but while the stick gets a new system and a file on it stays (staying.py)
    1 MiB      the system: FAT32 `BYZANTIUM`, an EFI system partition (fatfs.py)
    behind it  room for a store, or one that stays
    the end    the copy of the GPT

A `Template` is made once for all sticks of a size and holds what they share. A `Layout` adds what each has for itself:
names (GUIDs, the file system's UUID, by which it boots) and a seed of randomness. Nothing of the source's is in either.
"""

import os
import secrets
import struct
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byzwizard.backends import fatfs, staying
from byzwizard.backends.content import BOOT, SEED
from byzwizard.backends.fatfs import BACKUP, MIB, NOTHING, RESERVED, SECTOR, VOLUME_ID_AT, Around, Content, FatImage
from byzwizard.backends.mbr import START, with_grub
from byzwizard.backends.system import System
from byzwizard.places import LINUX_RESERVED

LABEL = "BYZANTIUM"
UNFINISHED = "byzantium-unfinished"
OURS = (LABEL, UNFINISHED)  # the names of a first partition of ours
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BLOCK = 4096
BEGIN = START * SECTOR
HEAD = 5 * BLOCK  # the GPT's 34 sectors
TAIL = 33 * SECTOR  # its copy
FULL_STICK = 7200 * MIB  # what is sold as 8 GB
FULL_SYSTEM = 4096 * MIB
SEED_LENGTH = 512


@dataclass(frozen=True)
class Piece:
    """`length` bytes of a file, from `offset` on, that belong at `at` of the stick. The last block is filled up."""

    at: int
    length: int
    file: Path
    offset: int


@dataclass(frozen=True)
class Names:
    """What must differ between two sticks. `volume` is the UUID of the file system, 8 hex digits; a store that is a
    file is known by it, and keeps it."""

    disk: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    partition: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    volume: str = field(default_factory=lambda: secrets.token_hex(4).upper())
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(SEED_LENGTH))


@dataclass(frozen=True)
class Layout:
    """One stick: `own` bytes at their places; then `last`, what makes it bootable, in this order."""

    own: tuple[tuple[int, bytes], ...]
    last: tuple[tuple[int, bytes], ...]


def system_size(disk_bytes: int, content_bytes: int) -> int:
    """How big the system's partition becomes: 4 GiB, or on small sticks twice the system plus 256 MiB."""
    return FULL_SYSTEM if disk_bytes >= FULL_STICK else small_system(content_bytes)


def small_system(content_bytes: int) -> int:
    return -(-2 * content_bytes // MIB) * MIB + 256 * MIB


def smallest_disk(content_bytes: int) -> int:
    """Bytes that a stick must have."""
    return BEGIN + small_system(content_bytes) + MIB


class Template:
    """What sticks with a system partition of `size` bytes share. `folder` is on a file system that knows holes, and
    nothing else may be in it. The big files lie around what is on the stick already and is still needed."""

    def __init__(
        self, system: System, folder: Path, size: int, files: Mapping[str, Content], around: Around = NOTHING
    ) -> None:
        self._system = system
        self._folder = folder
        self.size = size
        self.fat = fatfs.make(system, folder, size, LABEL, {**files, SEED: bytes(SEED_LENGTH)}, around)
        self._boot, self._core = (_whole(files[f"{BOOT}/{name}.img"]) for name in ("boot", "core"))
        self.small = tuple(_small(self.fat, self._seed_at()))
        self.big = tuple(_big(self.fat, files))

    def _seed_at(self) -> int:
        return self.fat.begins[SEED]

    def layout(self, disk_bytes: int, names: Names, more: Iterable[str] = (), folder: Path | None = None) -> Layout:
        """For a disk of that size. `more` are further partitions, as lines of sfdisk's input. `folder` is for what is
        put down in between, another one for each of several threads."""
        lines = [_first(self.size, names), *more]
        head, tail = gpt(self._system, folder or self._folder, disk_bytes, lines, names.disk)
        with self.fat.path.open("rb") as file:
            reserved = bytearray(file.read(RESERVED))
        for sector in (0, BACKUP):
            struct.pack_into("<I", reserved, sector * SECTOR + VOLUME_ID_AT, int(names.volume, 16))
        head = with_grub(head, self._boot, self._core)
        return Layout(
            own=((BEGIN + self._seed_at(), names.seed.ljust(BLOCK, b"\0")),),
            last=(
                (BEGIN, bytes(reserved)),
                (_block(disk_bytes - TAIL), tail),
                # UEFI and BIOS both begin here: until this is written the stick is an unfinished one, afterwards ours.
                (0, head),
            ),
        )


def unfinished(
    system: System,
    folder: Path,
    size: int,
    disk_bytes: int,
    more: Iterable[str] = (),
    before: Iterable[tuple[int, bytes]] = (staying.NO_NOTE,),
) -> tuple[tuple[int, bytes], ...]:
    """What is written before anything else: tables that say so, and nothing to boot from. `size` is that of the
    system's partition, `more` as for Template.layout; `before` is what comes first of all: a note of what stays, or
    that nothing does."""
    line = f"start={START}, size={size // SECTOR}, type={LINUX_RESERVED}, name={UNFINISHED}"
    head, tail = gpt(system, folder, disk_bytes, [line, *more], str(uuid.uuid4()))
    return *before, (BEGIN, bytes(RESERVED)), (_block(disk_bytes - TAIL), tail), (0, head)


def _first(size: int, names: Names) -> str:
    return f"start={START}, size={size // SECTOR}, type={ESP}, uuid={names.partition}, name={LABEL}"


def _block(at: int) -> int:
    """Direct writing goes by whole blocks; the bytes that gpt() gives for the end begin at one."""
    return at // BLOCK * BLOCK


def gpt(system: System, folder: Path, disk_bytes: int, lines: Iterable[str], disk: str) -> tuple[bytes, bytes]:
    """What sfdisk writes to a disk of that size: the first HEAD bytes, and what is behind _block(disk_bytes - TAIL)."""
    path = folder / "table.img"
    with path.open("wb") as file:
        file.truncate(disk_bytes)
    script = "\n".join(["label: gpt", f"label-id: {disk}", *lines]) + "\n"
    system.run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(path), stdin=script)
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(_block(disk_bytes - TAIL))
        tail = file.read()
    path.unlink()
    return head, tail


def _small(fat: FatImage, seed: int) -> Iterable[Piece]:
    """All that the image holds but the boot sectors and the seed, which are each stick's own, and what stays there."""
    begin = RESERVED
    for end, goes_on in (*sorted((*fat.holes, (seed, seed + BLOCK))), (fat.small_end, 0)):
        if end > begin:
            yield Piece(BEGIN + begin, end - begin, fat.path, begin)
        begin = goes_on


def _big(fat: FatImage, files: Mapping[str, Content]) -> Iterable[Piece]:
    """The big files, each from where it lies; in the same order on sticks of every size. Each is one piece, but around
    what stays on a stick."""
    for extent in fat.big:
        content = files[extent.name]
        assert isinstance(content, Path)
        yield Piece(BEGIN + extent.at, extent.length, content, extent.offset)


def _whole(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def write_file(path: Path, disk_bytes: int, template: Template, names: Names) -> None:
    """A disk image as a file: for the USB image and for tests."""
    layout = template.layout(disk_bytes, names)
    with path.open("wb") as out:
        out.truncate(disk_bytes)
        for piece in (*template.small, *template.big):
            with piece.file.open("rb") as file:
                os.lseek(file.fileno(), piece.offset, os.SEEK_SET)
                out.seek(piece.at)
                left = piece.length
                while left and (data := file.read(min(left, 4 * MIB))):
                    out.write(data)
                    left -= len(data)
        for at, data in (*layout.own, *layout.last):
            out.seek(at)
            out.write(data)
