"""Certificates of a node: an authority of its own that can speak for its canonical name alone, and a certificate for
the server of its pages and for each service that speaks TLS itself. Nobody can read the key of another one.

X.509 as RFC 5280 has it. Laptops have wrong clocks, so all begins long ago, and the authority holds whatever they
show; Apple's systems take no certificate of a server that is good for more than 825 days from its beginning to its
end (support.apple.com/HT210176).
"""

from __future__ import annotations

import contextlib
import datetime
import grp
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import store
from byzwizard.backends.units import running
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from byzwizard.backends.system import System

KEPT = "/var/lib/byzantium/identity"  # with the key that the name comes from
THIS_BOOT = "/run/byzantium/identity"  # while the store is locked
FOLDER = "/run/byzantium/tls"
SERVER = "byz-tls.service"  # of the pages
NODE = "node"  # its certificate

DAY = datetime.timedelta(days=1)
BEGIN, END = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (1970, 2100))  # of the authority
AGO, TO_COME = 400 * DAY, 424 * DAY  # of the certificate
NEAR_ITS_END = 60 * DAY


@dataclass(frozen=True)
class Pair:
    """PEM of a private key (PKCS #8) and of its certificate."""

    key: str
    certificate: str


def make_authority(host: str) -> Pair:
    """An authority that may vouch for `host` and what is below it, and for nothing else."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Byzantium {host[:20]}")
    nothing = [x509.IPAddress(ipaddress.ip_network(net)) for net in ("0.0.0.0/0", "::/0")]
    usage = x509.KeyUsage(digital_signature=False, content_commitment=False, key_encipherment=False,
                          data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                          encipher_only=False, decipher_only=False)
    built = (
        _builder(name, name, key, BEGIN, END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName(host)], nothing), critical=True)
        .add_extension(usage, critical=True)
    )
    return _signed(built, key, key)


def make_certificate(authority: Pair, host: str, now: datetime.datetime) -> Pair:
    """A server's certificate for `host`. Raises ValueError where the authority is damaged."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key, theirs = ec.generate_private_key(ec.SECP256R1()), _key(authority.key)
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    usage = x509.KeyUsage(digital_signature=True, content_commitment=False, key_encipherment=False,
                          data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
                          encipher_only=False, decipher_only=False)
    built = (
        _builder(_name(host[:20]), issuer.subject, key, now - AGO, now + TO_COME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs.public_key()), critical=False)
    )
    return _signed(built, key, theirs)


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, begin: datetime.datetime,
             end: datetime.datetime) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(built: x509.CertificateBuilder, key: EllipticCurvePrivateKey, by: EllipticCurvePrivateKey) -> Pair:
    from cryptography.hazmat.primitives import hashes, serialization

    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(secret.decode(), built.sign(by, hashes.SHA256()).public_bytes(pem).decode())


def _key(pem: str) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError("not a key of ours")
    return key


def fits(authority: Pair | None, found: Pair | None, host: str, now: datetime.datetime) -> bool:
    """Is `found` a certificate of this authority for `host`, with its key, good for a while yet?"""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    if authority is None or found is None:
        return False
    try:
        issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
        own = x509.load_pem_x509_certificate(found.certificate.encode())
        own.verify_directly_issued_by(issuer)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (names.get_values_for_type(x509.DNSName) == [host]
                and own.public_key() == _key(found.key).public_key()
                and own.not_valid_before_utc <= now <= own.not_valid_after_utc - NEAR_ITS_END)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def speaks_for(authority: Pair | None, host: str) -> bool:
    """Is it an authority with its key, and for this name?"""
    from cryptography import x509

    if authority is None:
        return False
    try:
        own = x509.load_pem_x509_certificate(authority.certificate.encode())
        names = own.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
        return names == [x509.DNSName(host)] and own.public_key() == _key(authority.key).public_key()
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False


def authority(system: System) -> Pair | None:
    """This node's; None where there is none yet."""
    folder = THIS_BOOT if store.locked(system) else KEPT
    return _pair(system, f"{folder}/ca.key", f"{folder}/ca.crt")


def der(certificate: str) -> bytes:
    """The certificate itself, of its PEM. Raises ValueError."""
    import ssl

    return ssl.PEM_cert_to_DER_cert(certificate)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of what `der` gave, as people compare it: 32 pairs of digits."""
    return hashlib.sha256(certificate).digest().hex(" ").upper()


def known_by(system: System, name: str) -> str:
    """SHA-256 of a certificate in hex, as programs compare it; empty where there is none. `name`: of the service that
    has it, or NODE."""
    with contextlib.suppress(ValueError):
        return hashlib.sha256(der(system.read(f"{FOLDER}/{name}.crt") or "")).hexdigest()
    return ""


def _pair(system: System, key: str, certificate: str) -> Pair | None:
    secret, public = system.read(key), system.read(certificate)
    return None if secret is None or public is None else Pair(secret, public)


def _now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time.time(), datetime.UTC)


@step_class
class Certify(Step):
    """An authority of this node is there, and its certificates for `host`. The authority outlives an undo: those who
    trust it would take a new one for an attack."""

    host: str
    users: tuple[tuple[str, str], ...] = ()  # services that speak TLS themselves, and their units

    def needed(self, system: System) -> bool:
        own = authority(system)
        return not speaks_for(own, self.host) or bool(self._unfit(system, own))

    def _unfit(self, system: System, own: Pair | None) -> dict[str, str]:
        """Whose certificate is no good, and the unit."""
        return {name: unit for name, unit in ((NODE, SERVER), *self.users)
                if not _whole(system, name)
                or not fits(own, _pair(system, f"{FOLDER}/{name}.key", f"{FOLDER}/{name}.crt"), self.host, _now())}

    def apply(self, system: System, progress: Progress) -> None:
        own = authority(system)
        if own is None or not speaks_for(own, self.host):
            own = make_authority(self.host)
            folder = THIS_BOOT if store.locked(system) else KEPT
            system.path(folder).mkdir(parents=True, exist_ok=True)
            system.path(folder).chmod(0o700)
            system.write(f"{folder}/ca.key", own.key, 0o600)
            system.write(f"{folder}/ca.crt", own.certificate)
        made = self._unfit(system, own)
        for name in made:
            _write(system, name, make_certificate(own, self.host, _now()))
        use = [unit for unit in made.values() if running(system, unit)]
        if SERVER in use:
            use.remove(SERVER)
            system.run("systemctl", "reload", SERVER)
        if use:
            system.run("systemctl", "restart", *use, timeout=90)

    def undo(self, system: System, before: Any) -> None:
        """Nobody serves with them once their servers are stopped."""


def _write(system: System, name: str, made: Pair) -> None:
    """For the service to read, alone, or for the server of the pages. Raises StepFailed."""
    owner = (0, _group("byz-tls" if name == NODE else f"byz-{name}"))
    system.write(f"{FOLDER}/{name}.key", made.key, 0o640, owner)
    system.write(f"{FOLDER}/{name}.crt", made.certificate)
    system.write(f"{FOLDER}/{name}.pem", made.key + made.certificate, 0o640, owner)


def _whole(system: System, name: str) -> bool:
    """Are all three files of one make?"""
    key, certificate, both = (system.read(f"{FOLDER}/{name}.{what}") or "" for what in ("key", "crt", "pem"))
    return both == key + certificate


def _group(name: str) -> int:
    """Its number. Raises StepFailed."""
    with contextlib.suppress(KeyError):
        return grp.getgrnam(name).gr_gid
    raise StepFailed(_("There is no group {name} here.").format(name=name), _("The Byzantium stick has it."))
