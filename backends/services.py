"""The stage "services": what a node offers runs, is healthy, can be reached and is announced; the rest does not run.

It knows no service by name: descriptors and their templates are in assets/services, units in assets/units.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from byzwizard import catalogue_names
from byzwizard.backends import certificates, directory, firewall, health, offering, store, tables, tls, web
from byzwizard.backends.health import Health
from byzwizard.backends.offering import Offered
from byzwizard.backends.units import BUSY, ConfigFile, ConfigFiles, RunUnit, StopUnit, invocation, last_words, running
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import ByzantiumError, Interrupted, StepFailed
from byzwizard.i18n import _, speaker
from byzwizard.plan import Plan, Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.dumped import Dumped
    from byzwizard.backends.system import System
    from byzwizard.catalogue import Descriptor
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

STEP = "service-"  # and the name: the step that starts it


@step_class
class StopUnits(Step):
    """None of these units runs, and the store has a dump of those that did; undo starts these again."""

    units: tuple[str, ...]

    def _each(self) -> list[StopUnit]:
        return [StopUnit(id=self.id, text=self.text, unit=unit) for unit in self.units]

    def needed(self, system: System) -> bool:
        return any(step.needed(system) for step in self._each())

    def before(self, system: System) -> Any:
        return {step.unit: step.before(system) for step in self._each() if step.needed(system)}

    def apply(self, system: System, progress: Progress) -> None:
        for step in self._each():
            if step.needed(system):
                step.apply(system, progress)
                _save(system, step.unit, progress)

    def undo(self, system: System, before: Any) -> None:
        for step in reversed(self._each()):
            if step.unit in before:
                step.undo(system, before[step.unit])


def stopping(system: System, plan: Plan) -> list[str]:
    """The names of the services that run now, and would not any more."""
    units = {unit for step in plan.steps if isinstance(step, StopUnits) for unit in step.units}
    return [name for name, unit in catalogue_names.units().items() if unit in units and running(system, unit)]


def _save(system: System, unit: str, progress: Progress) -> None:
    from byzwizard import catalogue
    from byzwizard.backends import dumped, dumps

    for one in map(dumped.of, catalogue.here().services.values()):
        if one is not None and one.unit == unit:
            dumps.save_kept(system, one, progress)


@step_class
class RunService(RunUnit):
    """Does not start empty where its data are in a store that is locked, or where a dump of them can be taken in. What
    was in its folder before a dump was taken in goes when it is healthy, and is put back when it is not.

    `failed` before this apply: it is tried for a moment, and what comes of that is told and stops nothing else."""

    keeps: bool
    dumped: Dumped | None = None
    failed: bool = False

    def needed(self, system: System) -> bool:
        if self.keeps and store.locked(system):
            return False
        return self.failed or self._unproven(system) or super().needed(system)

    def _unproven(self, system: System) -> bool:
        from byzwizard.backends import dumped

        return self.dumped is not None and dumped.unproven(system, self.dumped)

    def apply(self, system: System, progress: Progress) -> None:
        if not self.failed:
            self._run(system, progress)
            return
        moment = self.timeout if self._unproven(system) else BUSY
        try:
            replace(self, failed=False, timeout=moment)._run(system, progress)
        except Interrupted:
            raise
        except ByzantiumError:
            pass  # told() says it

    def told(self, system: System) -> str:
        if not self.failed or (running(system, self.unit) and (self.ready is None or self.ready(system))):
            return ""
        name = self.id.removeprefix(STEP)
        words = last_words(system, self.unit, invocation(system, self.unit))
        return _("It did not work before, and does not work now (it said: {words}). `byzwizard enable {name}` tries "
                 "again, `byzwizard disable {name}` switches it off.").format(words=words, name=name)

    def undo(self, system: System, before: Any) -> None:
        if not self.failed:  # it was only tried
            super().undo(system, before)

    def _run(self, system: System, progress: Progress) -> None:
        from byzwizard.backends import dumped, dumps

        one = self.dumped
        if one is None:
            super().apply(system, progress)
            return
        dumps.take_in(system, one, progress)
        try:
            super().apply(system, progress)
        except BaseException as fault:
            with clearing_up():
                former = self._put_back(system, one)
            if not former or not isinstance(fault, StepFailed):
                raise
            raise StepFailed(f"{fault.message} {former}", fault.hint) from fault
        dumped.proven(system, one)

    def _put_back(self, system: System, one: Dumped) -> str:
        """A sentence; empty where it ran with its own data, which stay."""
        from byzwizard.backends import dumped

        if not self._unproven(system):
            return ""
        dumped.stop(system, one.unit)
        dumped.put_back(system, one)
        return _("What was taken in is out of its folder again, and what was there before is back.")


@dataclass(frozen=True)
class _Healthy:
    probe: Health

    def __call__(self, system: System) -> bool:
        return health.healthy(system, self.probe)


@step_class
class OpenPorts(Step):
    """The firewall's sets hold the ports of services, and no others. `sets` as tables.put takes them."""

    sets: tuple[tuple[str, tables.Ports], ...]

    def needed(self, system: System) -> bool:
        return self._held(system) != dict(self.sets)

    def before(self, system: System) -> Any:
        return {name: sorted(ports) for name, ports in self._held(system).items()}

    def _held(self, system: System) -> dict[str, tables.Ports]:
        return tables.held(system, firewall.TABLE, [name for name, _ports in self.sets])

    def apply(self, system: System, progress: Progress) -> None:
        tables.put(system, firewall.TABLE, dict(self.sets))

    def undo(self, system: System, before: Any) -> None:
        if tables.loaded(system, firewall.TABLE) is not None:
            tables.put(system, firewall.TABLE, {
                name: frozenset((one[0], one[1]) for one in ports) for name, ports in before.items()})


@step_class
class Announce(Step):
    """The signed document names the services that work, and no others; each change is a newer document."""

    offered: tuple[Offered, ...]

    def needed(self, system: System) -> bool:
        return bool(self.before(system) != offering.announced(system, self.offered))

    def before(self, system: System) -> Any:
        return (web.own_document(system) or {}).get("services", [])

    def apply(self, system: System, progress: Progress) -> None:
        web.announce(system, offering.announced(system, self.offered))

    def undo(self, system: System, before: Any) -> None:
        web.announce(system, before)


def _ports(services: Sequence[Descriptor]) -> tuple[tuple[str, tables.Ports], ...]:
    """What the firewall's sets hold."""
    everybody = {(port.protocol, port.number) for one in services for port in one.ports if port.reach == "mesh"}
    if any(one.web for one in services):
        everybody.add(("tcp", 443))
    clients = {(port.protocol, port.number) for one in services for port in one.ports if port.reach == "clients"}
    return (firewall.OFFERED[0], frozenset(everybody)), (firewall.OFFERED[1], frozenset(everybody | clients))


def _wanted(resolved: Resolved, machine: Machine) -> Sequence[Descriptor]:
    """The services that were chosen and what they need, in the order in which they start. Raises CannotHere."""
    if not resolved.services:
        return ()
    from byzwizard import catalogue, room

    wanted = catalogue.here().with_needs(resolved.services)
    lack = room.lack(wanted, machine.memory_bytes)
    if lack is not None:
        raise lack
    return wanted


class ServicesStage:
    name = "services"

    @property
    def title(self) -> str:
        return _("Services")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        wanted = _wanted(resolved, machine)
        host = f"{resolved.node_id}.{directory.DOMAIN}"
        pages = [one for one in wanted if one.web]
        stay = {one.unit for one in wanted} | ({certificates.SERVER} if pages else set())
        others = [unit for unit in (*catalogue_names.units().values(), certificates.SERVER) if unit not in stay]
        offered = tuple(offering.of(one, host) for one in wanted)
        starts = [step for one in wanted for step in _start(one, resolved, host)]
        started = tuple(step.id for step in starts if isinstance(step, RunService))
        shown = tls.steps(resolved, host, pages, started) if pages else ()
        speakers = tuple((one.name, one.unit) for one in wanted if one.certificate)
        certified = tls.certified(host, speakers) if pages or speakers else tls.uncertified(host)
        return (
            StopUnits(
                id="services-off", units=tuple(others),
                text=_("Stop the services that are not chosen; their data stay")),
            *certified,
            *starts,
            *shown,
            ConfigFile(
                id="services-facts", path=offering.FACTS,
                content=json.dumps([asdict(one) for one in offered], ensure_ascii=False, indent=1) + "\n",
                text=_("Note which services this node offers, so that their state can be told")),
            OpenPorts(
                id="services-ports", sets=_ports(wanted), after=("services-off", *started, *(s.id for s in shown)),
                text=_("Open the ports of these services, and no others")),
            Announce(
                id="services-announce", offered=offered, after=("services-ports",),
                text=_("Tell the mesh what this node offers")),
        )


def _start(one: Descriptor, resolved: Resolved, host: str) -> list[Step]:
    """The steps of one service."""
    from byzwizard import service_files

    language = resolved.answers.node.language  # whoever applies this may speak another
    say = speaker(language)
    given = {"name": resolved.name, "id": resolved.node_id, "host": host, "address": resolved.address,
             "ula_address": resolved.ula_address, "subnet": resolved.subnet, "ula": resolved.ula,
             "language": language, "title": say(one.title), "purpose": say(one.purpose),
             "note": say(one.note) if one.note else ""}
    files = service_files.files(one, given)
    written = f"{STEP}{one.name}-files"
    steps: list[Step] = [ConfigFiles(
        id=written, text=_("Write the settings of the {title}").format(title=_(one.title)),
        files=tuple(ConfigFile(id=path, text="", path=path, content=text) for path, text in files.items()))]
    run = runner(one, (
        "services-off", *(["services-certificate"] if one.certificate else []), *([written] if files else []),
        *(f"{STEP}{need}" for need in one.needs)))
    return [*steps, run] if files else [run]


def runner(one: Descriptor, after: tuple[str, ...] = ()) -> RunService:
    """The step that starts a service whose files are written."""
    from byzwizard.backends import dumped

    files = tuple(f"{catalogue_names.FILES}/{one.name}/{name}" for name in one.config)
    return RunService(
        id=f"{STEP}{one.name}", unit=one.unit, files=files,
        keeps=bool(one.data), dumped=dumped.of(one), timeout=one.health.within, after=after,
        ready=_Healthy(health.of(one.health)),
        text=_("Start {title}: {purpose}").format(title=_(one.title), purpose=_(one.purpose)))


def lenient(system: System, plan: Plan, asked: Collection[str]) -> Plan:
    """What fails already keeps nothing else from being changed, unless it is `asked` for by name."""
    before = {f"{STEP}{one.name}": one for one in offering.chosen(system) if one.name not in asked}

    def tried(step: Step) -> Step:
        if not isinstance(step, RunService) or step.id not in before:
            return step
        now = offering.state(system, before[step.id])
        # One without a record was tried before, and did not become healthy.
        failed = now == "failing" or (now == "starting" and system.read(step.record) is None)
        return replace(step, failed=True) if failed else step

    return Plan(tuple(replace(stage, steps=tuple(map(tried, stage.steps))) for stage in plan.stages))


STAGE = ServicesStage()
