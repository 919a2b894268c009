"""What neighbours send is hostile until it is checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byzwizard.backends.nl80211 import Heard
from byzwizard.backends.scan import MOST, Kind, Network, hub_of, network_of, networks_of, strongest
from byzwizard.beacon import content
from byzwizard.commands.scan import describe

SAE, OPEN = b"\x01\x01\x00\x01\x01\x00\x09", b"\x01\x01\x00\x01\x00\x00\x09"


def element(number: int, content: bytes) -> bytes:
    return bytes([number, len(content)]) + content


def heard(elements: bytes, capability: int = 0, mhz: int = 2462, signal: float = -50.0) -> Heard:
    return Heard(bytes(6), mhz, capability, signal, elements)


def mesh(name: bytes, configuration: bytes = SAE) -> Heard:
    return heard(element(0, b"") + element(114, name) + element(113, configuration))


@pytest.mark.parametrize(("one", "expected"), [
    (mesh(b"relief~pub"), ("mesh", "relief", False, True)),
    (mesh(b"relief~prv"), ("mesh", "relief", True, True)),
    (mesh(b"relief~opn", OPEN), ("mesh", "relief", False, True)),
    (mesh(b"freifunk"), ("mesh", "freifunk", True, False)),
    (mesh(b"freifunk", OPEN), ("mesh", "freifunk", False, False)),
    (mesh(b"~pub"), ("mesh", "~pub", True, False)),
    (mesh(b"\x1b[2J~pub"), ("mesh", r"\x1b[2J~pub", True, False)),
    (mesh(b"\xff\xfe~pub"), ("mesh", r"\xff\xfe~pub", True, False)),
    (mesh(b"x" * 29 + b"~pub"), ("mesh", ("x" * 29 + "~pub")[:32], True, False)),
    (heard(element(0, b"old~pub"), 2), ("ibss", "old", False, True)),
    (heard(element(0, b"adhoc"), 0x12), ("ibss", "adhoc", True, False)),
    (heard(element(0, b"Caf\xc3\xa9"), 1), ("ap", "Café", False, False)),
    (heard(element(0, b"fake~pub"), 1), ("ap", "fake~pub", False, False)),
    (heard(element(0, b"\0\0\0") + element(48, b"x"), 0x11), ("ap", "", True, False)),
    (heard(element(0, b"wpa") + element(221, bytes.fromhex("0050f20101")), 1), ("ap", "wpa", True, False)),
    (heard(element(0, b"Byzantium") + element(221, content("byzantium~pub")), 1), ("ap", "Byzantium", False, True)),
    (heard(element(0, b"x") + element(48, b"x") + element(221, content("x~prv")), 0x11), ("ap", "x", True, True)),
    (heard(element(0, b"x") + element(221, b"byz\x07abcd"), 1), ("ap", "x", False, False)),
    (heard(element(0, b"x") + element(221, content("x~prv") + b"x"), 1), ("ap", "x", False, False)),
    (heard(b"\x00\xff", 1), ("ap", "", False, False)),
    (heard(element(0, "a\u202eb".encode()), 1), ("ap", r"a\u202eb", False, False)),
])
def test_what_is_heard(one: Heard, expected: tuple[str, str, bool, bool]) -> None:
    found = network_of(one)
    assert found is not None
    assert (found.kind, found.name, found.secured, found.byzantium) == expected
    assert found.channel == 11


@pytest.mark.parametrize(("one", "security"), [
    (mesh(b"relief~pub"), "public"), (mesh(b"relief~prv"), "private"), (mesh(b"relief~opn", OPEN), "open"),
    (mesh(b"freifunk"), None),
])
def test_the_kind_of_a_mesh_is_told(one: Heard, security: str | None) -> None:
    found = network_of(one)
    assert found is not None
    assert found.security == security
    assert (security or "mesh") in describe([found])[0]


OLD = bytes.fromhex("02CAFFEEBABE")


@pytest.mark.parametrize(("one", "known"), [
    (Heard(OLD, 2432, 2, -50.0, element(0, b"Byzantium")), True),
    (Heard(OLD, 2432, 2, -50.0, element(0, b"hackdc")), True),
    (Heard(bytes(6), 2432, 2, -50.0, element(0, b"Byzantium")), False),
    (Heard(OLD, 2432, 0x12, -50.0, element(0, b"Byzantium")), False),
    (Heard(OLD, 2432, 1, -50.0, element(0, b"Byzantium")), False),
    (Heard(OLD, 2432, 2, -50.0, element(0, b"\x1b[2J")), False),
])
def test_an_old_byzantium_is_known_by_its_cell(one: Heard, known: bool) -> None:
    found = network_of(one)
    assert found is not None
    assert found.byzantium is known
    assert (found.bssid, found.security) == (("02:CA:FF:EE:BA:BE", "open") if known else (None, None))


def test_neither_mesh_nor_network() -> None:
    assert network_of(heard(b"")) is None


@given(st.binary(max_size=400), st.integers(0, 0xFFFF), st.integers(0, 100_000))
def test_nothing_breaks_it_and_nothing_acts_on_a_terminal(elements: bytes, capability: int, mhz: int) -> None:
    found = network_of(heard(elements, capability, mhz))
    if found is not None:
        assert found.name.isprintable()
        assert len(found.name) <= 128
        assert all(line.isprintable() for line in describe([found]))


@pytest.mark.parametrize("one", [
    heard(element(0, b"Byzantium"), 1),
    heard(element(0, b"\0\0") + element(221, content("x~pub")), 1),
    heard(element(0, b"x" * 33) + element(221, content("x~pub")), 1),
    heard(element(0, b"x") + element(221, content("x~pub")), 2),
])
def test_what_no_station_could_join(one: Heard) -> None:
    assert hub_of(one, "phy0") is None


def test_a_hub_is_told_as_it_was_sent() -> None:
    found = hub_of(heard(element(0, b"\xff x") + element(221, content("x~pub")), 1), "phy3")
    assert found is not None
    assert (found.phy, found.ssid, found.secured, found.mhz) == ("phy3", "ff2078", False, 2462)
    assert bytes.fromhex(found.element) == content("x~pub") != content("y~pub")


def test_an_air_full_of_names_is_cut() -> None:
    assert len(networks_of(heard(element(0, str(n).encode()), 1) for n in range(MOST * 3))) == MOST


def test_one_of_each_and_ours_first() -> None:
    def network(name: str, signal: float, kind: Kind = "mesh", byzantium: bool = True) -> Network:
        return Network(kind, name, signal, 11, False, byzantium)

    found = strongest([network("a", -70), network("a", -40), network("b", -30), network("x", -20, byzantium=False),
                       network("y", -10, "ap", False)])
    assert [(one.name, one.signal_dbm) for one in found] == [("b", -30), ("a", -40), ("x", -20), ("y", -10)]


def test_a_network_of_the_same_name_hides_no_hub() -> None:
    hub, other = (Network("ap", "Byzantium", signal, 11, False, ours) for signal, ours in ((-80, True), (-40, False)))
    assert strongest([hub, other]) == strongest([other, hub]) == [hub, other]


def test_the_shape_of_the_contract() -> None:
    found = network_of(mesh(b"relief~pub"))
    assert found is not None
    assert list(found.as_json()) == ["kind", "name", "signal_dbm", "channel", "secured", "byzantium", "security"]
