"""`byzwizard report`: a support bundle, scrubbed of secrets, MACs and addresses."""

import argparse
import json
from datetime import UTC, datetime

from byzwizard.backends.paths import place
from byzwizard.backends.probe import machine_for
from byzwizard.backends.report import make_report
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.errors import StepFailed
from byzwizard.i18n import _


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE",
                        help=_("where to write it; - prints it (without: a file in /tmp, whose name is printed)"))


def run(context: Context) -> int:
    system = System()
    wanted = context.options.file
    path = None if wanted == "-" else place(
        f"/tmp/byzantium-report-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt" if wanted is None else wanted).path
    text = make_report(system, machine_for(system, context.machine_file))
    if path is None:
        print(json.dumps({"report": text}, ensure_ascii=False) if context.json else text)
        return 0
    try:
        system.write(path, text, mode=0o600)
    except OSError as fault:
        raise StepFailed(_("The report could not be written to {path}: {why}.").format(path=path, why=fault.strerror),
                         _("`byzwizard report -` prints it instead.")) from fault
    print(json.dumps({"report": str(path)}) if context.json else str(path))
    return 0
