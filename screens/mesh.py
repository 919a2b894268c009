"""Mesh: public or private, its name, channel and country; what experts want is folded away."""

from collections.abc import Callable, Sequence
from typing import Any

from byzwizard import values
from byzwizard.i18n import _, ngettext
from byzwizard.routings import ROUTINGS
from byzwizard.screens import ports
from byzwizard.screens.items import Action, Button, Entry, Fold, Gap, Item, Key, Note, Option, Pick
from byzwizard.screens.meter import Meter
from byzwizard.screens.page import Page, Session
from byzwizard.screens.welcome import language_of


def node_ids(text: str) -> tuple[str, ...]:
    """Raises ValueError for a word that is no id."""
    return tuple(dict.fromkeys(values.node_id(word) for word in text.split()))


class Mesh(Page):
    name = "mesh"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._open = False  # the fold
        self._shown = False  # secrets in plain
        self._meter = Meter(
            session,
            lambda: session.draft.text("mesh.passphrase"),
            lambda: "mesh.passphrase" in session.draft.faults,
            _("every other node of this mesh needs the same"),
        )
        self._private: tuple[Any, Any] = (None, None)  # passphrase and file, kept while “public” is chosen
        self._joining = False  # a private mesh that there is already: its passphrase is known to somebody else

    @property
    def place(self) -> str:
        return _("Mesh · {n} of {all}").format(n=self.session.step(self.name)[0], all=self.session.step(self.name)[1])

    @property
    def title(self) -> str:
        return _("Which mesh?")

    @property
    def sentence(self) -> str:
        return _("Nodes of the same name, kind and channel find each other by themselves.")

    @property
    def help(self) -> str:
        return _(
            "Public: every Byzantium node of this name may join. What goes through the air is encrypted against "
            "listeners, but anybody can be a member.\n\n"
            "Private: only nodes that were given the passphrase join. The wizard makes five words: write them down, "
            "every other node of your mesh needs the same.\n\n"
            "Meshes around lists what is heard here: choosing one fills in its name, channel and kind.\n\n"
            "Country decides which channels and how much power are allowed; 00 is what is allowed everywhere. "
            "All nodes of a mesh must be on the same channel.\n\n"
            "Routing, under More, must be the same on all of them too. babel suits nearly all; olsr is for a mesh that "
            "has it already, and needs the program olsrd, which neither Debian nor this stick has."
        ) + "\n\n" + _(
            "Addresses: with ahcp this node also asks the AHCP servers of the mesh, which somebody has to run, for one "
            "address more. Nodes on the way there need the same choice."
        )

    def enter(self) -> None:
        self._shown = False
        if not self._meter.known:
            self._meter.measure()

    def leave(self) -> None:
        self._shown = False

    def focus(self) -> str | None:
        return "next"

    def buttons(self) -> Sequence[Button]:
        return [Button("back", _("Back"), self.escape), Button("next", _("Continue"), self._next)]

    def bindings(self) -> Sequence[Key]:
        keys = []
        if self.private and not self._of_file("mesh") and not self._joining:
            keys.append(Key(("f6",), _("new words"), self._new_words, footer="F6"))
        if self.private or self._open:
            keys.append(Key(("f8",), _("hide") if self._shown else _("show"), self._show, footer="F8"))
        return keys

    @property
    def private(self) -> bool:
        draft = self.session.draft
        return draft.get("mesh.passphrase") is not None or self._of_file("mesh") or "mesh.passphrase" in draft.faults

    def items(self) -> Sequence[Item]:
        private = self.private
        items: list[Item] = [
            Option(
                "public", _("Public"), not private, self._choose_public, _("every Byzantium node of this name may join")
            ),
            Option("private", _("Private"), private, self.ask_private, _("only who has the passphrase")),
        ]
        if private:
            items += self._secret("mesh", _("Passphrase"))
            if not self._of_file("mesh"):
                items.append(
                    Note(_("the same as on the other nodes of this mesh"), label=" ")
                    if self._joining
                    else self._meter.note(self._shown)
                )
        items += [
            Gap(),
            *self._around(),
            self._entry("mesh.name", _("Mesh name"), values.mesh_name, 28),
            Pick(
                "mesh.channel",
                _("Channel"),
                str(self.session.draft.get("mesh.channel")),
                self._channels(),
                lambda value: self._set("mesh.channel", int(value)),
            ),
            self._entry(
                "node.country",
                _("Country"),
                lambda text: values.country(text.upper()),
                2,
                _("two letters such as DE; 00: not known"),
            ),
            self._entry(
                "node.name",
                _("This node"),
                lambda text: values.node_name(text) if text else None,
                63,
                _("its name; empty: one is made"),
            ),
            *([language_of(self.session)] if self.session.first == "node" else []),
            Gap(),
            Fold("more", _("More"), self._open, self._fold),
        ]
        if self._open:
            items += self._more()
        return items

    def _around(self) -> list[Item]:
        """The way to the meshes that are heard."""
        machine, heard = self.session.machine, self.session.heard
        if self.session.desk.rehearsal or (machine is not None and not machine.radios):
            return []
        from byzwizard.screens.heard import best

        words = best(heard) if heard else _("none heard") if heard is not None else _("listen; takes some seconds")
        return [Action("around", _("Meshes around"), self._list, words, verb=_("list"))]

    def _list(self) -> None:
        from byzwizard.screens.heard import Heard

        session = self.session
        session.host.open(Heard(session, session.heard or None, session.hear))

    def _more(self) -> list[Item]:
        draft = self.session.draft
        enable = draft.get("access_point.enable")
        items: list[Item] = [
            Pick(
                "access_point.enable",
                _("Phones"),
                "auto" if enable == "auto" else "on" if enable else "off",
                (
                    ("auto", _("access point where the card can")),
                    ("on", _("access point on")),
                    ("off", _("no access point")),
                ),
                lambda value: self._set("access_point.enable", {"auto": "auto", "on": True, "off": False}[value]),
            ),
            self._entry("access_point.ssid", _("Network name"), values.ssid, 32, _("what phones see")),
            *self._secret("access_point", _("Its passphrase"), _("empty: open to everybody")),
            Pick(
                "mesh.security",
                _("Security"),
                draft.get("mesh.security"),
                (("sae", _("SAE: encrypted")), ("open", _("open: nothing is encrypted"))),
                self._secure,
            ),
            Pick(
                "node.mac",
                _("Address"),
                draft.get("node.mac"),
                (("random", _("random, hides which card this is")), ("permanent", _("the card's own"))),
                lambda value: self._set("node.mac", value),
            ),
            self._entry(
                "mesh.subnet",
                _("Subnet"),
                lambda text: values.subnet(text or "auto"),
                15,
                _("of the phones: auto, or 10.x.y.0/24"),
            ),
            self._entry(
                "mesh.blocked", _("Blocked"), node_ids, 1000, _("ids of nodes not to talk to, spaces between them")
            ),
            *self._blocked(),
            Pick(
                "mesh.link",
                _("Link"),
                str(draft.get("mesh.link")),
                (
                    ("auto", _("auto: what the card does best")),
                    ("802.11s", _("802.11s: nodes side by side")),
                    ("ibss", _("ibss: ad-hoc, not encrypted")),
                    ("hub", _("hub: one access point, others join")),
                    ("wired", _("wired: cables that are named")),
                ),
                lambda value: ports.choose_link(self.session, value),
            ),
            *ports.items(self.session),
            Pick(
                "mesh.routing",
                _("Routing"),
                str(draft.get("mesh.routing")),
                self._routings(),
                self.route,
            ),
            Pick(
                "mesh.addresses",
                _("Addresses"),
                str(draft.get("mesh.addresses")),
                (
                    ("hash", _("hash: each node makes its own")),
                    ("ahcp", _("ahcp: one more, of a server in the mesh")),
                ),
                self._lease,
            ),
        ]
        return items

    def _blocked(self) -> list[Item]:
        """How many: the field shows the end of the last one."""
        n = len(self.session.draft.get("mesh.blocked"))
        words = ngettext("{n} node is not talked to", "{n} nodes are not talked to", n).format(n=n)
        return [Note(words, label=" ")] if n and "mesh.blocked" not in self.session.draft.faults else []

    def _routings(self) -> tuple[tuple[str, str], ...]:
        """Each with its line; one that this computer lacks says so."""
        machine = self.session.machine
        return tuple(
            (
                name,
                _("{name}: needs {program}, which is not installed here").format(name=name, program=routing.program)
                if machine is not None and routing.lack(machine)
                else _(routing.hint),
            )
            for name, routing in ROUTINGS.items()
        )

    def route(self, name: str) -> None:
        """What this computer cannot have is not chosen, but explained."""
        machine = self.session.machine
        lack = ROUTINGS[name].lack(machine) if machine is not None else None
        if lack is not None:
            self.session.say(str(lack))
            self.session.host.changed()
        else:
            self._set("mesh.routing", name)
            if self.session.draft.get("mesh.addresses") == "ahcp":
                self._lease("ahcp")

    def _lease(self, name: str) -> None:
        """A leased address goes with routing that announces it."""
        if name == "ahcp" and not ROUTINGS[self.session.draft.get("mesh.routing")].single:
            self.session.say(_("Only babel and batman-adv announce an address that is leased: it is not asked for."))
            name = "hash"
        self._set("mesh.addresses", name)

    def _entry(self, key: str, label: str, parse: Callable[[str], Any], limit: int, hint: str = "") -> Entry:
        draft = self.session.draft

        def typed(text: str) -> None:
            draft.type(key, text, parse)
            if key == "mesh.passphrase":
                self._meter.measure()
            self.session.host.changed()

        return Entry(key, label, draft.text(key), typed, draft.faults.get(key, ""), hint, limit=limit)

    def _of_file(self, section: str) -> bool:
        return self.session.draft.get(f"{section}.passphrase_file") is not None

    def _secret(self, section: str, label: str, hint: str = "") -> list[Item]:
        """The field of a section's passphrase, or the note that it comes from a file."""
        key = f"{section}.passphrase"
        if self._of_file(section):
            path = self.session.draft.get(f"{section}.passphrase_file")
            return [Note(_("from the file {path}").format(path=path), label=label)]

        def parse(text: str) -> Any:
            from pydantic import SecretStr

            if not text and section == "access_point":
                return None
            return SecretStr(values.passphrase(text))

        field = self._entry(key, label, parse, 63, hint)
        return [Entry(key, label, field.text, field.do, field.fault, hint, secret=not self._shown, limit=63)]

    def _channels(self) -> tuple[tuple[str, str], ...]:
        """Those that the cards found can use, else all."""
        machine, chosen = self.session.machine, self.session.draft.get("mesh.channel")
        found = {
            channel.number
            for radio in (machine.radios if machine else ())
            for channel in radio.numbered
            if not {"disabled", "radar", "no-ir"} & set(channel.flags)
        }
        numbers = sorted((found or {*values.CHANNELS_24, *values.CHANNELS_5}) | {chosen})
        return tuple(
            (str(number), _("{n} ({band} GHz)").format(n=number, band="2.4" if number < 15 else "5"))
            for number in numbers
            if number in values.CHANNELS_24 + values.CHANNELS_5
        )

    def _set(self, key: str, value: Any) -> None:
        self.session.draft.set(key, value)
        self.session.host.changed()

    def join(self, private: bool) -> None:
        """A mesh that is heard was put into the draft; of a private one only the passphrase is missing."""
        self._private, self._joining = (None, None), private
        if private:
            draft = self.session.draft
            draft.typed["mesh.passphrase"] = ""
            draft.faults["mesh.passphrase"] = _("Type the passphrase of this mesh.")
        self.session.host.changed()
        self.session.host.move("mesh.passphrase" if private else self.focus() or "")

    def _choose_public(self) -> None:
        draft = self.session.draft
        self._joining = False
        if self.private:
            self._private = (draft.get("mesh.passphrase"), draft.get("mesh.passphrase_file"))
        draft.forget("mesh.passphrase")
        draft.put("mesh", passphrase=None, passphrase_file=None)
        self.session.host.changed()

    def ask_private(self) -> None:
        """Choose private: with the passphrase there was, else five new words."""
        if self.private:
            return
        draft = self.session.draft
        if draft.get("mesh.security") == "open":
            draft.set("mesh.security", "sae")
        if any(self._private):
            draft.put("mesh", passphrase=self._private[0], passphrase_file=self._private[1])
        else:
            self._new_words()
        self.session.host.changed()

    def _secure(self, value: str) -> None:
        if value == "open" and self.private:
            self.session.say(_("An open mesh has no passphrase; it is public now."))
            self._choose_public()
        self._set("mesh.security", value)

    def _new_words(self) -> None:
        from pydantic import SecretStr

        if self._meter.replaces():
            return
        self.session.draft.forget("mesh.passphrase")
        self.session.draft.set("mesh.passphrase", SecretStr(self._meter.words()))
        self.session.host.changed()

    def _show(self) -> None:
        self._shown = not self._shown
        self.session.host.changed()

    def _fold(self) -> None:
        self._open = not self._open
        self.session.host.changed()

    def _next(self) -> None:
        """On to the next step, unless a field holds what cannot be."""
        faults = self.session.draft.faults
        if faults:
            key, sentence = next(iter(faults.items()))
            if key.startswith(("access_point.", "mesh.subnet", "mesh.blocked")):
                self._open = True
            self.session.say(sentence)
            self.session.host.move(key)
        elif lack := ports.lack(self.session):
            self._open = True
            self.session.say(lack)
            self.session.host.move("mesh.link")
        else:
            self.session.onward()
