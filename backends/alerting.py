"""This node's own alert: kept, counted down, and told in its signed document.

It is one, and a newer one takes its place. How long it has stood is told by the clock that runs since the start of this
computer; only over a restart by the time of day, in which a clock that was set back counts for nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from byzwizard.backends import store, web
from byzwizard.backends.alerts import LISTED, LONGEST, Alert
from byzwizard.backends.neighbours import NODES
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.values import BadValue, alert_hours, alert_text

if TYPE_CHECKING:
    from byzwizard.backends.system import System

KEPT = "/etc/byzantium/alert.json"
MEANWHILE = "/run/byzantium/alert.json"  # while the store is locked
BOOT = "/proc/sys/kernel/random/boot_id"
SET = 60  # seconds by which the time of day jumps when a clock was set


@dataclass(frozen=True)
class Moment:
    """`up` counts seconds since the start, sleep included; `day` is the time of day (Unix)."""

    boot: str
    up: float
    day: float

    @classmethod
    def now(cls, system: System) -> Moment:
        return cls((system.read(BOOT) or "").strip(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


@dataclass(frozen=True)
class Own:
    """As it is kept: `node` is who said it, so that a copy of the file is nobody's else; `said` is when."""

    node: str
    text: str
    lasts: int  # seconds
    said: Moment

    def stood(self, now: Moment) -> float:
        """Seconds."""
        if self.said.boot == now.boot:
            return max(0.0, now.up - self.said.up)
        return max(0.0, now.day - self.said.day)

    def counted_on(self, now: Moment) -> Own:
        """The same, told by the clocks of now."""
        stood = self.stood(now)
        said = Moment(now.boot, now.up - stood, now.day - stood)
        same = said.boot == self.said.boot and abs(said.day - self.said.day) < SET
        return self if same else replace(self, said=said)


def place(system: System) -> str:
    """Nothing is written where a locked store would be."""
    return MEANWHILE if store.locked(system) else KEPT


def read(system: System) -> Own | None:
    """What is kept, whether or not its time is over; None where nothing is, or what is no alert of this node's."""
    try:
        data: dict[str, Any] = json.loads(system.read(place(system)) or "")
        own = Own(str(data["node"]), alert_text(data["text"]), int(data["lasts"]),
                  Moment(str(data["said"]["boot"]), float(data["said"]["up"]), float(data["said"]["day"])))
    except (ValueError, KeyError, TypeError, AttributeError, BadValue):
        return None
    from byzwizard.backends.keep import identity

    return own if 0 < own.lasts <= LONGEST and own.node == identity(system).id else None


def standing(system: System) -> tuple[Alert, ...]:
    """What the document says of it now."""
    own = read(system)
    if own is None:
        return ()
    stood = int(own.stood(Moment.now(system)))
    return (Alert(own.text, stood, own.lasts - stood),) if stood < own.lasts else ()


def say(system: System, text: str, hours: int) -> None:
    """Raises BadValue, and CannotHere on a computer that is no node."""
    from byzwizard.backends.keep import identity

    own = Own(identity(system).id, alert_text(text), alert_hours(hours) * 3600, Moment.now(system))
    _need_node(system)
    _keep(system, own)
    sign(system)


def withdraw(system: System) -> bool:
    """Was there one? Raises CannotHere on a computer that is no node."""
    _need_node(system)
    there = bool(standing(system))
    system.remove(place(system))
    if (web.own_document(system) or {}).get("alerts"):
        sign(system)
    return there


def renew(system: System) -> None:
    """Tell how long it has stood by now, and nothing more when its time is over."""
    own, now = read(system), Moment.now(system)
    if own is None or own.stood(now) >= own.lasts:
        system.remove(place(system))
    elif (counted := own.counted_on(now)) != own:
        _keep(system, counted)
    if own is not None:
        sign(system)


def sign(system: System) -> None:
    """A newer document of this node, with what stands now; nothing where there is none yet."""
    web.announce(system, (web.own_document(system) or {}).get("services", []))


def shown(system: System, clock: Callable[[], float] = time.monotonic) -> list[dict[str, Any]]:
    """The alerts of the mesh that stand now, the own one first, as tend has written them down: the shape of `alert
    --json`. `node` is what others are called here, None for this node; the text is a stranger's."""
    now = clock()
    try:
        rows = json.loads(system.read(NODES) or "{}").get("alerts", [])
        found = [{"node": row["label"], "id": row["node"], "text": str(row["text"]),
                  "age_seconds": max(0, int(now - row["since"])), "left_seconds": int(row["until"] - now)}
                 for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return [row for row in found if row["left_seconds"] > 0][:LISTED]


def _keep(system: System, own: Own) -> None:
    system.write(place(system), json.dumps(asdict(own), ensure_ascii=False) + "\n", mode=0o600)


def _need_node(system: System) -> None:
    if web.own_document(system) is None:
        raise CannotHere(_("This computer is not a node yet."), _("Run `byzwizard`: Just start makes it one."))
