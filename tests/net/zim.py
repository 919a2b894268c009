"""A book for the library: a ZIM file of one page. The format is that of https://openzim.org/wiki/ZIM_file_format."""

import hashlib
import struct
from collections.abc import Iterable

HEADER = struct.Struct("<IHH16sIIQQQQIIQ")
MAGIC = 72173914
NONE = 0xFFFFFFFF


def book(name: str, title: str, text: str) -> bytes:
    """The bytes of a file whose page is `A/main`, with what a reader wants to know of a book."""
    told = {"Creator": "A test", "Date": "2026-01-01", "Description": title, "Language": "eng", "Name": name,
            "Publisher": "A test", "Title": title}
    page = f"<html><head><title>{title}</title></head><body>{text}</body></html>"
    entries = [(0, "A", "main", page), *((1, "M", key, value) for key, value in told.items())]
    kinds = b"text/html\0text/plain\0\0"
    listed = [struct.pack("<HBcIII", kind, 0, space.encode(), 0, 0, blob) + f"{url}\0\0".encode()
              for blob, (kind, space, url, _text) in enumerate(entries)]
    blobs = [text.encode() for *_what, text in entries]

    urls = HEADER.size + len(kinds)
    titles = urls + 8 * len(entries)
    clusters = titles + 4 * len(entries)
    first = clusters + 8
    cluster = first + sum(map(len, listed))
    table = _sums(4 * (len(blobs) + 1), map(len, blobs))
    # 1: not compressed.
    packed = b"\1" + struct.pack(f"<{len(table)}I", *table) + b"".join(blobs)
    places = _sums(first, map(len, listed))[:-1]
    whole = (
        HEADER.pack(MAGIC, 5, 0, hashlib.md5(name.encode()).digest(), len(entries), 1, urls, titles, clusters,
                    HEADER.size, 0, NONE, cluster + len(packed))
        + kinds + struct.pack(f"<{len(places)}Q", *places) + struct.pack(f"<{len(entries)}I", *range(len(entries)))
        + struct.pack("<Q", cluster) + b"".join(listed) + packed)
    return whole + hashlib.md5(whole).digest()


def _sums(start: int, sizes: Iterable[int]) -> list[int]:
    found = [start]
    for size in sizes:
        found.append(found[-1] + size)
    return found
