"""What `enable` and `disable` share: the node's own answers with other services, through the apply of all changes."""

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from byzwizard import catalogue_names, values
from byzwizard.answers import Answers, save_text
from byzwizard.backends import keep
from byzwizard.backends.system import System
from byzwizard.commands import Context, apply, need_root, need_this_computer
from byzwizard.errors import CannotHere, Invalid
from byzwizard.i18n import _

FILE = "/run/byzantium/choosing-{pid}.yaml"


class _Changed(Exception):
    """Somebody else was first."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help=_("a service; `byzwizard services` lists them"))


def names(context: Context) -> tuple[str, ...]:
    """What was said, none twice. Raises Invalid for what no service is called."""
    try:
        return tuple(dict.fromkeys(catalogue_names.known(name) for name in context.options.names))
    except values.BadValue as fault:
        raise Invalid(fault.message, fault.hint) from None


def change(context: Context, choose: Callable[[tuple[str, ...]], tuple[str, ...]]) -> int:
    """Apply this node's answers with the services that `choose` makes of the present ones. The exit status of apply."""
    need_this_computer(context)
    need_root()
    system = System()
    while True:
        try:
            return _apply(context, system, own(system), choose)
        except _Changed:
            continue


def _apply(
    context: Context, system: System, answers: Answers, choose: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> int:
    def check() -> None:
        if own(system) != answers:
            raise _Changed

    file = FILE.format(pid=os.getpid())
    system.write(file, save_text(answers.model_copy(update={"services": choose(answers.services)})), mode=0o600)
    options = vars(context.options) | {"file": Path(file), "boot": None, "skip": ["clone", "persistence"],
                                       "heard": None, "confirmed": None}
    try:
        return apply.run(replace(context, options=argparse.Namespace(**options)), check)
    finally:
        system.remove(file)


def own(system: System) -> Answers:
    """What this node is now. Raises CannotHere."""
    answers = keep.present(system)
    if answers is None:
        raise CannotHere(_("This computer is not a node yet."), _("Run `byzwizard`: Just start makes it one."))
    return answers
