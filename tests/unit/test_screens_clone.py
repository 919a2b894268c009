"""The page that copies: sticks come and go, some are written while others join, and nothing is erased unasked."""

from dataclasses import replace

from byzwizard.answers import Answers
from byzwizard.desk import Keeping, Stick
from byzwizard.errors import Refused
from byzwizard.events import Event
from byzwizard.plain import Lines
from byzwizard.screens.clone import Copies
from byzwizard.screens.page import Session
from byzwizard.screens.pages import PAGES
from tests.unit.driver import Screen
from tests.unit.fake_desk import STATUS, FakeDesk

ONE = Stick("4C53", "copy-sdb", "SanDisk Ultra, 15.9 GB (serial 4C53)", "PHOTOS vfat 15.9 GB",
            "SanDisk Ultra, 15.9 GB (serial 4C53), now holds: PHOTOS vfat 15.9 GB", "one")  # fmt: skip
TWO = Stick("0017", "copy-sdc", "Kingston DT, 8.0 GB (serial 0017)", "nothing",
            "Kingston DT, 8.0 GB (serial 0017), now holds: nothing", "two")  # fmt: skip
USED = replace(TWO, step="copy-sdd", refused="Kingston DT is in use: /dev/sdd1 is mounted at /media. Unmount it first.")


def told(step: str, done: int) -> Event:
    return Event("progress", "clone", step, "Copy this system to it", done, 200, rate=18.2e6, left=100.0)


def page(desk: FakeDesk) -> Screen:
    screen = Screen(desk)
    screen.do("clone")
    return screen


def test_sticks_appear_and_disappear_by_themselves() -> None:
    desk = FakeDesk()
    screen = page(desk)
    assert "No stick is plugged in" in screen.text()
    desk.plugged = [ONE, USED]
    screen.session.page.tick()
    assert "SanDisk Ultra" in screen.text()
    assert "is mounted at /media" in screen.text()
    assert screen.focused == "back"
    screen.do("stick-copy-sdb")
    assert "Erase SanDisk Ultra, 15.9 GB (serial 4C53) and copy" in screen.text()
    desk.plugged = []
    screen.session.page.tick()
    assert "Erase" not in screen.text()


def test_a_copy_of_a_public_mesh_carries_no_passphrase() -> None:
    for kind, carries in (("private", True), ("public", False), ("open", False)):
        desk = FakeDesk(now=Answers(), plugged=[ONE], state=STATUS | {"kind": kind})
        screen = Screen(desk, "node")
        screen.press("c")
        assert ("carries the mesh's passphrase" in screen.text()) == carries
        screen.do("content-answers", "stick-copy-sdb", "copy")
        assert ("can join your mesh" in screen.text()) == carries


def test_nothing_is_erased_before_it_was_named_and_confirmed() -> None:
    desk = FakeDesk(plugged=[ONE, TWO])
    screen = page(desk)
    screen.do("stick-copy-sdb", "stick-copy-sdc", "copy")
    assert "PHOTOS" in screen.text()
    assert screen.focused == "cancel"
    screen.press("enter")
    assert desk.asked == []
    screen.do("copy", "go")
    assert desk.asked == [("clone", ["4C53", "0017"], "blank")]
    assert desk.confirmed == ("one", "two")


def test_each_has_its_own_bar_and_one_that_fails_stops_no_other() -> None:
    desk = FakeDesk(plugged=[ONE, TWO])
    screen = page(desk)
    screen.stage.hold = True
    desk.copying = [told("copy-sdb", 122), Event("fail", "clone", "copy-sdc", "The stick is forged.")]
    screen.do("stick-copy-sdb", "stick-copy-sdc", "copy", "go")
    clone = screen.session.page_named("clone")
    assert clone.running
    screen.stage.events()
    assert "The stick is forged." in screen.text()


def test_what_the_events_come_to() -> None:
    copies = Copies()
    copies.begin(["copy-sdb", "copy-sdc"])
    copies.take(told("copy-sdb", 61))
    copies.take(told("copy-sdb", 150))
    assert copies.news == [
        "Copy this system to it: writing 61 %  18.2 MB/s  1:40 left",
        "Copy this system to it: checking 50 %  18.2 MB/s  1:40 left",
    ]
    copies.take(Event("fail", "clone", "copy-sdc", "It was pulled out."))
    copies.take(Event("finish", "clone", "copy-sdb", "Copy this system to it", changed=True))
    copies.end(["copy-sdb", "copy-sdc"], "ended")
    assert [row.state for row in copies.rows.values()] == ["done", "failed"]
    assert copies.rows["copy-sdc"].text == "It was pulled out."


def test_a_program_that_ends_leaves_nothing_busy() -> None:
    copies = Copies()
    copies.begin(["copy-sdb"])
    copies.end(["copy-sdb"], "It was killed.")
    assert (copies.busy, copies.rows["copy-sdb"].text) == ([], "It was killed.")


def test_a_copy_that_joins_the_mesh_says_what_that_means() -> None:
    desk = FakeDesk(plugged=[ONE], state=STATUS | {"kind": "private"})
    assert "Same mesh" not in page(desk).text()
    screen = Screen(desk)
    screen.do("start", "node")
    screen.press("c")
    assert screen.page == "clone"
    screen.do("content-answers", "stick-copy-sdb", "copy")
    assert "Whoever finds such a stick can join your mesh." in screen.text()
    screen.do("go")
    assert desk.asked[-1] == ("clone", ["4C53"], "answers")


OPEN = Keeping("/dev/sdb2", encrypted=True, open=True)


def test_what_is_kept_goes_along_with_a_passphrase_of_its_own() -> None:
    desk = FakeDesk(now=Answers(), plugged=[ONE], store=OPEN)
    screen = Screen(desk, "node")
    screen.press("c")
    screen.do("content-data", "stick-copy-sdb", "copy")
    screen.type("new", "cactus orbit")
    screen.type("again", "cactus orbis")
    screen.do("take")
    assert "not the same" in screen.text()
    assert not [each for each in desk.asked if each[0] == "clone"]
    screen.type("again", "cactus orbit")
    assert "cactus" not in screen.text()
    screen.do("take")
    assert "This is erased" in screen.text()
    screen.do("go")
    assert desk.asked[-1] == ("clone", ["4C53"], "data")
    assert desk.given == "cactus orbit"


def test_five_words_for_the_copies_are_made_once() -> None:
    desk = FakeDesk(now=Answers(), plugged=[ONE], store=OPEN)
    screen = Screen(desk, "node")
    screen.press("c")
    screen.do("content-data", "stick-copy-sdb", "copy")
    screen.press("f6")
    screen.do("take", "go")
    assert len(desk.given.split()) == 5


def test_without_an_open_store_nothing_kept_is_offered() -> None:
    desk = FakeDesk(now=Answers(), plugged=[ONE], store=OPEN)
    screen = Screen(desk, "node")
    screen.press("c")
    screen.do("content-data")
    desk.store = replace(OPEN, open=False)
    screen.session.page.tick()
    assert "With what is kept" not in screen.text()
    screen.do("stick-copy-sdb", "copy", "go")  # closed meanwhile: a blank one
    assert desk.asked[-1] == ("clone", ["4C53"], "blank")


def test_a_rehearsal_copies_nothing() -> None:
    desk = FakeDesk(plugged=[ONE], rehearsal=True)
    screen = page(desk)
    screen.do("stick-copy-sdb", "copy")
    assert "nothing is copied" in screen.text()
    assert desk.asked == []


def test_what_cannot_be_listed_is_said(monkeypatch: object) -> None:
    class Blind(FakeDesk):
        def sticks(self) -> list[Stick]:
            raise Refused("lsblk did not answer.")

    assert "lsblk did not answer." in page(Blind()).text()


def test_line_mode_copies_too() -> None:
    desk = FakeDesk(plugged=[ONE], copying=[
        told("copy-sdb", 100), Event("finish", "clone", "copy-sdb", "Copy this system to it", changed=True),
    ])  # fmt: skip
    said: list[str] = []
    answers = iter(["2", "4", "2", "q", "y"])
    session = Session(desk, PAGES, "clone")
    Lines(session, lambda prompt: next(answers), write=said.append).run()
    assert desk.asked == [("clone", ["4C53"], "blank")]
    assert "Copy this system to it: done, can be pulled out" in said
