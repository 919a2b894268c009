"""The stage "firewall": the nftables table byz-filter, deny by default from the mesh and from clients.

It comes first, so that no interface of ours is ever open; other tables are not touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends.templates import fill
from byzwizard.backends.units import keep_copy
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

TABLE = ("inet", "byz-filter")
RECORD = "/run/byzantium/firewall.json"


def ruleset(resolved: Resolved) -> str:
    """The text for `nft -f`: replaces our table in one transaction."""
    cables = [link.name for link in resolved.links if link.kind == "wired"]
    values = {
        "mesh": ", ".join(f'"{name}"' for name in ("mesh*", *cables)),
        "subnet": resolved.subnet,
        # The front page; SSH where keys are let in.
        "ports": "80, 22" if resolved.answers.remote.ssh_keys else "80",
        "address": resolved.address,
        "ula": resolved.ula,
        "ula_address": resolved.ula_address,
        "ula_mesh": resolved.ula_mesh,
    }
    return fill("filter.nft", hash=hashlib.sha256(repr(values).encode()).hexdigest()[:16], **values)


def loaded(system: System) -> str | None:
    """Our table as the kernel has it, in nft's words; None when it is not there."""
    result = system.run("nft", "-s", "list", "table", *TABLE, ok=(0, 1))
    return result.out if result.status == 0 else None


@dataclass(frozen=True, kw_only=True)
class LoadRules(Step):
    rules: str

    def needed(self, system: System) -> bool:
        """Is what we loaded still loaded, rule by rule? nft words rules in its own way, so that its wording right
        after loading is kept for the comparison."""
        kept = system.read(RECORD)
        if kept is None:
            return True
        record = json.loads(kept)
        return bool(record["rules"] != self.rules or record["loaded"] != loaded(system))

    def before(self, system: System) -> Any:
        """Path of a private copy of the former table, or None."""
        former = loaded(system)
        return None if former is None else keep_copy(system, former)

    def apply(self, system: System, progress: Progress) -> None:
        system.remove(RECORD)
        try:
            system.run("nft", "-f", "-", stdin=self.rules)
        except CannotHere as absent:
            raise CannotHere(_("There is no nftables here, and no node without a firewall."), absent.hint) from absent
        system.write(RECORD, json.dumps({"rules": self.rules, "loaded": loaded(system)}), 0o600)

    def undo(self, system: System, before: Any) -> None:
        system.remove(RECORD)
        former = "" if before is None else system.read(before)
        if former is None:
            raise StepFailed(_("The former firewall is gone from {path}.").format(path=before))
        table = " ".join(TABLE)
        system.run("nft", "-f", "-", stdin=f"add table {table}\ndelete table {table}\n{former}")


@dataclass(frozen=True)
class FirewallStage:
    name: str = "firewall"

    @property
    def title(self) -> str:
        return _("Firewall")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (LoadRules(
            id="rules", rules=ruleset(resolved), network=True,
            text=_("Close this computer to the mesh and to phones, but for what a node has to offer")),)


STAGE = FirewallStage()
