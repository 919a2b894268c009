"""What follows from a node's key and a mesh's secret: every node must come to the same bytes, for ever."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import Mesh
from byzwizard.backends import keep
from byzwizard.backends.system import System
from byzwizard.identity import KEY, Identity, canonical, verify
from byzwizard.keys import derive, public_secret
from byzwizard.resolve import client_prefix, ula_prefixes

NODE = Identity(bytes(range(32)))


def test_the_names_of_a_known_key_stay_as_they_are() -> None:
    # RFC 8032's key for the seed 00 01 … 1f
    assert NODE.public.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert NODE.id == canonical(NODE.public) == "kzdvvj2umnduyauf35o36k6kw462mujv"
    assert NODE.default_name == "byz-56475a"


def test_a_signature_holds_and_a_changed_text_does_not() -> None:
    signature = NODE.sign(b"text")
    assert verify(NODE.public, signature, b"text")
    assert not verify(NODE.public, signature, b"texts")
    assert not verify(b"short", signature, b"text")


def test_random_macs_are_steady_unicast_and_local() -> None:
    mac = NODE.mac("mesh", "00:c0:ca:00:00:01")
    assert mac == NODE.mac("mesh", "00:c0:ca:00:00:01") != NODE.mac("ap", "00:c0:ca:00:00:01")
    assert int(mac[:2], 16) & 3 == 2


def test_the_public_secret_is_the_contract_of_every_node() -> None:
    assert public_secret("byzantium") == "pn3tc6gzfsmsv4rlu4ukrpwqsq"
    keys = derive(Mesh())
    assert (keys.air_id, keys.kind, keys.sae) == ("byzantium~pub", "public", public_secret("byzantium"))
    assert len(keys.babel or "") == 64


def test_private_and_open_never_meet_the_public_mesh_on_the_air() -> None:
    private = derive(Mesh.model_validate({"passphrase": "five words make a mesh"}))
    assert (private.air_id, private.sae) == ("byzantium~prv", "five words make a mesh")
    assert private.babel not in (None, derive(Mesh()).babel)
    opened = derive(Mesh(security="open"))
    assert (opened.air_id, opened.sae, opened.babel) == ("byzantium~opn", None, None)


@pytest.mark.parametrize("seed", range(20))
def test_prefixes_are_in_their_ranges(seed: int) -> None:
    node = f"{seed:032d}"
    first = client_prefix(node, ())
    assert first.startswith("10.")
    assert first.endswith(".0/24")
    assert not first.startswith("10.255.")
    assert client_prefix(node, {first}) not in ("", first)
    mesh, own = ula_prefixes("byzantium", node)
    assert mesh.startswith("fd")
    assert own.startswith(mesh.removesuffix("::/48"))


class Guarded(System):
    """A system of which some files may be read by root only."""

    def __init__(self, root: Path, *guarded: str) -> None:
        super().__init__(root)
        self._guarded = guarded

    def read(self, path: str | Path) -> str | None:
        if str(path) in self._guarded:
            raise PermissionError(13, "Permission denied", str(path))
        return super().read(path)

    def write(self, path: str | Path, *_arguments: Any, **_more: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))


def test_a_plan_without_root_does_without_the_identity_of_a_plan_by_root(tmp_path: Path) -> None:
    assert keep.identity(Guarded(tmp_path, keep.THIS_BOOT)).id
    with pytest.raises(PermissionError):
        keep.identity(Guarded(tmp_path, str(KEY)))
