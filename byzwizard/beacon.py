"""What a Byzantium access point says of itself in its beacon: a vendor element (IEEE 802.11, element 221) of eight
bytes: "byz" where the maker stands (a locally administered identifier), the mesh's kind, and 4 of a hash of its ID."""

import hashlib

VENDOR = 221
MARK = b"byz"
KINDS = {"~pub": 1, "~prv": 2}
LENGTH = 8


def content(air_id: str) -> bytes:
    """What follows the element's number and length. `air_id` is the mesh's ID on the air, of a public or private mesh:
    an open one has no key for its routing, and so no hubs."""
    digest = hashlib.sha256(f"byzantium beacon/{air_id}".encode()).digest()
    return MARK + bytes([KINDS[air_id[-4:]]]) + digest[:4]


def is_ours(data: bytes) -> bool:
    """Is it of any Byzantium mesh? Anybody can send that."""
    return len(data) == LENGTH and data.startswith(MARK) and data[3] in KINDS.values()
