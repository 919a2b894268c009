"""Hardware: what each wireless card can do here, live."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens import ports
from byzwizard.screens.items import Action, Button, Gap, Item, Key, Mark, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.sheets import Sheet
from byzwizard.screens.welcome import battery

if TYPE_CHECKING:
    from byzwizard.machine import Machine, Radio

MARKS: dict[str, Mark] = {"A": "good", "B": "good", "C": "look", "D": "look", "E": "look", "F": "bad"}


class Hardware(Page):
    name = "hardware"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._reading = False
        self._fault = ""

    @property
    def place(self) -> str:
        return _("Hardware · {n} of {all}").format(
            n=self.session.step(self.name)[0], all=self.session.step(self.name)[1]
        )

    @property
    def title(self) -> str:
        return _("Your wireless cards")

    @property
    def sentence(self) -> str:
        return _("What each one can do here. Plug another in at any time: it appears by itself.")

    @property
    def help(self) -> str:
        return _(
            "A node needs one wireless card that can mesh; the best also serve phones at the same time.\n\n"
            "Grade A: mesh and phones together. B: mesh. C: an older kind of mesh. D: phones only; other "
            "nodes can join its network too. E: it can only join other networks. F: not usable now; the line below it "
            "tells what to do.\n\n"
            "Where no card meshes, C, D and E first listen, and join a Byzantium access point that is near.\n\n"
            "Enter shows all that is known of a card. “Try it” lets the card join a mesh of its own for a moment, "
            "which shows whether its driver really can what it promises."
        )

    def enter(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Read the machine again, unless that is still going on."""
        if self._reading:
            return
        self._reading = True
        self.session.host.later(self.session.desk.machine, self._found, self._failed)

    def _found(self, machine: "Machine") -> None:
        self._reading, self._fault = False, ""
        if machine != self.session.machine:
            self.session.machine = machine
            self.session.review = None
        self.session.host.changed()

    def _failed(self, fault: ByzantiumError) -> None:
        self._reading, self._fault = False, str(fault)
        self.session.host.changed()

    def focus(self) -> str | None:
        return "next"

    def buttons(self) -> Sequence[Button]:
        return [Button("back", _("Back"), self.escape), Button("next", _("Continue"), self.session.onward)]

    def bindings(self) -> Sequence[Key]:
        phy = "" if self.session.desk.rehearsal else self._focused_phy()
        return [Key(("t",), _("try it"), lambda: self._test(phy), letter=True, focused=True)] if phy else []

    def items(self) -> Sequence[Item]:
        machine = self.session.machine
        if self._fault:
            return [Note(self._fault, "bad")]
        if machine is None:
            return [Waiting(_("Looking at this computer …"))]
        items: list[Item] = [self._line(radio) for radio in machine.radios]
        if not items:
            items = [
                Note(_("No wireless card is found."), "bad", strong=True),
                Note(
                    _(
                        "Plug in a USB one that can mesh (Atheros AR9271 or MediaTek MT7612U, say), or switch the "
                        "built-in one on."
                    )
                ),
            ]
        if not any(radio.interface and radio.verdict and radio.verdict.grade != "F" for radio in machine.radios):
            items += ports.cables(self.session)
        items.append(Gap())
        for port in machine.wired:
            items.append(
                Note(
                    _("{name}, cable plugged in").format(name=port.interface)
                    if port.carrier
                    else _("{name}, no cable").format(name=port.interface),
                    label=_("Wired port"),
                )
            )
        if machine.memory_bytes:
            items.append(Note(_("{mb:,.0f} MB").format(mb=machine.memory_bytes / 1e6), label=_("Memory")))
        if machine.battery:
            items.append(Note(battery(machine.battery.percent, machine.battery.seconds_left), label=_("Power")))
        return items

    def _line(self, radio: "Radio") -> Action:
        verdict = radio.verdict
        name = radio.interface or radio.phy
        if verdict is None:
            return Action(
                f"radio-{radio.phy}", name, lambda: self._details(radio.phy), radio.chipset, verb=_("details")
            )
        below = [verdict.reason]
        if verdict.advice:
            below.append(verdict.advice)
        return Action(
            f"radio-{radio.phy}",
            f"{name:<7}",
            lambda: self._details(radio.phy),
            f"{radio.chipset} ({bus(radio)})" if bus(radio) else radio.chipset,
            MARKS[verdict.grade],
            _("{can}  grade {grade}").format(can=can(radio), grade=verdict.grade),
            tuple(below),
            verb=_("details"),
        )

    def _radio(self, phy: str) -> "Radio | None":
        radios = self.session.machine.radios if self.session.machine else ()
        return next((radio for radio in radios if radio.phy == phy), None)

    def _focused_phy(self) -> str:
        item = self.session.host.focused()
        return item.removeprefix("radio-") if item.startswith("radio-") else ""

    def _test(self, phy: str) -> None:
        radio = self._radio(phy)
        if radio is None or radio.interface is None:
            self.session.say(_("This card has no network interface to try."))
            return
        interface = radio.interface
        self.session.say(_("Trying {name}: it joins a mesh of its own …").format(name=interface))
        self.session.host.later(lambda: self.session.desk.self_test(interface), self.session.say, self.session.sorry)

    def _details(self, phy: str) -> None:
        radio = self._radio(phy)
        if radio is None:
            return
        host = self.session.host

        def test() -> None:
            host.close()
            self._test(phy)

        buttons = [Button("close", _("Close"), host.close)]
        if not self.session.desk.rehearsal:  # a recorded card is not here to be tried
            buttons.append(Button("try", _("Try it"), test))
        host.open(Sheet(self.session, radio.interface or radio.phy, radio.chipset, details(radio), buttons))


def bus(radio: "Radio") -> str:
    """Where a card is, for a person; empty where it is simulated."""
    if radio.bus == "usb":
        return "USB"
    return _("built in") if radio.bus in {"pci", "sdio"} else ""


def can(radio: "Radio") -> str:
    """What a verdict comes to, in words."""
    verdict = radio.verdict
    if verdict is None:
        return ""
    if radio.meshes:
        return _("mesh and phones together") if verdict.access_point else _("mesh")
    if verdict.link == "ibss":
        return _("mesh of the older kind")
    if radio.serves_phones:
        return _("phones only, cannot mesh")
    return _("not usable now") if verdict.grade == "F" else _("can only join other networks")


def details(radio: "Radio") -> list[Item]:
    """Everything that is known of a card."""
    open_channels = [str(channel.number) for channel in radio.numbered if "disabled" not in channel.flags]
    state = (
        _("blocked by a switch")
        if radio.rfkill.hard
        else _("blocked by software")
        if radio.rfkill.soft
        else _("not blocked")
    )
    rows = [
        (_("Driver"), radio.driver or _("none")),
        (_("Bus"), f"{radio.bus} {radio.id or ''}".strip()),
        (_("Address"), radio.mac),
        (_("Radio"), state),
        (_("Modes"), ", ".join(radio.modes) or _("none")),
        (_("Channels"), ", ".join(open_channels) or _("none")),
    ]
    if radio.held_by:
        rows.append((_("Held by"), radio.held_by))
    if radio.firmware_missing:
        rows.append((_("Firmware"), _("missing: {names}").format(names=", ".join(radio.firmware_missing))))
    items: list[Item] = []
    if radio.verdict:
        items.append(
            Note(radio.verdict.reason, MARKS[radio.verdict.grade], _("Grade {grade}").format(grade=radio.verdict.grade))
        )
        if radio.verdict.advice:
            items.append(Note(radio.verdict.advice, "look", " "))
        items.append(Gap())
    return [*items, *(Note(words, label=label) for label, words in rows)]
