"""Who else gives out addresses or ways on the clients' network: what the table byz-ports has noted in the last 45 s."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from byzwizard.backends.system import System


def parse(text: str) -> dict[str, str]:
    """Port to who it is, "MAC (address)", from nft's JSON of the table; of several at one port the last."""
    found = {}
    for entry in json.loads(text)["nftables"]:
        for element in entry.get("set", {}).get("elem", ()):
            value = element["elem"]["val"] if "elem" in element else element
            if "concat" in value:
                port, mac, address = value["concat"]
                found[str(port)] = f"{mac} ({address})"
    return found


def read(system: System) -> dict[str, str]:
    """Nothing where the table is not loaded. Raises StepFailed, CannotHere."""
    told = system.run("nft", "-j", "list", "table", "bridge", "byz-ports", ok=(0, 1)).out
    return parse(told) if told else {}
