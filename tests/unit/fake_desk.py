"""A desk without a computer behind it, a stage without a loop, and the driver of the real pages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from byzwizard.answers import Answers
from byzwizard.desk import Applying, Cable, Changes, Phones, Place, Review, Stick
from byzwizard.errors import ByzantiumError
from byzwizard.events import Event
from byzwizard.hardware import hardware_list
from byzwizard.machine import Battery, Channel, Combination, Limit, Machine, Radio, Wired
from byzwizard.plan import Plan, PlannedStage, Progress, Step, step_class
from byzwizard.resolve import AccessPointPlan, Keys, MeshLink, Resolved
from byzwizard.verdict import judge
from tests.unit.fake_mesh import neighbour
from tests.unit.fake_services import FakeServices
from tests.unit.fake_store import FakeStore

T = TypeVar("T")
CHANNELS = tuple(Channel(number=n, mhz=2407 + 5 * n) for n in range(1, 12))


TOGETHER = Combination(limits=(Limit(max=2, types=("AP", "mesh point")),), total=2, channels=1)


def radio(number: int, chipset: str, bus: str, modes: tuple[str, ...], **more: Any) -> Radio:
    """With the verdict that the program would give it."""
    facts: dict[str, Any] = {
        "interface": f"wlan{number}",
        "phy": f"phy{number}",
        "mac": f"00:c0:ca:00:00:0{number}",
        "bus": bus,
        "chipset": chipset,
        "driver": None,
        "channels": CHANNELS,
        "modes": modes,
    }
    found = Radio(**(facts | more))
    return found.model_copy(update={"verdict": judge(found, hardware_list())})


MESHING = ("managed", "AP", "mesh point")
GOOD = radio(1, "Atheros AR9271", "usb", MESHING, driver="ath9k_htc", combinations=(TOGETHER,))
PHONES = radio(0, "Intel AX201", "pci", ("managed", "AP"), driver="iwlwifi")
BROKEN = radio(2, "Broadcom BCM4311", "pci", MESHING, firmware_missing=("b43/ucode13.fw",))
MACHINE = Machine(
    radios=(GOOD, PHONES, BROKEN),
    wired=(Wired(interface="eth0", mac="52:54:00:00:00:01", carrier=False),),
    memory_bytes=2071986176,
    firmware="uefi",
    battery=Battery(percent=84, seconds_left=18000),
)
STATUS: dict[str, Any] = {
    "status": 1,
    "working": True,
    "public": True,
    "kind": "public",
    "node": {"name": "lighthouse", "id": "a" * 32, "addresses": ["10.83.4.1", "fd12:3456:789a:1::1"]},
    "checks": [
        {"id": "radio", "ok": True, "text": "The radio is on channel 11.", "advice": None},
        {"id": "mesh", "ok": True, "text": "The mesh is joined.", "advice": None},
        {"id": "names", "ok": False, "text": "Names are not answered.", "advice": "Wait a minute, or start it again."},
    ],
    "neighbours": [
        neighbour("harbor", "10.83.5.1", -51, 96, 1, throughput_mbps=54.0),
        neighbour("school-2", "fe80::2", -78, 312, 1, throughput_mbps=5.5),
        neighbour(None, "10.83.7.1", None, None, 2, via="10.83.5.1"),
    ],
    "services": [],
    "gateway": None,
    "clients": 5,
    "traffic": [],
    "alerts": [],
}


@step_class
class FakeStep(Step):
    def needed(self, system: Any) -> bool:
        return True

    def apply(self, system: Any, progress: Progress) -> None:
        pass

    def undo(self, system: Any, before: Any) -> None:
        pass


def review(answers: Answers, destroys: str | None = None, stops: tuple[str, ...] = ()) -> Review:
    """What resolve and plan would say, by hand."""
    secret = answers.mesh.passphrase
    kind: Any = "open" if answers.mesh.security == "open" else "private" if secret else "public"
    resolved = Resolved(
        answers,
        answers.node.name or "byz-123456",
        "a" * 32,
        answers.node.country,
        (MeshLink("wlan1", "mesh0", "802.11s", "phy1", answers.mesh.channel, 2462, "02:00:00:00:00:01"),),
        (
            AccessPointPlan(
                "ap0", "phy1", None, "mesh0", answers.access_point.ssid, answers.mesh.channel, 2462, None, None
            ),
        ),
        Keys(f"{answers.mesh.name}~pub", "x", "y", kind),
        "10.83.4.0/24",
        "10.83.4.1",
        "fd12::/64",
        "fd12::1",
        "fd12::/48",
        ("Phones share channel 11 with the mesh.",),
    )
    stages: tuple[PlannedStage, ...] = (
        PlannedStage("radio", "Radio", (FakeStep(id="radio.country", text="Set the country of the radio to 00."),)),
        PlannedStage("mesh", "Wireless mesh", (FakeStep(id="mesh.up", text="Start the mesh on wlan1."),)),
        PlannedStage("access-point", "Access point", (FakeStep(id="ap.up", text="Start the access point."),)),
    )
    if destroys:
        make = FakeStep(id="keep.make", text="Make a partition.", destroys=destroys, seal="seal")
        stages = (*stages, PlannedStage("keep", "Kept", (make,)))
    needed = frozenset(step.id for stage in stages for step in stage.steps)
    return Review(resolved, Plan(stages), needed, tuple(name.title() for name in answers.services), stops)


class FakeApplying:
    """Events out of a pipe that is always readable."""

    def __init__(self, events: list[Event], status: int) -> None:
        self.fd, self._write = os.pipe()
        os.write(self._write, b".")
        self._events, self._status = events, status
        self.cancelled = False

    def lines(self) -> Iterator[str]:
        events, self._events = self._events, []
        for event in events:
            yield event.line() + "\n"

    def cancel(self) -> None:
        self.cancelled = True
        self._status = 130

    def status(self) -> int | None:
        return self._status if not self._events else None

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._write)


def events_of(plan: Plan, fails: str = "") -> list[Event]:
    """What the engine tells; the stage named by `fails` does not come up."""
    told = []
    for stage in plan.stages:
        for step in stage.steps:
            told.append(Event("start", stage.name, step.id, step.text))
            if stage.name == fails:
                told += [
                    Event("fail", stage.name, step.id, "hostapd did not start: address in use. Try again.", status=1),
                    Event("undo", stage.name, step.id, step.text),
                    Event("end", text="It failed.", status=1),
                ]
                return told
            told.append(Event("finish", stage.name, step.id, step.text, changed=True))
    return [*told, Event("end", status=0)]


@dataclass
class FakeDesk(FakeServices, FakeStore):
    """byzwizard.desk.Desk out of fields; what was asked of it is kept."""

    rehearsal: bool = False
    now: Answers | None = None
    found: Machine = MACHINE
    files: dict[str, Answers] = field(default_factory=dict)
    networks: list[dict[str, Any]] = field(default_factory=list)
    wires: list[Cable] = field(default_factory=lambda: [Cable("eth0", "empty")])
    destroys: str | None = None
    stops: tuple[str, ...] = ()
    fails: str = ""
    fails_with: int = 1
    refuses: ByzantiumError | None = None
    left: float | None = None
    trouble: str | None = None
    cut: tuple[str, ...] = ()
    plugged: list[Stick] = field(default_factory=list)
    copying: list[Event] = field(default_factory=list)
    changes: Changes | None = None
    state: dict[str, Any] = field(default_factory=lambda: STATUS)
    passed: dict[str, Any] = field(default_factory=dict)
    access_point: Phones | None = field(default_factory=lambda: Phones("Byzantium", None))
    saved: dict[str, Any] = field(default_factory=dict)
    given: str = ""  # the passphrase of a new store, here or on copies
    protects: bool = False  # the console locks when it is left alone
    shut: bool = False

    def answers(self) -> Answers | None:
        return self.now

    def guarded(self) -> bool:
        return self.protects

    def prove(self, passphrase: str) -> None:
        if passphrase != self.opens:
            raise ByzantiumError("That is not the passphrase.", "")

    def console_locked(self) -> bool:
        return self.shut

    def lock_console(self, locked: bool) -> None:
        self.shut = locked

    def load(self, path: Path) -> Answers:
        if str(path) not in self.files:
            raise ByzantiumError(f"There is no file {path}.", "Check the name.")
        return self.files[str(path)]

    def place(self, text: str) -> Place:
        if text.startswith("~"):
            raise ByzantiumError(f"{text} cannot be used.", "Choose another place.")
        return Place(Path(text), text in self.saved, text.startswith("/memory/"))

    def save(self, answers: Answers, path: Path) -> None:
        self.saved[str(path)] = answers

    def save_log(self, text: str, path: Path) -> None:
        self.saved[str(path)] = text

    def machine(self) -> Machine:
        return self.found

    def review(self, answers: Answers) -> Review:
        if self.refuses:
            raise self.refuses
        return review(answers, self.destroys, self.stops)

    def apply(
        self, answers: Answers, seals: Sequence[str], skip: frozenset[str] = frozenset(), passphrase: str = ""
    ) -> Applying:
        self.given, self.confirmed = passphrase, tuple(seals)
        self.asked.append(("apply", answers, skip))
        return FakeApplying(
            events_of(review(answers).plan, self.fails if self.fails not in skip else ""),
            self.fails_with if self.fails and self.fails not in skip else 0,
        )

    def titles(self) -> dict[str, str]:
        return {stage.name: stage.title for stage in review(Answers()).plan.stages}

    def sticks(self) -> list[Stick]:
        return self.plugged

    def clone(self, sticks: Sequence[Stick], content: str, passphrase: str = "") -> Applying:
        self.given = passphrase
        self.asked.append(("clone", [stick.name for stick in sticks], content))
        self.confirmed = tuple(stick.seal for stick in sticks)
        copied = FakeApplying(self.copying, 0)
        self.copying = []
        return copied

    def status(self) -> dict[str, Any]:
        return self.state

    def alert(self, text: str, hours: int) -> None:
        self.asked.append(("alert", text, hours))

    def withdraw_alert(self) -> None:
        self.asked.append(("withdraw",))

    def problem(self) -> str | None:
        return self.trouble

    def cut_off(self) -> tuple[str, ...]:
        return self.cut

    def traffic(self) -> dict[str, Any]:
        return self.passed

    def waiting(self) -> float | None:
        return self.left

    def confirm(self) -> None:
        self.left = None

    def changed(self) -> Changes | None:
        return self.changes

    def undo(self) -> Applying:
        self.asked.append(("undo",))
        return FakeApplying([Event("undo", "mesh", "mesh.up", "Start the mesh on wlan1."), Event("end", status=0)], 0)

    def self_test(self, interface: str) -> str:
        return f"{interface} joined a mesh of its own."

    def heard(self) -> list[dict[str, Any]]:
        return self.networks

    def cables(self) -> list[Cable]:
        return self.wires

    def island_key(self) -> str:
        return "c2VjcmV0IG9mIHRoZSBvdGhlciBpc2xhbmQgbm9kZSE="

    def phones(self) -> Phones | None:
        return self.access_point

    def keyboard(self, layout: str) -> None:
        self.asked.append(("keyboard", layout))

    def shell(self) -> None:
        self.asked.append(("shell",))

    def power(self, what: str) -> None:
        self.asked.append(("power", what))


class FakeStage:
    """screens.root.Stage without a loop: what takes long is done at once, or when `hold` is let go."""

    def __init__(self, hold: bool = False) -> None:
        self.hold = hold
        self.held: list[Callable[[], None]] = []
        self.watched: list[Callable[[], bool]] = []
        self.status: int | None = None
        self.asked: list[str] = []

    def later(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]) -> None:
        def work() -> None:
            try:
                result = job()
            except ByzantiumError as fault:
                failed(fault)
                return
            done(result)

        self.held.append(work)
        if not self.hold:
            self.release()

    def release(self) -> None:
        while self.held:
            self.held.pop(0)()

    def watch(self, fd: int, ready: Callable[[], bool]) -> None:
        self.watched.append(ready)
        if not self.hold:
            self.events()

    def events(self) -> None:
        """Let everything arrive that is on its way."""
        watched, self.watched = self.watched, []
        for ready in watched:
            while ready():
                pass

    def suspend(self, program: Callable[[], None]) -> None:
        program()

    def leave(self, status: int) -> None:
        self.status = status

    def redraw(self) -> None:
        self.asked.append("redraw")

    def plain(self) -> None:
        self.asked.append("plain")
