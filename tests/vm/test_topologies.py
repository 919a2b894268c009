"""Meshes of every shape, by each routing: a line, a ring, two that meet, a star by hub, mixed hardware; links cut and
healed, a node killed, gateways that fail, a phone that walks, a wrong secret. Times are those of the VM's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.harness import VM
from tests.vm.neighbourhood import ABROAD, LINE, NAMES, RING, SETUP, Neighbourhood, answers, without
from tests.vm.phone import INSIDE, join

pytestmark = pytest.mark.timeout(3600)
CUT, PARTED = 15, 30  # seconds until the way is back after a short cut, and after the peering was lost
# Until another way is taken round a link that is cut: it is given up when four hellos are missed, and babel believes a
# longer way once its end has confirmed it (RFC 8966, 3.8.2.1), which is asked with the next update.
ROUND = 30
MET, GONE = 60, 120  # seconds until a clash is repaired, and until a dead node has no name
WITHDRAWN = 15  # seconds until a gateway that leads nowhere is announced no more
LISTENS = 1800  # two rounds of a node that listens again and again (byzwizard/alone.py)
SAME = "  subnet: 10.66.77.0/24\n"
SECRET = "  passphrase: {} orbit velvet plinth ember\n"


@pytest.fixture(scope="module")
def six(folder: Path) -> Iterator[Neighbourhood]:
    """The VM, in which nobody is a node yet."""
    with VM(folder, radios=len(NAMES) + 1, memory=3072, serial=None) as vm:
        vm.start()
        vm.booted()
        vm.run("systemctl stop 'byz-wizard@*'")
        yield Neighbourhood(vm)


@pytest.fixture(scope="module", params=["babel", "batman-adv"])
def lab(six: Neighbourhood, request: pytest.FixtureRequest) -> Neighbourhood:
    """Six nodes in a line, of which two have an access point."""
    six.become(request.param)
    return six


def test_the_ends_of_a_line_reach_each_other_by_name(lab: Neighbourhood) -> None:
    lab.hears(LINE)
    lab.finds("ann", "eva")
    lab.finds("eva", "ann")
    lab.finds("fay", "ann")
    heard = lab["ann"].run("iw dev mesh0 station dump")
    assert heard.count("ESTAB") == 1, "ann must hear bob alone"


def test_the_way_is_back_soon_after_a_short_cut(lab: Neighbourhood) -> None:
    lab.hears(LINE)
    lab.pings("ann", "eva")
    lab.hears(without(LINE, "cat", "dan"))
    lab.loses("ann", "eva")
    assert lab.back(LINE, "ann", "eva", "the way back after a short cut") < CUT


def test_the_way_is_back_after_the_peering_was_lost(lab: Neighbourhood) -> None:
    lab.hears(without(LINE, "cat", "dan"))
    lab.peers("cat", "dan", are=False)
    lab.peers("dan", "cat", are=False)
    assert lab.back(LINE, "ann", "eva", "the way back after the peering was lost") < PARTED


def test_a_ring_that_is_cut_leads_the_other_way_round(lab: Neighbourhood) -> None:
    lab.hears(RING)
    for pair in (*RING[:3], RING[-1]):
        lab.peers(*pair)
    for other in NAMES[1:4]:
        lab.pings("ann", other)
    assert lab.back(without(RING, "ann", "bob"), "ann", "bob", "the other way round") < ROUND
    # The link that was cut is the only one that is left to ann.
    assert lab.back(without(RING, "dan", "ann"), "ann", "dan", "back by the link that was healed") < ROUND


def test_a_node_whose_words_are_lost_is_passed_by(lab: Neighbourhood) -> None:
    """In the ring cat is reached by bob or by dan: whoever falls silent, by the other one."""
    lab.hears(RING)
    lab.peers("dan", "ann")
    lab.pings("ann", "cat")
    for silent in ("bob", "dan"):
        began = lab.now()
        lab.deafens(silent, 100)
        try:
            lab.pings("ann", "cat")
            assert lab.told(f"past {silent}, who is lost", began) < ROUND
        finally:
            began = lab.now()
            lab.deafens(silent, 0)
        lab.pings("ann", silent)
        assert lab.told(f"{silent} heard again", began) < CUT


def test_a_node_that_dies_is_passed_by_and_forgotten(lab: Neighbourhood) -> None:
    lab.hears(RING)
    for other in ("ann", "cat", "dan"):
        lab[other].wait("getent hosts bob.byzantium.mesh", SETUP, f"{other} to know bob")
    lab.pings("ann", "cat")
    began = lab.now()
    lab["bob"].stop()
    try:
        lab.pings("ann", "cat")
        assert lab.told("past bob, who was killed", began) < ROUND
        for other in ("ann", "cat", "dan"):
            lab[other].wait("! getent hosts bob.byzantium.mesh", SETUP, f"{other} to forget bob")
        assert lab.told("the name of bob, who was killed, gone", began) < GONE
        assert "bob" not in {node["name"] for node in lab["cat"].status()["neighbours"]}
    finally:
        lab.boot("bob", SAME).booted(SETUP)
    lab.finds("ann", "bob")


def test_two_meshes_that_meet_with_one_network_twice_repair_themselves(lab: Neighbourhood) -> None:
    lab.hears(without(LINE, "cat", "dan"))
    lab.loses("dan", "bob")
    lab.each(lambda name: lab.apply(name, SAME), ("bob", "eva"))
    for one, other in (("ann", "bob"), ("cat", "bob"), ("dan", "eva"), ("fay", "eva")):
        lab.finds(one, other)
    for one, other in (("cat", "dan"), ("dan", "cat")):
        lab[one].wait(f"! getent hosts {other}.byzantium.mesh", SETUP, f"{one} to have forgotten {other}")
    was = {name: lab[name].facts() for name in NAMES}
    assert was["bob"]["addresses"][0] == was["eva"]["addresses"][0] == "10.66.77.1"
    stays, moves = sorted(("bob", "eva"), key=lambda name: str(was[name]["id"]))

    began = lab.now()
    lab.hears(LINE)
    lab[moves].wait("! ip -4 -o address show clients0 | grep -qF 10.66.77.1/", SETUP, f"{moves} to move")
    lab.told("the other network taken", began)
    new = lab.address(moves)
    for name in NAMES:
        if name != moves:
            lab[name].wait(f"test $(getent ahostsv4 {moves}.byzantium.mesh | head -n 1 | cut -d' ' -f1) = {new}",
                           SETUP, f"{name} to know where {moves} is")
            lab.pings(name, new)
    lab.pings(moves, "10.66.77.1")
    took = lab.told("the clash repaired", began)
    for name in NAMES:
        if name != moves:
            assert lab.address(name) == was[name]["addresses"][0], f"{name} must keep its network, as {stays} does"
    if not lab.emulated:  # the apply alone takes half a minute of an emulated processor (tests/net/test_merge.py)
        assert took < MET


def test_another_gateway_takes_over_when_one_leads_nowhere(lab: Neighbourhood) -> None:
    lab.hears(LINE)
    shares = "grep -q '\"shared\": true' /run/byzantium/uplink/state.json"
    try:
        lab.modem("ann")
        lab["cat"].wait("ip route show default proto babel | grep -q via", SETUP, "cat to learn of the way out")
        lab.pings("cat", ABROAD)
        lab.modem("fay")
        lab["fay"].wait(shares, SETUP, "fay to be a gateway too")
        began = lab.now()
        lab.answers("ann", False)
        lab["ann"].wait(f"! {shares}", SETUP, "ann to withdraw")
        assert lab.told("the gateway that failed withdrawn", began) < WITHDRAWN
        lab.pings("cat", ABROAD)
        assert lab.told("the Internet back by the other gateway", began) < PARTED
        lab.pings("ann", ABROAD)
    finally:
        lab.unplug("ann")
        lab.unplug("fay")


def test_a_phone_that_walks_gets_an_address_and_an_answer_everywhere(lab: Neighbourhood) -> None:
    """From ann to dan and back: it asks to keep the address that it has, and is given one that works there."""
    given: list[dict[str, str]] = []
    for near in ("ann", "dan", "ann"):
        lab.hears((*LINE, ("phone", near)))
        former = given[-1]["address"] if given else ""
        began = lab.now()
        given.append(join(lab.vm, SETUP, "wlan6", former))
        lab.told(f"the phone at home with {near}", began)
        assert given[-1]["router"] == lab.address(near)
        lab.vm.run(INSIDE + f"ip route replace default via {given[-1]['router']}")
        lab.vm.wait(f"{INSIDE} ping -c 1 -W 5 {lab.address('eva')}", SETUP, "eva to answer the phone")
    assert given[0]["address"] == given[2]["address"]


def test_a_star_by_hub_becomes_one_mesh_with_those_that_mesh_otherwise(lab: Neighbourhood) -> None:
    """bob can only join, cat has ad-hoc mode alone, ann and dan can only serve. Then ann gets a card that can mesh as
    well: eva, which does nothing else, is in the same mesh."""
    ann = lab["ann"]
    if lab.routing == "batman-adv":
        ann.put("/run/hub.yaml", answers("ann", f"  routing: {lab.routing}\n  link: hub\n"))
        status, said = ann.sh("byzwizard plan /run/hub.yaml", SETUP)
        assert status == 4
        assert "mesh.routing" in said
        return
    lab.hears(LINE[-1:])
    ann.at_most("D")
    lab.apply("ann")
    assert "type AP" in ann.run("iw dev ap0 info")
    assert "mesh0" not in ann.run("ip -o link")
    star = [("ann", name) for name in ("bob", "cat", "dan")]
    lab.hears((*star, *LINE[-1:]))
    for name, grade in (("bob", "E"), ("cat", "C"), ("dan", "D")):
        lab[name].at_most(grade)
    lab.each(lab.apply, ("bob", "cat", "dan"))
    for name in ("bob", "cat", "dan"):
        assert "type managed" in lab[name].run("iw dev mesh0 info")
    for one, other in (("bob", "dan"), ("cat", "bob"), ("dan", "cat"), ("ann", "cat")):
        lab.finds(one, other)

    lab.hears((*star, ("ann", "eva"), ("eva", "fay")))
    ann.at_most(None)
    lab.apply("ann")
    assert "type mesh point" in ann.run("iw dev mesh0 info")
    for one, other in (("bob", "eva"), ("eva", "cat"), ("dan", "fay"), ("fay", "dan")):
        lab.finds(one, other)


def test_who_began_alone_finds_the_others_that_come_later(six: Neighbourhood) -> None:
    """dan is a hub, cat an ad-hoc cell and bob waits, each before anybody is there; then ann comes, who listens to
    nobody. Nothing is done by hand."""
    six.become("babel")
    six.hears(())
    six["bob"].stop()
    for name, grade in (("cat", "C"), ("dan", "D")):
        six[name].at_most(grade)
    six.each(six.apply, ("cat", "dan"))
    # On a slow computer they listen by now, which is not the same.
    six["dan"].wait("iw dev ap0 info | grep -q 'type AP'", SETUP, "dan to be a hub")
    six["cat"].wait("iw dev mesh0 info | grep -q 'type IBSS'", SETUP, "cat to begin a cell")
    bob = six.vm.node("bob", six.radios["bob"]).booted(SETUP)
    bob.run("systemctl stop 'byz-wizard@*'")
    bob.at_most("E")
    bob.put("/run/answers.yaml", answers("bob"), 0o600)
    status, said = bob.sh("byzwizard apply /run/answers.yaml", SETUP)
    assert status == 4, "a person is told that this card alone makes no node"
    assert "No Byzantium access point of this mesh is near." in said
    bob.run("byzwizard apply /run/answers.yaml --boot found", SETUP)  # as byz-node.service does
    bob.wait("byzwizard status --json | grep -q 'waits for a Byzantium access point'", SETUP, "bob to say so")
    for name in ("bob", "cat", "dan"):
        six[name].wait("byzwizard status --json | grep -q 'It listens again within'", SETUP,
                       f"{name} to say when it listens again")

    six.hears([("ann", name) for name in ("bob", "cat", "dan")])
    for name in ("bob", "cat", "dan"):
        six[name].wait("iw dev mesh0 info | grep -q 'type managed'", LISTENS, f"{name} to join ann")
    for one, other in (("bob", "dan"), ("cat", "bob"), ("dan", "cat"), ("ann", "cat")):
        six.finds(one, other)
    six["dan"].run("journalctl -u byz-listen -o cat | grep 'an access point of this mesh is heard'")


def test_of_two_hubs_one_joins_the_other(six: Neighbourhood) -> None:
    """Power returns, and both listened when neither was there."""
    six.become("babel")
    six.hears(())
    pair = ("ann", "dan")
    for name in pair:
        six[name].at_most("D")
    six.each(six.apply, pair)
    for name in pair:
        six[name].wait("iw dev ap0 info | grep -q 'type AP'", SETUP, f"{name} to be a hub")
    six.hears([pair])
    six.vm.wait(" || ".join(f"nsenter --net=/run/netns/{name} iw dev mesh0 link | grep -q '^Connected'"
                            for name in pair), LISTENS, "one of two hubs to join the other")
    six.finds("ann", "dan")
    six.finds("dan", "ann")
    hubs = [name for name in pair if six[name].sh("iw dev ap0 info | grep -q 'type AP'")[0] == 0]
    assert len(hubs) == 1


def test_a_wrong_secret_meshes_with_nobody_and_status_says_so(lab: Neighbourhood) -> None:
    lab.hears(LINE)
    secrets = {"eva": SECRET.format("cactus"), "fay": SECRET.format("cactuses")}
    lab.each(lambda name: lab.apply(name, secrets[name]), secrets)
    for name in secrets:
        lab[name].wait("byzwizard status --json | grep -q '\"id\": \"refused\"'", SETUP, f"{name} to be told")
        assert lab[name].status()["neighbours"] == []
        assert "ESTAB" not in lab[name].run("iw dev mesh0 station dump")
