"""What a device needs to trust a node: made of its authority alone, there while there is something to trust it for."""

import datetime
import hashlib
import plistlib
import re
import uuid
from pathlib import Path

import pytest
from cryptography import x509

from byzwizard.backends import certificates, offering, portal, trust
from byzwizard.backends.system import System
from byzwizard.i18n import languages

HOST = "a" * 32 + ".byzantium.mesh"
NOW = datetime.datetime.now(datetime.UTC)
AUTHORITY, ANOTHER = (certificates.make_authority(HOST) for _each in range(2))
DER = certificates.der(AUTHORITY.certificate)
SHOW = trust.Explain(id="show", text="", host=HOST, shown=True)
HIDE = trust.Explain(id="hide", text="", host=HOST, shown=False)


def progress(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def node(tmp_path: Path) -> System:
    system = System(tmp_path)
    keep(system, AUTHORITY)
    return system


def keep(system: System, pair: certificates.Pair) -> None:
    system.write(f"{certificates.KEPT}/ca.key", pair.key, 0o600)
    system.write(f"{certificates.KEPT}/ca.crt", pair.certificate)


def files(system: System) -> list[str]:
    return sorted(path.name for path in system.path(portal.ROOT).glob("*"))


@pytest.mark.parametrize("language", languages())
def test_apples_profile_holds_the_one_certificate(language: str) -> None:
    profile = plistlib.loads(trust.files(AUTHORITY.certificate, HOST)[f"{portal.ROOT}/trust.{language}.mobileconfig"])
    assert (profile["PayloadType"], profile["PayloadVersion"]) == ("Configuration", 1)
    payload, = profile["PayloadContent"]
    assert (payload["PayloadType"], payload["PayloadContent"]) == ("com.apple.security.root", DER)
    assert x509.load_der_x509_certificate(payload["PayloadContent"]).extensions is not None
    assert HOST in profile["PayloadDescription"]
    for one in (profile, payload):
        assert str(uuid.UUID(one["PayloadUUID"])).upper() == one["PayloadUUID"]
        assert "a" * 32 in one["PayloadIdentifier"]
    assert len({profile["PayloadUUID"], payload["PayloadUUID"]}) == 2


def test_installing_again_replaces_and_another_authority_is_another_profile() -> None:
    assert trust.identifiers(DER) == trust.identifiers(bytes(DER))
    assert not set(trust.identifiers(DER)) & set(trust.identifiers(certificates.der(ANOTHER.certificate)))
    assert trust.files(AUTHORITY.certificate, HOST) == trust.files(AUTHORITY.certificate, HOST)


@pytest.mark.parametrize("language", languages())
def test_the_page_says_whom_and_what_to_compare(language: str) -> None:
    page = trust.files(AUTHORITY.certificate, HOST)[f"{portal.ROOT}/trust.{language}.html"].decode()
    pairs = re.findall("[0-9A-F]{2}", hashlib.sha256(DER).hexdigest().upper())
    assert " ".join(pairs) == certificates.fingerprint(DER)
    assert f">{' '.join(pairs)}</code>" in page
    assert f">{HOST}</code>" in page.replace("<wbr>", "")
    assert "<code>byzwizard services</code>" in page
    assert "`" not in page
    assert 'href="/ca.cer"' in page
    assert 'href="/trust.mobileconfig"' in page
    assert page.count("<details>") == 5
    assert f'<html lang="{language}">' in page
    assert "<script" not in page
    assert len(page.encode()) < 6000


def test_it_is_there_and_gone_and_comes_back_with_an_undo(node: System) -> None:
    assert not HIDE.needed(node)
    assert SHOW.needed(node)
    assert offering.trusted(node) is None
    before = SHOW.before(node)
    SHOW.apply(node, progress)
    assert not SHOW.needed(node)
    assert node.path(trust.DER).read_bytes() == DER
    assert node.read(trust.PEM) == AUTHORITY.certificate
    assert certificates.fingerprint(DER) in str(offering.trusted(node))
    shown = files(node)
    gone = HIDE.before(node)
    HIDE.apply(node, progress)
    assert files(node) == []
    assert not HIDE.needed(node)
    HIDE.undo(node, gone)
    assert files(node) == shown
    SHOW.undo(node, before)
    assert files(node) == []


def test_it_follows_the_authority(node: System) -> None:
    SHOW.apply(node, progress)
    keep(node, ANOTHER)
    assert SHOW.needed(node)
    SHOW.apply(node, progress)
    assert node.path(trust.DER).read_bytes() == certificates.der(ANOTHER.certificate)


def test_a_damaged_authority_is_not_shown(node: System) -> None:
    node.write(f"{certificates.KEPT}/ca.crt", "damaged")
    assert SHOW.needed(node)
    SHOW.apply(node, progress)
    assert files(node) == []


def test_before_there_is_an_authority_it_is_still_to_be_done(tmp_path: Path) -> None:
    assert SHOW.needed(System(tmp_path))
