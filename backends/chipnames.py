"""Names for USB and PCI numbers, from the lists of hwdata (pci.ids, usb.ids) that Debian ships."""

import re

from byzwizard.backends.printable import printable
from byzwizard.backends.system import System

FOLDERS = ("/usr/share/misc", "/usr/share/hwdata")
# What a company's name can lose without being mistaken.
TAIL = re.compile(r",? (?:Corporation|Corp\.?|Inc\.?|Ltd\.?|Co\.?|Communications|Technology|Technologies|Semiconductor|"
                  r"Limited|GmbH|\([^)]*\)|\[[^\]]*\])(?=$|[ ,])|,$")


def chip_name(system: System, bus: str, number: str | None) -> str | None:
    """ "Ralink RT5370 Wireless Adapter" for ("usb", "148f:5370"); None when the lists do not know it."""
    if not number or bus not in {"usb", "pci"}:
        return None
    for folder in FOLDERS:
        try:
            listing = system.path(f"{folder}/{bus}.ids").read_bytes()
        except OSError:
            continue
        return _look_up(listing, *number.encode().split(b":", 1))
    return None


def _look_up(listing: bytes, vendor: bytes, product: bytes) -> str | None:
    start = listing.find(b"\n" + vendor + b"  ")
    if start < 0:
        return None
    end = listing.find(b"\n", start + 1)
    name = _short(listing[start + 7:end].decode("utf-8", "replace"))
    while end >= 0 and listing[end + 1:end + 2] in (b"\t", b"#"):
        line, end = end + 1, listing.find(b"\n", end + 1)
        if listing.startswith(b"\t" + product + b"  ", line):
            said = listing[line + 7:end if end >= 0 else None].decode("utf-8", "replace").strip()
            return printable(said if said.startswith(name) else f"{name} {said}", 80)
    return name


def _short(vendor: str) -> str:
    shorter = vendor.strip()
    while (cut := TAIL.sub("", shorter).strip()) != shorter and cut:
        shorter = cut
    return shorter
