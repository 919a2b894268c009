"""Renew this node's certificates when its end is near, or when the clock was set (byz-certificate.service)."""

import sys

from byzwizard.backends import certificates, facts, offering, trust, web
from byzwizard.backends.directory import DOMAIN
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError
from byzwizard.locking import only_one


def _announce(system: System) -> None:
    """Services that link themselves with those of other nodes are known by the certificate."""
    told = (web.own_document(system) or {}).get("services", [])
    known = {one.name: one.known_by(system) for one in offering.chosen(system)}
    now = [{**one, "certificate": known.get(one["name"], "")} if "certificate" in one else one for one in told]
    if now != told:
        web.announce(system, now)


def main() -> int:
    """Exit status 0: they are good, or there are none to be had; 3 while another change is under way, which may wait
    for what would be started anew here: systemd tries again."""
    system = System()
    try:
        with only_one(system, beside_copies=True):
            _renew(system)
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return fault.status
    return 0


def _renew(system: System) -> None:
    """Raises ByzantiumError."""
    known = facts.read(system)
    if known is None:
        return
    users = tuple((one.name, one.unit) for one in offering.chosen(system) if one.certificate)
    host = f"{known.id}.{DOMAIN}"
    for step in (certificates.Certify(id="certificate", text="", host=host, users=users),
                 trust.Explain(id="trust", text="", host=host, shown=True)):
        if step.needed(system):
            step.apply(system, lambda _done, _total: None)
    _announce(system)


if __name__ == "__main__":
    sys.exit(main())
