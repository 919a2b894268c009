"""What the pages may ask of the rest of the program. The command line hands one in; screens import no backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # the wizard's first frame does not wait for the models
    from byzwizard.answers import Answers
    from byzwizard.catalogue import Catalogue
    from byzwizard.machine import Machine
    from byzwizard.plan import Plan
    from byzwizard.resolve import Resolved


@dataclass(frozen=True)
class Review:
    """What Apply would do: the resolved answers, the plan, and the ids of the steps that would change something. By
    their titles, the services that were chosen, and those that run now and would stop."""

    resolved: Resolved
    plan: Plan
    needed: frozenset[str]
    services: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()

    @property
    def seals(self) -> tuple[str, ...]:
        """Of the disks that its steps write to."""
        return tuple(step.seal for step in self.plan.steps if step.seal and step.id in self.needed)


@dataclass(frozen=True)
class Phones:
    """The access point that stands now, for its QR code; `passphrase` is None where it is open."""

    ssid: str
    passphrase: str | None


@dataclass(frozen=True)
class Cable:
    """What was heard at a wired port: nothing plugged in, still listening, somebody leads on (`router`: who, where it
    told), nobody answers, `stranger` (a MAC) gives out addresses among the clients, or plugged in and not listened to.
    `works`: whether the Internet answered through it; None where that was not tried."""

    port: str
    state: Literal["empty", "listening", "leads", "silent", "stranger", "plugged"]
    router: str | None = None
    stranger: str | None = None
    works: bool | None = None
    network: str | None = None  # where it is a radio instead, the Wi-Fi network that it is to join


@dataclass(frozen=True)
class Keeping:
    """The store of this node. `where` is its partition or file, `disk` the path of its disk; `fill` 0 to 1, `sizes`
    bytes of each kept thing and `left_over` those that are switched off, all of an open one."""

    where: str
    encrypted: bool
    open: bool
    kind: str = ""
    disk: str = ""
    fill: float | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    left_over: tuple[str, ...] = ()
    erases: str = ""  # what deleting it would take, with its disk
    seal: str = ""  # of the same


@dataclass(frozen=True)
class Changes:
    """A sentence for each change that stands; `network`: taking them back may cut phones and neighbours off."""

    texts: tuple[str, ...]
    network: bool


@dataclass(frozen=True)
class Stick:
    """One that this system may be copied to, or not, with the reason in `refused`. `name` is what clone() takes, `step`
    what the events call it."""

    name: str
    step: str
    label: str
    holds: str  # what is on it now
    erases: str  # what a copy does away with
    seal: str  # of all this: clone() refuses where it is another one by then
    refused: str | None = None


@dataclass(frozen=True)
class Serving:
    """A service of this node, as it is now. `words` is what one that fails said last, `url` where people find it;
    `full`: there is no room for more of its data."""

    state: Literal["off", "starting", "on", "failing"]
    url: str | None
    words: str = ""
    full: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """What another node says that it offers, in its own words."""

    name: str
    title: str
    node: str
    url: str


@dataclass(frozen=True)
class Offer:
    """What this node offers, by name, and what others do, the nearest first."""

    own: dict[str, Serving] = field(default_factory=dict)
    others: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True)
class ServiceData:
    """What a service has written, with what was saved of it. `kept`: the store keeps it over the power-off."""

    folders: tuple[str, ...]
    bytes: int
    kept: bool


@dataclass(frozen=True)
class Place:
    """Where a file may be written: whether one is there already, and whether power-off forgets it."""

    path: Path
    taken: bool
    forgotten: bool


class Applying(Protocol):
    """An apply that runs on its own. `fd` becomes readable when `lines` has more; each line is an Event's JSON."""

    fd: int

    def lines(self) -> Iterator[str]:
        """What has arrived, without waiting; empty while nothing has."""

    def cancel(self) -> None:
        """Ask it to stop; it undoes what it did and ends with status 130."""

    def status(self) -> int | None:
        """Exit status, None while it runs."""


class Desk(Protocol):
    """All but `apply`, `undo` and `clone` may take long and are called in a thread (`shell` with the terminal handed
    over); they raise ByzantiumError with a sentence."""

    rehearsal: bool  # Apply only tells the steps

    def answers(self) -> Answers | None:
        """What this node is set up as; None on a new one."""

    def problem(self) -> str | None:
        """Why the answers that this boot found were not applied; a quick question, asked without a thread."""

    def cut_off(self) -> tuple[str, ...]:
        """What was being done when the power went, or a stick was pulled out; a quick question as well."""

    def load(self, path: Path) -> Answers: ...

    def place(self, text: str) -> Place:
        """What a person means by a path to write to."""

    def save(self, answers: Answers, path: Path) -> None:
        """Write an answers file, with its comments, readable by its owner alone."""

    def save_log(self, text: str, path: Path) -> None:
        """Write what the Apply page has told, readable by its owner alone."""

    def machine(self) -> Machine: ...

    def review(self, answers: Answers) -> Review: ...

    def apply(
        self, answers: Answers, seals: Sequence[str], skip: frozenset[str] = frozenset(), passphrase: str = ""
    ) -> Applying:
        """`seals` are those of the review that was confirmed: no other disk is written to. `skip` names stages that are
        left out; `passphrase` is that of a store that is to be made."""

    def titles(self) -> dict[str, str]:
        """What each stage is called, by its name in the events."""

    def status(self) -> dict[str, Any]:
        """The shape of `status --json`, and "kind" of the mesh: public, private or open."""

    def alert(self, text: str, hours: int) -> None:
        """Tell the whole mesh, in place of what this node said before."""

    def withdraw_alert(self) -> None: ...

    def traffic(self) -> dict[str, Any]:
        """By period (hour, day, week): {"step": seconds, "interfaces": {name: {"in", "out": {"bytes", "rates"}}}};
        empty while nothing was counted."""

    def waiting(self) -> float | None:
        """Seconds until an unconfirmed network change reverts; None when none waits."""

    def confirm(self) -> None: ...

    def changed(self) -> Changes | None:
        """What the last apply changed, nothing once that was taken back; None where nothing was applied."""

    def undo(self) -> Applying: ...

    def sticks(self) -> list[Stick]:
        """What is plugged in now beside the medium that this system runs from; internal disks are left out."""

    def clone(self, sticks: Sequence[Stick], content: str, passphrase: str = "") -> Applying:
        """Erase these and copy this system to them; `content` is that of the answers' `clone` key, `passphrase` that of
        the stores of copies with data."""

    def self_test(self, interface: str) -> str:
        """Let a radio join a throw-away mesh and tell the outcome in a sentence."""

    def heard(self) -> list[dict[str, Any]]:
        """The shape of `scan --json`."""

    def cables(self) -> list[Cable]:
        """The wired ports that do not mesh; listens for 15 s at most where this node does not look after them yet."""

    def island_key(self) -> str:
        """What owners of islands are told of this node: its WireGuard key."""

    def phones(self) -> Phones | None:
        """What phones can join now; None where there is no access point."""

    def locked(self) -> bool:
        """Whether this node has a store that is not open; a quick question, asked without a thread."""

    def opened(self) -> bool:
        """Whether this node has a store that is open; as quick."""

    def keeping(self) -> Keeping | None:
        """The store of this node; None where it has none."""

    def weights(self) -> dict[str, int]:
        """Bytes that are there now of what the store may keep, by the names of persistence.keep where that is known."""

    def unlock(self, passphrase: str, mend: bool = False) -> None:
        """Open the store. Raises Damaged: ask, and try again with `mend`."""

    def lock(self) -> None: ...

    def change_passphrase(self, old: str, new: str) -> None: ...

    def delete_store(self, seal: str) -> None:
        """The one of that seal. Raises Refused where another is there by now."""

    def delete_kept(self, name: str) -> None:
        """What the store holds of a thing that is switched off."""

    def catalogue(self) -> Catalogue:
        """The services that there are."""

    def offer(self) -> Offer:
        """Empty on a computer that is not set up."""

    def service_data(self, name: str) -> ServiceData | None:
        """None where it writes none."""

    def service_log(self, name: str) -> list[str]:
        """The last lines that it wrote, the newest first, fit to be shown."""

    def delete_data(self, name: str) -> None:
        """Of a service that is switched off. Raises Refused where it is on."""

    def guarded(self) -> bool:
        """Whether this computer holds what a passphrase protects: an open store, a private mesh. A quick question."""

    def prove(self, passphrase: str) -> None:
        """Raises ByzantiumError unless it opens the store, or is that of the private mesh."""

    def console_locked(self) -> bool:
        """Whether this console was locked when the wizard on it ended; a quick question."""

    def lock_console(self, locked: bool) -> None:
        """Remember it, for the wizard that comes after this one."""

    def keyboard(self, layout: str) -> None:
        """Let the console have this layout at once; does nothing where there is no console."""

    def shell(self) -> None:
        """Run a shell on this terminal until it is left. Raises Refused where the console is locked."""

    def power(self, what: Literal["off", "restart"]) -> None: ...
