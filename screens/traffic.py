"""Traffic: what went through each interface in the last hour, day or week, drawn with half blocks."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from byzwizard.diskwords import size
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens.items import Gap, Item, Key, Note, Strip, Style, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.palette import FULL, LOWER, UPPER

HEIGHT = 3  # rows of each direction, two steps each
LEVELS = 2 * HEIGHT
LABEL = 6  # columns before a graph

Rates = Sequence[int | None]
"""Bytes a second, one for each column; None where nothing was counted."""


class Traffic(Page):
    name = "traffic"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._period = "hour"
        self._found: dict[str, Any] | None = None
        self._fault = ""

    @property
    def place(self) -> str:
        return _("Traffic")

    @property
    def title(self) -> str:
        return {
            "hour": _("Traffic of the last hour"),
            "day": _("Traffic of the last day"),
            "week": _("Traffic of the last week"),
        }[self._period]

    @property
    def sentence(self) -> str:
        return _("What came in is above the line, what went out below it.")

    @property
    def help(self) -> str:
        return _(
            "Each interface is counted once a minute, in memory alone: nothing is written to the stick, and what was "
            "counted is forgotten when the computer is switched off.\n\n"
            "Both directions of a graph have the same scale, which ends at the most of its interface. The same is at "
            "http://here.byzantium.mesh/traffic as pictures."
        )

    def enter(self) -> None:
        self.tick()

    def tick(self) -> None:
        self.session.host.later(self.session.desk.traffic, self._told, self._failed)

    def _told(self, found: dict[str, Any]) -> None:
        self._found, self._fault = found, ""
        self.session.host.changed()

    def _failed(self, fault: ByzantiumError) -> None:
        self._fault = str(fault)
        self.session.host.changed()

    def bindings(self) -> Sequence[Key]:
        words = {"hour": _("hour"), "day": _("day"), "week": _("week")}
        letters = {"hour": "h", "day": "d", "week": "w"}
        return [
            Key((letters[period],), word, partial(self._show, period), letter=True)
            for period, word in words.items()
            if period != self._period
        ]

    def _show(self, period: str) -> None:
        self._period = period
        self.session.host.changed()

    def items(self) -> Sequence[Item]:
        if self._fault:
            return [Note(self._fault, "bad")]
        if self._found is None:
            return [Waiting(_("Asking what was counted …"))]
        if not self._found:
            return [Note(_("Nothing was counted yet; it is done once a minute."))]
        return list(draw(self._found[self._period], self._span()))

    def _span(self) -> tuple[str, str]:
        """The ends of the axis."""
        ago = {"hour": _("an hour ago"), "day": _("a day ago"), "week": _("a week ago")}
        return ago[self._period], _("now")


def draw(table: dict[str, Any], span: tuple[str, str]) -> Iterator[Item]:
    """The graphs of a period; an interface that nothing went through has one line."""
    for name, ways in table["interfaces"].items():
        came, went = ways["in"], ways["out"]
        most = max((rate for way in (came, went) for rate in way["rates"] if rate is not None), default=0)
        if not most:
            yield Strip((("strong", name), ("", "  " + _("nothing"))), f"{name}: " + _("nothing"))
            yield Gap()
            continue
        said = [
            _("in {size}").format(size=size(came["bytes"])),
            _("out {size}").format(size=size(went["bytes"])),
            _("at most {rate}").format(rate=bits(most)),
        ]
        yield Strip((("strong", name), ("", "  " + " · ".join(said))), f"{name}: " + ", ".join(said))
        yield from _graph(came["rates"], _("in"), "in", most, up=True)
        yield Strip((("", " " * LABEL + "─" * len(came["rates"])),), "")
        yield from _graph(went["rates"], _("out"), "out", most, up=False)
        ends = f"{span[0]:<{len(came['rates']) - len(span[1])}}{span[1]}"
        yield Strip((("", " " * LABEL + ends),), "")
        yield Gap()


def _graph(rates: Rates, label: str, style: Style, most: int, up: bool) -> Iterator[Strip]:
    """HEIGHT rows of half blocks, away from the line; the label stands beside the line."""
    heights = [level(rate, most) for rate in rates]
    rows = range(HEIGHT - 1, -1, -1) if up else range(HEIGHT)
    half = LOWER if up else UPPER
    for row in rows:
        cells = "".join(FULL if high >= 2 * row + 2 else half if high == 2 * row + 1 else " " for high in heights)
        yield Strip((("", f"{'' if row else label:<{LABEL}}"), (style, cells)), "")


def level(rate: int | None, most: int) -> int:
    """0 to LEVELS; the least that went through is seen."""
    return 0 if not rate else max(1, round(LEVELS * rate / most))


def bits(rate: int) -> str:
    """Bytes a second in bits, as links are sold."""
    amount = 8 * rate
    if amount >= 1_000_000:
        return _("{n:.1f} Mb/s").format(n=amount / 1e6)
    return _("{n:.0f} kb/s").format(n=amount / 1e3) if amount >= 1000 else _("{n} b/s").format(n=amount)
