"""Welcome: what this is, and the ways to begin."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from byzwizard import i18n
from byzwizard.errors import ByzantiumError, Invalid
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Action, Gap, Item, Note, Pick
from byzwizard.screens.page import Page, Session
from byzwizard.screens.sheets import ask

# Names of languages in themselves; only those are offered that have a translation and letters of the console's font.
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt": "Português",
    "pt_BR": "Português (Brasil)",
    "sv": "Svenska",
    "ca": "Català",
}
# The keymaps of Debian's console-data and kbd that cover most keyboards.
KEYBOARDS = (
    "us",
    "uk",
    "de",
    "fr",
    "es",
    "it",
    "pt-latin1",
    "br-abnt2",
    "la-latin1",
    "be-latin1",
    "nl",
    "dk",
    "no",
    "se-latin1",
    "fi",
    "pl",
    "cz-lat2",
    "hu",
    "ro",
    "tr_q-latin5",
    "ru",
    "ua",
    "gr",
    "il",
    "dvorak",
)


def languages() -> tuple[tuple[str, str], ...]:
    """(code, name) of the languages there are."""
    found = {path.parent.parent.name for path in i18n.LOCALE.glob("*/LC_MESSAGES/byzwizard.mo")} | {"en"}
    return tuple((code, LANGUAGES[code]) for code in LANGUAGES if code in found)


def options(known: tuple[tuple[str, str], ...], value: str) -> tuple[tuple[str, str], ...]:
    """With a value from an answers file that is none of them."""
    if not value:
        return (("", "…"),)
    return known if value in dict(known) else ((value, value), *known)


def language_of(session: Session) -> Pick:
    """The language of the node, which the wizard speaks at once."""
    draft = session.draft

    def speak(language: str) -> None:
        i18n.use(language)
        draft.set("node.language", language)
        session.host.changed()

    now = draft.get("node.language") if draft.ready else ""
    return Pick("node.language", _("Language"), now, options(languages(), now), speak)


class Welcome(Page):
    name = "welcome"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._asked = False

    @property
    def place(self) -> str:
        return _("Welcome")

    @property
    def title(self) -> str:
        return _("A network without the Internet")

    @property
    def sentence(self) -> str:
        return _("This computer can become a node: people around you join it with their phones.")

    @property
    def help(self) -> str:
        return _(
            "Byzantium turns this computer into a node of a wireless network that needs no Internet and no provider. "
            "Nodes find each other by themselves, and phones join any of them.\n\n"
            "“Just start” takes the best settings for this computer and begins: everybody may join. “Set it up step "
            "by step” lets you see and change each of them first. Nothing is changed on this computer before you say "
            "so, and nothing is ever written to its disks unless you ask for that.\n\n"
            "If keys F1 to F10 do not work in this terminal, press Esc and then the digit: Esc 1 is F1, Esc 0 is F10."
        )

    def enter(self) -> None:
        if self._asked:
            return
        self._asked = True
        host = self.session.host
        host.later(lambda: self.session.draft.answers, lambda _answers: host.changed(), self.session.sorry)
        host.later(self.session.desk.machine, self._found, self._not_found)

    def tick(self) -> None:
        """The node may have been set up from another console meanwhile."""
        if not self.session.desk.rehearsal:
            self.session.host.later(self.session.desk.answers, self._set_up, lambda _fault: None)

    def _set_up(self, answers: Any) -> None:
        session = self.session
        if answers is not None and session.page is self:
            session.first = "node"
            session.draft.answers = answers
            session.start("node")

    def _found(self, machine: Any) -> None:
        self.session.machine = machine
        self.session.host.changed()
        if machine.radios and not self.session.desk.rehearsal:
            self.session.host.later(self.session.desk.heard, self._hear, lambda _fault: None)  # silence is no fault

    def _not_found(self, fault: ByzantiumError) -> None:
        if isinstance(fault, Invalid):
            raise fault  # a bad recording: the program ends, and says so
        self.session.sorry(fault)

    def _hear(self, heard: list[dict[str, Any]]) -> None:
        from byzwizard.screens.heard import meshes

        self.session.hear(meshes(heard))

    def focus(self) -> str | None:
        return "start"

    def items(self) -> Sequence[Item]:
        draft = self.session.draft
        keyboard = draft.get("node.keyboard") if draft.ready else ""
        items: list[Item] = []
        if problem := self.session.desk.problem():
            items += [Note(problem, "bad", _("Not applied"), strong=True), Gap()]
        if cut := self.session.desk.cut_off():
            items += [*(Note(text, "look") for text in cut), Gap()]
        items += [
            Action("start", _("Just start"), self._start, _("best settings for this computer, no questions")),
            Action("steps", _("Set it up step by step"), self.session.onward, _("a few short pages")),
        ]
        if self.session.heard:
            from byzwizard.screens.heard import best

            items.append(Action("join", _("Join what is here"), self._join, best(self.session.heard)))
        items += [
            Action("clone", _("Copy this stick"), lambda: self.session.go("clone"), _("make another one like it")),
            Action("file", _("Use an answers file"), self._ask_file, _("from this stick or another")),
            Gap(),
            language_of(self.session),
            Pick(
                "node.keyboard",
                _("Keyboard"),
                keyboard,
                options(tuple((name, name) for name in KEYBOARDS), keyboard),
                self._type,
            ),
            Gap(),
            *self._summary(),
        ]
        return items

    def _summary(self) -> list[Item]:
        machine = self.session.machine
        if machine is None:
            return [Note(_("looking at this computer …"), label=_("Found"))]
        found = [radio for radio in machine.radios if radio.interface]
        usable = [radio for radio in found if radio.verdict and radio.verdict.link in ("802.11s", "ibss")]
        phones = [radio for radio in found if radio.serves_phones]
        notes: list[Item] = []
        if usable:
            words = ngettext(
                "{n} wireless card that can mesh: {names}", "{n} wireless cards that can mesh: {names}", len(usable)
            )
            notes.append(
                Note(
                    words.format(n=len(usable), names=", ".join(radio.chipset for radio in usable)), "good", _("Found")
                )
            )
        elif phones:
            notes.append(Note(_("a wireless card for phones, but none that can mesh"), "look", _("Found")))
        elif any(radio.verdict and radio.verdict.link for radio in found):
            notes.append(
                Note(_("a wireless card that can only join another node's access point"), "look", _("Found"))
            )
        else:
            notes.append(Note(_("no wireless card that can be used; “Set it up” tells what to do"), "bad", _("Found")))
        wired = [
            _("{name}: cable").format(name=port.interface)
            if port.carrier
            else _("{name}: no cable").format(name=port.interface)
            for port in machine.wired
        ]
        if wired:
            notes.append(Note(_("wired port {ports}").format(ports=", ".join(wired)), label=" "))
        if machine.battery:
            notes.append(Note(battery(machine.battery.percent, machine.battery.seconds_left), label=" "))
        return notes

    def _start(self) -> None:
        """The defaults of DESIGN, with the language, the keyboard and the country that were chosen already."""
        from byzwizard.answers import Answers

        draft = self.session.draft
        fresh = Answers()
        kept = {key: draft.get(f"node.{key}") for key in ("language", "keyboard", "country")}
        draft.answers = fresh.model_copy(update={"node": fresh.node.model_copy(update=kept)})
        self.session.go("apply")

    def _type(self, layout: str) -> None:
        self.session.draft.set("node.keyboard", layout)
        host = self.session.host
        host.later(lambda: self.session.desk.keyboard(layout), lambda _none: None, self.session.sorry)
        host.changed()

    def _ask_file(self, start: str = "/run/live/medium/byzantium/answers.yaml") -> None:
        ask(
            self.session,
            _("Use an answers file"),
            _("The path of a file that the wizard or you wrote."),
            _("File"),
            start,
            self._load,
        )

    def _load(self, path: str) -> None:
        session = self.session

        def loaded(answers: Any) -> None:
            session.draft.answers = answers
            i18n.use(answers.node.language)
            session.go("review")

        def failed(fault: ByzantiumError) -> None:
            self._ask_file(path)
            session.sorry(fault)

        session.host.later(lambda: session.desk.load(Path(path)), loaded, failed)

    def _join(self) -> None:
        from byzwizard.screens import heard

        found = self.session.heard or []
        if len(found) == 1:
            heard.take(self.session, found[0])
        else:
            self.session.host.open(heard.Heard(self.session, found, self.session.hear))


def battery(percent: int, seconds: int | None) -> str:
    if seconds is None:
        return _("battery {percent} %").format(percent=percent)
    return _("battery {percent} %, about {hours:.0f} h {minutes:.0f} min").format(
        percent=percent, hours=seconds // 3600, minutes=seconds % 3600 // 60
    )
