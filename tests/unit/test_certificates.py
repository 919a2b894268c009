"""The authority of a node speaks for its canonical name alone, and its certificate is renewed in time."""

import datetime
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from byzwizard.backends import certificates
from byzwizard.backends.certificates import DAY, Pair
from byzwizard.backends.system import System

HOST, OTHER = "a" * 32 + ".byzantium.mesh", "b" * 32 + ".byzantium.mesh"
NOW = datetime.datetime.now(datetime.UTC)
AUTHORITY = certificates.make_authority(HOST)


def parsed(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def shaken(tmp_path: Path, served: Pair, name: str) -> str:
    """What a client that trusts the authority says of a server with this certificate; empty: it is content."""
    (tmp_path / "it.pem").write_text(served.key + served.certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "it.pem")
    client = ssl.create_default_context(cadata=AUTHORITY.certificate)
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as link:
                link.recv(1)
        except OSError:
            pass  # the client went away, and says why

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as link:
            link.sendall(b"x")
        return ""
    except ssl.SSLCertVerificationError as fault:
        here.close()
        return fault.verify_message
    finally:
        thread.join(10)


def test_a_browser_believes_it_for_its_own_name(tmp_path: Path) -> None:
    assert shaken(tmp_path, certificates.make_certificate(AUTHORITY, HOST, NOW), HOST) == ""


def test_nobody_believes_it_for_another_name_or_an_address(tmp_path: Path) -> None:
    assert "permitted subtree" in shaken(tmp_path, certificates.make_certificate(AUTHORITY, OTHER, NOW), OTHER)
    built = certificates._builder(certificates._name("x"), parsed(AUTHORITY).subject, certificates._key(AUTHORITY.key),
                                  NOW - DAY, NOW + DAY)
    built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("10.1.1.1"))]), False)
    key = certificates._key(AUTHORITY.key)
    assert "excluded subtree" in shaken(tmp_path, certificates._signed(built, key, key), "10.1.1.1")


def test_what_a_certificate_says() -> None:
    authority, own = parsed(AUTHORITY), parsed(certificates.make_certificate(AUTHORITY, HOST, NOW))
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert limits.value == x509.BasicConstraints(ca=True, path_length=0)
    names = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert names.critical
    assert names.value.permitted_subtrees == [x509.DNSName(HOST)]
    assert NOW - authority.not_valid_before_utc > 3000 * DAY, "laptops have wrong clocks"
    assert NOW - own.not_valid_before_utc > 365 * DAY
    assert own.not_valid_after_utc - own.not_valid_before_utc < 825 * DAY, "Apple takes no longer one"
    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(("later", "good"), [(0, True), (300, True), (370, False), (500, False), (-500, False)])
def test_it_is_renewed_near_its_end_and_when_the_clock_was_far_off(later: int, good: bool) -> None:
    own = certificates.make_certificate(AUTHORITY, HOST, NOW)
    assert certificates.fits(AUTHORITY, own, HOST, NOW + later * DAY) is good


def test_what_does_not_belong_together_is_made_anew() -> None:
    own, another = (certificates.make_certificate(AUTHORITY, HOST, NOW) for _each in range(2))
    assert not certificates.fits(AUTHORITY, Pair(another.key, own.certificate), HOST, NOW)
    assert not certificates.fits(AUTHORITY, own, OTHER, NOW)
    assert not certificates.fits(certificates.make_authority(HOST), own, HOST, NOW)
    assert not certificates.fits(AUTHORITY, Pair("", "damaged"), HOST, NOW)
    assert certificates.speaks_for(AUTHORITY, HOST)
    assert not certificates.speaks_for(AUTHORITY, OTHER)
    assert not certificates.speaks_for(Pair(own.key, AUTHORITY.certificate), HOST)
    assert not certificates.speaks_for(Pair("x", "damaged"), HOST)


def test_a_clock_that_is_years_ahead_makes_no_authority_for_ever() -> None:
    """It is kept with the node's identity, and must be good when the clock is right again."""
    authority = parsed(AUTHORITY)
    assert authority.not_valid_before_utc.year == 1970
    assert authority.not_valid_after_utc.year == 2100


@pytest.mark.parametrize("torn", ["radio.key", "radio.crt", "radio.pem", "node.pem"])
def test_a_certificate_of_which_a_file_is_missing_is_made_anew(
    torn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a power cut leaves them: some programs read one file, some two. Each service has a pair of its own."""
    monkeypatch.setattr(certificates, "authority", lambda _system: AUTHORITY)
    system = System(tmp_path)
    for name in (certificates.NODE, "radio"):
        pair = certificates.make_certificate(AUTHORITY, HOST, NOW)
        for what, text in (("key", pair.key), ("crt", pair.certificate), ("pem", pair.key + pair.certificate)):
            system.write(f"{certificates.FOLDER}/{name}.{what}", text)
    certify = certificates.Certify(id="certificate", text="", host=HOST, users=(("radio", "byz-icecast.service"),))
    assert not certify.needed(system)
    system.remove(f"{certificates.FOLDER}/{torn}")
    assert certify.needed(system)


def test_who_shows_a_certificate_has_it_renewed_by_the_clock_and_when_that_was_set() -> None:
    """Nothing starts in the image for being there: a timer that nobody upholds never does."""
    units = {path.name: path.read_text().splitlines() for path in Path("assets/units").glob("byz-*")}
    upheld = {word for line in units[certificates.SERVER] if line.startswith("Upholds=")
              for word in line.partition("=")[2].split()}
    assert "byz-certificate.timer" in upheld
    timer = units["byz-certificate.timer"]
    assert {"OnActiveSec=1h", "OnUnitActiveSec=12h", "OnClockChange=yes"} <= set(timer)
    assert not any(line.startswith("Unit=") for line in timer), "it starts the service of its name"
    assert any(line.startswith("ExecStart=") and line.endswith(" byzwizard.certify")
               for line in units["byz-certificate.service"])
