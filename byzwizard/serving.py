"""What the pages Services and Service are told of this node: states, what others offer, data and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from byzwizard import catalogue
from byzwizard.backends import filled, offering, owndata
from byzwizard.backends.printable import line, printable
from byzwizard.backends.system import System
from byzwizard.desk import Elsewhere, Offer, ServiceData, Serving

LINES = 200  # of a log
SIDE_BY_SIDE = 8


def offer(system: System) -> Offer:
    """Looks only, changes nothing."""
    chosen = offering.chosen(system)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        states = pool.map(lambda one: _serving(system, one), chosen)
        own = {one.name: now for one, now in zip(chosen, states, strict=True)}
    others = [Elsewhere(*(printable(str(row[key])) for key in ("name", "title", "node", "url")))
              for row in offering.of_others(system)]  # fmt: skip
    return Offer(own, tuple(others))


def _serving(system: System, one: offering.Offered) -> Serving:
    state, full = offering.state(system, one), filled.is_full(system, one.name)
    words = line(offering.complaint(system, one)) if state == "failing" and not full else ""
    return Serving(state, one.url, words, full)


def data(system: System, name: str) -> ServiceData | None:
    """None of a service that writes none, or that there is not."""
    service = catalogue.here().services.get(name)
    if service is None or not service.data:
        return None
    return ServiceData(service.data, owndata.size(system, service), owndata.kept(system, service))


def log(system: System, name: str) -> list[str]:
    """The newest line first."""
    unit = catalogue.here().services[name].unit
    told = system.run("journalctl", "--quiet", "--no-pager", "--output=json", "--reverse", f"--lines={LINES}",
                      f"--unit={unit}", ok=(0, 1), timeout=60).out  # fmt: skip
    return [shown for entry in told.splitlines() for shown in _shown(entry)]


def _shown(entry: str) -> Iterator[str]:
    """The lines of a journal entry (systemd.journal-fields(7)); a message that is no text is a list of bytes."""
    try:
        said: dict[str, Any] = json.loads(entry)
    except ValueError:
        return
    message = said.get("MESSAGE") or ""
    if isinstance(message, list):
        message = bytes(message).decode(errors="replace")
    at = time.strftime("%H:%M:%S", time.localtime(int(said.get("__REALTIME_TIMESTAMP", 0)) / 1e6))
    for each in str(message).splitlines():
        if each.strip():
            yield f"{at} {line(each)}"
