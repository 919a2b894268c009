"""`byzwizard check FILE`: is this answers file right? Looks at the file alone, not at this computer."""

import argparse
import json
import sys
from pathlib import Path

from byzwizard.answers_file import load
from byzwizard.commands import Context, file_name
from byzwizard.faults import Fault, InvalidAnswers
from byzwizard.i18n import _
from byzwizard.values import shown


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=file_name, help=_("the answers file"))


def run(context: Context) -> int:
    """0, or 2 with one fault a line on standard error; with --json the shape of DESIGN on standard output."""
    name = context.options.file
    faults: tuple[Fault, ...] = ()
    try:
        load(Path(name))
    except InvalidAnswers as wrong:
        faults = wrong.faults
    if context.json:
        print(json.dumps({"ok": not faults, "faults": [fault.as_json() for fault in faults]}, ensure_ascii=False))
    elif faults:
        for fault in faults:
            print(fault.text(name), file=sys.stderr)
    else:
        print(_("{file} is right: every key is known and every value is possible.").format(file=shown(name, 4096)))
    return InvalidAnswers.status if faults else 0
