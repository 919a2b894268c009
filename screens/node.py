"""Node: the front page. Does it work, who is near, how do phones join."""

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from byzwizard import partly
from byzwizard.diskwords import size
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext
from byzwizard.screens import alerts, pending, routed
from byzwizard.screens.items import Action, Code, Gap, Item, Key, Note, Table, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.signals import cut, decibels, hops, megabits, signal

if TYPE_CHECKING:
    from byzwizard.desk import Phones

VIA = 13  # columns of the neighbour by whom a node is reached
NEAR_ROWS, FAR_ROWS = 8, 5  # nodes that the page lists; the map has all
ASKS = "ask-internet"  # the check of `status` that there is Internet and nobody has said whether to share it


class Node(Page):
    name = "node"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._asking = False
        self._again = 0.0  # monotonic second before which nothing is asked
        self._fault = ""
        self._waiting: float | None = None
        self._phones: Phones | None = None
        self._worked = False
        self._code: tuple[Phones, tuple[tuple[bool, ...], ...]] | None = None

    @property
    def place(self) -> str:
        status = self.session.status
        return str(status["node"]["name"]) if status else _("Node")

    @property
    def title(self) -> str:
        status = self.session.status
        if status is None:
            return _("This node")
        if fails := partly.failing(status):
            return ngettext("This node works; {names} does not", "This node works; {names} do not", len(fails)).format(
                names=_(" and ").join(fails)
            )
        if not status["working"]:
            return _("This node does not work") if self._worked else _("This node does not work yet")
        near = sum(neighbour["hops"] == 1 for neighbour in status["neighbours"])
        if not near:
            return _("This node works, and hears nobody yet")
        return ngettext("This node works, with {n} neighbour", "This node works, with {n} neighbours", near).format(
            n=near
        )

    @property
    def sentence(self) -> str:
        if self.session.status is not None and self._phones is None:
            return _("Nobody can join by Wi-Fi: this node has no access point.")
        return _("Phones join it and open http://here.byzantium.mesh/ in their browser.")

    @property
    def help(self) -> str:
        return _(
            "Each check with ✓ passes; what to do about one with ✗ stands below it. Neighbours are the nodes whose "
            "radio is heard; the lower the metric, the better the way to them.\n\n"
            "The picture joins a phone to this node: point its camera at it. Signals near -40 dBm are excellent, near "
            "-80 dBm weak: move the nodes closer together or higher up.\n\n"
            "m draws the map of the mesh, g what went through this node. "
            "e changes the setup, w shows what the last change did and takes it back."
        ) + " " + " ".join((
            _("s shows what this node offers, and switches it."),
            _("k shows what is kept, and opens it; c copies this stick to others."),
            alerts.key_help(),
        ))

    def enter(self) -> None:
        self._again = 0.0
        self.tick()

    def tick(self) -> None:
        if self._asking or time.monotonic() < self._again:
            return
        self._asking = True
        self.session.host.later(self._ask, self._told, self._failed)

    def _ask(self) -> "tuple[dict[str, Any], float | None, Phones | None]":
        """Takes a tenth of a slow computer's time at most: the node is there for others, not for this page."""
        desk = self.session.desk
        began = time.monotonic()
        try:
            return desk.status(), desk.waiting(), desk.phones()
        finally:
            now = time.monotonic()
            self._again = now + 9 * (now - began)

    def _told(self, found: "tuple[dict[str, Any], float | None, Phones | None]") -> None:
        self._asking, self._fault = False, ""
        self.session.status, self._waiting, self._phones = found
        self._worked |= found[0]["working"] or bool(partly.failing(found[0]))
        self.session.host.changed()

    def _failed(self, fault: ByzantiumError) -> None:
        self._asking, self._fault = False, str(fault)
        self.session.host.changed()

    def focus(self) -> str | None:
        if self._waiting is not None:
            return "keep"
        return "unlock" if self.session.desk.locked() else None

    def escape(self) -> None:
        """This is the front page: there is nothing behind it."""

    def bindings(self) -> Sequence[Key]:
        if self.session.desk.rehearsal:
            return []
        keys = [
            Key(("m",), _("map"), lambda: self.session.go("map"), letter=True),
            Key(("g",), _("traffic"), lambda: self.session.go("traffic"), letter=True),
            Key(("s",), _("services"), partial(self._change, "services"), letter=True),
            Key(("e",), _("setup"), self._change, letter=True),
            Key(("a",), _("alert"), lambda: alerts.write(self.session), letter=True),
            Key(("k",), _("unlock") if self.session.desk.locked() else _("keep"), self._store, letter=True),
            Key(("w",), _("undo"), self._what, letter=True),
        ]
        if self._may_share:
            keys.insert(0, Key(("i",), "", self._internet, letter=True))
        if self._waiting is not None:
            keys.insert(0, Key(("c",), _("keep the change"), self._confirm, letter=True))
        else:
            keys.append(Key(("c",), _("copy"), lambda: self.session.go("clone"), letter=True))
        return keys

    def items(self) -> Sequence[Item]:
        status = self.session.status
        if self._fault:
            return [Note(self._fault, "bad")]
        if status is None:
            return [Waiting(_("Asking each part of this node …"))]
        items: list[Item] = []
        if self._waiting is not None:
            items += [
                Action(
                    "keep",
                    _("Keep this change of the network"),
                    self._confirm,
                    _("else it is taken back in {n} s").format(n=int(self._waiting)),
                    "look",
                    verb=_("keep"),
                ),
                Gap(),
            ]
        if self.session.desk.locked():
            items += [
                Action(
                    "unlock",
                    _("Open what this node keeps"),
                    self._store,
                    _("it is locked: the passphrase opens it"),
                    "look",
                    verb=_("open"),
                ),
                Gap(),
            ]
        if self._may_share:
            items += [
                Action(
                    "internet",
                    next(str(check["text"]) for check in status["checks"] if check["id"] == ASKS),
                    self._internet,
                    _("share it? (i)"),
                    "look",
                    verb=_("choose"),
                ),
                Gap(),
            ]
        items += pending.items(self.session, partial(self._change, "review"))
        items += routed.items(self.session)
        left = [
            *alerts.items(status["alerts"]),
            *self._problems(status),
            *self._neighbours(status),
            Gap(),
            *self._facts(status),
            Gap(),
            *self._passed(status),
        ]
        code = self._qr()
        return [*items, code_beside(code, left)] if code else [*items, *left]

    @staticmethod
    def _problems(status: dict[str, Any]) -> list[Item]:
        items: list[Item] = []
        for check in status["checks"]:
            if not check["ok"]:
                items.append(Note(check["text"], "bad", strong=True))
                if check["advice"]:
                    items.append(Note(check["advice"], "under"))
        return [*items, Gap()] if items else []

    @staticmethod
    def _passed(status: dict[str, Any]) -> list[Item]:
        items: list[Item] = []
        for check in status["checks"]:
            if check["ok"] and check["id"] != ASKS:  # which stands above, to be answered
                items.append(Note(check["text"], "look" if check["advice"] else "good"))
                if check["advice"]:
                    items.append(Note(check["advice"], "under"))
        return items

    @staticmethod
    def _neighbours(status: dict[str, Any]) -> list[Item]:
        """Those that are heard, then the nearest of the others, as many as leave room for the rest of the page."""
        if not status["neighbours"]:
            return [Note(_("Neighbours"), strong=True), Note(_("none heard yet; the next node joins by itself"))]
        listed = [node for node in status["neighbours"] if node["hops"] == 1][:NEAR_ROWS]
        listed += [node for node in status["neighbours"] if node["hops"] != 1][:FAR_ROWS]
        names = {node["address"]: node["name"] or node["address"] for node in listed}
        rows = tuple(
            (
                names[node["address"]],
                *way(node, names),
                megabits(node["throughput_mbps"]),
                "" if node["metric"] is None else str(node["metric"]),
            )
            for node in listed
        )
        table = Table((_("Neighbours"), _("Way"), "", _("Link"), _("Metric")), rows, frozenset({3, 4}))
        more = len(status["neighbours"]) - len(listed)
        if not more:
            return [table]
        return [table, Note(ngettext("and {n} more: m draws them", "and {n} more: m draws them", more).format(n=more))]

    @staticmethod
    def _facts(status: dict[str, Any]) -> list[Item]:
        node = status["node"]
        clients = status["clients"]
        items: list[Item] = [
            Note(address, label=_("Address") if not n else " ") for n, address in enumerate(node["addresses"])
        ]
        items.append(Note(ngettext("{n} joined", "{n} joined", clients).format(n=clients), label=_("Phones")))
        gateway = status["gateway"]
        items.append(
            Note(
                _("shared by {name}").format(name=gateway.get("name") or gateway.get("via") or _("a node"))
                if gateway
                else _("none here; the mesh works without"),
                label=_("Internet"),
            )
        )
        if status["traffic"]:
            items.append(Note(last_hour(status["traffic"]), label=_("Last hour")))
        own = [one for one in status["services"] if one["node"] is None]
        if own:
            words = {"off": _("off"), "starting": _("starting"), "on": _("on"), "failing": _("FAILS")}
            items.append(Note(", ".join(f"{one['title']} ({words[one['state']]})" for one in own), label=_("Services")))
        if status["public"]:
            items.append(Note(_("public: every Byzantium node may join"), label=_("Mesh")))
        return items

    def _qr(self) -> Code | None:
        phones = self._phones
        if phones is None:
            return None
        if self._code is None or self._code[0] != phones:
            self._code = (phones, wifi_code(phones.ssid, phones.passphrase))
        how = _("secured") if phones.passphrase else _("open")
        return Code(
            self._code[1], (_("Join {ssid} ({how})").format(ssid=phones.ssid, how=how), _("Point a camera here."))
        )

    @property
    def _may_share(self) -> bool:
        status = self.session.status
        return status is not None and any(check["id"] == ASKS for check in status["checks"])

    def _internet(self) -> None:
        self._change("internet")

    def _change(self, page: str = "hardware") -> None:
        """The wizard again from this page on, with what this node is now."""
        session = self.session

        def found(answers: Any) -> None:
            if answers is not None:
                session.draft.renew(answers)
            session.go(page)

        session.host.later(session.desk.answers, found, session.sorry)

    def _confirm(self) -> None:
        session = self.session

        def kept(_none: None) -> None:
            self._waiting = None
            session.say(_("The change is kept."))

        session.host.later(session.desk.confirm, kept, session.sorry)

    def _store(self) -> None:
        from byzwizard.screens import store

        store.show(self.session)

    def _what(self) -> None:
        from byzwizard.screens import changes

        changes.show(self.session)


def code_beside(code: Code, left: Sequence[Item]) -> Code:
    return Code(code.modules, code.text, tuple(left))


def wifi_code(ssid: str, passphrase: str | None) -> tuple[tuple[bool, ...], ...]:
    """The QR code with which phones join, with a border of 1 module; the smallest version that holds it."""
    import segno
    from segno import helpers

    text = helpers.make_wifi_data(ssid=ssid, password=passphrase, security="WPA" if passphrase else "nopass")
    return tuple(tuple(bool(module) for module in row) for row in segno.make_qr(text, error="l").matrix_iter(border=1))


def way(node: dict[str, Any], names: dict[str, str]) -> tuple[str, str]:
    """How a node is heard, or by whom it is reached; `names` are those of the near ones by their address."""
    if node["hops"] == 1:
        dbm = node["signal_dbm"]
        return (signal(dbm), decibels(dbm)) if dbm is not None else (_("cable"), "")
    name = names.get(node["via"], "")
    return hops(node["hops"]), cut(_("by {name}").format(name=name), VIA) if name else ""


def last_hour(traffic: list[dict[str, Any]]) -> str:
    """Where the most went through."""
    busy = max(traffic, key=lambda one: one["hour"]["in_bytes"] + one["hour"]["out_bytes"])
    came, went = size(busy["hour"]["in_bytes"]), size(busy["hour"]["out_bytes"])
    return _("{interface}: in {came}, out {went}").format(interface=busy["interface"], came=came, went=went)
