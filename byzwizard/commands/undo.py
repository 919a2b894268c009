"""take the last apply back"""

import argparse
import signal
from pathlib import Path

from byzwizard import journal
from byzwizard.backends import revert
from byzwizard.backends.system import System
from byzwizard.commands import Context, need_root, need_this_computer
from byzwizard.commands.apply import told_as_json, told_in_words
from byzwizard.events import Event
from byzwizard.i18n import _
from byzwizard.locking import only_one
from byzwizard.plan import Step


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> int:
    need_this_computer(context)
    need_root()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # half an undo helps nobody
    system = System()
    tell = told_as_json if context.json else told_in_words
    with only_one(system, beside_copies=revert.armed(system)):
        revert.disarm(system)
        record = journal.read(system)
        if record is None or not record.entries:
            tell(Event("end", text=_nothing(record), changed=False, status=0))
            return 0
        steps = _planned(context, system)
        from byzwizard.engine import Engine

        keep = journal.Journal(system, record.opening)
        keep.go_on()
        Engine(system, keep, tell).undo(
            [(entry.stage, steps[entry.step], entry) for entry in record.entries if entry.step in steps]
        )
        left = journal.read(system)
        status = 1 if left is not None and left.entries else 0
        keep.end(status)
    tell(
        Event(
            "end",
            text=_("Undone: this node is as it was before.") if status == 0 else _("Not all could be undone."),
            changed=True,
            status=status,
        )
    )
    return status


def _nothing(record: journal.Record | None) -> str:
    """Why there is nothing to take back."""
    if record is None:
        return _("Nothing to undo: no change stands since this computer was switched on.")
    return _("The last change was taken back already; earlier ones cannot be. `byzwizard enable` and `disable` switch "
             "services, `byzwizard` changes the rest.")


def _planned(context: Context, system: System) -> dict[str, Step]:
    """The steps of the last apply, planned again from what it remembered."""
    from byzwizard.answers import load
    from byzwizard.backends.keep import identity
    from byzwizard.backends.probe import machine_for
    from byzwizard.prepare import prepare_answers

    folder = Path("/run/byzantium/undo")
    machine = machine_for(system, folder / "machine.json")
    ready = prepare_answers(system, load(folder / "applied.yaml"), machine, identity(system), context.stages)
    return {step.id: step for stage in ready.plan.stages for step in stage.steps}
