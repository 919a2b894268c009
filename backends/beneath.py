"""What batman-adv knows beneath bat0, by batctl(8): who is at the other end of each mesh link, cables too, and through
whom the rest is reached. A node goes by the address of its first link there, its originator address, and has another
one for each further link and for bat0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends.airing import link_local
from byzwizard.backends.protocol import Beneath
from byzwizard.errors import ByzantiumError

if TYPE_CHECKING:
    from byzwizard.backends.system import System

GONE = 20_000  # ms: it speaks every second, and the kernel keeps who is silent for 200 s

Row = Mapping[str, Any]


def parse(neighbours: str, originators: str, clients: str) -> Beneath:
    """From `batctl … neighbors_json`, `originators_json` and `transtable_global_json`. Knows nobody where one of them
    is not as it should be."""
    try:
        hears, ways = json.loads(neighbours), json.loads(originators)
        # Groups (the lowest bit of the first byte) are announced as clients are.
        on_whole = {row["orig_address"]: row["tt_address"] for row in json.loads(clients)
                    if row.get("best") and not int(row["tt_address"][:2], 16) & 1}
        owners = {row["neigh_address"]: _owner(row["neigh_address"], ways, on_whole) for row in hears}
        fresh = {row["neigh_address"] for row in hears if row["last_seen_msecs"] < GONE}
        steps = {link_local(on_whole[row["orig_address"]]): link_local(on_whole[by]) for row in ways
                 if row.get("best") and row["orig_address"] in on_whole and (by := owners.get(row["neigh_address"]))}
        return Beneath({near: on_whole[owner] if owner and near in fresh else None for near, owner in owners.items()},
                       steps)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Beneath()


def _owner(near: str, ways: Sequence[Row], on_whole: Mapping[str, str]) -> str | None:
    """The originator address of the node that has a link with this address. Of a further link batman-adv does not say
    it; but nobody is reached better over it than the node itself, for each hop lowers the quality."""
    if near in on_whole:
        return near
    over = {row["orig_address"]: row["tq"] for row in ways
            if row["neigh_address"] == near and row["orig_address"] in on_whole}
    return max(over, key=lambda each: over[each], default=None)


def read(system: System) -> Beneath:
    told = []
    for what in ("neighbors_json", "originators_json", "transtable_global_json"):
        try:
            told.append(system.run("batctl", "meshif", "bat0", what, timeout=5).out)
        except ByzantiumError:
            return Beneath()
    return parse(*told)
