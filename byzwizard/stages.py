"""The parts of a node, in the order in which they are made. Imported by cli.py alone, which hands the list on."""

from byzwizard.backends import (
    access_point,
    addresses,
    batman,
    clock,
    copies,
    firewall,
    gateway,
    keep,
    mesh,
    names,
    persistence,
    portal,
    radio,
    remote,
    routing,
    traffic,
    wifi,
)
from byzwizard.plan import Stage

STAGES: tuple[Stage, ...] = (
    keep.NODE,
    firewall.STAGE,
    radio.STAGE,
    mesh.STAGE,
    batman.STAGE,
    addresses.STAGE,
    access_point.STAGE,
    routing.STAGE,
    portal.STAGE,
    names.STAGE,
    traffic.STAGE,
    wifi.STAGE,
    gateway.STAGE,
    remote.REMOTE,
    persistence.STAGE,
    keep.KEEP,
    clock.STAGE,
    copies.STAGE,
)
