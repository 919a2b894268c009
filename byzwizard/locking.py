"""One apply at a time: a lock that the kernel drops when its holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from byzwizard.backends.system import System
from byzwizard.errors import Refused
from byzwizard.i18n import _

LOCK = "/run/byzantium/lock"


@contextlib.contextmanager
def only_one(system: System) -> Iterator[None]:
    """Raises Refused while another apply or undo runs."""
    path = system.path(LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused(
                _("Another change of this node is under way (process {pid}).").format(pid=file.read().strip() or "?"),
                _("Wait until it has ended, and try again."),
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
