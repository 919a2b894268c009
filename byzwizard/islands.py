"""Islands: meshes out of each other's reach, joined over the Internet by WireGuard where both owners agree, that is,
where each has the other's key in its answers (internet.islands)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard import values
from byzwizard.errors import CannotHere
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.identity import Identity

PORT = 51820  # what wg(8) takes by custom; the second island has the next one


@dataclass(frozen=True)
class Island:
    """One tunnel. `key` is the other node's WireGuard key in base64; `host` and `port` are where it is called, None
    where this node waits for its call at `listen` (UDP)."""

    name: str
    key: str
    host: str | None
    port: int | None
    listen: int

    @property
    def link_local(self) -> str:
        """The address of the other end."""
        return link_local(self.key)


def private_key(identity: Identity) -> str:
    """This node's own WireGuard key, in base64; it follows from the identity and tells nothing of it."""
    return base64.b64encode(hmac.digest(identity.seed, b"wireguard", "sha256")).decode()


def public_key(private: str) -> str:
    """What the owner of the other island is told (Curve25519, RFC 7748)."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    key = X25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def link_local(public: str) -> str:
    """WireGuard gives its interfaces none, and the routing needs one: it follows from the key."""
    digits = hashlib.sha256(base64.b64decode(public)).hexdigest()
    return "fe80::" + ":".join(f"{int(digits[at : at + 4], 16) | 1:x}" for at in range(0, 16, 4))


def islands(asked: Sequence[str], identity: Identity) -> tuple[Island, ...]:
    """From internet.islands. Raises CannotHere for this node's own key, and for one that is named twice."""
    found: list[Island] = []
    own = public_key(private_key(identity)) if asked else ""
    for number, text in enumerate(asked):
        key, host, port = values.island_parts(text)
        if key == own:
            raise CannotHere(
                _("internet.islands names this node's own key."), _("The key of the other node belongs there.")
            )
        if any(key == other.key for other in found):
            raise CannotHere(_("internet.islands names one key twice."), _("Name each island once."))
        found.append(Island(f"island{number}", key, host, port, PORT + number))
    return tuple(found)
