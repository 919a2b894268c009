"""A radio or cable of this node that was away and is back, or a radio that came after the start (byz-plugged.service).

byzwizard.gateway sees that it is there; here the node's own answers are applied again, which takes it. What cannot be
taken is told by `status`, and not tried again before something else is plugged in.
"""

from __future__ import annotations

import sys

from byzwizard import again
from byzwizard.backends import keep, revert
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError

ANSWERS = "/run/byzantium/plugged.yaml"


def main() -> int:
    """Exit status 0: done, or it cannot be; again.BUSY while another change is under way."""
    from byzwizard.locking import only_one

    system = System()
    answers = keep.present(system)
    if answers is None or revert.armed(system):
        return again.BUSY
    try:
        with only_one(system):
            pass  # what was under way has ended
    except ByzantiumError as busy:
        print(busy, file=sys.stderr)
        return again.BUSY
    again.apply(system, answers, ANSWERS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
