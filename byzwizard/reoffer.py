"""Announce again which services of this node work, where that has changed (byz-offer.service)."""

import sys
from typing import Any

from byzwizard.backends import offering, web
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Refused
from byzwizard.locking import only_one


def _told(system: System) -> Any:
    """What the signed document says of them."""
    return (web.own_document(system) or {}).get("services", [])


def main() -> int:
    """Exit status 0; also while another change is under way, which announces by itself."""
    system = System()
    try:
        told = _told(system)
        now = offering.announced(system, offering.chosen(system))
        if now != told:
            # They are not asked again in here: one that hangs would keep whoever wants a change waiting.
            with only_one(system, beside_copies=True):
                if _told(system) == told:
                    web.announce(system, now)
    except Refused:
        return 0
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
