"""the services that there are, here and on other nodes"""

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from byzwizard import catalogue
from byzwizard.backends import offering
from byzwizard.backends.printable import printable
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.diskwords import size
from byzwizard.errors import CannotHere, Invalid
from byzwizard.i18n import _

SIDE_BY_SIDE = 8


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(context: Context) -> int:
    if context.machine_file is not None:
        raise Invalid(_("A recorded machine has no state."), _("Leave out --machine."))
    system = System()
    chosen = {one.name: one for one in offering.chosen(system)}
    if chosen and os.geteuid() != 0:
        raise CannotHere(_("The state of a node is told to root only."), _("Try `sudo byzwizard services`."))
    there = catalogue.here()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:  # what hangs is waited for
        states = dict(zip(chosen, pool.map(lambda one: offering.state(system, one), chosen.values()), strict=True))
    rows = [
        offering.row(chosen[name], states[name]) if name in chosen
        else offering.row(offering.of(one, None), "off") for name, one in there.services.items()
    ]
    others = offering.of_others(system)
    if context.json:
        print(json.dumps([*rows, *others], ensure_ascii=False, indent=1))
    else:
        print("\n".join(lines(there, rows, others, offering.trusted(system))))
    for sentence in there.broken.values():
        print(f"byzwizard: {sentence}", file=sys.stderr)
    return 0


def lines(
    there: catalogue.Catalogue, rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]],
    trusted: str | None = None,
) -> list[str]:
    """For people: by category, what to compare before trusting them, then what others say that they offer."""
    words = {"off": _("off"), "starting": _("starting"), "on": _("on"), "failing": _("FAILS")}
    text: list[str] = []
    for category, heading in catalogue.CATEGORIES.items():
        own = [row for row in rows if there.services[row["name"]].category == category]
        text += [f"{_(heading)}:"] if own else []
        for row in own:
            one = there.services[row["name"]]
            text.append(f"  {row['name']:<10} {words[row['state']]:<9} {row['title']}: {_(one.purpose)}")
            needs = _("up to {memory} of memory").format(memory=size(one.memory_bytes))
            text.append(" " * 23 + (row["url"] or needs))
            if one.note and row["state"] != "off":
                text += textwrap.wrap(_(one.note), 100, initial_indent=" " * 23, subsequent_indent=" " * 23)
    if trusted is not None:
        text += ["", *textwrap.wrap(trusted, 100)]
    if others:
        text += ["", _("Offered by other nodes, in their own words:")]
        text += [f"  {printable(row['title'])} ({row['node']})  {row['url']}" for row in others]
    return text
