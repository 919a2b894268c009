"""What a device needs to trust this node, on the front page: a page, the authority's certificate, and Apple's profile.

The profile is as developer.apple.com/documentation/devicemanagement/certificateroot has it.
"""

from __future__ import annotations

import hashlib
import plistlib
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from byzwizard.backends import certificates, trustpage
from byzwizard.backends.portal import ROOT
from byzwizard.i18n import N_, languages, speaker
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System

PEM = f"{ROOT}/ca.crt"  # for programs
DER = f"{ROOT}{trustpage.CERTIFICATE}"

NAME = N_("Byzantium node {name}")
ONE_NODE = N_("Lets this device trust one node, {host}, and nothing else.")


def identifiers(der: bytes) -> tuple[str, str]:
    """The UUIDs of the profile and of the certificate in it: the same for as long as the certificate is, so that
    installing it again replaces it."""
    space = uuid.UUID(bytes=hashlib.sha256(der).digest()[:16])
    return str(uuid.uuid5(space, "profile")).upper(), str(uuid.uuid5(space, "root")).upper()


def profile(der: bytes, host: str, say: Callable[[str], str]) -> str:
    """A configuration profile (XML property list) with the authority's certificate as its one payload."""
    whole, root = identifiers(der)
    named = f"mesh.byzantium.{host.partition('.')[0]}"
    said = {"PayloadVersion": 1, "PayloadOrganization": "Byzantium",
            "PayloadDisplayName": say(NAME).format(name=host[:6]),
            "PayloadDescription": say(ONE_NODE).format(host=host)}
    payload = {**said, "PayloadType": "com.apple.security.root", "PayloadIdentifier": f"{named}.root",
               "PayloadUUID": root, "PayloadCertificateFileName": "ca.cer", "PayloadContent": der}
    return plistlib.dumps({**said, "PayloadType": "Configuration", "PayloadIdentifier": named, "PayloadUUID": whole,
                           "PayloadContent": [payload]}).decode()


def files(pem: str, host: str) -> dict[str, bytes]:
    """Everything by its path, from the authority's certificate alone: the same wherever and whenever it is made."""
    der = certificates.der(pem)
    found = {PEM: pem.encode(), DER: der}
    for language in languages():
        say = speaker(language)
        for path, text in (
            (f"trust.{language}.html", trustpage.page(host, certificates.fingerprint(der), say, language)),
            (f"trust-link.{language}.html", trustpage.link(say)),
            (f"trust.{language}.mobileconfig", profile(der, host, say)),
        ):
            found[f"{ROOT}/{path}"] = text.encode()
    return found


def _paths() -> list[str]:
    each = ("trust.{}.html", "trust-link.{}.html", "trust.{}.mobileconfig")
    return [PEM, DER, *(f"{ROOT}/{name.format(language)}" for language in languages() for name in each)]


def _read(system: System, path: str) -> bytes | None:
    try:
        return system.path(path).read_bytes()
    except FileNotFoundError:
        return None


def shown(system: System) -> str | None:
    """The fingerprint of what the page hands out; None while there is no page."""
    der = _read(system, DER)
    return None if der is None else certificates.fingerprint(der)


@step_class
class Explain(Step):
    """The page for `host` and what it offers are there; not `shown`, they are not: nothing here has a certificate."""

    host: str
    shown: bool

    def needed(self, system: System) -> bool:
        wanted = self._wanted(system, self.shown)
        return (self.shown and not wanted) or any(_read(system, path) != wanted.get(path) for path in _paths())

    def before(self, system: System) -> Any:
        """Was it there?"""
        return _read(system, DER) is not None

    def apply(self, system: System, progress: Progress) -> None:
        self._put(system, self.shown)

    def undo(self, system: System, before: Any) -> None:
        self._put(system, bool(before))

    def _wanted(self, system: System, shown: bool) -> dict[str, bytes]:
        """Nothing too where there is no sound authority to show."""
        own = certificates.authority(system)
        return files(own.certificate, self.host) if shown and own and certificates.speaks_for(own, self.host) else {}

    def _put(self, system: System, shown: bool) -> None:
        wanted = self._wanted(system, shown)
        for path in _paths():
            if path not in wanted:
                system.remove(path)
            elif _read(system, path) != wanted[path]:
                system.write(path, wanted[path])
