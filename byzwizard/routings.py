"""The routing protocols that mesh.routing can name, with what has to be known of each before anything is done. How it
is driven is a file of its own in backends/, listed in backends/routing.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard.errors import CannotHere
from byzwizard.i18n import N_, _

if TYPE_CHECKING:
    from byzwizard.machine import Machine

BABEL = 42  # RTPROT_BABEL; over bat0 too
OLSR = 152  # of olsrd as it is set up here; it has no number of its own


@dataclass(frozen=True)
class Routing:
    """`hint` is the line of the page that offers it. `keyed`: it takes ways from those alone that have the mesh's key;
    `over_hubs`: such ways are taken from among phones too, so that nodes join each other's access points; `single`: it
    announces an address that was leased to the node beside the clients' network; `whole` is the interface that it makes
    of all mesh links; `program` what it needs and this stick does not bring; `kernel` the protocol number of its routes
    in the kernel's table (RTPROT_ of linux/rtnetlink.h); `sixes`: it carries IPv6, by which nodes that have one network
    for their phones find each other."""

    name: str
    hint: str
    keyed: bool = True
    over_hubs: bool = False
    single: bool = False
    whole: str | None = None
    program: str | None = None
    kernel: int | None = None
    sixes: bool = True

    def lack(self, machine: Machine) -> CannotHere | None:
        """Why a computer cannot have it, and what to do; None where it can."""
        if self.program is None or self.program in machine.programs:
            return None
        return CannotHere(
            _("{key}: that needs the program {program}, which neither Debian nor this stick has.").format(
                key="mesh.routing", program=self.program
            ),
            _("Install {program} on every node of the mesh, or set mesh.routing to babel on all of them.").format(
                program=self.program
            ),
        )


ROUTINGS = {
    routing.name: routing
    for routing in (
        Routing("babel", N_("babel: the usual one"), over_hubs=True, single=True, kernel=BABEL),
        Routing("batman-adv", N_("batman-adv: where the others have it"), single=True, whole="bat0", kernel=BABEL),
        Routing("olsr", N_("olsr: where the others have it; without a key"), keyed=False, program="olsrd", kernel=OLSR,
                sixes=False),
        Routing("none", N_("none: no ways are looked for")),
    )
}
PROGRAMS = tuple(routing.program for routing in ROUTINGS.values() if routing.program is not None)
