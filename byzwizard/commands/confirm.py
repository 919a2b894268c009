"""keep a network change that waits for it"""

import argparse

from byzwizard.backends import revert
from byzwizard.backends.system import System
from byzwizard.commands import Context, need_root, say
from byzwizard.i18n import _


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> int:
    need_root()
    revert.confirm(System())
    say(context, {"confirmed": True}, _("Kept: the network stays as it is now, and at the next start."))
    return 0
