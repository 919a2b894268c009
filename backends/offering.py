"""What this node offers and whether it works, and what others say that they offer: for `services` and `status`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from byzwizard import fulldisks, partly
from byzwizard.backends import certificates, filled, health, store
from byzwizard.backends.health import Health
from byzwizard.backends.units import invocation, last_words, running
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from byzwizard.backends.checks import Check
    from byzwizard.backends.system import System
    from byzwizard.catalogue import Descriptor

FACTS = "/run/byzantium/services.json"
MOST = 1000  # services of others that are listed
State = Literal["off", "starting", "on", "failing"]


@dataclass(frozen=True)
class Offered:
    """A service that was chosen, or that one needs. `title` is in English until it is shown, `memory_bytes` what it may
    take at the most; `program` is its address for programs (catalogue.Descriptor), `peer` and `call` are its templates
    for other nodes (catalogue.Links), `announce` its types of DNS-SD with their ports: each empty where there is none.
    """

    name: str
    title: str
    unit: str
    memory_bytes: int
    url: str | None
    health: Health
    certificate: bool = False
    program: str = ""
    peer: str = ""
    call: str = ""
    announce: tuple[tuple[str, int], ...] = ()

    def known_by(self, system: System) -> str:
        """SHA-256 of the certificate that it, or the server of its pages, shows; empty where there is none."""
        return certificates.known_by(system, self.name if self.certificate else certificates.NODE)

    def announced(self, certificate: str) -> dict[str, Any]:
        """As directory.offered reads it; `certificate`: the one by which those it links itself with know it."""
        said = {"name": self.name, "title": self.title, "url": str(self.url)}
        more = {"program": self.program, "certificate": certificate if self.peer else "",
                "announce": [{"type": kind, "port": port} for kind, port in self.announce]}
        return {**said, **{key: value for key, value in more.items() if value}}


def of(one: Descriptor, host: str | None) -> Offered:
    """`host` is the canonical name of the node; None where it is not offered."""
    from byzwizard.service_files import template

    peer, call = (template(one, one.links.peer), template(one, one.links.call)) if one.links else ("", "")
    return Offered(one.name, one.title, one.unit, one.memory_bytes, one.address(host) if host else None,
                   health.of(one.health), one.certificate, one.for_programs(host) if host else "", peer, call,
                   tuple((each.type, each.port) for each in one.announce))


def chosen(system: System) -> tuple[Offered, ...]:
    """Those of this node, as it was last made; none on a computer that is not set up."""
    try:
        rows = json.loads(system.read(FACTS) or "[]")
        return tuple(Offered(**{**row, "health": Health(**row["health"])}) for row in rows)
    except (ValueError, KeyError, TypeError):
        return ()


def state(system: System, one: Offered) -> State:
    """Of a service that is to run; one whose data may be in a locked store waits for them. One that is not healthy is
    starting for as long as its start may take."""
    if not running(system, one.unit):
        return "off" if store.locked(system) else "failing"
    if health.healthy(system, one.health):
        return "on"
    return "starting" if _age(system, one.unit) < one.health.within else "failing"


def announced(system: System, offered: Sequence[Offered]) -> list[dict[str, Any]]:
    """What the signed document is to say: those that work, and those that are starting where it names them."""
    from byzwizard.backends import web

    told = {one["name"] for one in (web.own_document(system) or {}).get("services", ())}
    return [one.announced(one.known_by(system)) for one in offered
            if (now := state(system, one)) == "on" or (now == "starting" and one.name in told)]


def _age(system: System, unit: str) -> float:
    """Seconds since its start, whatever became of the time of day since."""
    shown = system.run("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit, ok=range(256))
    began = shown.out.strip()
    return time.monotonic() - int(began) / 1e6 if began.isdecimal() and began != "0" else 0.0


def row(one: Offered, now: State) -> dict[str, Any]:
    """The shape of `services --json`; `node` is None for what this node offers itself."""
    return {"name": one.name, "title": _(one.title), "state": now, "memory_bytes": one.memory_bytes, "url": one.url,
            "node": None}


def complaints(system: System, offered: Sequence[Offered], rows: Sequence[dict[str, Any]]) -> list[Check]:
    """A check that fails for each service that was chosen and does not work, with what it said last."""
    from byzwizard.backends.checks import Check

    return [Check(partly.SERVICE + one.name, False, *_complaint(system, one))
            for one, now in zip(offered, rows, strict=True) if now["state"] == "failing"]


def _complaint(system: System, one: Offered) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if filled.is_full(system, one.name):
        return _("{title} does not work: its disk is full.").format(title=_(one.title)), fulldisks.advice()
    return (_("{title} does not work. It said: {words}").format(title=_(one.title), words=complaint(system, one)),
            _("`byzwizard enable {name}` tries again, `byzwizard disable {name}` switches it off; "
              "`journalctl -u {unit}` shows all of it.").format(name=one.name, unit=_at_fault(system, one)))


def complaint(system: System, one: Offered) -> str:
    """What it said last, of a service that does not work."""
    unit = _at_fault(system, one)
    return last_words(system, unit, invocation(system, unit))


def _at_fault(system: System, one: Offered) -> str:
    """Of its units the first that does not run."""
    return next((unit for unit in (one.unit, *one.health.units) if not running(system, unit)), one.unit)


def trusted(system: System) -> str | None:
    """What to compare before a device is made to trust this node, None while it shows nobody how."""
    from byzwizard.backends import trust

    known = trust.shown(system)
    if known is None:
        return None
    return _("Fingerprint of this node's authority, for http://here.byzantium.mesh/trust: {fingerprint}").format(
        fingerprint=known)


def of_others(system: System) -> list[dict[str, Any]]:
    """What other nodes say that they offer, in the same shape: `node` is what they are called here."""
    from byzwizard.backends.neighbours import NODES

    try:
        nodes = json.loads(system.read(NODES) or "{}").get("nodes", [])
        rows = [{"name": one["name"], "title": one["title"], "state": "on", "memory_bytes": 0, "url": one["url"],
                 "node": node["label"]} for node in nodes for one in node.get("services", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return rows[:MOST]
