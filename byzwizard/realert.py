"""Tell the age of this node's alert anew, or that its time is over (byz-alert.service)."""

import sys

from byzwizard.backends import alerting
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Refused
from byzwizard.locking import only_one


def main() -> int:
    """Exit status 0; also while another change is under way, after which it is told anyway."""
    system = System()
    try:
        with only_one(system, beside_copies=True):
            alerting.renew(system)
    except Refused:
        return 0
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
