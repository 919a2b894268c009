"""Who this node is and what it was told to be: identity, host name, keyboard, and the answers for the next boot."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byzwizard.backends import facts, store
from byzwizard.backends.units import keep_copy
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.identity import KEY, Identity
from byzwizard.plan import Progress, Stage, Step, step_class

if TYPE_CHECKING:  # `status` asks revert.py and this file, and does without the models
    from byzwizard.answers import Answers
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

ANSWERS = "/etc/byzantium/answers.yaml"
PENDING = "/run/byzantium/pending.yaml"
THIS_BOOT = "/run/byzantium/identity.key"
MEANWHILE = "/run/byzantium/answers.yaml"  # while the store is locked
APPLIED = "/run/byzantium/undo/applied.yaml"  # what undo starts from, with what is not kept
KEYMAP = "/etc/vconsole.conf"


def identity(system: System) -> Identity:
    """The kept one, else this boot's, which is made at the first question so that Review and Apply agree on it."""
    for path in (str(KEY), THIS_BOOT):
        try:
            text = system.read(path)
        except PermissionError:
            if path != THIS_BOOT:
                raise
            continue  # made by a plan of root's; a plan without root has another each time
        if text is not None:
            try:
                return Identity.parse(text)
            except ValueError:
                raise StepFailed(
                    _("The node's key in {path} is damaged.").format(path=path),
                    _("Delete the file; the node gets a new identity."),
                ) from None
    fresh = Identity.fresh()
    with contextlib.suppress(PermissionError):  # a plan without root
        system.write(THIS_BOOT, fresh.text(), mode=0o600)
    return fresh


def answers(system: System) -> Answers | None:
    """What this node is set up as, but for services that this version does not have; None on a new one. Raises Invalid
    when the file was damaged."""
    from byzwizard.answers import parse

    path = place(system)
    text = system.read(path)
    return None if text is None else parse(text, path, [])


def present(system: System) -> Answers | None:
    """As answers(), with the way to the Internet that is not kept for the next start."""
    from byzwizard.answers import parse

    found, text = answers(system), system.read(APPLIED)
    if found is None or text is None or found.internet.wifi is not None:
        return found
    wifi = parse(text, APPLIED).internet.wifi
    return found.model_copy(update={"internet": found.internet.model_copy(update={"wifi": wifi})})


def place(system: System) -> str:
    """Where the answers of this node are kept. Nothing is written where a locked store would be."""
    return MEANWHILE if store.locked(system) else ANSWERS


def stay(system: System) -> None:
    """A locked store is no more: what this node was told and was meanwhile is what it is, as without a store."""
    if (told := system.read(MEANWHILE)) is not None:
        system.write(ANSWERS, told, mode=0o600)
        system.remove(MEANWHILE)
    if system.read(KEY) is None and system.read(THIS_BOOT) is not None:
        _keep_identity(system)


def _keep_identity(system: System) -> None:
    key = system.path(KEY)
    key.parent.mkdir(parents=True, exist_ok=True)
    key.parent.chmod(0o700)
    system.write(KEY, identity(system).text(), mode=0o600)


@step_class
class KeepIdentity(Step):
    def needed(self, system: System) -> bool:
        return system.read(KEY) is None and not store.locked(system)

    def apply(self, system: System, progress: Progress) -> None:
        _keep_identity(system)

    def undo(self, system: System, before: Any) -> None:
        system.remove(KEY)


@step_class
class SetHostName(Step):
    name: str

    def needed(self, system: System) -> bool:
        return socket.gethostname() != self.name

    def before(self, system: System) -> Any:
        return socket.gethostname()

    def apply(self, system: System, progress: Progress) -> None:
        self._set(system, self.name)

    def undo(self, system: System, before: Any) -> None:
        self._set(system, str(before))

    def _set(self, system: System, name: str) -> None:
        socket.sethostname(name)
        system.write("/etc/hostname", name + "\n")
        lines = [
            line
            for line in (system.read("/etc/hosts") or "127.0.0.1 localhost\n::1 localhost\n").splitlines()
            if not line.startswith("127.0.1.1")
        ]
        system.write("/etc/hosts", "\n".join([*lines, f"127.0.1.1 {name}"]) + "\n")


@step_class
class SetKeyboard(Step):
    """The kernel starts with `us`; what is loaded since then stands in vconsole.conf (5)."""

    keymap: str

    def _loaded(self, system: System) -> str:
        for line in (system.read(KEYMAP) or "").splitlines():
            if line.startswith("KEYMAP="):
                return line.removeprefix("KEYMAP=").strip('"')
        return "us"

    def needed(self, system: System) -> bool:
        return self._loaded(system) != self.keymap and system.path("/dev/tty1").exists()

    def before(self, system: System) -> Any:
        return self._loaded(system)

    def apply(self, system: System, progress: Progress) -> None:
        load_keyboard(system, self.keymap)

    def undo(self, system: System, before: Any) -> None:
        load_keyboard(system, str(before))


def load_keyboard(system: System, keymap: str) -> None:
    """Raises CommandFailed when there is no such keymap."""
    system.run("loadkeys", "--console=/dev/tty1", "--unicode", keymap)
    system.write(KEYMAP, f"KEYMAP={keymap}\n")


class NodeStage:
    name = "node"

    @property
    def title(self) -> str:
        return _("Node")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        from byzwizard.ladder import listeners

        return (
            KeepIdentity(id="identity", text=_("Keep this node's identity key")),
            facts.step(resolved, listens=bool(listeners(resolved.answers, machine))),
            SetHostName(id="name", text=_("Call this node {name}").format(name=resolved.name), name=resolved.name),
            SetKeyboard(
                id="keyboard",
                text=_("Use the keyboard layout {keymap}").format(keymap=resolved.answers.node.keyboard),
                keymap=resolved.answers.node.keyboard,
            ),
        )


@step_class
class KeepAnswers(Step):
    """Last of all, so that only what worked is applied again at the next boot."""

    answers: Answers

    def _text(self) -> str:
        from byzwizard.answers import save_text

        return save_text(self.answers)

    def needed(self, system: System) -> bool:
        from byzwizard.backends import revert

        return system.read(PENDING if revert.armed(system) else place(system)) != self._text()

    def before(self, system: System) -> Any:
        """A private copy of the former file, by its path; None when there was none."""
        text = system.read(place(system))
        if text is None:
            return None
        return keep_copy(system, text)

    def apply(self, system: System, progress: Progress) -> None:
        from byzwizard.backends import revert

        # A change that waits for `byzwizard confirm` is not what the next boot shall do.
        system.write(PENDING if revert.armed(system) else place(system), self._text(), mode=0o600)

    def undo(self, system: System, before: Any) -> None:
        system.remove(PENDING)
        former = system.read(before) if before else None
        if former is None:
            system.remove(place(system))
        else:
            system.write(place(system), former, mode=0o600)


class KeepStage:
    name = "keep"

    @property
    def title(self) -> str:
        return _("Answers")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        return (
            KeepAnswers(
                id="answers", text=_("Keep these answers for the next start"), answers=keepable(resolved.answers)
            ),
        )


def keepable(answers: Answers) -> Answers:
    """What is kept of them: not where the store's passphrase was read from, and no uplink unless `wifi` is kept."""
    kept = answers.model_copy(update={"persistence": answers.persistence.model_copy(update={"passphrase_file": None})})
    if kept.persistence.kind == "none" or "wifi" in kept.persistence.keep:
        return kept
    return kept.model_copy(update={"internet": kept.internet.model_copy(update={"wifi": None})})


NODE: Stage = NodeStage()
KEEP: Stage = KeepStage()
