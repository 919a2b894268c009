"""One apply at a time: a lock that the kernel drops when its holder dies."""

import contextlib
import os
from collections.abc import Iterator

from byzwizard.backends.system import System
from byzwizard.backends.waiting import wait_for_lock
from byzwizard.errors import Refused
from byzwizard.i18n import _

LOCK = "/run/byzantium/lock"
PATIENCE = 5.0  # seconds: what the node does by itself (an alert's age, a certificate) is over by then


@contextlib.contextmanager
def only_one(system: System) -> Iterator[None]:
    """Raises Refused while another apply or undo runs, and Interrupted."""
    path = system.path(LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not wait_for_lock(file.fileno(), PATIENCE):
            file.seek(0)
            raise Refused(
                _("Another change of this node is under way (process {pid}).").format(pid=file.read().strip() or "?"),
                _("Wait until it has ended, and try again."),
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
