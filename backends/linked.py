"""Services of several nodes that are one network: what the configuration of one says of the others.

For tend: it imports little. Every value of another node was checked (directory.check), and none is free text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from string import Template

from byzwizard.backends.directory import DOMAIN

CALLS = 32  # nodes that may be called, the nearest ones first


@dataclass(frozen=True)
class Templates:
    """Of a service of this node: `peer` is filled in for each other one, `call` once, with those that this node may
    call."""

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
    """Whoever has the smaller id calls. A service that bears no ring, as IRC, calls one at a time: each has one link at
    the most to a greater id then; and of two networks the one whose greatest id is the smaller one finds nobody of its
    own list linked, and calls. Links are IPv4 as routes are: a node that is hidden behind another
    with its address waits until one of them has moved."""
    nodes = sorted((node for node in others if node.certificate and ":" not in node.address), key=lambda node: node.id)
    near = sorted((node for node in nodes if node.id > own_id), key=lambda node: node.hops)[:CALLS]
    peers = "".join(
        Template(service.peer).substitute(
            host=f"{node.id}.{DOMAIN}", address=node.address, certificate=node.certificate)
        for node in nodes)
    hosts = " ".join(f"{node.id}.{DOMAIN}" for node in near)
    return peers + (Template(service.call).substitute(hosts=hosts) if hosts else "")
