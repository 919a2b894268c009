"""Reading and writing a disk itself, past the page cache: what is told as written has reached it."""

import fcntl
import mmap
import os

from byzwizard.errors import CannotHere
from byzwizard.i18n import _

SECTOR = 512
BLKSSZGET = 0x1268  # linux/fs.h
BLKRRPART = 0x125F


def room(length: int) -> memoryview:
    """Memory as direct input and output want it: beginning at a page."""
    return memoryview(mmap.mmap(-1, length))


def put(descriptor: int, at: int, data: bytes | memoryview) -> None:
    """Write whole sectors. Raises OSError."""
    buffer = data
    if isinstance(data, bytes):
        buffer = room(len(data))
        buffer[:] = data
    done = 0
    while done < len(buffer):
        done += os.pwrite(descriptor, buffer[done:], at + done)


def get(descriptor: int, at: int, buffer: memoryview) -> memoryview:
    """Fill the buffer from the disk. Raises OSError, also where the disk ends."""
    done = 0
    while done < len(buffer):
        got = os.preadv(descriptor, [buffer[done:]], at + done)
        if not got:
            raise OSError(5, os.strerror(5))
        done += got
    return buffer


def flush(descriptor: int) -> None:
    """Until the disk has written what it keeps in memory of its own. Raises OSError."""
    os.fdatasync(descriptor)


def need_sectors_of_512(descriptor: int) -> None:
    """Raises CannotHere for a disk with others: BIOSes do not start from it, and layout.py and freespace.py count in
    these."""
    try:
        told = fcntl.ioctl(descriptor, BLKSSZGET, bytes(4))
    except OSError:  # a file that stands for a disk
        return
    if int.from_bytes(told, "little") != SECTOR:
        raise CannotHere(
            _("This disk has sectors of {size} bytes; systems and stores are put on those with 512.").format(
                size=int.from_bytes(told, "little")
            ),
            _("Take another one."),
        )


def read_table_again(descriptor: int) -> None:
    """Let the kernel look at the new partitions; where it cannot now, it does when the stick is plugged in again."""
    try:
        fcntl.ioctl(descriptor, BLKRRPART)
    except OSError:
        return
