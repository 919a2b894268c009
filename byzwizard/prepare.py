"""From an answers file to a plan: the way that apply, plan and the wizard's Review share."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.answers import Answers
from byzwizard.backends.keep import identity
from byzwizard.backends.system import System
from byzwizard.i18n import use
from byzwizard.machine import Machine
from byzwizard.plan import Plan, Stage, make_plan
from byzwizard.resolve import Resolved, resolve


@dataclass(frozen=True)
class Prepared:
    answers: Answers  # with the contents of its passphrase files
    machine: Machine
    resolved: Resolved
    plan: Plan


def prepare(system: System, file: Path, machine_file: Path | None, stages: Sequence[Stage]) -> Prepared:
    """Raises Invalid for the files, CannotHere where this machine has not what is asked."""
    from byzwizard.answers import load
    from byzwizard.backends.probe import machine_for

    answers = load(file)
    return prepare_answers(system, answers, machine_for(system, machine_file), stages)


def prepare_answers(
    system: System, answers: Answers, machine: Machine, stages: Sequence[Stage], taken: Collection[str] = ()
) -> Prepared:
    from byzwizard.answers import with_secrets

    use(answers.node.language)
    answers = with_secrets(answers)
    resolved = resolve(answers, machine, identity(system), taken)
    return Prepared(answers, machine, resolved, make_plan(resolved, machine, stages))
