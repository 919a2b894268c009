"""How signals, rates and ways are drawn and said, on the Node page and on the map."""

from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Style

BARS = 6  # segments of a signal bar
FAIR, WEAK = -60, -75  # dBm below which 802.11n on 20 MHz falls under 50 and 10 Mb/s
NEAR, FAR = -40, -90  # dBm at which it is full and empty


def signal(dbm: int | None) -> str:
    """A bar of BARS segments, drawn with glyphs of the console's font."""
    if dbm is None:
        return ""
    full = round(max(0.0, min(1.0, (dbm - FAR) / (NEAR - FAR))) * BARS)
    return "▓" * full + "░" * (BARS - full)


def cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def bars(dbm: int | None) -> tuple[tuple[Style, str], ...]:
    """The same in its colour, and as wide where there is no signal to tell."""
    if dbm is None:
        return (("", " " * BARS),)
    style: Style = "good" if dbm > FAIR else "look" if dbm > WEAK else "bad"
    return ((style, signal(dbm)),)


def megabits(rate: float | None) -> str:
    return "" if rate is None else _("{rate:.0f} Mb/s").format(rate=rate)


def decibels(dbm: int | None) -> str:
    return "" if dbm is None else _("{dbm} dBm").format(dbm=dbm)


def hops(number: int | None) -> str:
    """None where the routing daemon does not tell how far a node is."""
    return _("farther") if number is None else ngettext("{n} hop", "{n} hops", number).format(n=number)
