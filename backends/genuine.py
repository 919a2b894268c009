"""Is a stick as big as it says, and does it keep what it is given? Marks are written all over it and read back.

Forged sticks tell a size that they do not have: what is written behind their true end is lost, or lands on what is
before it, most often at the same place less a power of two. So marks stand at the end, evenly between, and at one place
plus every power of two.
"""

import os

from byzwizard.backends import direct
from byzwizard.backends.waiting import check_stop
from byzwizard.diskwords import size as in_words
from byzwizard.errors import StepFailed
from byzwizard.i18n import _

BLOCK = 4096
EVENLY = 32
BASE = 2 << 20  # behind the boot sectors, which stay empty until the end


def places(disk_bytes: int) -> list[int]:
    """Where marks are written, in bytes; ascending."""
    last = disk_bytes // BLOCK * BLOCK - BLOCK
    found = {last, BASE}
    found |= {last * i // EVENLY // BLOCK * BLOCK for i in range(1, EVENLY)}
    power = BASE
    while BASE + power <= last:
        found.add(BASE + power)
        power *= 2
    return sorted(place for place in found if 0 < place <= last)


def mark(nonce: bytes, place: int) -> bytes:
    return (nonce + place.to_bytes(8, "little")) * (BLOCK // (len(nonce) + 8))


def prove(descriptor: int, disk_bytes: int, keep: bool = False) -> None:
    """Erases what is at the marks; with `keep` it is put back afterwards. Raises StepFailed for a stick that is forged
    or failing."""
    nonce = os.urandom(8)
    marks = places(disk_bytes)
    try:
        before = {place: bytes(direct.get(descriptor, place, direct.room(BLOCK))) for place in marks if keep}
        for place in marks:
            check_stop()
            direct.put(descriptor, place, mark(nonce, place))
        direct.flush(descriptor)
        buffer = direct.room(BLOCK)
        for index, place in enumerate(marks):
            check_stop()
            if direct.get(descriptor, place, buffer) != mark(nonce, place):
                real = marks[index - 1] if index else 0
                raise StepFailed(
                    _("This stick is forged or failing: it says {size}, and keeps nothing behind {real}.").format(
                        size=in_words(disk_bytes), real=in_words(real)
                    )
                    if buffer[:8] != nonce
                    else _("This stick is forged: it says {size}, and writes over what is on it already.").format(
                        size=in_words(disk_bytes)
                    ),
                    _("Do not use it for anything; give it back to the shop."),
                )
        for place, data in before.items():
            direct.put(descriptor, place, data)
    except OSError as fault:
        raise StepFailed(
            _("This stick is failing: {why}.").format(why=os.strerror(fault.errno or 0)), _("Take another one.")
        ) from fault
