"""`byzwizard tend`: the long-running duties. systemd starts them (byz-tend.service); by hand it is for looking on."""

import argparse

from byzwizard.commands import Context
from byzwizard.errors import CannotHere
from byzwizard.i18n import _


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(context: Context) -> int:
    from byzwizard import tend

    try:
        return tend.main()
    except OSError as fault:
        raise CannotHere(_("The names of other nodes cannot be kept: {why}.").format(why=fault.strerror or fault),
                         _("Set this node up first, and run this as root.")) from fault
