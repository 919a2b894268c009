"""Which interface does what, and what this machine refuses: one sentence that names the key to change."""

from ipaddress import IPv6Network
from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.identity import Identity
from byzwizard.machine import Channel, Machine, Radio, Verdict, Wired
from byzwizard.resolve import Resolved, resolve, ula_prefixes

NODE = Identity(bytes(range(32)))
LINKS = {"A": "802.11s", "B": "802.11s", "C": "ibss", "D": "hub", "E": "hub", "F": None}


def radio(number: int, grade: Any, **more: Any) -> Radio:
    facts: dict[str, Any] = {
        "interface": f"wlan{number}",
        "phy": f"phy{number}",
        "mac": f"00:c0:ca:00:00:0{number}",
        "bus": "usb",
        "chipset": "test",
        "driver": "test",
        "channels": tuple(Channel(number=n, mhz=2407 + 5 * n) for n in range(1, 12)),
        "verdict": Verdict(
            grade=grade, link=LINKS[grade], access_point=grade in "AD", reason="it says so", advice=None
        ),
    }
    return Radio(**(facts | more))


def of(answers: dict[str, Any], *radios: Radio, wired: tuple[str, ...] = ()) -> Resolved:
    ports = tuple(Wired(interface=name, mac="00:00:00:00:00:01", carrier=True) for name in wired)
    return resolve(Answers.model_validate(answers), Machine(radios=radios, wired=ports), NODE)


def test_one_good_radio_meshes_and_serves_phones_on_one_channel() -> None:
    resolved = of({}, radio(0, "A"))
    (link,), (access_point,) = resolved.links, resolved.access_points
    assert (link.interface, link.name, link.channel, link.mhz) == ("wlan0", "mesh0", 11, 2462)
    assert (access_point.shares, access_point.interface, access_point.channel) == ("mesh0", None, 11)
    assert link.mac != access_point.mac


def test_the_best_radio_meshes_and_the_other_serves_phones_on_a_channel_of_its_own() -> None:
    resolved = of({}, radio(0, "D"), radio(1, "A"))
    assert [link.interface for link in resolved.links] == ["wlan1"]
    assert [(ap.name, ap.interface, ap.shares, ap.channel) for ap in resolved.access_points] == [
        ("ap0", None, "mesh0", 11),
        ("ap1", "wlan0", None, 1),
    ]


@pytest.mark.parametrize("flags", [(), ("disabled",)])
def test_numbers_of_the_band_of_6_ghz_are_none_of_ours(flags: tuple[str, ...]) -> None:
    """They begin again at 1; cards with that band list it behind the others, mostly as disabled."""
    low = tuple(Channel(number=n, mhz=2407 + 5 * n) for n in range(2, 12))
    high = tuple(Channel(number=n, mhz=5950 + 5 * n, flags=flags) for n in range(1, 234, 4))
    card = radio(0, "A", channels=low + high)
    (link,) = of({"mesh": {"channel": 5}}, card).links
    assert (link.channel, link.mhz) == (5, 2432)
    with pytest.raises(CannotHere, match="cannot use channel 1 here"):
        of({"mesh": {"channel": 1}}, card)
    assert of({}, radio(1, "A"), radio(0, "D", channels=low + high)).access_points[1].channel == 6


def test_a_radio_for_phones_only_stands_alone_over_batman_adv_and_the_notes_say_so() -> None:
    resolved = of({"mesh": {"routing": "batman-adv"}}, radio(0, "D"))
    assert not resolved.links
    assert any("stands alone" in note for note in resolved.notes)


def test_the_same_answers_lead_to_the_same_node_and_nothing_is_generated_twice() -> None:
    first = of({}, radio(0, "A"))
    again = resolve(first.answers, Machine(radios=(radio(0, "A"),)), NODE)
    assert first == again
    assert (first.answers.node.name, first.answers.mesh.subnet) == (first.name, first.subnet)


def test_a_prefix_in_use_is_avoided() -> None:
    first = of({}, radio(0, "A"))
    second = resolve(Answers(), Machine(radios=(radio(0, "A"),)), NODE, {first.subnet})
    assert second.subnet != first.subnet
    assert second.address == second.subnet.removesuffix("0/24") + "1"


def test_ipv6_is_spelt_as_the_kernel_spells_it() -> None:
    """Else an address with a zero in front of a group never looks like the one that is there, and is set anew at each
    apply. A node's id makes one in sixteen such."""
    for number in range(64):
        mesh, node = ula_prefixes(f"mesh {number}", f"node {number}")
        assert mesh == str(IPv6Network(mesh))
        assert node == str(IPv6Network(node))
        assert IPv6Network(node).subnet_of(IPv6Network(mesh))


def test_permanent_macs_stay_but_never_twice_on_one_radio() -> None:
    resolved = of({"node": {"mac": "permanent"}}, radio(0, "A"))
    assert resolved.links[0].mac is None
    assert resolved.access_points[0].mac is not None


def test_a_named_cable_meshes_beside_the_radio() -> None:
    resolved = of({"mesh": {"interfaces": ["wlan0", "eth0"]}}, radio(0, "A"), wired=("eth0",))
    assert [(link.name, link.kind) for link in resolved.links] == [("mesh0", "802.11s"), ("eth0", "wired")]
    assert "What goes over the cable eth0 is not encrypted." in resolved.notes


def test_the_public_mesh_says_that_it_is_public() -> None:
    assert any("mesh is public" in note for note in of({}, radio(0, "A")).notes)


def test_the_notes_are_of_what_there_is() -> None:
    alone = " ".join(of({"mesh": {"routing": "batman-adv"}}, radio(0, "D")).notes)
    assert "mesh is public" not in alone
    assert "https" not in alone
    cable = of({"mesh": {"link": "wired", "interfaces": ["eth0"]}}, radio(0, "D"), wired=("eth0",))
    assert any("The cable is not encrypted" in note for note in cable.notes)
    assert not any("encrypted against listeners" in note for note in cable.notes)


@pytest.mark.parametrize(
    ("answers", "radios", "sentence"),
    [
        ({}, (), "no wireless card"),
        ({}, (radio(0, "F"),), "wlan0: it says so"),
        ({"mesh": {"link": "802.11s"}}, (radio(0, "D"),), "mesh.link is 802.11s"),
        ({"mesh": {"link": "wired"}}, (radio(0, "A"),), "mesh.link is wired"),
        ({"mesh": {"interfaces": ["wlan7"]}}, (radio(0, "A"),), "mesh.interfaces names wlan7"),
        ({"mesh": {"interfaces": ["wlan0"]}}, (radio(0, "E"),), "mesh.interfaces names wlan0, which cannot mesh"),
        ({"mesh": {"channel": 36}}, (radio(0, "A"),), "mesh.channel: wlan0 cannot use channel 36"),
        ({"access_point": {"enable": True}}, (radio(0, "B"),), "access_point.enable is true"),
        ({"access_point": {"channel": 1}}, (radio(0, "A"),), "access_point.channel is 1"),
        ({"mesh": {"routing": "olsr"}}, (radio(0, "A"),), "mesh.routing: that needs the program olsrd"),
        ({"mesh": {"addresses": "ahcp", "routing": "none"}}, (radio(0, "A"),), "mesh.addresses is ahcp: routing by"),
    ],
)
def test_what_cannot_be_had_here_names_the_key(
    answers: dict[str, Any], radios: tuple[Radio, ...], sentence: str
) -> None:
    with pytest.raises(CannotHere, match=sentence.replace(".", r"\.")):
        of(answers, *radios)
