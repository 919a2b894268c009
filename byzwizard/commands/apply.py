"""bring this node to what FILE says"""

import argparse
import signal
import sys
from pathlib import Path

from byzwizard.backends import revert
from byzwizard.backends.system import System
from byzwizard.commands import Context, need_root
from byzwizard.errors import ByzantiumError, Interrupted, Invalid, Refused, StepFailed
from byzwizard.events import Event
from byzwizard.i18n import _
from byzwizard.locking import only_one
from byzwizard.plan import Plan
from byzwizard.prepare import Prepared, prepare, prepare_answers
from byzwizard.resolve import Resolved

TRIES = 4  # other prefixes for the phones, when one is found in use


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help=_("the answers file"))
    parser.add_argument("--skip", metavar="STAGE", action="append", default=[], help=_("leave a stage out"))


def run(context: Context) -> int:
    if context.machine_file is not None:
        raise Invalid(
            _("apply changes this computer, and a recorded machine can only be planned."), _("Use `byzwizard plan`.")
        )
    need_root()
    system = System()
    ready = prepare(system, context.options.file, None, context.stages)
    _confirm(context, ready.plan)
    with only_one(system):
        return Apply(context, system, ready).run()


def _confirm(context: Context, plan: Plan) -> None:
    """Erasing is never implicit. Raises Refused."""
    destroys = [step.destroys for stage in plan.stages for step in stage.steps if step.destroys]
    if not destroys or context.yes:
        return
    for line in destroys:
        print(_("This erases: {what}").format(what=line), file=sys.stderr)
    if not sys.stdin.isatty() or input(_("Type “erase” to go on: ")).strip() != _("erase"):
        raise Refused(
            _("Nothing was done: what it erases was not confirmed."), _("--yes stands in for the confirmation.")
        )


class Apply:
    """One run of the engine over what was prepared, told to the terminal or as JSON."""

    def __init__(self, context: Context, system: System, ready: Prepared) -> None:
        self._context = context
        self._system = system
        self._ready = ready
        self._tell = told_as_json if context.json else told_in_words

    def run(self) -> int:
        from byzwizard import journal

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._system.stop())
        cut_off = journal.unfinished(self._system)
        if cut_off:
            self._tell(Event("progress", text=cut_off))
        changed = 0
        try:
            changed = self._steps()
        except Interrupted:
            return self._end(130, _("Interrupted. What was done has been undone."))
        except ByzantiumError as error:
            self._end(error.status, str(error))
            raise
        if revert.armed(self._system):
            return self._end(
                0,
                _(
                    "Done. You are connected over the network that was changed: "
                    "`byzwizard confirm` within {seconds:.0f} s keeps it, else it is taken back."
                ).format(seconds=revert.waiting(self._system) or 0),
            )
        return self._end(
            0, _("Done.") if changed else _("Nothing to do: this node is as the answers say."), bool(changed)
        )

    def _steps(self) -> int:
        from byzwizard.backends.addresses import AddressTaken

        taken: set[str] = set()
        while True:
            try:
                return self._once()
            except StepFailed as error:
                cause = error.__cause__
                automatic = self._ready.answers.mesh.subnet == "auto"
                if not isinstance(cause, AddressTaken) or not automatic or len(taken) + 1 == TRIES:
                    raise
                taken.add(cause.prefix)
                was = self._ready
                self._ready = prepare_answers(
                    self._system, was.answers, was.machine, was.identity, self._context.stages, taken
                )

    def _once(self) -> int:
        from byzwizard.engine import Engine
        from byzwizard.journal import Journal

        skip = self._context.options.skip
        plan = Plan(tuple(stage for stage in self._ready.plan.stages if stage.name not in skip))
        if self._touches_caller(plan):
            revert.arm(self._system)
        record = Journal(self._system, {"name": self._ready.resolved.name})
        remember(self._system, self._ready)
        engine = Engine(self._system, record, self._tell)
        status = 1
        try:
            engine.apply(plan)
            status = 0
        except ByzantiumError as error:
            status = error.status
            if revert.armed(self._system):
                revert.disarm(self._system)
            raise
        finally:
            record.end(status)
        return engine.changed

    def _touches_caller(self, plan: Plan) -> bool:
        interface = revert.caller_interface(self._system)
        if interface is None or (interface and interface not in _interfaces(self._ready.resolved)):
            return False
        return any(step.network and step.needed(self._system) for stage in plan.stages for step in stage.steps)

    def _end(self, status: int, text: str, changed: bool = False) -> int:
        self._tell(Event("end", text=text, changed=changed, status=status))
        return status


def _interfaces(resolved: Resolved) -> set[str]:
    names = {"clients0", "here0", "keep0"}
    for link in resolved.links:
        names |= {link.name, link.interface}
    for access_point in resolved.access_points:
        names |= {access_point.name, access_point.interface or ""}
    return names


def remember(system: System, ready: Prepared) -> None:
    """What `undo` plans again, so that the steps of the journal can be found; readable by root alone."""
    from byzwizard.answers import save_text

    system.write("/run/byzantium/undo/applied.yaml", save_text(ready.resolved.answers), mode=0o600)
    system.write("/run/byzantium/undo/machine.json", ready.machine.model_dump_json(), mode=0o600)


def told_as_json(event: Event) -> None:
    print(event.line(), flush=True)


def told_in_words(event: Event) -> None:
    marks = {"start": "…", "finish": "✓", "fail": "✗", "undo": "↶", "end": "", "progress": " "}
    if event.event == "progress" and event.total:
        return
    if event.event == "end" and event.status not in (0, 130):
        return  # the sentence goes to standard error
    if event.event != "finish" or event.changed:
        print(f"{marks[event.event]} {event.text}".strip(), flush=True)
