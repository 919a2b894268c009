"""Alerts in words: how long ago, for how long yet. For the console and the pages of the wizard."""

from typing import Any

from byzwizard.i18n import _, ngettext
from byzwizard.values import JOINERS

HOUR, DAY = 3600, 24 * 3600


def ago(seconds: int) -> str:
    if seconds < 60:
        return _("just now")
    if seconds < HOUR:
        n = seconds // 60
        return ngettext("{n} minute ago", "{n} minutes ago", n).format(n=n)
    if seconds < 2 * DAY:
        n = seconds // HOUR
        return ngettext("{n} hour ago", "{n} hours ago", n).format(n=n)
    n = seconds // DAY
    return ngettext("{n} day ago", "{n} days ago", n).format(n=n)


def still(seconds: int) -> str:
    if seconds < HOUR:
        n = max(1, seconds // 60)
        return ngettext("for {n} more minute", "for {n} more minutes", n).format(n=n)
    n = round(seconds / HOUR)
    return ngettext("for {n} more hour", "for {n} more hours", n).format(n=n)


def source(row: dict[str, Any]) -> str:
    """Who said it, and when."""
    name = _("this node") if row["node"] is None else row["node"]
    when = ago(row["age_seconds"])
    if row["node"] is None:
        when = f"{when}, {still(row['left_seconds'])}"
    return f"{name}, {when}"


def plain(text: str) -> str:
    """A stranger's words without what a terminal shows as nothing or as a box."""
    kept = "".join(c for c in text if c not in JOINERS)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in kept)
