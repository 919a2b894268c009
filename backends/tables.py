"""A whole nftables table as a step: loaded in one transaction, compared with what the kernel has, put back by undo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends.units import keep_copy
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System

RECORDS = "/run/byzantium/tables"


def loaded(system: System, table: str, family: str = "inet") -> str | None:
    """A table as the kernel has it, in nft's words and without what its sets hold; None when it is not there."""
    result = system.run("nft", "-s", "-t", "list", "table", family, table, ok=(0, 1))
    return result.out if result.status == 0 else None


Ports = frozenset[tuple[str, int]]
"""What a set of protocols and ports holds: ("tcp", 443)."""


def held(system: System, table: str, names: Iterable[str], family: str = "inet") -> dict[str, Ports]:
    """The elements of each of these sets (type inet_proto . inet_service); none where there is no such set."""
    found: dict[str, Ports] = dict.fromkeys(names, frozenset())
    result = system.run("nft", "-j", "list", "table", family, table, ok=(0, 1))
    for item in json.loads(result.out)["nftables"] if result.status == 0 else ():
        if "set" in item and item["set"]["name"] in found:
            elements = item["set"].get("elem", ())
            found[item["set"]["name"]] = frozenset((one["concat"][0], one["concat"][1]) for one in elements)
    return found


def _fill(table: str, name: str, ports: Ports, family: str = "inet") -> str:
    elements = ", ".join(f"{protocol} . {number}" for protocol, number in sorted(ports))
    return f"add element {family} {table} {name} {{ {elements} }}\n" if ports else ""


def put(system: System, table: str, sets: Mapping[str, Ports]) -> None:
    """These sets hold exactly this, all at once."""
    system.run("nft", "-f", "-", stdin="".join(
        f"flush set inet {table} {name}\n{_fill(table, name, ports)}" for name, ports in sets.items()))


def _replace(system: System, table: str, family: str, rules: str, carried: Sequence[str] = ()) -> None:
    """`carried`: sets that go on holding what they hold."""
    here = [name for name in carried if f"set {name} " in rules]
    kept = "".join(_fill(table, name, ports, family) for name, ports in held(system, table, here, family).items())
    system.run("nft", "-f", "-", stdin=f"add table {family} {table}\ndelete table {family} {table}\n{rules}\n{kept}")


@step_class
class LoadTable(Step):
    """`rules` is the text of the whole table."""

    table: str
    rules: str
    family: str = "inet"
    carried: tuple[str, ...] = ()  # sets of ports that others fill

    @property
    def record(self) -> str:
        return f"{RECORDS}/{self.table}.json"

    def needed(self, system: System) -> bool:
        """Is what we loaded still loaded, rule by rule? nft words rules in its own way, so that its wording right
        after loading is kept for the comparison."""
        kept = system.read(self.record)
        if kept is None:
            return True
        record = json.loads(kept)
        return bool(record["rules"] != self.rules or record["loaded"] != loaded(system, self.table, self.family))

    def before(self, system: System) -> Any:
        """Path of a private copy of the former table, or None."""
        former = loaded(system, self.table, self.family)
        return None if former is None else keep_copy(system, former)

    def apply(self, system: System, progress: Progress) -> None:
        system.remove(self.record)
        try:
            _replace(system, self.table, self.family, self.rules, self.carried)
        except CannotHere as absent:
            raise CannotHere(_("There is no nftables here, and no node without a firewall."), absent.hint) from absent
        record = {"rules": self.rules, "loaded": loaded(system, self.table, self.family)}
        system.write(self.record, json.dumps(record), 0o600)

    def undo(self, system: System, before: Any) -> None:
        system.remove(self.record)
        former = "" if before is None else system.read(before)
        if former is None:
            raise StepFailed(_("The former firewall is gone from {path}.").format(path=before))
        _replace(system, self.table, self.family, former, self.carried)


@step_class
class DropTable(Step):
    """There is no table inet `table`; undo loads it again."""

    table: str

    @property
    def _load(self) -> LoadTable:
        return LoadTable(id=self.id, text=self.text, table=self.table, rules="")

    def needed(self, system: System) -> bool:
        return loaded(system, self.table) is not None

    def before(self, system: System) -> Any:
        return self._load.before(system)

    def apply(self, system: System, progress: Progress) -> None:
        self._load.undo(system, None)

    def undo(self, system: System, before: Any) -> None:
        self._load.undo(system, before)
