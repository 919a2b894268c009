"""The verbs of the command line, one file each: `arguments(parser)` and `run(context) -> exit status`."""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.errors import CannotHere, Invalid, Refused
from byzwizard.i18n import _
from byzwizard.plan import Stage


@dataclass(frozen=True)
class Context:
    """What a verb is given: its parsed options, and the way to the stages that this program knows (most verbs need
    none of them, and their import takes as long as the rest)."""

    options: argparse.Namespace
    load_stages: Callable[[], Sequence[Stage]]

    @property
    def stages(self) -> Sequence[Stage]:
        return self.load_stages()

    @property
    def json(self) -> bool:
        return bool(self.options.json)

    @property
    def yes(self) -> bool:
        return bool(self.options.yes)

    @property
    def machine_file(self) -> Path | None:
        return Path(self.options.machine) if self.options.machine is not None else None


def confirmed(parser: argparse.ArgumentParser) -> None:
    """For our own pages, which show what goes and start a verb that does it: the seals of what they showed."""
    parser.add_argument("--confirmed", metavar="SEALS", help=argparse.SUPPRESS)


def need_confirmed(context: Context, seal: str, what: str) -> None:
    """Raises Refused where a page confirmed something else: a stick was exchanged since."""
    seals = context.options.confirmed
    if seals is not None and seal not in seals.split(","):
        raise Refused(
            _("A disk was exchanged or changed since it was shown: {what}.").format(what=what.rstrip(".")),
            _("Nothing was written to it. Choose again."),
        )


def file_name(text: str) -> str:
    """An empty one is an empty variable of a script: it must not pass for an option that is absent, nor
    for the folder that we are in."""
    if not text:
        raise argparse.ArgumentTypeError(_("the name of a file is missing"))
    return text


def file_path(text: str) -> Path:
    return Path(file_name(text))


def say(context: Context, data: object, text: str) -> None:
    """The one answer of a verb, as JSON or in words."""
    print(json.dumps(data, ensure_ascii=False, indent=1) if context.json else text)


def need_this_computer(context: Context) -> None:
    """Raises Invalid on a recorded machine: it can be planned, and nothing else."""
    if context.machine_file is not None:
        raise Invalid(
            _("{verb} changes this computer, and a recorded machine can only be planned.").format(
                verb=context.options.verb
            ),
            _("Use `byzwizard plan`."),
        )


def need_root() -> None:
    """Raises CannotHere."""
    if os.geteuid() != 0:
        raise CannotHere(_("This changes the computer and needs the administrator (root)."), _("Try again with sudo."))
