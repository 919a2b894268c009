"""Who else gives out addresses or ways on the clients' network: what the table byz-ports has noted in the last 45 s."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from byzwizard.backends.system import System


def parse(text: str) -> dict[str, str]:
    """Port to MAC, from nft's JSON of the set "strangers"."""
    found = {}
    for entry in json.loads(text)["nftables"]:
        for element in entry.get("set", {}).get("elem", ()):
            value = element["elem"]["val"] if "elem" in element else element
            port, mac = value["concat"]
            found[str(port)] = str(mac)
    return found


def read(system: System) -> dict[str, str]:
    """Nothing where the table is not loaded. Raises StepFailed, CannotHere."""
    told = system.run("nft", "-j", "list", "set", "bridge", "byz-ports", "strangers", ok=(0, 1)).out
    return parse(told) if told else {}
