"""GRUB in the first sectors of a stick, for computers without UEFI: boot.img in the first, core.img behind the GPT.

grub-bios-setup does the same, but only to a disk whose file system is mounted. What it changes in the two files is
written down in GRUB's grub-core/boot/i386/pc/boot.S and diskboot.S, and stays as it is for compatibility.
"""

import struct

from byzwizard.errors import StepFailed
from byzwizard.i18n import _

SECTOR = 512
BLOCK = 4096
CORE_AT = 34  # the sector behind the GPT's 32 of entries
START = 2048  # the first sector of the first partition
GAP_END = START * SECTOR - 64 * 1024  # behind it, a stick that gets a new system has its notes (staying.py)
TABLE = 446  # of the partition table in the first sector
KERNEL_SECTOR = 0x5C  # boot.S: GRUB_BOOT_MACHINE_KERNEL_SECTOR, 8 bytes
DRIVE_CHECK = 0x66  # boot.S: GRUB_BOOT_MACHINE_DRIVE_CHECK, a jump of 2 bytes
FIRST_LIST = SECTOR - 12  # diskboot.S: where the rest of core.img begins, 8 bytes
# An entry that covers the first sector and has no type: some old BIOSes boot only from a disk with an active one.
ACTIVE = bytes([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])


def with_grub(head: bytes, boot: bytes, core: bytes) -> bytes:
    """The sectors of `head` (a GPT) with GRUB in and behind them. Raises StepFailed."""
    end = CORE_AT * SECTOR + len(core)
    if len(boot) != SECTOR or end > GAP_END:
        raise StepFailed(_("The boot loader of this medium is not one for the gap behind a GPT."))
    made = bytearray(head).ljust(-(-end // BLOCK) * BLOCK, b"\0")
    made[:TABLE] = boot[:TABLE]
    struct.pack_into("<Q", made, KERNEL_SECTOR, CORE_AT)
    # Buggy BIOSes name another drive than they boot from; this lets GRUB believe only names of hard disks.
    made[DRIVE_CHECK : DRIVE_CHECK + 2] = b"\x90\x90"
    made[TABLE + 16 : TABLE + 32] = ACTIVE
    begin = CORE_AT * SECTOR
    made[begin : begin + len(core)] = core
    struct.pack_into("<Q", made, begin + FIRST_LIST, CORE_AT + 1)
    return bytes(made)
