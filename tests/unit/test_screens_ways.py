"""The ways through the pages: joining what is heard, coming back from Apply, and a machine that is not here."""

from pathlib import Path
from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.backends.nl80211 import Heard
from byzwizard.backends.probe import load_machine
from byzwizard.backends.scan import network_of
from byzwizard.keys import derive
from byzwizard.machine import Machine
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import MACHINE, STATUS, FakeDesk

MACHINES = Path(__file__).parents[1] / "machines"


AD_HOC = 2  # of an IBSS's capabilities
OLD = bytes.fromhex("02CAFFEEBABE")


def cell(name: str, signal: float = -50.0, bssid: bytes = bytes(6)) -> dict[str, Any]:
    """An ad-hoc network on channel 6 as scan tells it."""
    network = network_of(Heard(bssid, 2437, AD_HOC, signal, bytes((0, len(name))) + name.encode()))
    assert network is not None
    return network.as_json()


def heard(air_id: str, signal: float = -50.0) -> dict[str, Any]:
    """A mesh on channel 6 as scan tells it."""
    configuration = bytes((1, 1, 0, 1, not air_id.endswith("~opn"), 0, 9))
    elements = b"".join(
        bytes((number, len(content))) + content for number, content in ((114, air_id.encode()), (113, configuration))
    )
    network = network_of(Heard(bytes(6), 2437, 0, signal, elements))
    assert network is not None
    return network.as_json()


def test_a_private_mesh_that_is_heard_asks_for_its_passphrase_and_makes_none() -> None:
    screen = Screen(FakeDesk(networks=[heard("relief~prv")]))
    assert "private" in screen.text()
    screen.do("join")
    assert screen.page == "mesh"
    assert screen.focused == "mesh.passphrase"
    assert screen.session.draft.text("mesh.passphrase") == ""
    text = screen.text()
    assert "Type the passphrase of this mesh." in text
    assert "write them down" not in text
    assert "F6" not in text
    screen.do("next")
    assert screen.page == "mesh"
    screen.type("mesh.passphrase", "cactus orbit velvet plinth ember")
    assert "F6" not in screen.text()
    screen.do("next", "next", "next", "next")
    assert screen.page == "review"
    passphrase = screen.session.draft.answers.mesh.passphrase
    assert passphrase is not None
    assert passphrase.get_secret_value() == "cactus orbit velvet plinth ember"


def test_a_public_mesh_after_a_private_one_asks_for_nothing() -> None:
    screen = Screen(FakeDesk(networks=[heard("relief~prv"), heard("byzantium~pub", signal=-70)]))
    screen.do("join", "heard-0")
    screen.press("esc")
    screen.do("join", "heard-1")
    assert screen.focused == "next"
    screen.do("next", "next", "next", "next")
    assert screen.page == "review"
    assert screen.session.draft.answers.mesh.passphrase is None


def test_the_list_says_who_may_join() -> None:
    screen = Screen(FakeDesk(networks=[heard("a~prv"), heard("b~pub"), heard("c~opn")]))
    screen.do("join")
    lines = [line for line in screen.text().splitlines() if "channel 6" in line]
    for line, words in zip(lines, ("private", "public", "open, not encrypted"), strict=True):
        assert words in line


def test_ad_hoc_meshes_are_in_the_list_and_say_what_they_are() -> None:
    networks = [cell("a~pub", -40), cell("b~opn", -50), cell("Byzantium", -60, OLD), heard("c~pub", -70)]
    screen = Screen(FakeDesk(networks=[*networks, cell("cafe"), cell("d~prv")]))  # the last two nobody could join
    screen.do("join")
    text = " ".join(screen.text().split())
    for words in ("a strong, public, ad-hoc, channel 6", "b strong, open, ad-hoc, channel 6",
                  "Byzantium fair, old Byzantium, channel 6", "c fair, public, channel 6"):
        assert words in text
    assert text.count("channel 6") == 4


def test_who_takes_an_ad_hoc_mesh_meshes_by_ad_hoc_and_not_any_more_after_another() -> None:
    screen = Screen(FakeDesk(networks=[cell("a~pub", -40), cell("Byzantium", -60, OLD), heard("c~pub", -70)]))
    taken = []
    for row in ("heard-0", "heard-1", "heard-2"):
        screen.do("join", row)
        assert screen.page == "mesh"
        mesh = screen.session.draft.answers.mesh
        taken.append((mesh.name, mesh.link, mesh.security, mesh.bssid, mesh.channel))
        screen.press("esc")
    assert taken == [
        ("a", "ibss", "sae", None, 6), ("Byzantium", "ibss", "open", "02:CA:FF:EE:BA:BE", 6),
        ("c", "auto", "sae", None, 6),
    ]


def test_what_is_taken_of_an_old_byzantium_is_its_own_cell() -> None:
    screen = Screen(FakeDesk(networks=[cell("Byzantium", bssid=OLD)]))
    screen.do("join")
    assert "ad-hoc link. Its routing cannot be heard" in " ".join(screen.text().split())
    assert derive(screen.session.draft.answers.mesh).air_id == "Byzantium"


def test_one_mesh_of_both_kinds_of_link_is_one_in_the_list() -> None:
    screen = Screen(FakeDesk(networks=[cell("relief~pub", -40), heard("relief~pub", -70)]))
    screen.do("join")
    mesh = screen.session.draft.answers.mesh
    assert (mesh.name, mesh.link) == ("relief", "auto"), "the card's own best way"


UNROUTED = {"id": "unrouted", "ok": True, "text": "A node near routes otherwise.", "advice": None,
            "routing": "batman-adv"}


def test_the_routing_of_a_neighbour_is_taken_from_the_node_page() -> None:
    now = Answers.model_validate({"mesh": {"name": "relief"}})
    screen = Screen(FakeDesk(now=now, state={**STATUS, "checks": [*STATUS["checks"], UNROUTED]}), "node")
    assert "Route by batman-adv, as a node near does" in screen.text()
    screen.do("routing")
    assert screen.page == "review"
    mesh = screen.session.draft.answers.mesh
    assert (mesh.routing, mesh.name) == ("batman-adv", "relief")
    assert "Route by" not in Screen(FakeDesk(now=now), "node").text()


def test_a_routing_that_this_computer_lacks_is_explained_and_not_taken() -> None:
    state = {**STATUS, "checks": [{**UNROUTED, "routing": "olsr"}]}
    screen = Screen(FakeDesk(now=Answers(), state=state), "node")
    screen.session.machine = MACHINE
    screen.do("routing")
    assert screen.page == "node"
    assert "olsrd" in screen.text()
    assert screen.session.draft.get("mesh.routing") == "babel"


def test_the_mesh_page_lists_what_is_heard_and_takes_it_over() -> None:
    desk = FakeDesk(now=Answers(), networks=[heard("relief~opn"), heard("other~pub", signal=-80)])
    screen = Screen(desk, "node")
    screen.press("e")
    screen.do("next")
    assert "listen; takes some seconds" in screen.text()  # a node that is up is not taken off its channel unasked
    screen.do("around")
    assert screen.focused == "heard-0"
    screen.press("enter")
    mesh = screen.session.draft.answers.mesh
    assert (mesh.name, mesh.channel, mesh.security, mesh.passphrase) == ("relief", 6, "open", None)
    text = " ".join(screen.text().split())
    assert "Channel 6 (2.4 GHz)" in text
    assert "relief is taken over" in text
    assert "Its routing cannot be heard; babel is set" in text
    assert "2 meshes heard: relief (strong, open, not encrypted)" in screen.text(size=(100, 30))
    screen.desk.networks = []
    screen.do("around", "listen")
    assert "No mesh is heard here" in screen.text()


def applies(screen: Screen) -> int:
    return sum(asked[0] == "apply" for asked in screen.desk.asked)


def test_escape_on_review_never_begins_an_apply() -> None:
    screen = Screen(FakeDesk(fails="mesh"))
    screen.press("enter")
    assert applies(screen) == 1
    screen.do("back")
    assert screen.page == "review"
    for page in ("internet", "keep", "services", "mesh", "hardware", "welcome", "welcome"):
        screen.press("esc")
        assert screen.page == page
    assert applies(screen) == 1
    screen.press("enter")
    assert applies(screen) == 2


def test_who_escapes_to_an_apply_that_ended_sees_what_came_of_it() -> None:
    screen = Screen(FakeDesk(fails="mesh"))
    screen.press("enter")
    screen.session.go("mesh")
    screen.press("esc")
    assert screen.page == "apply"
    assert "That did not work" in screen.text()
    assert applies(screen) == 1


def test_a_card_for_phones_only_is_called_so() -> None:
    screen = Screen()
    screen.do("steps")
    assert "phones only, cannot mesh" in screen.text()
    assert screen.text().count("mesh and phones together") == 1


def test_an_ad_hoc_card_is_one_that_meshes_in_the_older_way() -> None:
    screen = Screen(FakeDesk(found=load_machine(MACHINES / "thinkpad-intel-6200-alone-is-ad-hoc-only.json")))
    assert "1 wireless card that can mesh" in screen.text()
    screen.do("steps")
    assert "mesh of the older kind" in screen.text()
    assert "mesh and phones together" not in screen.text()


def test_a_rehearsal_tries_no_card() -> None:
    screen = Screen(FakeDesk(rehearsal=True))
    screen.do("steps")
    screen.to("radio-phy1")
    assert "try it" not in screen.text()
    screen.press("t", "enter")
    assert "joined a mesh of its own" not in screen.text()
    assert "Try it" not in screen.text()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("public", "working · public"), ("private", "working · private"), ("open", "working · open, not encrypted")],
)
def test_the_bar_names_the_kind_of_the_mesh_and_counts_neighbours(kind: str, words: str) -> None:
    screen = Screen(FakeDesk(now=Answers(), state=STATUS | {"public": kind == "public", "kind": kind}), "node")
    assert words in screen.text()
    assert "2 near" in screen.text().splitlines()[0]


def test_no_card_is_counted_that_has_no_interface() -> None:
    machine = load_machine(MACHINES / "netbook-ath9k-one-gigabyte.json")
    gone = Machine(radios=tuple(radio.model_copy(update={"interface": None}) for radio in machine.radios))
    assert "no wireless card that can be used" in Screen(FakeDesk(found=gone)).text()


def test_new_words_do_not_replace_a_typed_passphrase_at_once() -> None:
    screen = Screen()
    screen.do("steps", "next")
    screen.to("private")
    screen.press(" ", "f6")
    assert "once more" not in screen.text()
    screen.type("mesh.passphrase", "my very own passphrase")
    screen.press("f6")
    assert screen.session.draft.text("mesh.passphrase") == "my very own passphrase"
    assert "F6 once more" in screen.text()
    screen.press("f6")
    assert screen.session.draft.text("mesh.passphrase") != "my very own passphrase"


def test_in_line_mode_the_list_is_numbered_and_the_passphrase_asked_for() -> None:
    desk = FakeDesk(now=Answers(), networks=[heard("relief~prv")])
    typist = Typist("e", "*Continue", "*Meshes around", "*relief", "*Passphrase", "cactus orbit velvet", desk=desk,
                    first="node")
    typist.run()
    assert any("relief; strong, private, channel 6" in line for line in typist.written)
    mesh = typist.session.draft.answers.mesh
    assert mesh.name == "relief"
    assert mesh.passphrase is not None
    assert mesh.passphrase.get_secret_value() == "cactus orbit velvet"


def test_a_routing_that_this_computer_lacks_is_explained_and_not_chosen() -> None:
    screen = Screen(FakeDesk(now=Answers()), "node")
    screen.press("e")
    screen.do("next", "more")
    screen.session.machine = Machine()
    screen.root.changed()
    screen.pick("mesh.routing", "olsr")
    text = " ".join(screen.text(size=(100, 40)).split())
    assert "needs the program olsrd, which neither Debian nor this stick has" in text
    assert screen.session.draft.answers.mesh.routing == "babel"
    screen.session.machine = Machine(programs=("olsrd",))
    screen.root.changed()
    for name in ("olsr", "batman-adv", "none"):
        screen.pick("mesh.routing", name)
        assert screen.session.draft.answers.mesh.routing == name


def test_nodes_that_are_not_talked_to_are_typed_by_their_ids() -> None:
    screen = Screen()
    screen.do("steps", "next", "more")
    screen.type("mesh.blocked", f"{'a' * 32}  {'b' * 32} {'a' * 32}")
    screen.do("more")
    screen.type("mesh.name", "relief")
    assert screen.session.draft.answers.mesh.blocked == ("a" * 32, "b" * 32)
    screen.do("more")
    screen.to("mesh.blocked")
    assert "2 nodes are not talked to" in screen.text()
    screen.type("mesh.blocked", "harbor")
    assert "A node id is 32 characters" in screen.text()
    screen.do("more", "next")
    assert screen.page == "mesh", "a fault under More is no less one"
    assert screen.focused == "mesh.blocked"
    assert "A node id is 32 characters" in screen.text()
    screen.type("mesh.blocked", "")
    screen.do("next")
    assert screen.page == "services"
    assert screen.session.draft.answers.mesh == Answers.model_validate({"mesh": {"name": "relief"}}).mesh


def test_a_leased_address_is_chosen_where_routing_announces_it() -> None:
    screen = Screen(FakeDesk(now=Answers()), "node")
    screen.press("e")
    screen.do("next", "more")
    for key, value, chosen in (
        ("mesh.addresses", "ahcp", "ahcp"), ("mesh.routing", "batman-adv", "ahcp"), ("mesh.routing", "none", "hash"),
        ("mesh.addresses", "ahcp", "hash"),
    ):
        screen.pick(key, value)
        assert screen.session.draft.answers.mesh.addresses == chosen
    assert "Only babel and batman-adv announce" in " ".join(screen.text(size=(100, 40)).split())
