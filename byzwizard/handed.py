"""A passphrase for another part of the program, in memory alone: its path reads like a file while the block lasts."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def handed(passphrase: str) -> Iterator[str]:
    """A path that we, and other processes of the administrator, read `passphrase` from."""
    descriptor = os.memfd_create("handed", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, passphrase.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)
