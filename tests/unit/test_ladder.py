"""Which radio takes which part: what it can, who is heard, and what the answers ask."""

from typing import Any

import pytest

from byzwizard import beacon
from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.ladder import listeners
from byzwizard.machine import Combination, Hub, Limit, Machine, Radio
from byzwizard.resolve import Resolved, resolve
from tests.unit.test_resolve import NODE, radio

BOTH = Combination(limits=(Limit(max=1, types=("IBSS",)), Limit(max=2, types=("managed", "AP"))), total=2, channels=1)
SECRET = "correct horse"
PRIVATE = {"mesh": {"passphrase": SECRET}}


def card(number: int, grade: str, *modes: str, **more: Any) -> Radio:
    return radio(number, grade, modes=("managed", *modes), **more)


def hub(number: int = 0, air_id: str = "byzantium~pub", **more: Any) -> Hub:
    fields: dict[str, Any] = {"phy": f"phy{number}", "ssid": b"Byzantium".hex(), "mhz": 2462, "signal_dbm": -50.0,
                              "element": beacon.content(air_id).hex(), "secured": False}
    return Hub(**(fields | more))


def of(answers: dict[str, Any], *radios: Radio, heard: tuple[Hub, ...] | None = ()) -> Resolved:
    return resolve(Answers.model_validate(answers), Machine(radios=radios, heard=heard), NODE)


def parts(resolved: Resolved) -> list[str]:
    """What each radio does: the kinds of the links, and the access points over which nodes mesh."""
    return [link.kind for link in resolved.links] + ["hub" for point in resolved.access_points if point.hub]


@pytest.mark.parametrize(("grade", "heard", "expected"), [
    ("A", True, ["802.11s", "hub"]), ("B", True, ["802.11s"]),
    ("C", True, ["station"]), ("D", True, ["station"]), ("E", True, ["station"]),
    ("A", False, ["802.11s", "hub"]), ("C", False, ["ibss"]), ("D", False, ["hub"]),
])
def test_one_radio(grade: str, heard: bool, expected: list[str]) -> None:
    resolved = of({}, card(0, grade), heard=(hub(),) if heard else ())
    assert parts(resolved) == expected
    reasons = " ".join(resolved.notes)
    assert ("joins the Byzantium access point “Byzantium” (-50 dBm)" in reasons) is (expected == ["station"])
    assert ("No Byzantium access point of this mesh is near" in reasons) is (grade in "CD" and not heard)


def test_one_that_can_only_join_has_nothing_to_do_where_nobody_is() -> None:
    with pytest.raises(CannotHere, match=r"no wireless card that can mesh.* No Byzantium access point .* is near"):
        of({}, card(0, "E"))
    with pytest.raises(CannotHere, match=r"has another access_point\.passphrase"):
        of({}, card(0, "E"), heard=(hub(secured=True),))


@pytest.mark.parametrize(("answers", "radio", "waits"), [
    ({}, card(0, "E"), True),
    (PRIVATE, card(0, "C", "IBSS"), True),
    ({"mesh": {"link": "hub"}}, card(0, "E"), True),
    ({"mesh": {"interfaces": ["wlan0"]}}, card(0, "E"), True),
    ({}, card(0, "D"), False),
    ({"mesh": {"routing": "batman-adv"}}, card(0, "E"), False),
    ({"access_point": {"enable": True}}, card(0, "E"), False),
])
def test_a_node_that_is_to_stand_waits_for_somebody_to_join(answers: dict[str, Any], radio: Radio, waits: bool) -> None:
    """At boot; a person is told that the card can do nothing here, and that is no node."""
    machine = Machine(radios=(radio,), heard=(), patient=True)
    if waits:
        resolved = resolve(Answers.model_validate(answers), machine, NODE)
        assert [(link.kind, link.network) for link in resolved.links] == [("station", b"Byzantium")]
        assert not resolved.access_points
        with pytest.raises(CannotHere):
            of(answers, radio)
    elif radio.verdict is not None and radio.verdict.grade == "D":
        assert parts(resolve(Answers.model_validate(answers), machine, NODE)) == ["hub"], "it can begin"
    else:
        with pytest.raises(CannotHere):
            resolve(Answers.model_validate(answers), machine, NODE)


def test_a_station_goes_where_it_heard_the_strongest() -> None:
    near = hub(ssid=b"near".hex(), signal_dbm=-40.0)
    link, = of({}, card(0, "D"), heard=(hub(), near)).links
    assert (link.kind, link.network, link.passphrase, link.channel) == ("station", b"near", None, None)


@pytest.mark.parametrize("other", [
    hub(air_id="byzantium~prv"), hub(air_id="elsewhere~pub"), hub(number=1), hub(element=b"byz\1abcd".hex()),
])
def test_what_is_of_another_mesh_or_heard_by_another_radio_is_not_joined(other: Hub) -> None:
    assert parts(of({}, card(0, "D"), heard=(other,))) == ["hub"]


def test_a_hub_that_asks_for_what_we_do_not_have_is_not_joined_and_named() -> None:
    resolved = of({}, card(0, "D"), heard=(hub(secured=True),))
    assert parts(resolved) == ["hub"]
    assert any("has another access_point.passphrase" in note for note in resolved.notes)
    joined = of({"access_point": {"passphrase": "five little words"}}, card(0, "D"), heard=(hub(secured=True),))
    assert joined.links[0].passphrase == "five little words"


def test_a_private_mesh_is_never_joined_over_an_open_network() -> None:
    there = hub(air_id="byzantium~prv")
    assert parts(of(PRIVATE, card(0, "D"), heard=(there,))) == ["hub"]
    link, = of(PRIVATE, card(0, "D"), heard=(hub(air_id="byzantium~prv", secured=True),)).links
    assert link.passphrase == of(PRIVATE, card(0, "D")).access_points[0].passphrase, "the hub has derived the same"


def test_the_weakest_card_joins_and_the_better_one_serves_phones() -> None:
    resolved = of({}, card(0, "D"), card(1, "E"), heard=(hub(0), hub(1)))
    assert [(link.interface, link.kind) for link in resolved.links] == [("wlan1", "station")]
    assert [point.interface for point in resolved.access_points] == ["wlan0"]


def test_beside_a_card_that_meshes_the_others_serve_phones_and_nobody_listens() -> None:
    machine = Machine(radios=(card(0, "A"), card(1, "C", "ap")))
    assert listeners(Answers(), machine) == ()
    assert parts(of({}, *machine.radios, heard=None)) == ["802.11s", "hub", "hub"]


def test_each_named_card_takes_its_own_part() -> None:
    named = {"mesh": {"interfaces": ["wlan0", "wlan1", "wlan2"]}}
    radios = (card(0, "A"), card(1, "C"), card(2, "C"))
    assert [radio.interface for radio in listeners(Answers.model_validate(named), Machine(radios=radios))] == [
        "wlan1", "wlan2"]
    assert parts(of(named, *radios, heard=(hub(1),))) == ["802.11s", "station", "ibss", "hub"]


@pytest.mark.parametrize(("answers", "listens"), [
    ({}, True), ({"mesh": {"link": "hub"}}, True), ({"mesh": {"link": "ibss"}}, False),
    ({"mesh": {"routing": "batman-adv"}}, False), ({"mesh": {"security": "open"}}, False),
    ({"access_point": {"enable": True}}, False),
])
def test_who_is_near_matters_only_where_it_could_be_joined(answers: dict[str, Any], listens: bool) -> None:
    assert bool(listeners(Answers.model_validate(answers), Machine(radios=(card(0, "D"),)))) is listens


def test_an_ad_hoc_mesh_is_one_cell_without_encryption_and_says_so() -> None:
    resolved = of({"mesh": {"link": "ibss"}}, card(0, "A", "IBSS"))
    link, = resolved.links
    assert (link.kind, link.channel, resolved.keys.air_id) == ("ibss", 11, "byzantium~pub")
    assert link.bssid == of({"mesh": {"link": "ibss"}}, card(1, "C")).links[0].bssid, "the same on each node"
    assert any("wlan0 is not encrypted" in note for note in resolved.notes)
    assert not any("encrypted against listeners" in note for note in resolved.notes)
    asked = of({"mesh": {"link": "ibss", "bssid": "02:12:34:56:78:9a"}}, card(0, "C"))
    assert asked.links[0].bssid == "02:12:34:56:78:9a"


def test_an_ad_hoc_card_serves_phones_beside_it_only_where_it_can_both() -> None:
    assert not of({}, card(0, "C", "IBSS", "AP")).access_points
    point, = of({}, card(0, "C", "IBSS", "AP", combinations=(BOTH,))).access_points
    assert (point.shares, point.channel) == ("mesh0", 11)


def test_a_private_mesh_has_no_ad_hoc_links_and_a_card_that_can_is_a_hub_instead() -> None:
    resolved = of(PRIVATE, card(0, "C", "IBSS", "AP"))
    assert parts(resolved) == ["hub"]
    assert resolved.access_points[0].passphrase == resolved.keys.hub
    with pytest.raises(CannotHere, match="no wireless card"):
        of(PRIVATE, card(0, "C", "IBSS"))


def test_the_old_cell_is_joined_by_its_name_alone() -> None:
    old = {"mesh": {"name": "Byzantium", "link": "ibss", "security": "open", "channel": 5,
                    "bssid": "02:CA:FF:EE:BA:BE"}}
    resolved = of(old, card(0, "C"))
    link, = resolved.links
    assert (resolved.keys.air_id, link.bssid, link.mhz) == ("Byzantium", "02:ca:ff:ee:ba:be", 2432)
    assert resolved.keys.babel is None
    assert any("mesh is open" in note for note in resolved.notes)


def test_a_hub_is_asked_for_by_its_access_point_and_a_station_by_none() -> None:
    """`link: hub` listens; access_point.enable says which of the two it is to be whoever is heard."""
    asked = {"mesh": {"link": "hub"}}
    assert parts(of(asked, card(0, "D"), heard=(hub(),))) == ["station"]
    assert parts(of(asked, card(0, "A", "AP"))) == ["hub"]
    assert parts(of(asked | {"access_point": {"enable": True}}, card(0, "D"), heard=(hub(),))) == ["hub"]
    waiting = of(asked | {"access_point": {"enable": False}}, card(0, "D"))
    assert (waiting.links[0].kind, waiting.links[0].network) == ("station", b"Byzantium")
    assert any("waits for a Byzantium access point called “Byzantium”" in note for note in waiting.notes)


def test_a_hub_is_on_the_channel_of_the_mesh_and_routing_speaks_among_its_clients() -> None:
    resolved = of({"mesh": {"channel": 6}}, card(0, "D"))
    assert resolved.access_points[0].channel == 6
    assert resolved.routed == ("clients0",)


@pytest.mark.parametrize(("answers", "hubs"), [
    ({}, 1), (PRIVATE, 0), (PRIVATE | {"access_point": {"passphrase": "five little words"}}, 1),
    ({"mesh": {"routing": "batman-adv"}}, 0), ({"mesh": {"security": "open"}}, 0), ({"mesh": {"routing": "none"}}, 0),
])
def test_an_access_point_is_a_hub_where_routing_has_a_key_and_the_air_is_as_safe_as_the_mesh(
    answers: dict[str, Any], hubs: int
) -> None:
    resolved = of(answers, card(0, "A"))
    assert sum(point.hub for point in resolved.access_points) == hubs
    assert ("clients0" in resolved.routed) is bool(hubs)


@pytest.mark.parametrize(("answers", "grade", "sentence"), [
    ({"mesh": {"link": "ibss", "passphrase": SECRET}}, "C", "mesh.link is ibss, but the mesh has a passphrase"),
    ({"mesh": {"link": "ibss"}}, "D", "mesh.link is ibss, but no wireless card"),
    ({"mesh": {"link": "hub", "routing": "batman-adv"}}, "D", "mesh.routing is batman-adv"),
    ({"mesh": {"link": "hub", "routing": "none"}}, "D", "mesh.routing is none"),
    ({"mesh": {"link": "hub", "security": "open"}}, "D", "mesh.security is open"),
    ({"mesh": {"link": "hub"}}, "E", "mesh.link is hub, but no Byzantium access point is heard"),
    ({"mesh": {"link": "802.11s", "bssid": "02:12:34:56:78:9a"}}, "A", "mesh.bssid is for ad-hoc links"),
])
def test_what_cannot_be_names_the_key(answers: dict[str, Any], grade: str, sentence: str) -> None:
    with pytest.raises(CannotHere, match=sentence.replace(".", r"\.")):
        of(answers, card(0, grade, "AP"))


def test_where_nobody_has_listened_that_is_said() -> None:
    assert any("Nobody has listened" in note for note in of({}, card(0, "D"), heard=None).notes)


def test_a_name_that_acts_on_a_terminal_is_shown_and_does_not() -> None:
    resolved = of({}, card(0, "D"), heard=(hub(ssid=b"\x1b[2J\nx".hex()),))
    assert all(note.isprintable() for note in resolved.notes)


def test_what_was_heard_stays_in_a_recording_and_silence_leaves_none() -> None:
    machine = Machine(radios=(card(0, "D"),), heard=(hub(),))
    assert Machine.model_validate_json(machine.model_dump_json()) == machine
    assert not {"heard", "patient"} & set(Machine().model_dump())
