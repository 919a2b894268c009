"""Internet: what was heard at each cable, whether the mesh may use it, and a Wi-Fi network that leads there."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard import values
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens.items import Action, Button, Entry, Fold, Gap, Item, Key, Mark, Note, Option, Pick, Waiting
from byzwizard.screens.page import Page, Session

if TYPE_CHECKING:
    from byzwizard.desk import Cable

SHARE, SSID, SECRET = "internet.share", "internet.wifi.ssid", "internet.wifi.passphrase"
ISLANDS = "internet.islands"
RARELY = 9  # times as long as the last look took, until the next


class Internet(Page):
    name = "internet"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._cables: list[Cable] | None = None
        self._fault = ""
        self._looking = False
        self._again = 0.0  # monotonic second before which nothing is looked at
        self._heard: list[dict[str, Any]] | None = None  # access points, strongest first; None until they are asked for
        self._decided = False  # somebody has chosen something here
        self._open = False  # the fold
        self._shown = False  # the passphrase in plain
        self._far = False  # the fold of islands
        self._key = ""  # this node's own; empty until it is known

    @property
    def place(self) -> str:
        number, count = self.session.step(self.name)
        return _("Internet · {n} of {all}").format(n=number, all=count)

    @property
    def title(self) -> str:
        return _("Share an Internet connection?")

    @property
    def sentence(self) -> str:
        return _("The mesh needs none; where there is one, all of it can use it, if you say so.")

    @property
    def help(self) -> str:
        return _(
            "A cable to a router or modem can bring the Internet to the whole mesh. Nothing is shared before you say "
            "so. What is shared is the way out alone: computers and printers in your own network cannot be reached "
            "from the mesh. Whoever uses it appears on the Internet under your connection.\n\n"
            "Where nobody answers at a cable, computers can be plugged in there, and join like phones.\n\n"
            "A Wi-Fi network can lead to the Internet as well; that takes a second wireless card, because the one that "
            "meshes stays on the mesh's channel.\n\n"
            "Two meshes of one name and passphrase that are far apart can be joined over the Internet, by WireGuard: "
            "give the owner of the other node the key shown here, and enter theirs."
        )

    def enter(self) -> None:
        self._shown, self._again = False, 0.0
        if self.session.draft.get("internet.wifi") is not None and not self._open:
            self._fold()
        self.tick()

    def leave(self) -> None:
        self._shown = False

    def tick(self) -> None:
        if self._looking or time.monotonic() < self._again:
            return
        self._looking = True
        self.session.host.later(self._look, self._told, self._failed)

    def _look(self) -> "list[Cable]":
        began = time.monotonic()
        try:
            return self.session.desk.cables()
        finally:
            now = time.monotonic()
            self._again = now + RARELY * (now - began)

    def _told(self, cables: "list[Cable]") -> None:
        first = self._cables is None
        self._looking, self._fault, self._cables = False, "", cables
        self.session.host.changed()
        if first and self._answering and self.session.page is self and self.session.host.focused() == "next":
            self.session.host.move("ask")  # the question that this page is there for

    def _failed(self, fault: ByzantiumError) -> None:
        self._looking, self._fault = False, str(fault)
        self.session.host.changed()

    @property
    def _ports(self) -> "list[Cable]":
        """The cables that do not mesh."""
        meshing = self.session.draft.get("mesh.interfaces")
        return [cable for cable in self._cables or () if meshing == "auto" or cable.port not in meshing]

    @property
    def _answering(self) -> bool:
        """Whether there is something to share that nobody has decided on yet."""
        undecided = not self._decided and self.session.draft.get(SHARE) == "ask"
        return undecided and any(cable.state == "leads" for cable in self._ports)

    def focus(self) -> str | None:
        return "ask" if self._answering else "next"

    def buttons(self) -> Sequence[Button]:
        return [Button("back", _("Back"), self.escape), Button("next", _("Continue"), self._next)]

    def bindings(self) -> Sequence[Key]:
        if not self._open:
            return []
        return [Key(("f8",), _("hide") if self._shown else _("show"), self._show, footer="F8")]

    def items(self) -> Sequence[Item]:
        items: list[Item] = [*self._heard_at_cables(), Gap(), *self._choices(), Gap()]
        items.append(Fold("islands", _("Meshes far away"), self._far, self._unfold))
        items += self._islands() if self._far else []
        items.append(Fold("wifi", _("Internet over Wi-Fi"), self._open, self._fold))
        return [*items, *self._wifi()] if self._open else items

    def _heard_at_cables(self) -> list[Item]:
        if self._fault:
            return [Note(self._fault, "bad")]
        if self._cables is None:
            return [Waiting(_("Listening at each cable; this takes up to 15 seconds …"))]
        return [heard(cable) for cable in self._ports] or [Note(_("This computer has no port for a cable."))]

    def _choices(self) -> list[Item]:
        share = self.session.draft.get(SHARE)
        named = not isinstance(share, str)
        items: list[Item] = [
            Option("ask", _("Ask later"), share == "ask", lambda: self._choose("ask"),
                   _("not shared; the Node page asks when there is Internet")),
            Option("auto", _("Share it"), share == "auto", lambda: self._choose("auto"),
                   _("whatever leads to the Internet, now or later")),
            Option("never", _("Never"), share == "never", lambda: self._choose("never"),
                   _("not shared, and not asked again")),
        ]  # fmt: skip
        names = list(dict.fromkeys([*(cable.port for cable in self._ports), *(share if named else ())]))
        if names:
            items.append(Option("named", _("Some only"), named, lambda: self._choose(tuple(names)),
                                _("share only what comes by the ports you choose")))  # fmt: skip
        if named:
            items += [
                Action(f"port-{name}", name, lambda name=name: self._toggle(name),  # type: ignore[misc]  # its own name
                       mark="on" if name in share else "off", hint=_("shared") if name in share else _("not shared"),
                       verb=_("choose"))
                for name in names
            ]  # fmt: skip
        return items

    def _choose(self, share: str | tuple[str, ...]) -> None:
        self._decided = True
        self.session.draft.set(SHARE, share)
        self.session.host.changed()

    def _toggle(self, name: str) -> None:
        """One port in or out; with none left nothing is shared."""
        share = self.session.draft.get(SHARE)
        left = tuple(other for other in share if other != name) if name in share else (*share, name)
        self._choose(left or "never")

    # Wi-Fi.

    def _wifi(self) -> list[Item]:
        draft = self.session.draft
        ssid = self._text(SSID)
        items: list[Item] = []
        machine = self.session.machine
        if machine is not None and len([radio for radio in machine.radios if radio.interface]) < 2:
            items.append(Note(_("takes a second wireless card: the one that meshes cannot do both"), "look", " "))
        if self._heard:
            options = [("", _("none")), *((one["name"], words(one)) for one in self._heard)]
            if ssid not in dict(options):
                options.append((ssid, ssid))
            items.append(Pick("heard", _("Network"), ssid, tuple(options), self._type_ssid))
        else:
            items.append(Note(_("listening …") if self._heard is None else _("no access point is heard"),
                              label=_("Network")))  # fmt: skip
        items.append(Entry(SSID, _("Its name"), ssid, self._type_ssid, draft.faults.get(SSID, ""),
                           _("empty: no Wi-Fi is used"), limit=32))  # fmt: skip
        if not ssid:
            return items
        wifi = draft.get("internet.wifi")
        if wifi is not None and wifi.passphrase_file is not None:
            return [*items, Note(_("from the file {path}").format(path=wifi.passphrase_file), label=_("Passphrase"))]
        return [*items, Entry(SECRET, _("Passphrase"), self._text(SECRET), self._type_secret,
                              draft.faults.get(SECRET, ""), _("empty: it has none"), not self._shown, 63)]  # fmt: skip

    def _text(self, key: str) -> str:
        """What a field of Wi-Fi shows: what was typed, else the value."""
        draft = self.session.draft
        if key in draft.typed:
            return draft.typed[key]
        value = getattr(draft.get("internet.wifi"), key.rpartition(".")[2], None)
        return "" if value is None else str(value.get_secret_value() if key == SECRET else value)

    def _type_ssid(self, text: str) -> None:
        if text != self._text(SSID):
            self.session.draft.typed[SSID] = text
            self._take()

    def _type_secret(self, text: str) -> None:
        self.session.draft.typed[SECRET] = text
        self._take()

    def _take(self) -> None:
        """Both fields become `internet.wifi` where they are good; else the faults are kept, and the last good value."""
        from byzwizard.answers import Wifi

        draft, ssid, secret = self.session.draft, self._text(SSID), self._text(SECRET)
        former = draft.get("internet.wifi")
        file = former.passphrase_file if former is not None else None
        if not ssid:
            draft.set("internet.wifi", None)
            draft.forget(SSID, SECRET)
        elif self._good(SSID, ssid, values.ssid) & self._good(SECRET, secret, values.passphrase if secret else str):
            from pydantic import SecretStr

            known = SecretStr(secret) if secret and file is None else None
            draft.set("internet.wifi", Wifi(ssid=ssid, passphrase=known, passphrase_file=file))
        self.session.host.changed()

    def _good(self, key: str, text: str, parse: Any) -> bool:
        faults = self.session.draft.faults
        faults.pop(key, None)
        try:
            parse(text)
        except ValueError as fault:
            faults[key] = str(fault)
        return key not in faults

    # Islands.

    def _islands(self) -> list[Item]:
        draft = self.session.draft
        return [
            Note(self._key or "…", label=_("This node")),
            Entry(ISLANDS, _("Others"), draft.text(ISLANDS), self._type_islands, draft.faults.get(ISLANDS, ""),
                  _("KEY@HOST:PORT, or KEY where they call; spaces between"), limit=1000),
        ]  # fmt: skip

    def _type_islands(self, text: str) -> None:
        self.session.draft.type(ISLANDS, text, lambda typed: tuple(values.island(word) for word in typed.split()))
        self.session.host.changed()

    def _unfold(self) -> None:
        self._far = not self._far
        if self._far and not self._key:
            self.session.host.later(self.session.desk.island_key, self._named, self.session.sorry)
        self.session.host.changed()

    def _named(self, key: str) -> None:
        self._key = key
        self.session.host.changed()

    def _fold(self) -> None:
        self._open = not self._open
        if self._open and self._heard is None:
            self.session.host.later(self.session.desk.heard, self._networks, self._deaf)
        self.session.host.changed()

    def _networks(self, networks: list[dict[str, Any]]) -> None:
        found: dict[str, dict[str, Any]] = {}
        for one in networks:  # strong before weak
            if one["kind"] == "ap" and not one["byzantium"] and one["name"]:
                found.setdefault(one["name"], one)
        self._heard = list(found.values())
        self.session.host.changed()

    def _deaf(self, fault: ByzantiumError) -> None:
        self._heard = []
        self.session.sorry(fault)

    def _show(self) -> None:
        self._shown = not self._shown
        self.session.host.changed()

    def _next(self) -> None:
        """On to the next step, unless a field holds what cannot be."""
        faults = self.session.draft.faults
        wrong = next((key for key in (SSID, SECRET, ISLANDS) if key in faults), None)
        if wrong is None:
            self.session.onward()
            return
        self._open, self._far = self._open or wrong != ISLANDS, self._far or wrong == ISLANDS
        self.session.say(faults[wrong])
        self.session.host.move(wrong)


def heard(cable: "Cable") -> Note:
    """What is at the other end of a cable, in words."""
    told: dict[str, tuple[str, Mark]] = {
        "empty": (_("no cable") if cable.network is None else _("“{ssid}” is not joined").format(ssid=cable.network),
                  "" if cable.network is None else "look"),
        "listening": (_("listening …"), ""),
        "silent": (_("nobody answers: computers can be plugged in here"), "good"),
        "plugged": (_("a cable is plugged in"), ""),
        "stranger": (_("{mac} gives out addresses here: nobody is served").format(mac=cable.stranger)
                     if cable.stranger else _("leads back to this node: pull one of the two cables out"), "look"),
    }
    if cable.state in told:
        text, mark = told[cable.state]
        return Note(text, mark, cable.port)
    who = _("a router answers") if cable.router is None else _("{router} answers").format(router=cable.router)
    if cable.works is None:
        return Note(who, "good", cable.port)
    if cable.works:
        return Note(_("{who}, and leads to the Internet").format(who=who), "good", cable.port)
    return Note(_("{who}, but the Internet does not").format(who=who), "look", cable.port)


def words(network: dict[str, Any]) -> str:
    """An access point in the list of those that are heard."""
    kind = _("secured") if network["secured"] else _("open")
    dbm = round(network["signal_dbm"] or 0)
    return _("{name} ({kind}, {dbm} dBm)").format(name=network["name"], kind=kind, dbm=dbm)
