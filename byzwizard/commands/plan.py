"""the steps that apply would take here, and nothing done"""

import argparse
from collections.abc import Callable

from byzwizard.backends.system import System
from byzwizard.commands import Context, file_path, say
from byzwizard.i18n import _
from byzwizard.plan import Plan, Step
from byzwizard.prepare import prepare
from byzwizard.resolve import Resolved


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=file_path, help=_("the answers file"))


def run(context: Context) -> int:
    system = System()
    ready = prepare(system, context.options.file, context.machine_file, context.stages)

    def needed(step: Step) -> bool:
        # On a recorded machine nothing has been done yet: every step stands before it.
        return context.machine_file is not None or step.needed(system)

    say(context, ready.plan.as_json(needed), text_of(ready.plan, ready.resolved, needed))
    return 0


def text_of(plan: Plan, resolved: Resolved, needed: Callable[[Step], bool]) -> str:
    lines = []
    for stage in plan.stages:
        steps = [(step, needed(step)) for step in stage.steps]
        lines.append(stage.title)
        for step, wanted in steps:
            mark = ("!" if step.destroys else "+") if wanted else "="
            lines.append(f"  {mark} {step.text}" + (f" ({step.destroys})" if step.destroys and wanted else ""))
    lines += ["", *resolved.notes, "", _("+ would be done   = is so already   ! erases   Nothing has been changed.")]
    return "\n".join(lines)
