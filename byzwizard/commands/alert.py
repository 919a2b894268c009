"""the alerts of the mesh; or tell everybody something, in a sentence"""

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any

from byzwizard import alertwords
from byzwizard.backends import alerting
from byzwizard.backends.system import System
from byzwizard.commands import Context, need_root, need_this_computer, say
from byzwizard.errors import Invalid
from byzwizard.i18n import _, ngettext
from byzwizard.locking import only_one
from byzwizard.values import BadValue, alert_hours, alert_text

HOURS = 24


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", nargs="?", help=_("what every node shall show; in place of the former"))
    parser.add_argument("--hours", metavar="N", type=int,
                        help=_("how long it stands, at most {most} ({usual})").format(most=7 * 24, usual=HOURS))
    parser.add_argument("--withdraw", action="store_true", help=_("take this node's alert back"))


def run(context: Context) -> int:
    options = context.options
    if options.withdraw and (options.text is not None or options.hours is not None):
        raise Invalid(_("--withdraw takes the alert back, and needs nothing else."))
    if options.hours is not None and options.text is None:
        raise Invalid(_("--hours says how long an alert stands: its text is missing."))
    if options.text is None and not options.withdraw:
        return _show(context)
    need_this_computer(context)
    text, hours = _right(options.text, options.hours)
    need_root()
    system = System()
    with only_one(system, beside_copies=True):
        if options.withdraw:
            there = alerting.withdraw(system)
            say(context, [], _("The alert is taken back.") if there else _("This node has no alert."))
            return 0
        alerting.say(system, text, hours)
    row = {"node": None, "text": text, "age_seconds": 0, "left_seconds": hours * 3600}
    told = ngettext("Every node that is reached shows it within half a minute, for {n} hour.",
                    "Every node that is reached shows it within half a minute, for {n} hours.", hours).format(n=hours)
    say(context, [row], told)
    return 0


def _right(text: str | None, hours: int | None) -> tuple[str, int]:
    """Raises Invalid."""
    try:
        return ("" if text is None else alert_text(text)), alert_hours(HOURS if hours is None else hours)
    except BadValue as fault:
        raise Invalid(fault.message, fault.hint) from None


def _show(context: Context) -> int:
    if context.machine_file is not None:
        raise Invalid(_("A recorded machine has no state."), _("Leave out --machine."))
    rows = alerting.shown(System())
    say(context, rows, "\n".join(lines(rows, 100)) or _("No node has an alert."))
    return 0


def lines(rows: Sequence[dict[str, Any]], width: int) -> list[str]:
    text = []
    for row in rows:
        text += textwrap.wrap(alertwords.plain(row["text"]), width, initial_indent="  ! ", subsequent_indent="    ")
        text.append(f"    {alertwords.source(row)}")
    return text
