"""Who a node is: an Ed25519 key (RFC 8032), and the names that follow from it."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

KEY = Path("/var/lib/byzantium/identity/key")


@dataclass(frozen=True)
class Identity:
    """`seed` is the 32 secret bytes of the key."""

    seed: bytes

    @classmethod
    def fresh(cls) -> "Identity":
        return cls(os.urandom(32))

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """From the key file's text; raises ValueError when it is no key."""
        seed = bytes.fromhex(text.strip())
        if len(seed) != 32:
            raise ValueError("not 32 bytes")
        return cls(seed)

    def text(self) -> str:
        return self.seed.hex() + "\n"

    @property
    def public(self) -> bytes:
        """The 32 bytes that others may know."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return canonical(self.public)

    @property
    def default_name(self) -> str:
        """byz- and six hex digits: four would clash in 7 % of meshes of 100 nodes."""
        return "byz-" + hashlib.sha256(self.public).hexdigest()[:6]

    def sign(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)

    def mac(self, role: str, permanent: str) -> str:
        """A steady random-looking MAC for one role of one radio: unicast, locally administered (IEEE 802 bits 0, 1)."""
        digest = bytearray(hmac.digest(self.seed, f"mac/{role}/{permanent}".encode(), "sha256")[:6])
        digest[0] = digest[0] & 0xFE | 0x02
        return ":".join(f"{byte:02x}" for byte in digest)


def canonical(public: bytes) -> str:
    """The canonical name: 32 base32 characters of the SHA-256 of the public key."""
    return base64.b32encode(hashlib.sha256(public).digest()).decode().lower()[:32]


def verify(public: bytes, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
