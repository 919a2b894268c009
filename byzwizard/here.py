"""The desk of this computer: what the pages ask is answered by the same code as the verbs, and Apply runs as its own
process, so that the screen never waits and never dies with it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from byzwizard.backends.system import System, ourselves
from byzwizard.commands import Context
from byzwizard.desk import Applying, Cable, Changes, Keeping, Offer, Phones, Place, Review, ServiceData, Stick
from byzwizard.errors import ByzantiumError, Invalid
from byzwizard.i18n import _

if TYPE_CHECKING:  # the wizard's first frame does not wait for the models
    from collections.abc import Sequence

    from byzwizard.answers import Answers
    from byzwizard.backends.reader import MachineReader
    from byzwizard.catalogue import Catalogue
    from byzwizard.machine import Machine


def _confirmed(seals: Sequence[str]) -> list[str]:
    """Options of a verb that writes to disks: to those that a person saw and no others."""
    return ["--confirmed", ",".join(seals)]


class Here:
    """byzwizard.desk.Desk on this computer, or on a recorded machine, where Apply is a rehearsal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._system = System()
        self.rehearsal = context.machine_file is not None or os.geteuid() != 0
        self._reader: MachineReader | None = None
        self._heard: tuple[Answers, str] | None = None  # by the Review of these, of other access points
        self._handed = contextlib.ExitStack()  # the passphrase that an apply reads from us

    def is_set_up(self) -> bool:
        """As answers() is not None, without reading them: the first frame waits for this."""
        return not self.rehearsal and (self._system.path("/etc/byzantium/answers.yaml").exists() or self.locked())

    def answers(self) -> Answers | None:
        from byzwizard.backends import keep

        return None if self.rehearsal else keep.present(self._system)

    def problem(self) -> str | None:
        from byzwizard.boot import problem

        return None if self.rehearsal else problem(self._system)

    def cut_off(self) -> tuple[str, ...]:
        from byzwizard.backends import cutoff

        return () if self.rehearsal else cutoff.told(self._system)

    def load(self, path: Path) -> Answers:
        from byzwizard.answers import load
        from byzwizard.backends import paths

        return load(paths.meant(path))

    def place(self, text: str) -> Place:
        from byzwizard.backends import paths

        return paths.place(text)

    def machine(self) -> Machine:
        from byzwizard.backends.reader import MachineReader

        if self._reader is None:
            file = self._context.machine_file
            self._reader = MachineReader(self._system, file, self._inspect if file is None else None)
        from byzwizard.verdict import with_verdicts

        # In the language of now: the machine was read in that of another moment, or by a process that knows none.
        return with_verdicts(self._reader.machine())

    def _inspect(self) -> Machine:
        from byzwizard.machine import Machine

        if self._system.path("/run/udev/queue").exists():  # devices are still coming; then one look says it all
            self._system.run("udevadm", "settle", "--timeout=10", ok=(0, 1), timeout=30)
        return Machine.model_validate_json(self._ask("inspect"))

    def _ask(self, *words: str) -> str:
        """What a verb of ours prints as JSON, from a process of its own: the libraries that it needs would make the
        wizard half as big again, and stay. Raises ByzantiumError with the verb's own sentence."""
        result = self._system.run(*ourselves("--json", *words), ok=range(256), timeout=120)
        if result.status:
            error = ByzantiumError(result.err.strip().removeprefix("byzwizard: ") or result.out.strip())
            error.status = result.status
            raise error
        return result.out

    def review(self, answers: Answers) -> Review:
        from byzwizard.backends.keep import identity
        from byzwizard.backends.services import stopping
        from byzwizard.prepare import looked, prepare_answers, rehearsed

        machine = self._listened(answers, self.machine())
        if not self.rehearsal:
            machine = looked(self._system, answers, machine)
        node = rehearsed(machine) if self.rehearsal else identity(self._system)
        ready = prepare_answers(self._system, answers, machine, node, self._context.stages,
                                recorded=self._context.machine_file is not None)
        needed = frozenset(
            step.id
            for stage in ready.plan.stages
            for step in stage.steps
            if self.rehearsal or step.needed(self._system)
        )
        from byzwizard import catalogue_names

        stops = () if self.rehearsal else stopping(self._system, ready.plan)
        return Review(ready.resolved, ready.plan, needed, *(
            tuple(map(catalogue_names.title, names)) for names in (ready.resolved.answers.services, stops)))

    def _listened(self, answers: Answers, machine: Machine) -> Machine:
        """With who is near, where that decides what a radio does."""
        from byzwizard.ladder import listeners

        self._heard = None
        radios = [] if self.rehearsal else [radio.phy for radio in listeners(answers, machine)]
        if not radios:
            return machine
        from byzwizard.backends import facts, hearing

        heard = self._ask("scan", "--hubs", ",".join(radios)).strip()
        self._heard = (answers, heard)
        return machine.model_copy(update={"heard": hearing.read(heard), "patient": facts.waits(self._system)})

    def save(self, answers: Answers, path: Path) -> None:
        from byzwizard.answers import save_text

        self._write(path, save_text(answers))

    def save_log(self, text: str, path: Path) -> None:
        self._write(path, text)

    def _write(self, path: Path, text: str) -> None:
        from byzwizard.backends import paths

        try:
            self._system.write(paths.place(path).path, text, mode=0o600)
        except OSError as fault:
            raise Invalid(
                _("{path} could not be written: {why}.").format(path=path, why=fault.strerror),
                _("Choose another place."),
            ) from fault

    def apply(
        self, answers: Answers, seals: Sequence[str], skip: frozenset[str] = frozenset(), passphrase: str = ""
    ) -> Applying:
        from byzwizard.running import Told

        if self.rehearsal:
            return Told(self.review(answers))
        heard = ["--heard", self._heard[1]] if self._heard and self._heard[0] == answers else []
        from byzwizard.answers import save_text
        from byzwizard.handed import handed

        self._handed.close()
        if passphrase:
            path = self._handed.enter_context(handed(passphrase))
            store = answers.persistence.model_copy(update={"passphrase_file": path})
            answers = answers.model_copy(update={"persistence": store})
        left_out = [word for stage in sorted(skip) for word in ("--skip", stage)]
        return self._program(["apply", "/dev/stdin", *left_out, *heard, *_confirmed(seals)], save_text(answers))

    def undo(self) -> Applying:
        return self._program(["undo"], "")

    def _program(self, arguments: list[str], text: str) -> Applying:
        from byzwizard.running import Running

        process = self._system.spawn(*ourselves("--json", "--yes", *arguments), stdin=subprocess.PIPE)
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(text)
        return Running(process)

    def titles(self) -> dict[str, str]:
        return {stage.name: stage.title for stage in self._context.stages}

    def sticks(self) -> list[Stick]:
        from byzwizard.backends import aboard, clone, targets

        if self._context.machine_file is not None:
            return clone.sticks(self.machine().disks)
        disks = targets.disks_now(self._system)
        # Asked for at every tick: nothing is mounted for it.
        return clone.sticks(aboard.look(self._system, disks, [disk.path for disk in disks], mount=False))

    def clone(self, sticks: Sequence[Stick], content: str, passphrase: str = "") -> Applying:
        more = {"answers": ["--with-answers"], "data": ["--with-data", "--passphrase-fd", "0"]}
        carries = more.get(content, [])
        names, seals = [stick.name for stick in sticks], [stick.seal for stick in sticks]
        return self._program(["clone", *names, *carries, *_confirmed(seals)], passphrase)

    def status(self) -> dict[str, Any]:
        from byzwizard.backends import facts
        from byzwizard.backends.status import read_status

        known = facts.read(self._system)
        return {**read_status(self._system), "kind": known.kind if known else "public"}

    def alert(self, text: str, hours: int) -> None:
        from byzwizard.backends import alerting
        from byzwizard.locking import only_one

        with only_one(self._system, beside_copies=True):
            alerting.say(self._system, text, hours)

    def withdraw_alert(self) -> None:
        from byzwizard.backends import alerting
        from byzwizard.locking import only_one

        with only_one(self._system, beside_copies=True):
            alerting.withdraw(self._system)

    def traffic(self) -> dict[str, Any]:
        from byzwizard.backends import counters

        return counters.read(self._system)

    def waiting(self) -> float | None:
        from byzwizard.backends import revert

        return revert.waiting(self._system)

    def confirm(self) -> None:
        from byzwizard.backends import revert
        from byzwizard.locking import only_one

        with only_one(self._system, beside_copies=True):
            revert.confirm(self._system)

    def self_test(self, interface: str) -> str:
        if self.rehearsal:
            raise Invalid(_("In a rehearsal no card is tried."), _("Start the computer from the Byzantium stick."))
        return str(json.loads(self._ask("inspect", "--test", interface))["text"])

    def heard(self) -> list[dict[str, Any]]:
        return [] if self.rehearsal else list(json.loads(self._ask("scan")))

    def cables(self) -> list[Cable]:
        wired = self.machine().wired
        if self.rehearsal:
            return [Cable(port.interface, "plugged" if port.carrier else "empty") for port in wired]
        from byzwizard.backends import cables

        return cables.look(self._system, [port.interface for port in wired])

    def island_key(self) -> str:
        from byzwizard.backends.keep import identity
        from byzwizard.islands import private_key, public_key
        from byzwizard.prepare import rehearsed

        return public_key(private_key(rehearsed(self.machine()) if self.rehearsal else identity(self._system)))

    def changed(self) -> Changes | None:
        from byzwizard import journal

        record = journal.read(self._system)
        if record is None:
            return None
        return Changes(tuple(entry.text for entry in record.entries), record.touches_network)

    def phones(self) -> Phones | None:
        from byzwizard.answers import with_secrets

        answers = self.answers()
        if answers is None or not self._system.path("/sys/class/net/ap0").exists():
            return None
        answers = with_secrets(answers)
        secret = answers.access_point.passphrase
        return Phones(answers.access_point.ssid, secret.get_secret_value() if secret else None)

    def locked(self) -> bool:
        from byzwizard.backends import store

        return not self.rehearsal and store.locked(self._system)

    def opened(self) -> bool:
        from byzwizard.backends import store

        return not self.rehearsal and store.is_open(self._system)

    def keeping(self) -> Keeping | None:
        from byzwizard.keeping import read

        return None if self.rehearsal else read(self._system)

    def weights(self) -> dict[str, int]:
        from byzwizard.keeping import weights

        return {} if self.rehearsal else weights(self._system)

    def unlock(self, passphrase: str, mend: bool = False) -> None:
        from byzwizard.backends import locker
        from byzwizard.locking import only_one

        with only_one(self._system):
            locker.unlock(self._system, passphrase, thoroughly=mend)

    def lock(self) -> None:
        from byzwizard.backends import locker
        from byzwizard.locking import only_one

        with only_one(self._system):
            locker.lock(self._system)

    def change_passphrase(self, old: str, new: str) -> None:
        from byzwizard.backends import store
        from byzwizard.locking import only_one

        with only_one(self._system):
            store.change_passphrase(self._system, store.the(self._system), old, new)

    def delete_store(self, seal: str) -> None:
        self._ask("--yes", "persist", "delete", *_confirmed([seal]))

    def delete_kept(self, name: str) -> None:
        from byzwizard.backends import kept
        from byzwizard.locking import only_one

        with only_one(self._system):
            kept.delete(self._system, name)

    def catalogue(self) -> Catalogue:
        from byzwizard import catalogue

        return catalogue.here()

    def offer(self) -> Offer:
        from byzwizard import serving

        return Offer() if self.rehearsal else serving.offer(self._system)

    def service_data(self, name: str) -> ServiceData | None:
        from byzwizard import serving

        return None if self.rehearsal else serving.data(self._system, name)

    def service_log(self, name: str) -> list[str]:
        from byzwizard import serving

        return serving.log(self._system, name)

    def delete_data(self, name: str) -> None:
        self._ask("--yes", "data", "delete", name)

    def guarded(self) -> bool:
        from byzwizard import guarding

        return not self.rehearsal and guarding.console() is not None and guarding.guarded(self._system)

    def prove(self, passphrase: str) -> None:
        from byzwizard import guarding

        guarding.prove(self._system, passphrase)

    def console_locked(self) -> bool:
        """Asked before the first frame: the folder is there only after a lock."""
        if self.rehearsal or not self._system.path("/run/byzantium/consoles").exists():
            return False
        from byzwizard import guarding

        return guarding.locked(self._system)

    def lock_console(self, locked: bool) -> None:
        from byzwizard import guarding

        guarding.remember(self._system, locked)

    def keyboard(self, layout: str) -> None:
        from byzwizard.backends.keep import load_keyboard

        if not self.rehearsal and self._system.path("/dev/tty1").exists():
            load_keyboard(self._system, layout)

    def shell(self) -> None:
        self._system.hand_over("env", f"--chdir={Path.home()}", os.environ.get("SHELL", "/bin/bash"), "-i")

    def power(self, what: Literal["off", "restart"]) -> None:
        self._system.run("systemctl", "poweroff" if what == "off" else "reboot")
