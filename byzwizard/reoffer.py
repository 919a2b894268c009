"""Announce again which services of this node work, where that has changed (byz-offer.service)."""

import sys
from typing import Any

from byzwizard.backends import offering, web
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Refused
from byzwizard.locking import only_one


def _news(system: System) -> list[dict[str, Any]] | None:
    """What the signed document is to say of them; None where it does."""
    now = offering.announced(system, offering.chosen(system))
    return None if now == (web.own_document(system) or {}).get("services", []) else now


def main() -> int:
    """Exit status 0; also while another change is under way, which announces by itself."""
    system = System()
    try:
        if _news(system) is not None:
            with only_one(system, beside_copies=True):
                if (now := _news(system)) is not None:
                    web.announce(system, now)
    except Refused:
        return 0
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
