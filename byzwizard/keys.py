"""What the mesh's secret derives into. Every node of a mesh must come to the same bytes: these formulas are fixed."""

import base64
import hashlib
import hmac

from byzwizard.answers import Mesh
from byzwizard.resolve import Keys


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")


def public_secret(name: str) -> str:
    """The secret of the public mesh of that name, which anyone can derive."""
    return _base32(hashlib.sha256(f"byzantium public mesh/{name}".encode()).digest())[:26]


def _root(mesh: Mesh) -> bytes:
    if mesh.passphrase is None:
        return public_secret(mesh.name).encode()
    return hashlib.scrypt(
        mesh.passphrase.get_secret_value().encode(),
        salt=f"byzantium/{mesh.name}".encode(),
        n=2**15,
        r=8,
        p=1,
        maxmem=64 * 2**20,
        dklen=32,
    )


def derive(mesh: Mesh) -> Keys:
    """`mesh.passphrase_file` must have been read before."""
    if mesh.security == "open":
        return Keys(air_id=mesh.name + "~opn", sae=None, babel=None, kind="open")
    private = mesh.passphrase is not None
    sae = mesh.passphrase.get_secret_value() if mesh.passphrase is not None else public_secret(mesh.name)
    return Keys(
        air_id=mesh.name + ("~prv" if private else "~pub"),
        sae=sae,
        babel=hmac.digest(_root(mesh), b"babel", "sha256").hex(),
        kind="private" if private else "public",
    )
