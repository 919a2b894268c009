"""Over which ports and cards a node meshes is chosen below Link, and on the Hardware page where there is no card."""

from byzwizard.answers import Answers
from byzwizard.machine import Wired
from tests.unit.driver import Screen
from tests.unit.fake_desk import MACHINE, FakeDesk

TWO = MACHINE.model_copy(update={"wired": tuple(
    Wired(interface=name, mac=f"52:54:00:00:00:0{n}", carrier=False) for n, name in enumerate(("eth0", "eth1"))
)})  # fmt: skip


def at_more(**more: object) -> Screen:
    screen = Screen(FakeDesk(**more))  # type: ignore[arg-type]  # fields of the desk
    screen.do("steps", "next", "more")
    return screen


def listed(screen: Screen) -> list[str]:
    return [item for item in screen.root.view.ids if item.startswith("over-")]


def over(screen: Screen) -> object:
    return screen.session.draft.answers.mesh.interfaces


def test_the_only_port_is_taken_when_the_mesh_is_to_be_wired() -> None:
    screen = at_more()
    screen.pick("mesh.link", "wired")
    assert listed(screen) == ["over-eth0"]
    assert over(screen) == ("eth0",)
    screen.do("next")
    assert screen.page == "services"


def test_of_several_ports_one_is_chosen_before_the_page_is_left() -> None:
    screen = at_more(found=TWO)
    screen.pick("mesh.link", "wired")
    screen.do("next")
    assert screen.page == "mesh"
    assert screen.focused == "mesh.link"
    assert "Choose the wired port over which this node meshes" in screen.text()
    screen.do("over-eth1")
    assert over(screen) == ("eth1",)
    screen.do("next")
    assert screen.page == "services"


def test_a_cable_comes_beside_the_card_that_meshes_anyway() -> None:
    screen = at_more()
    assert listed(screen) == ["over-eth0", "over-wlan1", "over-wlan0", "over-wlan2"]
    screen.do("over-eth0")
    assert over(screen) == ("wlan1", "eth0")
    screen.do("over-eth0", "over-wlan1")
    assert over(screen) == "auto", "with none it is the program's choice again"


def test_what_does_not_fit_another_link_is_not_named_any_more() -> None:
    screen = at_more()
    screen.pick("mesh.link", "wired")
    screen.pick("mesh.link", "802.11s")
    assert listed(screen) == ["over-wlan1", "over-wlan0", "over-wlan2"]
    assert over(screen) == "auto"


def test_a_computer_without_a_card_is_offered_its_cables() -> None:
    screen = Screen(FakeDesk(found=TWO.model_copy(update={"radios": ()})))
    screen.do("steps")
    assert "Mesh over the cable eth0" in screen.text()
    screen.do("over-eth0", "over-eth1")
    mesh = screen.session.draft.answers.mesh
    assert (mesh.link, mesh.interfaces) == ("wired", ("eth0", "eth1"))
    screen.do("over-eth0", "over-eth1")
    assert screen.session.draft.answers == Answers()
