"""A radio or cable of this node that was away and is back, or a radio that came after the start (byz-plugged.service).

byzwizard.gateway sees that it is there; here the node's own answers are applied again, which takes it. What cannot be
taken is told by `status`, and not tried again before something else is plugged in.
"""

from __future__ import annotations

import sys

from byzwizard.backends import keep, revert
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError

ANSWERS = "/run/byzantium/plugged.yaml"
AGAIN = 75  # exit status that has systemd try again (EX_TEMPFAIL)


def main() -> int:
    """Exit status 0: done, or it cannot be; AGAIN while another change is under way."""
    from byzwizard.answers import save_text
    from byzwizard.cli import run
    from byzwizard.locking import only_one

    system = System()
    answers = keep.present(system)
    if answers is None or revert.armed(system):
        return AGAIN
    try:
        with only_one(system):
            system.write(ANSWERS, save_text(answers), mode=0o600)
    except ByzantiumError as busy:
        print(busy, file=sys.stderr)
        return AGAIN
    try:
        run(["apply", str(system.path(ANSWERS)), "--yes", "--skip", "clone", "--boot", "found"])
    finally:
        system.remove(ANSWERS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
