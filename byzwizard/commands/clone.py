"""copy this system to other sticks, which are erased"""

import argparse
import signal
import sys

from byzwizard.backends import aboard, clone, copies, keep, targets
from byzwizard.backends.system import System
from byzwizard.commands import Context, confirmed, need_root, need_this_computer, secret
from byzwizard.commands.apply import confirm, told_as_json, told_in_words
from byzwizard.diskwords import copying
from byzwizard.engine import Engine, StageFailed
from byzwizard.errors import ByzantiumError, Interrupted
from byzwizard.events import Event, Tell
from byzwizard.i18n import _, ngettext
from byzwizard.journal import Journal
from byzwizard.plan import Plan, PlannedStage


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", metavar="DEVICE", nargs="+", help=_("/dev/…, a serial number, or internal:SERIAL"))
    content = parser.add_mutually_exclusive_group()
    content.add_argument("--blank", action="store_true", help=_("the system alone (so it is without a word)"))
    content.add_argument("--with-answers", action="store_true", help=_("the copies join this mesh by themselves"))
    parser.add_argument(
        "--with-data",
        action="store_true",
        help=_("what is kept goes along, with its own passphrase; keys and histories of the home folder do not"),
    )
    secret.arguments(parser, "", _("the passphrase of the copies"))
    confirmed(parser)


class NoJournal(Journal):
    """A copy cannot be taken back, and is no change of this node."""

    def _write(self, item: dict[str, object]) -> None:
        """Nothing is kept."""


def run(context: Context) -> int:
    need_this_computer(context)
    need_root()
    system = System()
    tell: Tell = told_as_json if context.json else Words()
    try:
        plan = _plan(context, system)
    except ByzantiumError as error:
        if context.json:
            told(tell, error.status, str(error), changed=False)
        raise
    return _copy(system, plan, tell)


def _plan(context: Context, system: System) -> Plan:
    """Confirmed. Raises Refused, CannotHere."""
    from byzwizard.machine import Machine

    options = context.options
    targets.settle(system)
    machine = Machine(disks=aboard.look(system, targets.disks_now(system), options.device, mount=True))
    hand = _hand(context, system) if options.with_data else None
    content = "data" if options.with_data else "blank"
    steps = clone.steps(options.device, content, keep.answers(system), machine, hand, options.with_answers)
    plan = Plan((PlannedStage(copies.STAGE.name, copies.STAGE.title, steps),))
    confirm(context, plan)
    return plan


def _hand(context: Context, system: System) -> "clone.Hand | None":
    """What hands the open store on, with the passphrase of the copies; None where no store is open."""
    from byzwizard.backends import handon, luks, making, store
    from byzwizard.values import size_bytes

    if not store.is_open(system):
        return None
    left_out = ", ".join(handon.PRIVATE)
    print(
        _("What is kept goes along, but for this node's identity, and of the home folder: {names}.").format(
            names=left_out
        ),
        file=sys.stderr,
    )
    passphrase = secret.given(context.options) or secret.asked(_("Passphrase of the copies"), twice=True)
    answers = keep.answers(system)
    opens_on = answers.persistence.opens_on if answers is not None else "1GiB"
    return handon.handing(making.Lock(passphrase, luks.memory_kib(size_bytes(opens_on))))


def _copy(system: System, plan: Plan, tell: Tell) -> int:
    sticks = len(plan.stages[0].steps)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: system.stop())
    try:
        Engine(system, NoJournal(system, {}), tell).apply(plan)
    except Interrupted:
        told(tell, 130, _("Interrupted. A stick that was not finished does not start; copy to it again."))
        return 130
    except StageFailed as error:
        status = error.status if sticks == 1 else 1
        told(tell, status, error.message)
        failed = ByzantiumError(error.message, error.hint)
        failed.status = status
        raise failed from error
    text = ngettext("Done: the stick can be pulled out.", "Done: the {n} sticks can be pulled out.", sticks)
    told(tell, 0, text.format(n=sticks))
    return 0


def told(tell: Tell, status: int, text: str, changed: bool = True) -> None:
    tell(Event("end", text=text, changed=changed, status=status))


class Words:
    """Events for a terminal: a line for each tenth of the way of each stick."""

    def __init__(self) -> None:
        self._tenths: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        if event.event != "progress" or not event.total or event.done is None:
            told_in_words(event)
            return
        tenth = 10 * event.done // event.total
        if tenth > self._tenths.get(event.step or "", 0):
            self._tenths[event.step or ""] = tenth
            print(f"  {event.text}: {copying(event)}", flush=True)
