"""Services of several nodes that are one network: what the configuration of one says of the others.

For tend: it imports little. Every value of another node was checked (directory.check), and none is free text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from string import Template

from byzwizard.backends.directory import DOMAIN

CALLS = 32  # nodes that are called, the nearest ones; the others call, or are reached through one of these


@dataclass(frozen=True)
class Templates:
    """Of a service of this node: `peer` is filled in for each other one, `call` for those that this node calls."""

    name: str
    peer: str
    call: str


@dataclass(frozen=True)
class Node:
    """Another one that offers the service; `certificate` is empty where it does not say how it is known."""

    id: str
    address: str
    certificate: str
    hops: int


def services(facts: str) -> list[Templates]:
    """Those that link themselves, from the text of services.json (offering.Offered)."""
    return [Templates(one["name"], one["peer"], one["call"]) for one in json.loads(facts or "[]") if one.get("peer")]


def lines(service: Templates, own_id: str, others: Iterable[Node]) -> str:
    """Of two nodes the one with the smaller id calls, so that they do not both at once. Links are IPv4 as routes are:
    a node that is hidden behind another with its address waits until one of them has moved."""
    nodes = [node for node in others if node.certificate and ":" not in node.address]
    near = sorted((node for node in nodes if node.id > own_id), key=lambda node: (node.hops, node.id))
    called = set(near[:CALLS])
    return "".join(
        Template(service.peer + service.call * (node in called)).substitute(
            host=f"{node.id}.{DOMAIN}", address=node.address, certificate=node.certificate)
        for node in sorted(nodes, key=lambda node: node.id))
