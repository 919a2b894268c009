"""Drives the real pages: by keys on the full screen, by typed lines in line mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from urwid.testing import press

from byzwizard.answers import Answers, Persistence
from byzwizard.catalogue import here
from byzwizard.machine import Disk, Medium, Partition
from byzwizard.plain import Lines
from byzwizard.screens.items import Pick
from byzwizard.screens.page import Session
from byzwizard.screens.pages import PAGES
from byzwizard.screens.root import Root
from byzwizard.screens.switches import KEPT
from tests.unit.fake_desk import MACHINE, FakeDesk, FakeStage

SIZE = (80, 24)
FILE = "answers.yaml"
# What the pages offer: the key of the answers, and the page's default for it.
OFFERED = {
    "node": ("name", "country", "mac", "language", "keyboard"),
    "mesh": ("name", "channel", "security", "subnet", "passphrase", "link"),
    "access_point": ("enable", "ssid", "passphrase"),
    "persistence": ("kind", "size", "encrypt", "opens_on", "keep"),
    "internet": ("share", "wifi"),
}


OWN = Disk(
    path="/dev/sdb", bytes=16 * 10**9, vendor="SanDisk", model="Ultra", serial="4C530001", transport="usb",
    removable=True, read_only=False, boot_medium=True,
    partitions=(Partition(path="/dev/sdb1", bytes=4 * 10**9, filesystem="vfat", label="BYZANTIUM",
                          mounted="/run/live/medium"),),
)  # fmt: skip
MEDIUM = Medium(path="/dev/sdb1", kind="usb", filesystem="vfat", writable=True)
STICK = MACHINE.model_copy(update={"disks": (OWN,), "medium": MEDIUM})


class Screen:
    """The whole screen without a terminal."""

    def __init__(self, desk: FakeDesk | None = None, first: str = "welcome", hold: bool = False) -> None:
        self.desk = desk or FakeDesk()
        self.stage = FakeStage(hold)
        self.session = Session(self.desk, PAGES, first)
        self.root = Root(self.session, self.stage)

    @property
    def page(self) -> str:
        return self.session.page.name

    @property
    def focused(self) -> str:
        return self.root.view.focused

    def press(self, *keys: str, size: tuple[int, int] = SIZE) -> None:
        for key in keys:
            press(self.root, size, key)
            self._draw(size)

    def _draw(self, size: tuple[int, int]) -> list[str]:
        """The frame is kept until the next, as the loop keeps it: what is drawn anew depends on what still stands."""
        self._frame: Any = self.root.render(size, focus=True)
        return list(self._frame.decoded_text)

    def text(self, size: tuple[int, int] = SIZE) -> str:
        return "\n".join(self._draw(size))

    def to(self, item: str) -> None:
        """Tab until the item has the focus, as fast as a finger that stays on the key."""
        for n in range(60):
            if self.focused == item:
                if n:
                    self._draw(SIZE)
                return
            press(self.root, SIZE, "tab")
        raise AssertionError(f"Tab does not reach {item} on {self.page}: {self.root.view.ids}\n{self.text()}")

    def do(self, *items: str) -> None:
        """Go to each and press Enter."""
        for item in items:
            self.to(item)
            self.press("enter")

    def type(self, item: str, text: str) -> None:
        """Replace what stands in a field, as fast as a terminal pastes: the loop draws when it has read all of it."""
        self.to(item)
        line: Any = self.root.view.line
        for key in ("end", *["backspace"] * len(line.item.text), *text):
            press(self.root, SIZE, key)
        self._draw(SIZE)

    def pick(self, item: str, value: str) -> None:
        """Choose out of a list, as its pop-up does."""
        self.to(item)
        line: Any = self.root.view.line
        line._box.selected = [option for option, _words in line.item.options].index(value)


class Typist:
    """Line mode with prepared answers; what it wrote is kept."""

    def __init__(self, *answers: str, desk: FakeDesk | None = None, first: str = "welcome") -> None:
        self.desk = desk or FakeDesk()
        self.session = Session(self.desk, PAGES, first)
        self.written: list[str] = []
        self._answers: Iterator[str] = iter(answers)
        self.lines = Lines(self.session, self._read, self._read, self.written.append)

    def run(self) -> int:
        return self.lines.run()

    def _read(self, prompt: str) -> str:
        self.written.append(prompt)
        answer = next(self._answers, None)
        if answer is None:
            raise EOFError
        if answer.startswith("*"):  # a choice by its words
            wanted = answer[1:]
            page = next(n for n in range(len(self.written) - 1, -1, -1) if self.written[n].startswith("==") or not n)
            numbered = [line for line in self.written[page:] if line.split(". ")[0].isdecimal() and wanted in line]
            assert numbered, f"{wanted} is not offered: {self.written[page:]}"
            answer = numbered[-1].split(".")[0]
        self.written[-1] += answer
        return answer


def without_offered(answers: Answers) -> Answers:
    """The answers with everything that pages offer at its default."""
    fresh = Answers()
    update = {}
    for section in OFFERED:
        names = _offered(answers, section)
        base = getattr(fresh, section)
        update[section] = getattr(answers, section).model_copy(update={name: getattr(base, name) for name in names})
    update["services"] = fresh.services
    return answers.model_copy(update=update)


def _offered(answers: Answers, section: str) -> tuple[str, ...]:
    """The keys of a section that the pages can be led to: they offer no internal disk, and no port that meshes."""
    if section == "persistence" and answers.persistence.device != "auto":
        return ()
    share, meshing = answers.internet.share, answers.mesh.interfaces
    if section == "internet" and isinstance(share, tuple) and set(share) & set(meshing):
        return ("wifi",)
    return OFFERED[section]


def drive(answers: Answers) -> Answers:
    """The answers that come out of the pages when a person sets, by keys, everything that `answers` says and pages
    offer; the keys that no page offers come from an answers file, as in “Use an answers file”."""
    screen = Screen(FakeDesk(files={FILE: without_offered(answers)}, found=STICK, listed=here()))
    screen.do("file")
    screen.type("text", FILE)
    screen.press("enter")
    screen.do("cancel")
    if answers.node.language in dict(_options(screen, "node.language")):
        screen.pick("node.language", answers.node.language)
    else:
        screen.session.draft.set("node.language", answers.node.language)  # no translation yet: not in the list
    if answers.node.keyboard in dict(_options(screen, "node.keyboard")):
        screen.pick("node.keyboard", answers.node.keyboard)
    else:
        screen.session.draft.set("node.keyboard", answers.node.keyboard)
    screen.do("steps", "next")
    assert screen.page == "mesh"
    _fill_mesh(screen, answers)
    screen.session.machine = STICK
    screen.do("next")
    assert screen.page == "services", screen.text()
    for service in answers.services:
        screen.to(f"service-{service}")
        screen.press(" ")
    screen.do("next")
    assert screen.page == "keep", screen.text()
    if _offered(answers, "persistence"):
        _fill_keep(screen, answers.persistence)
    screen.do("next")
    assert screen.page == "internet", screen.text()
    _fill_internet(screen, answers)
    screen.do("next")
    assert screen.page == "review", screen.text()
    return screen.session.draft.answers


def _options(screen: Screen, item: str) -> Any:
    return next(one.options for one in screen.session.page.items() if isinstance(one, Pick) and one.id == item)


def _write(screen: Screen, item: str, text: str) -> None:
    """A person leaves alone what stands there already."""
    screen.to(item)
    line: Any = screen.root.view.line
    if line.item.text != text:
        screen.type(item, text)


def _fill_mesh(screen: Screen, answers: Answers) -> None:
    passphrase = answers.mesh.passphrase
    if passphrase is not None:
        screen.to("private")
        screen.press(" ")
        _write(screen, "mesh.passphrase", passphrase.get_secret_value())
    _write(screen, "mesh.name", answers.mesh.name)
    _write(screen, "node.country", answers.node.country)
    _write(screen, "node.name", answers.node.name or "")
    screen.session.machine = None  # every channel is offered, whatever these cards can
    screen.root.changed()
    screen.pick("mesh.channel", str(answers.mesh.channel))
    screen.do("more")
    enable = answers.access_point.enable
    screen.pick("access_point.enable", "auto" if enable == "auto" else "on" if enable else "off")
    _write(screen, "access_point.ssid", answers.access_point.ssid)
    if answers.access_point.passphrase is not None:
        _write(screen, "access_point.passphrase", answers.access_point.passphrase.get_secret_value())
    if not passphrase:
        screen.pick("mesh.security", answers.mesh.security)
    screen.pick("node.mac", answers.node.mac)
    _write(screen, "mesh.subnet", answers.mesh.subnet)
    screen.pick("mesh.link", answers.mesh.link)


def _fill_keep(screen: Screen, wanted: Persistence) -> None:
    screen.to(wanted.kind)
    screen.press(" ")
    if wanted.kind == "none":
        return
    screen.do("more")
    _write(screen, "persistence.size", wanted.size)
    screen.pick("encrypt", "yes" if wanted.encrypt else "no")
    screen.pick("opens_on", wanted.opens_on)
    services = any(each.startswith("services") for each in wanted.keep)
    for each in KEPT:
        screen.pick(f"keep.{each}", "yes" if each in wanted.keep or (each == "services" and services) else "no")
    for item in [item for item in screen.root.view.ids if item.startswith("keep.services.")]:
        name = item.removeprefix("keep.")
        screen.pick(item, "yes" if name in wanted.keep or "services" in wanted.keep else "no")
    if wanted.encrypt and wanted.passphrase_file is None:
        screen.press("f6")


def _fill_internet(screen: Screen, answers: Answers) -> None:
    share, wifi = answers.internet.share, answers.internet.wifi
    if "share" not in _offered(answers, "internet"):
        assert screen.session.draft.get("internet.share") == share
    elif isinstance(share, str):
        screen.do(share)
    else:
        screen.do("named")
        offered = screen.session.draft.get("internet.share")
        screen.do(*(f"port-{name}" for name in offered if name not in share))
    if wifi is None:
        return
    if "internet.wifi.ssid" not in screen.root.view.ids:
        screen.do("wifi")
    _write(screen, "internet.wifi.ssid", wifi.ssid)
    if wifi.passphrase is not None:
        _write(screen, "internet.wifi.passphrase", wifi.passphrase.get_secret_value())
