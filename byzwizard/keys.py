"""What the mesh's secret derives into. Every node of a mesh must come to the same bytes: these formulas are fixed."""

import base64
import hashlib
import hmac

from byzwizard.answers import Mesh
from byzwizard.resolve import Keys

LEGACY_CELL = "02:CA:FF:EE:BA:BE"


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


def is_legacy(mesh: Mesh) -> bool:
    """Is it the cell of Byzantium up to 0.5, which knew neither keys nor kinds? Its address says so."""
    return mesh.link == "ibss" and mesh.security == "open" and (mesh.bssid or "").upper() == LEGACY_CELL


def cell(air_id: str) -> str:
    """The BSSID of a mesh's IBSS: locally administered, and the same on every node. Cells that each made one of their
    own would have to find together, which drivers do badly."""
    digest = hashlib.sha256(f"byzantium cell/{air_id}".encode()).digest()
    return "02:" + ":".join(f"{byte:02x}" for byte in digest[:5])


def derive(mesh: Mesh) -> Keys:
    """`mesh.passphrase_file` must have been read before."""
    if mesh.security == "open":
        return Keys(air_id=mesh.name + ("" if is_legacy(mesh) else "~opn"), sae=None, babel=None, kind="open")
    private, root = mesh.passphrase is not None, _root(mesh)
    sae = mesh.passphrase.get_secret_value() if mesh.passphrase is not None else public_secret(mesh.name)
    return Keys(
        air_id=mesh.name + ("~prv" if private else "~pub"),
        sae=sae,
        babel=hmac.digest(root, b"babel", "sha256").hex(),
        kind="private" if private else "public",
        hub=_base32(hmac.digest(root, b"hub", "sha256"))[:26] if private else None,
    )
