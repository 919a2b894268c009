"""The meshes that are heard: listed, and taken into the draft for the Mesh page to show."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Action, Button, Item, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.signals import FAIR, WEAK

MOST = 40  # meshes in the list; more is an attack

Network = dict[str, Any]
"""One of `scan --json`."""


def meshes(heard: Sequence[Network]) -> list[Network]:
    """Those that can be joined, the strongest first. Where some nodes of a mesh are in its ad-hoc cell and others mesh
    by 802.11s, it is one mesh, and what this card does there is its own choice."""
    ours = [network for network in heard if network["byzantium"] and network["kind"] in ("mesh", "ibss")]
    whole = {(network["name"], network["security"]) for network in ours if network["kind"] == "mesh"}
    ours = [
        network
        for network in ours
        if network["kind"] == "mesh"
        or (network["security"] != "private" and (network["name"], network["security"]) not in whole)
    ]
    return sorted(ours, key=lambda network: -(network["signal_dbm"] or -200))[:MOST]


def best(found: Sequence[Network]) -> str:
    """How many there are, and which is the strongest."""
    first = found[0]
    count = ngettext("{n} mesh heard", "{n} meshes heard", len(found)).format(n=len(found))
    return _("{count}: {name} ({strength}, {kind})").format(
        count=count,
        name=first["name"],
        strength=strength(first["signal_dbm"]),
        kind=kind_words(first),
    )


def take(session: Session, network: Network) -> None:
    """Put what is heard of a mesh into the draft. A private one's passphrase is asked for, and its routing is not on
    the air."""
    draft, adhoc = session.draft, network["kind"] == "ibss"
    draft.forget("mesh.name", "mesh.channel", "mesh.passphrase")
    draft.put(
        "mesh",
        name=network["name"],
        channel=network["channel"] or draft.get("mesh.channel"),
        security="open" if network["security"] == "open" else "sae",
        passphrase=None,
        passphrase_file=None,
        link="ibss" if adhoc else "auto",
        bssid=network.get("bssid"),
    )
    from byzwizard.screens.mesh import Mesh

    page = session.page_named("mesh")
    assert isinstance(page, Mesh)
    session.go("mesh")
    page.join(private=network["security"] == "private")
    said = (
        _(
            "{name} is taken over: its name, channel, kind and ad-hoc link. Its routing cannot be heard; {routing} is "
            "set, see More."
        )
        if adhoc
        else _(
            "{name} is taken over: its name, channel and kind. Its routing cannot be heard; {routing} is set, see More."
        )
    )
    session.say(said.format(name=network["name"], routing=draft.get("mesh.routing")))


class Heard(Page):
    """The list, to choose one."""

    def __init__(
        self, session: Session, found: Sequence[Network] | None, told: Callable[[list[Network]], None]
    ) -> None:
        """`found` None: listen first. `told` gets what was heard anew."""
        super().__init__(session)
        self._found, self._told, self._fault = found, told, ""
        if found is None:
            self._listen()

    @property
    def title(self) -> str:
        return _("Join what is here")

    @property
    def sentence(self) -> str:
        return _("These meshes are heard now.") if self._found else ""

    @property
    def help(self) -> str:
        return _(
            "Public: every Byzantium node may join. Private: its passphrase is asked for. Open: nothing is encrypted."
            "\n\n"
            "Choosing one only fills in the page; nothing is joined before Review."
        ) + "\n\n" + _("Ad-hoc, which an old Byzantium has too, is the older way: nothing there is encrypted.")

    def items(self) -> Sequence[Item]:
        if self._fault:
            return [Note(self._fault, "bad")]
        if self._found is None:
            return [Waiting(_("Listening; this takes up to ten seconds …"))]
        if not self._found:
            return [Note(_("No mesh is heard here. Go nearer to a node, or begin a mesh of your own."))]
        return [
            Action(
                f"heard-{n}",
                network["name"],
                partial(self._choose, network),
                _("{strength}, {kind}, channel {channel}").format(
                    strength=strength(network["signal_dbm"]),
                    channel=network["channel"],
                    kind=kind_words(network),
                ),
            )
            for n, network in enumerate(self._found)
        ]

    def buttons(self) -> Sequence[Button]:
        buttons = [Button("close", _("Close"), self.escape)]
        if self._found is not None or self._fault:
            buttons.append(Button("listen", _("Listen again"), self._listen))
        return buttons

    def focus(self) -> str | None:
        return "heard-0" if self._found else "close"

    def escape(self) -> None:
        self.session.host.close(self)

    def _listen(self) -> None:
        self._found, self._fault = None, ""
        self.session.host.later(self.session.desk.heard, self._hear, self._failed)
        self.session.host.changed()

    def _hear(self, heard: list[Network]) -> None:
        self._found = meshes(heard)
        self._told(self._found)
        self.session.host.changed()
        self.session.host.move(self.focus() or "")

    def _failed(self, fault: ByzantiumError) -> None:
        self._fault = str(fault)
        self.session.host.changed()

    def _choose(self, network: Network) -> None:
        self.session.host.close(self)
        take(self.session, network)


def kind_words(network: Network) -> str:
    """Who may join a mesh, and how."""
    security = network["security"]
    if network.get("bssid"):
        return _("old Byzantium")
    if network["kind"] == "ibss":
        return _("public, ad-hoc") if security == "public" else _("open, ad-hoc")
    return {"public": _("public"), "private": _("private"), "open": _("open, not encrypted")}[security]


def strength(dbm: float | None) -> str:
    """A signal in words."""
    if dbm is None:
        return _("strength unknown")
    return _("strong") if dbm > FAIR else _("fair") if dbm > WEAK else _("weak")
