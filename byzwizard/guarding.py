"""What the console's lock asks of this computer."""

import hmac
import os
import sys
import time

from byzwizard.backends import facts, keep, store
from byzwizard.backends.luks import WrongPassphrase
from byzwizard.backends.system import System
from byzwizard.errors import StepFailed
from byzwizard.i18n import _

FOLDER = "/run/byzantium/consoles"
PAUSE = 1.0  # seconds that a wrong passphrase of the mesh costs; argon2 takes its own


def guarded(system: System) -> bool:
    """Is an encrypted store open, or the mesh private?"""
    found = store.known(system)
    if found is not None and found.encrypted and store.is_open(system):
        return True
    node = facts.read(system)
    return node is not None and node.kind == "private"


def prove(system: System, passphrase: str) -> None:
    """Raises StepFailed unless the passphrase is that of the open store, or of the private mesh."""
    found = store.known(system)
    if found is not None and found.encrypted and store.is_open(system):
        try:
            store.check_passphrase(system, found, passphrase)
            return
        except WrongPassphrase:
            pass  # it may be the mesh's
    if not _of_mesh(system, passphrase):
        time.sleep(PAUSE)
        raise StepFailed(_("That is not the passphrase."), _("Is the keyboard layout the right one?"))


def _of_mesh(system: System, passphrase: str) -> bool:
    from byzwizard.answers import with_secrets

    answers = keep.answers(system)
    secret = with_secrets(answers).mesh.passphrase if answers is not None else None
    return secret is not None and hmac.compare_digest(secret.get_secret_value().encode(), passphrase.encode())


def console() -> str | None:
    """The name of the console that we are on; None on a pseudo-terminal, whose owner has logged in."""
    try:
        name = os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError):
        return None
    return None if name.startswith("/dev/pts/") else os.path.basename(name)


def locked(system: System) -> bool:
    name = console()
    return name is not None and system.path(f"{FOLDER}/{name}").exists()


def remember(system: System, locked: bool) -> None:
    name = console()
    if name is None:
        return
    if locked:
        system.write(f"{FOLDER}/{name}", "")
    else:
        system.remove(f"{FOLDER}/{name}")
