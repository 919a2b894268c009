"""Line mode: all pages by numbers, and the same answers as on the full screen."""

from byzwizard.answers import Answers
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import FakeDesk


def test_just_start_by_enter() -> None:
    typist = Typist("", "", "q", "y")
    assert typist.run() == 0
    assert typist.desk.asked == [("apply", Answers(), frozenset())]
    assert typist.session.page.name == "node"
    assert any("lighthouse" in line for line in typist.written)


def test_every_page_by_enter_alone() -> None:
    typist = Typist("*Set it up", "", "", "", "", "", "", "", "q", "y")
    assert typist.run() == 0
    before = ("Your wireless cards", "Which mesh?", "What should this node offer?", "Keep what people write?")
    titles = (*before, "Share an Internet", "This is what will happen", "Done", "This node works")
    for title in titles:
        assert any(line.startswith(title) for line in typist.written), title


def test_both_modes_lead_to_the_same_answers() -> None:
    typist = Typist(
        "*Set it up",
        "",
        "*Mesh name",
        "relief",
        "*Country",
        "de",
        "*Channel",
        "6",
        "*More",
        "*Network name",
        "Relief",
        "*Continue",
        "*Continue",
        "*Continue",
        "*Continue",
    )
    typist.run()
    screen = Screen()
    screen.do("steps", "next")
    screen.type("mesh.name", "relief")
    screen.type("node.country", "de")
    screen.pick("mesh.channel", "6")
    screen.do("more")
    screen.type("access_point.ssid", "Relief")
    screen.do("next", "next", "next", "next")
    assert typist.session.page.name == screen.page == "review"
    assert typist.session.draft.answers == screen.session.draft.answers != Answers()


def test_going_back_and_help() -> None:
    typist = Typist("*Set it up", "?", "<", "7654", "x")
    typist.run()
    assert typist.session.page.name == "welcome"
    assert any("Grade A" in line for line in typist.written)
    assert any("< goes back" in line for line in typist.written)
    assert any("none of the choices" in line for line in typist.written)


def test_faults_are_told_and_hold_the_page() -> None:
    typist = Typist("*Set it up", "", "*Country", "xyz", "*Continue")
    typist.run()
    assert typist.session.page.name == "mesh"
    assert any("two capital letters" in line for line in typist.written)


def test_a_private_passphrase_is_not_written_until_it_is_asked_for() -> None:
    typist = Typist("*Set it up", "", "*Private")
    typist.run()
    words = typist.session.draft.text("mesh.passphrase")
    assert words
    assert not any(words in line for line in typist.written)
    shown = Typist("*Set it up", "", "*Private", "f8")
    shown.run()
    assert any(shown.session.draft.text("mesh.passphrase") in line for line in shown.written)


def test_a_failure_is_explained() -> None:
    typist = Typist("", "*Skip", "q", "y", desk=FakeDesk(fails="access-point"))
    assert typist.run() == 0
    assert any("hostapd did not start" in line for line in typist.written)
    assert any("✓ Start the mesh on wlan1." in line for line in typist.written)
    assert typist.desk.asked[-1][2] == {"access-point"}


def test_the_end_of_the_input_ends_it() -> None:
    assert Typist().run() == 130


def test_the_module_needs_no_urwid() -> None:
    import ast
    from pathlib import Path

    from byzwizard import plain
    from byzwizard.screens import pages

    folder = Path(pages.__file__).parent
    names = [
        "apply",
        "draft",
        "hardware",
        "internet",
        "items",
        "keep",
        "mesh",
        "meter",
        "node",
        "page",
        "pages",
        "review",
        "secret",
        "sheets",
        "store",
        "welcome",
    ]
    for path in [Path(plain.__file__), *(folder / f"{name}.py" for name in names)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "urwid" not in ast.unparse(node), path


def test_a_page_without_choices_can_be_looked_at_again() -> None:
    typist = Typist("", "r", "q", "y", first="node", desk=FakeDesk(now=Answers()))
    assert typist.run() == 0
    assert sum(line.startswith("== lighthouse") for line in typist.written) == 3


def test_digits_of_other_scripts_are_no_numbers() -> None:
    typist = Typist("２", "q", "y")
    assert typist.run() == 0
    assert typist.session.page.name == "welcome"
    assert any("none of the choices" in line for line in typist.written)
