"""keep a network change that waits for it"""

import argparse

from byzwizard.backends import revert
from byzwizard.backends.system import System
from byzwizard.commands import Context, need_root, need_this_computer, say
from byzwizard.i18n import _
from byzwizard.locking import only_one


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> int:
    need_this_computer(context)
    need_root()
    system = System()
    with only_one(system, beside_copies=True):
        revert.confirm(system)
    say(context, {"confirmed": True}, _("Kept: the network stays as it is now, and at the next start."))
    return 0
