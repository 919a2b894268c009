"""What is done with an address that an AHCP server leases, in two parts that do not trust each other.

`start` and `stop` are run by ahcpd (/usr/lib/byzantium/ahcp) with the server's words in the environment: they write
the addresses down and take nothing else of them, no name servers, no ways and no time. Exit status 1 has ahcpd go on
looking for a server. `settle` is run by byz-lease.service whenever that, or what is plugged in, changes: it alone may
set addresses, and judges them anew. The names and values of the environment are those of ahcpd's configure.c.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from byzwizard.backends import leased
from byzwizard.backends.leased import Verdict
from byzwizard.backends.system import System
from byzwizard.duty import tell
from byzwizard.errors import ByzantiumError

GIVEN = ("AHCP_IPv4_ADDRESS", "AHCP_IPv6_ADDRESS")


def offered(environment: Mapping[str, str]) -> str:
    """The addresses of a lease in a line."""
    return " ".join(word for name in GIVEN for word in environment.get(name, "").split()) + "\n"


def own(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The networks of this node and its mesh, which its own file of settings names."""
    return tuple(environment["OWN"].split())


def told(verdict: Verdict, former: Verdict) -> list[str]:
    """A line for each decision that is new."""
    said = []
    if verdict.taken != former.taken:
        words = ", ".join(verdict.taken)
        said.append(f"A server has leased {words}." if words else "There is no leased address any more.")
    said += [f"{one.address} of a server is refused: {leased.REASONS[one.why]()}."
             for one in verdict.refused if one not in former.refused]
    return said


def settle(system: System, networks: Sequence[str]) -> None:
    """The interface has what was offered and is good. Raises ByzantiumError."""
    text = system.read(leased.OFFERED) or ""
    former, verdict = leased.noted(system), leased.judge(text, leased.around(system, networks))
    leased.put(system, verdict.taken)
    leased.note(system, verdict)
    for line in told(verdict, former):
        print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    system = System()
    verb, = arguments
    try:
        if verb == "settle":
            settle(system, own(environment))
            return 0
        text = offered(environment) if verb == "start" else ""
        good = verb == "stop" or leased.judge(text, leased.around(system, own(environment))).taken
        system.write(leased.OFFERED, text)
        tell(system.path(leased.OFFERED).parent, "lease")
        return 0 if good else 1
    except ByzantiumError as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
