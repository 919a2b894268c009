"""Renew this node's certificate when its end is near, or when the clock was set (byz-certificate.service)."""

import sys

from byzwizard.backends import certificates, facts
from byzwizard.backends.directory import DOMAIN
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError


def main() -> int:
    """Exit status 0: it is good, or there is none to be had."""
    system = System()
    known = facts.read(system)
    if known is None:
        return 0
    step = certificates.Certify(id="certificate", text="", host=f"{known.id}.{DOMAIN}")
    try:
        if step.needed(system):
            step.apply(system, lambda _done, _total: None)
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
