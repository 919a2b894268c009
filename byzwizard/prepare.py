"""From an answers file to a plan: the way that apply, plan and the wizard's Review share."""

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from byzwizard.answers import Answers
from byzwizard.backends import facts, prefixes, remembered
from byzwizard.backends.keep import identity
from byzwizard.backends.system import System
from byzwizard.i18n import _, use
from byzwizard.identity import Identity
from byzwizard.machine import Machine
from byzwizard.plan import Plan, Stage, make_plan
from byzwizard.resolve import Resolved, resolve


@dataclass(frozen=True)
class Prepared:
    answers: Answers  # with the contents of its passphrase files
    machine: Machine
    identity: Identity
    resolved: Resolved
    plan: Plan
    told: tuple[str, ...] = ()  # what a boot leaves out of what was chosen, and why


def prepare(
    system: System,
    file: Path,
    machine_file: Path | None,
    stages: Sequence[Stage],
    again: bool = False,
    heard: str | None = None,
    boot: bool = False,
) -> Prepared:
    """`again`: what the last apply saw of this computer will do, where nothing has changed since. `heard`: what Review
    heard of others, as hearing.py writes it. `boot`: services that cannot be are left out, and a node is wanted even
    where its card can only join and there is nobody to join yet. Raises Invalid for the files, CannotHere where this
    machine has not what is asked."""
    from byzwizard.answers import load

    gone: list[str] = []
    answers = load(file, gone if boot else None)
    # What is on disks changes without an event.
    again = again and answers.persistence.kind == "none" and not answers.clone.to
    machine = remembered.recall(system) if again else None
    if machine is None:
        from byzwizard.backends.probe import machine_for

        machine = machine_for(system, machine_file)
    if machine_file is None:
        machine = looked(system, answers, _listened(system, answers, machine, heard))
        machine = machine.model_copy(update={"patient": boot or facts.waits(system)})
    node = identity(system) if machine_file is None else rehearsed(machine)
    ready = prepare_answers(system, answers, machine, node, stages, boot=boot, recorded=machine_file is not None)
    missing = [_("This version of Byzantium has no service {name}: it is left out.").format(name=name) for name in gone]
    return replace(ready, told=(*missing, *ready.told))


def looked(system: System, answers: Answers, machine: Machine) -> Machine:
    """With what people keep on the sticks that are to be copied to."""
    if not answers.clone.to:
        return machine
    from byzwizard.backends import aboard

    disks = aboard.look(system, machine.disks, answers.clone.to, mount=os.geteuid() == 0)
    return machine.model_copy(update={"disks": disks})


def _listened(system: System, answers: Answers, machine: Machine, heard: str | None) -> Machine:
    """Who is near decides what some radios do. Only root can listen."""
    from byzwizard.ladder import listeners

    if os.geteuid() != 0 or not listeners(answers, machine):
        return machine
    from byzwizard.backends import hearing

    if heard is not None:
        return machine.model_copy(update={"heard": hearing.read(heard)})
    return hearing.listened(system, answers, machine)


def rehearsed(machine: Machine) -> Identity:
    """An identity for a machine that is not this one: always the same, and nothing is written."""
    return Identity(hashlib.sha256(machine.model_dump_json().encode()).digest())


def prepare_answers(
    system: System,
    answers: Answers,
    machine: Machine,
    node: Identity,
    stages: Sequence[Stage],
    taken: Collection[str] = (),
    boot: bool = False,
    recorded: bool = False,
) -> Prepared:
    """What a recorded machine comes to does not depend on this computer. Raises Invalid, CannotHere, Refused."""
    from byzwizard import absent, later
    from byzwizard.answers import with_secrets

    use(answers.node.language)
    answers = with_secrets(answers)
    former = None
    if answers.mesh.subnet == "auto" and not recorded:
        taken, former = {*taken, *prefixes.in_use(system)}, prefixes.former(system)
    without = later.left_out(answers, machine) if boot else {}
    missing = absent.left_out(answers, machine) if boot else {}
    resolved = resolve(answers, machine, node, taken, former, without, missing)
    told = tuple(dict.fromkeys((*without.values(), *missing.values())))
    plan = make_plan(resolved, machine, stages)
    if answers.persistence.kind != "none" and not recorded and not boot:
        from byzwizard.backends import new_store

        new_store.need_meant(system, plan, answers.persistence)
    return Prepared(answers, machine, node, resolved, plan, told)
