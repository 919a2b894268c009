"""Alerts: a sentence that a node tells the whole mesh in its signed document, until its time is over.

Nobody's clock is believed, for many nodes have none that is right: a document says how old its alerts were when it was
signed and how long they have left, and whoever reads it counts from there. For tend: it imports little.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from byzwizard import values

PER_NODE = 3
LONGEST = values.ALERT_HOURS * 3600  # seconds
ON_PAGE = 12  # the nearest: the page stays a few kilobytes
LISTED = 100


@dataclass(frozen=True, slots=True)
class Alert:
    """One line of plain text; `age` and `left` are seconds at the moment of the signature."""

    text: str
    age: int
    left: int


@dataclass(frozen=True)
class Told:
    """An alert that stands: `label` is what its node is called here, None for our own; `since` and `until` are seconds
    of the monotonic clock, which all programs of one computer share."""

    label: str | None
    node: str
    text: str
    since: int
    until: int


def said(fields: Mapping[str, Any]) -> tuple[Alert, ...]:
    """The alerts of a document that are as they should be; a later program may say more of them, or others."""
    listed = fields.get("alerts")
    found = []
    for one in listed[:PER_NODE] if isinstance(listed, list) else ():
        text, age, left = (one.get(key) for key in ("text", "age", "left")) if isinstance(one, dict) else (0, 0, 0)
        if not isinstance(text, str) or type(age) is not int or type(left) is not int:
            continue
        if age >= 0 and left > 0 and age + left <= LONGEST and _plain(text):
            found.append(Alert(text, age, left))
    return tuple(found)


def _plain(text: str) -> bool:
    try:
        return values.alert_text(text) == text
    except values.BadValue:
        return False


def stand(label: str | None, node: str, alerts: Sequence[Alert], learned: float, now: float) -> list[Told]:
    """Those of one node whose time is not over; `learned` is when its document came."""
    told = [Told(label, node, one.text, round(learned) - one.age, round(learned) + one.left) for one in alerts]
    return [one for one in told if now < one.until]


def in_turn(nodes: Iterable[Sequence[Told]]) -> list[Told]:
    """The first alert of each node, then the second ones: who says much pushes nobody out. The nearest node first."""
    nodes = list(nodes)
    return [told[turn] for turn in range(PER_NODE) for told in nodes if turn < len(told)][:LISTED]


def page(alerts: Iterable[Told], own: str, now: float) -> str:
    """A list for the front page; empty where there is none. `own` is what we are called ourselves."""
    lines = [f'<li><p dir="auto">{html.escape(one.text)}</p>'
             f"<span>{html.escape(own if one.label is None else one.label)} · {age(now - one.since)}</span></li>\n"
             for one in list(alerts)[:ON_PAGE]]
    return "<ul>\n" + "".join(lines) + "</ul>\n" if lines else ""


def age(seconds: float) -> str:
    """In the signs of the units, which are the same in all languages (ISO 80000-3)."""
    minutes = max(0, int(seconds)) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
