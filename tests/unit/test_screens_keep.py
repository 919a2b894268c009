"""Keep, and the store on the Node page: what is chosen, drawn, typed, measured, and asked before it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from byzwizard.answers import Answers, Persistence
from byzwizard.backends.new_store import Keep as KeepStep
from byzwizard.backends.new_store import planned
from byzwizard.desk import Keeping
from byzwizard.events import Event
from byzwizard.machine import Disk, Machine, Medium, Partition
from byzwizard.screens.apply import KEEP_STEP
from byzwizard.screens.items import Pick
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import MACHINE, FakeApplying, FakeDesk

GB = 10**9


def stick(path: str, serial: str, **more: Any) -> Disk:
    part = Partition(path=f"{path}1", bytes=4 * GB, filesystem="vfat", label="BYZANTIUM", mounted=None)
    return Disk(path=path, bytes=16 * GB, vendor="SanDisk", model="Ultra", serial=serial, transport="usb",
                removable=True, read_only=False, **{"partitions": (part,), **more})  # fmt: skip


OWN = stick("/dev/sdb", "4C530001", boot_medium=True)
HERE = MACHINE.model_copy(
    update={"disks": (OWN,), "medium": Medium(path="/dev/sdb1", kind="usb", filesystem="vfat", writable=True)}
)


def at_keep(machine: Machine = HERE, **more: Any) -> Screen:
    screen = Screen(FakeDesk(found=machine, **more))
    screen.do("steps", "next", "next", "next")
    assert screen.page == "keep"
    return screen


def choose(screen: Screen, item: str) -> None:
    screen.to(item)
    screen.press(" ")


def test_forgetting_everything_is_the_default_and_asks_nothing() -> None:
    screen = at_keep()
    assert "Passphrase" not in screen.text()
    screen.do("next", "next")
    assert screen.page == "review"
    assert screen.session.draft.answers.persistence.kind == "none"


def test_the_stick_is_named_and_drawn() -> None:
    screen = at_keep()
    choose(screen, "partition")
    text = screen.text()
    assert "SanDisk Ultra, 16.0 GB (serial 4C530001)" in text
    assert "│ 4.0 GB" in text
    assert "new: 12.0 GB" in text
    assert "┌" in text
    choose(screen, "save.dat")
    assert "save.dat 1.0 GB" in screen.text()  # 975 MiB on FAT
    assert screen.session.draft.answers.persistence.kind == "save.dat"


def test_five_words_are_made_shown_and_handed_to_apply() -> None:
    screen = at_keep()
    choose(screen, "partition")
    screen.press("f6")
    words = screen.session.page._typed  # type: ignore[attr-defined]  # the page is Keep
    assert len(words.split()) == 5
    assert words not in screen.text()
    assert "strong" in screen.text()
    screen.press("f8")
    assert words in screen.text()
    screen.do("next", "next", "start")
    assert screen.desk.given == words
    [asked] = [each for each in screen.desk.asked if each[0] == "apply"]
    assert words not in repr(asked)
    assert asked[1].persistence.passphrase_file is None


def test_no_store_without_a_passphrase() -> None:
    screen = at_keep()
    choose(screen, "partition")
    screen.do("next")
    assert screen.page == "keep"
    assert "needs a passphrase" in screen.text()
    assert screen.focused == "store-passphrase"
    screen.type("store-passphrase", "short")
    assert "8 to 63" in screen.text()
    screen.type("store-passphrase", "password")
    assert "weak" in screen.text()


def test_what_is_kept_its_size_and_whether_it_is_encrypted() -> None:
    screen = at_keep()
    choose(screen, "partition")
    screen.do("more")
    screen.pick("keep.logs", "yes")
    screen.pick("keep.wifi", "no")
    screen.pick("opens_on", "2GiB")
    screen.type("persistence.size", "2GiB")
    assert "new: 2.1 GB" in screen.text()
    screen.pick("encrypt", "no")
    assert "Passphrase " not in screen.text()
    screen.do("next", "next")
    assert screen.page == "review"
    wanted = screen.session.draft.answers.persistence
    assert wanted.keep == ("identity", "mesh", "services", "home", "logs")
    assert (wanted.size, wanted.encrypt, wanted.opens_on) == ("2GiB", False, "2GiB")


def test_the_data_of_each_service_are_a_choice_with_their_size() -> None:
    screen = at_keep(weighs={"services.chat": 14 * 10**6, "services.wiki": 0, "home": 2 * GB, "logs": 5000})
    choose(screen, "partition")
    screen.do("more")
    shown = {}
    for item in ("keep.services.chat", "keep.services.wiki", "keep.home", "keep.logs"):
        screen.to(item)
        shown[item] = next(line for line in screen.text().splitlines() if "▶" in line)
    assert [size in line for size, line in zip(("14.0 MB", "0 kB", "2.0 GB", "5 kB"), shown.values(), strict=True)] == [
        True] * 4
    screen.pick("keep.services.chat", "no")
    keep = screen.session.draft.answers.persistence.keep
    assert "services" not in keep
    assert "services.chat" not in keep
    assert {"services.wiki", "services.pad"} <= set(keep)
    screen.pick("keep.services.chat", "yes")
    assert list(screen.session.draft.answers.persistence.keep) == ["identity", "mesh", "wifi", "services", "home"]
    screen.pick("keep.services", "no")
    assert "keep.services.chat" not in screen.root.view.ids
    assert list(screen.session.draft.answers.persistence.keep) == ["identity", "mesh", "wifi", "home"]


def test_one_service_that_answers_name_is_shown_as_it_is() -> None:
    answers = Answers(persistence=Persistence(kind="partition", keep=("mesh", "services.wiki")))
    screen = at_keep(now=answers)
    screen.do("more")
    chosen = {one.id: one.value for one in screen.session.page.items() if isinstance(one, Pick)}
    assert (chosen["keep.services"], chosen["keep.services.wiki"], chosen["keep.services.chat"]) == (
        "some", "yes", "no")
    screen.pick("keep.services", "yes")
    assert screen.session.draft.answers.persistence.keep == ("mesh", "services")


def test_a_size_that_cannot_be_is_told_in_its_place() -> None:
    screen = at_keep()
    choose(screen, "partition")
    screen.press("f6")
    screen.do("more")
    screen.type("persistence.size", "4 gigs")
    screen.do("next")
    assert screen.page == "keep"
    assert screen.focused == "persistence.size"


def test_another_stick_can_be_chosen() -> None:
    screen = at_keep(HERE.model_copy(update={"disks": (OWN, stick("/dev/sdc", "0BAD"))}))
    choose(screen, "partition")
    screen.pick("device", "0BAD")
    assert screen.session.draft.answers.persistence.device == "0BAD"


def test_a_stick_with_the_serial_number_of_another_one_is_named_by_its_path() -> None:
    twins = (OWN, stick("/dev/sdc", "0123456789"), stick("/dev/sdd", "0123456789"))
    screen = at_keep(HERE.model_copy(update={"disks": twins}))
    choose(screen, "partition")
    screen.pick("device", "/dev/sdd")
    assert screen.session.draft.answers.persistence.device == "/dev/sdd"


def test_from_a_disc_the_first_stick_is_taken_and_without_one_it_is_said() -> None:
    machine = HERE.model_copy(update={"disks": (), "medium": None})
    screen = at_keep(machine)
    choose(screen, "partition")
    assert "plug one in" in screen.text()
    screen = at_keep(machine.model_copy(update={"disks": (stick("/dev/sdc", "0BAD"),)}))
    choose(screen, "partition")
    assert screen.session.draft.answers.persistence.device == "0BAD"


STORE = Partition(path="/dev/sdb2", bytes=12 * GB, filesystem="crypto_LUKS", label="byzdata", mounted=None)


def test_a_store_that_is_there_is_used() -> None:
    own = stick("/dev/sdb", "4C530001", boot_medium=True, partitions=(*OWN.partitions, STORE))
    screen = at_keep(HERE.model_copy(update={"disks": (own,)}))
    choose(screen, "partition")
    assert "there is a store on it already" in screen.text()
    screen.do("next", "next")
    assert screen.page == "review"


def test_the_store_that_is_open_is_shown_and_no_other_is_made_beside_it() -> None:
    """A file that anybody can read is no encrypted partition, and asks for no passphrase."""
    plain = Keeping("save.dat (/dev/sdb1)", encrypted=False, open=True, kind="save.dat", disk="/dev/sdb")
    screen = at_keep(store=plain)
    assert "save.dat (/dev/sdb1), not encrypted" in screen.text()
    choose(screen, "partition")
    assert "another store is open: lock or delete it first" in screen.text()
    assert "Passphrase" not in screen.text()
    choose(screen, "save.dat")
    assert "another store is open" in screen.text(), "it is to be encrypted"
    screen.do("more")
    screen.pick("encrypt", "no")
    assert "its store is open; it is used" in screen.text()


def test_line_mode_says_the_drawing_in_words() -> None:
    typist = Typist("*Set it up", "", "", "", "*Partition", "*Passphrase", "cactus orbit velvet", "*Continue", "",
                    desk=FakeDesk(found=HERE))  # fmt: skip
    typist.run()
    assert any("SanDisk Ultra: 4.0 GB stays, new: 12.0 GB" in line for line in typist.written)
    assert not any("┌" in line for line in typist.written)
    assert typist.session.page.name == "review"
    assert typist.session.draft.store_passphrase == "cactus orbit velvet"


LOCKED = Keeping("/dev/sdb2", encrypted=True, open=False)
OPEN = Keeping("/dev/sdb2", encrypted=True, open=True, fill=0.93, sizes={"identity": 4096, "logs": 10**7},
               left_over=("logs",), erases="the store on SanDisk Ultra (serial 4C53)", seal="seal")  # fmt: skip


def at_node(store: Keeping | None, **more: Any) -> Screen:
    return Screen(FakeDesk(now=Answers(), store=store, **more), "node")


def test_a_locked_store_is_opened_from_the_node_page_and_its_answers_applied() -> None:
    screen = at_node(LOCKED)
    assert screen.focused == "unlock"
    screen.press("enter")
    screen.type("passphrase", "wrong words here")
    screen.press("enter")
    assert "not the passphrase" in screen.text()
    assert screen.focused == "passphrase"
    screen.press(*"cactus orbit velvet", "enter")  # in an empty field
    assert screen.page == "apply"
    assert ("unlock", False) in screen.desk.asked
    assert any(each[0] == "apply" for each in screen.desk.asked)


def test_damage_is_asked_about() -> None:
    screen = at_node(LOCKED, damaged=True)
    screen.press("k")
    screen.type("passphrase", "cactus orbit velvet")
    screen.press("enter")
    assert "Mend the store?" in screen.text()
    screen.do("do-0")
    assert ("unlock", True) in screen.desk.asked
    assert screen.page == "apply"


def test_what_is_kept_with_sizes() -> None:
    screen = at_node(OPEN)
    screen.press("k")
    text = screen.text()
    assert "93 % full" in text
    assert "4 kB" in text
    assert "Switched off" in text
    screen.do("delete.logs", "do-0")
    assert screen.desk.store is not None
    assert screen.desk.store.left_over == ()


def test_lock_and_delete() -> None:
    screen = at_node(OPEN)
    screen.press("k")
    screen.do("lock")
    assert screen.desk.locked()
    screen = at_node(OPEN)
    screen.press("k")
    screen.do("delete")
    assert "SanDisk Ultra (serial 4C53)" in screen.text()
    assert screen.focused == "cancel"
    screen.do("do-0")
    assert screen.desk.store is None
    assert screen.desk.confirmed == (OPEN.seal,)


def test_another_passphrase() -> None:
    screen = at_node(OPEN)
    screen.press("k")
    screen.do("passphrase")
    screen.type("old", "cactus orbit velvet")
    screen.press("enter", "f6")
    screen.do("change")
    assert screen.desk.opens != "cactus orbit velvet"
    assert "is changed" in screen.text()


def test_nothing_is_kept() -> None:
    screen = at_node(None)
    screen.press("k")
    assert "Nothing is kept here" in screen.text()


class Switching(FakeDesk):
    """Its apply switches something off that the store holds."""

    def apply(self, *_arguments: Any, **_more: Any) -> FakeApplying:
        step = Event("finish", "persistence", "store-keep", "Keep over a restart: mesh", changed=True)
        return FakeApplying([step, Event("end", text="Done.", status=0)], 0)


def test_what_was_switched_off_is_offered_to_be_deleted_at_once() -> None:
    screen = Screen(Switching(store=replace(OPEN, left_over=("home", "logs"))))
    screen.do("start")
    assert "Switched off, and still in the store" in screen.text()
    assert screen.focused == "leave"
    screen.do("delete.logs")
    assert screen.focused == "cancel"
    screen.do("do-0")
    assert screen.desk.store is not None
    assert list(screen.desk.store.left_over) == ["home"]
    screen.do("delete.home", "do-0")
    assert list(screen.desk.store.left_over) == []
    assert "Done" in screen.text()


def test_nothing_is_offered_where_nothing_is_left() -> None:
    for desk in (Switching(store=replace(OPEN, left_over=())), FakeDesk(store=OPEN)):
        screen = Screen(desk)
        screen.do("start")
        assert "Switched off" not in screen.text()


def test_the_page_knows_the_step_that_switches() -> None:
    disk = OWN.model_copy(update={"partitions": (*OWN.partitions, STORE)})
    machine = HERE.model_copy(update={"disks": (disk,)})
    [keep] = [step for step in planned(Persistence(kind="partition"), machine) if isinstance(step, KeepStep)]
    assert keep.id == KEEP_STEP
