"""What the store keeps, a choice for each thing and for the data of each service, with its size now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from byzwizard.diskwords import size
from byzwizard.i18n import _
from byzwizard.screens.items import Item, Pick
from byzwizard.screens.page import Session

SERVICES = "services"
ONE = "services."
KEPT = ("identity", "mesh", "wifi", SERVICES, "home", "logs")


def switched(keep: Sequence[str], name: str, on: bool, services: Collection[str]) -> tuple[str, ...]:
    """Pure. `keep` with one thing on or off. `services` are the names of all that have data: of those that are kept
    together, one is switched off by naming the others."""
    named = {each for each in keep if each.startswith(ONE)}
    things = {each for each in keep if each not in named}
    if name.startswith(ONE):
        named |= {ONE + each for each in services} if SERVICES in things else set()
        named = named | {name} if on else named - {name}
        things.discard(SERVICES)
        if services and named >= {ONE + each for each in services}:
            things.add(SERVICES)
    else:
        things = things | {name} if on else things - {name}
    if name == SERVICES or SERVICES in things:
        named = set()
    return tuple(each for each in KEPT if each in things) + tuple(sorted(named))


class Switches:
    """Of the Keep page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._titles: dict[str, str] = {}  # of the services that have data
        self._sizes: dict[str, int] = {}

    def read(self) -> None:
        """In a thread: all files are looked at."""
        host, desk = self._session.host, self._session.desk
        host.later(desk.catalogue, self._listed, self._session.sorry)
        host.later(desk.weights, self._weighed, self._session.sorry)

    def _listed(self, found: object) -> None:
        from byzwizard.catalogue import Catalogue

        assert isinstance(found, Catalogue)
        self._titles = {name: one.title for name, one in sorted(found.services.items()) if one.data}
        self._session.host.changed()

    def _weighed(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self._session.host.changed()

    def items(self) -> list[Item]:
        keep = self._session.draft.get("persistence.keep")
        some = any(each.startswith(ONE) for each in keep) and SERVICES not in keep
        items: list[Item] = []
        for each in KEPT:
            on = each in keep
            if each != SERVICES:
                items.append(self._pick(each, self._words(each), on))
                continue
            items.append(self._pick(each, self._words(each), on, some))
            if on or some:
                items += [
                    self._pick(ONE + name, _(title), on or ONE + name in keep) for name, title in self._titles.items()
                ]
        return items

    def _pick(self, name: str, label: str, on: bool, some: bool = False) -> Item:
        options: tuple[tuple[str, str], ...] = (("yes", _("kept")), ("no", _("forgotten")))
        if some:
            options = (("some", _("some of them")), *options)
        now = size(self._sizes[name]) if name in self._sizes else ""
        label = "  " + label if name.startswith(ONE) else label
        value = "some" if some else "yes" if on else "no"
        return Pick(f"keep.{name}", label, value, options, partial(self._switch, name), now)

    def _switch(self, name: str, value: str) -> None:
        if value == "some":
            return
        draft = self._session.draft
        draft.set("persistence.keep", switched(draft.get("persistence.keep"), name, value == "yes", self._titles))
        self._session.host.changed()

    @staticmethod
    def _words(each: str) -> str:
        return {
            "identity": _("Identity"),
            "mesh": _("Settings"),
            "wifi": _("Wi-Fi uplink"),
            "services": _("Services"),
            "home": _("Home folder"),
            "logs": _("Logs"),
        }[each]
