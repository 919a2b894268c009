"""bring this node to what FILE says"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from byzwizard.backends import remembered, revert
from byzwizard.backends.release import must_be_free
from byzwizard.backends.system import System
from byzwizard.commands import Context, confirmed, file_path, need_confirmed, need_root, need_this_computer
from byzwizard.engine import Engine, StageFailed
from byzwizard.errors import ByzantiumError, CannotHere, Interrupted, Invalid, Refused, StepFailed
from byzwizard.events import Event
from byzwizard.i18n import _
from byzwizard.journal import Journal
from byzwizard.locking import only_one
from byzwizard.plan import MAY_SKIP, Plan, Stage
from byzwizard.prepare import Prepared, prepare, prepare_answers
from byzwizard.resolve import Resolved

TRIES = 4  # other prefixes for the phones, when one is found in use


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=file_path, help=_("the answers file"))
    parser.add_argument(
        "--boot",
        choices=("given", "found"),
        help=_("answers of a boot: a store that cannot be is left out; found ones never make one, nor erase anything"),
    )
    parser.add_argument("--skip", metavar="STAGE", action="append", default=[], help=_("leave a stage out"))
    parser.add_argument("--heard", help=argparse.SUPPRESS)  # by the wizard: apply does what Review has shown
    confirmed(parser)


def run(context: Context, check: Callable[[], None] = lambda: None) -> int:
    """`check` is called as soon as nobody else can change this node; it raises what keeps this from being done."""
    system = System()
    try:
        need_this_computer(context)
        need_root()
        _check_skip(context.options.skip)
        ready, stages = _prepared(context, system)
        confirm(context, ready.plan)
        with contextlib.ExitStack() as stack, only_one(system):
            check()
            ready = _with_passphrases(context, system, ready, stack)
            if revert.armed(system):
                raise Refused(
                    _("A change of the network waits to be confirmed."),
                    _("`byzwizard confirm` keeps it, `byzwizard undo` takes it back."),
                )
            must_be_free(system, ready.resolved, ready.machine)
            return Apply(context, system, ready, stages).run()
    except ByzantiumError as error:
        if context.json and not isinstance(error, Told):
            told_as_json(Event("end", text=str(error), changed=False, status=error.status))
        raise


def _prepared(context: Context, system: System) -> tuple[Prepared, Sequence[Stage]]:
    """With the stages that it was planned with. A boot makes the node even where some of its services cannot be, or its
    store."""
    stages, file, heard = _stages(context), context.options.file, context.options.heard
    if context.options.boot is None:
        return prepare(system, file, None, stages, again=True, heard=heard), stages
    said = []
    try:
        ready = prepare(system, file, None, stages, again=True, heard=heard, boot=True)
    except (Refused, CannotHere) as fault:
        stages = [stage for stage in stages if stage.name != "persistence"]
        try:
            ready = prepare(system, file, None, stages, heard=heard, boot=True)
        except (Refused, CannotHere):
            raise fault from None  # whatever stands in the way, it is not the store
        said = [_("Nothing is kept: {why}").format(why=fault)]
    for sentence in (*said, *ready.told):
        print(sentence, file=sys.stderr)
    return ready, stages


def _without_asked(plan: Plan) -> Plan:
    """Erasing is never implicit: what a person has to ask for is left out."""
    return Plan(
        tuple(replace(stage, steps=tuple(step for step in stage.steps if not step.asked)) for stage in plan.stages)
    )


def _with_passphrases(
    context: Context, system: System, ready: Prepared, stack: contextlib.ExitStack
) -> Prepared:
    """The passphrases of stores that are to be made, here and on copies, asked for where the answers name no file with
    them and somebody is there to ask."""
    if context.json or context.options.boot or not sys.stdin.isatty():
        return ready
    keep, copies = _asks(system, ready), _asks_for_copies(context, ready)
    if not keep and not copies:
        return ready
    from byzwizard.commands import secret
    from byzwizard.handed import handed

    answers = ready.answers
    if keep:
        path = stack.enter_context(handed(secret.asked(_("Passphrase of the new store"), twice=True)))
        answers = answers.model_copy(
            update={"persistence": answers.persistence.model_copy(update={"passphrase_file": path})})
    if copies:
        path = stack.enter_context(handed(secret.asked(_("Passphrase of the copies"), twice=True)))
        answers = answers.model_copy(update={"clone": answers.clone.model_copy(update={"passphrase_file": path})})
    return prepare_answers(system, answers, ready.machine, ready.identity, _stages(context))


def _asks(system: System, ready: Prepared) -> bool:
    if ready.answers.persistence.kind == "none":
        return False
    from byzwizard.backends.new_store import CreateStore

    asks = (step for step in ready.plan.steps
            if isinstance(step, CreateStore) and step.kib is not None and step.passphrase_file is None)
    step = next(asks, None)
    return step is not None and step.needed(system)


def _asks_for_copies(context: Context, ready: Prepared) -> bool:
    wanted = ready.answers.clone
    left_out = "clone" in context.options.skip
    return bool(wanted.to) and wanted.content == "data" and wanted.passphrase_file is None and not left_out


def _stages(context: Context) -> Sequence[Stage]:
    """Those that are not left out: they are not even planned."""
    return [stage for stage in context.stages if stage.name not in context.options.skip]


def _check_skip(stages: list[str]) -> None:
    """Raises Invalid for one that a node cannot do without."""
    for stage in stages:
        if stage not in MAY_SKIP:
            raise Invalid(
                _("--skip {stage}: this stage cannot be left out.").format(stage=stage),
                _("These can: {stages}.").format(stages=", ".join(MAY_SKIP)),
            )


def confirm(context: Context, plan: Plan) -> None:
    """Erasing is never implicit. Raises Refused."""
    system = System()
    for step in plan.steps:
        if step.seal and context.options.confirmed is not None and step.needed(system):
            need_confirmed(context, step.seal, step.destroys or step.text)
    steps = [step for step in plan.steps if step.destroys]
    if not steps or context.yes:
        return
    destroys = [step.destroys for step in steps if step.needed(system)]
    if not destroys:
        return
    for line in destroys:
        print(_("This erases: {what}").format(what=line), file=sys.stderr)
    if not sys.stdin.isatty() or input(_("Type “erase” to go on: ")).strip() != _("erase"):
        raise Refused(
            _("Nothing was done: what it erases was not confirmed."), _("--yes stands in for the confirmation.")
        )


class Told(ByzantiumError):
    """A failure whose end has been told as an event."""

    def __init__(self, error: ByzantiumError) -> None:
        super().__init__(error.message, error.hint)
        self.status = error.status


class Apply:
    """One run of the engine over what was prepared, told to the terminal or as JSON."""

    def __init__(self, context: Context, system: System, ready: Prepared, stages: Sequence[Stage]) -> None:
        self._context = context
        self._stages = stages
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
            return self._end(130, self._interrupted())
        except ByzantiumError as error:
            self._end(error.status, str(error))
            raise Told(error) from error
        remembered.stamp(self._system)
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

    def _interrupted(self) -> str:
        from byzwizard import journal

        record = journal.read(self._system)
        left = [entry.text for entry in record.entries] if record else []
        if not left:
            return _("Interrupted. What was done has been undone.")
        return _("Interrupted. This could not be undone: {steps}.").format(steps="; ".join(left))

    def _steps(self) -> int:
        """The number of changes. One journal and one engine over all tries, so that undo takes back all of them."""
        from byzwizard.backends.addresses import AddressTaken

        record = Journal(self._system, {"name": self._ready.resolved.name})
        engine = Engine(self._system, record, self._tell)
        taken: set[str] = set()
        status = 1
        try:
            while True:
                try:
                    self._once(engine)
                    status = 0
                    return engine.changed
                except StepFailed as error:
                    cause = error.__cause__
                    automatic = self._ready.answers.mesh.subnet == "auto"
                    if not isinstance(cause, AddressTaken) or not automatic or len(taken) + 1 == TRIES:
                        raise
                    taken.add(cause.prefix)
                    was = self._ready
                    self._ready = prepare_answers(
                        self._system, was.answers, was.machine, was.identity, self._stages, taken,
                        boot=self._context.options.boot is not None
                    )
        except ByzantiumError as error:
            status = error.status
            raise
        finally:
            record.end(status)
            self._left(record)

    def _once(self, engine: Engine) -> None:
        from byzwizard.backends import services

        plan = services.lenient(self._system, self._ready.plan, vars(self._context.options).get("names", ()))
        if self._context.options.boot == "found":
            plan = _without_asked(plan)
        if self._touches_caller(plan):
            revert.arm(self._system)
        remember(self._system, self._ready)
        while True:
            try:
                return engine.apply(plan)
            except StageFailed as failed:
                if self._context.options.boot is None or not failed.step.startswith("service-"):
                    raise
                plan = plan.without(failed.step)  # has been told; at boot the other services start all the same

    def _left(self, record: Journal) -> None:
        """Whoever is connected over the network gets the whole time to confirm, and keeps the timer when a later
        stage failed: what the earlier ones changed is taken back by it."""
        from byzwizard import journal

        if not revert.armed(self._system):
            return
        last = journal.read(self._system)
        if record.opened and last is not None and last.entries:
            revert.arm(self._system)
        else:
            revert.disarm(self._system)

    def _touches_caller(self, plan: Plan) -> bool:
        interface = revert.caller_interface(self._system)
        if interface is None:
            return False
        from byzwizard.backends import gateway, interfaces

        # Every radio is given another task or let go; a wired port is looked after by one stage. Where it cannot be
        # told, it may be any of them.
        ours = not interface or interface in _interfaces(self._ready.resolved) \
            or interfaces.phy_of(self._system, interface) is not None
        return any(step.network and step.needed(self._system) for stage in plan.stages for step in stage.steps
                   if ours or stage.name == gateway.STAGE.name)

    def _end(self, status: int, text: str, changed: bool = False) -> int:
        self._tell(Event("end", text=text, changed=changed, status=status))
        return status


def _interfaces(resolved: Resolved) -> set[str]:
    names = {"clients0", "here0", "keep0"}
    for link in resolved.links:
        names |= {link.name, link.interface}
    for access_point in resolved.access_points:
        names |= {access_point.name, access_point.interface or access_point.name}
    return names


def remember(system: System, ready: Prepared) -> None:
    """What `undo` plans again, so that the steps of the journal can be found; readable by root alone."""
    from byzwizard.answers import save_text

    answers = ready.resolved.answers.model_copy(update={"services": ready.resolved.services})
    if any(stage.name == "clone" for stage in ready.plan.stages):  # else it was left out, and cannot be planned again
        answers = answers.model_copy(update={"clone": ready.resolved.clone})
    system.write("/run/byzantium/undo/applied.yaml", save_text(answers), mode=0o600)
    remembered.remember(system, ready.machine)


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
