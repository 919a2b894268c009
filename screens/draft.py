"""The answers while they are being given. The models are loaded when they are first needed, after the first frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byzwizard.answers import Answers


class Draft:
    """Answers that pages read and set by key (`mesh.name`), and the text of fields that is not valid yet."""

    def __init__(self, start: Callable[[], Answers | None]) -> None:
        """`start` gives the answers to begin with; None stands for the defaults."""
        self._start = start
        self._answers: Answers | None = None
        self._given: Answers | None = None  # as they were before anything was changed here
        self.put_by: Answers | None = None  # with edits that somebody wants to keep for later
        self.typed: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self.store_passphrase = ""  # of a new store; never in the answers, and gone once they are applied

    @property
    def ready(self) -> bool:
        """Whether reading costs nothing."""
        return self._answers is not None

    @property
    def answers(self) -> Answers:
        if self._answers is None:
            from byzwizard.answers import Answers

            self._answers = self._given = self._start() or Answers()
        return self._answers

    @answers.setter
    def answers(self, answers: Answers) -> None:
        self._answers = self._given = answers
        self.typed.clear()
        self.faults.clear()

    def renew(self, fresh: Answers) -> None:
        """`fresh` is what the node is by now: what was edited here is laid over it, all else is as it became."""
        given, edited = self._given, self._answers
        self._given = self._answers = fresh
        if not self.faults:
            self.typed.clear()  # fields show what holds by now
        if given is not None and edited is not None and edited != given:
            self._answers = laid_over(fresh, given, edited)

    def forget_all(self) -> None:
        """What was edited is no more."""
        if self._given is not None:
            self.answers = self._given
        self.store_passphrase = ""

    def reset(self) -> None:
        """The node was changed behind these answers: they are read anew."""
        self.forget_all()
        self._answers = self._given = None

    @property
    def edited(self) -> bool:
        """Whether something was chosen or typed here that is not applied yet."""
        return self._answers != self._given or bool(self.faults)

    @property
    def switched(self) -> tuple[list[str], list[str]]:
        """The services that were switched on and off here."""
        if self._given is None:
            return [], []
        before, now = self._given.services, self.services
        return [name for name in now if name not in before], [name for name in before if name not in now]

    @property
    def sections(self) -> list[str]:
        """Those of the answers, beside the services, in which something was edited."""
        wrong = {key.partition(".")[0] for key in self.faults}
        return [name for name in type(self.answers).model_fields if name != "services" and (
            name in wrong or getattr(self.answers, name) != getattr(self._given, name))]

    def get(self, key: str) -> Any:
        section, _, name = key.partition(".")
        return getattr(getattr(self.answers, section), name)

    def set(self, key: str, value: Any) -> None:
        """`value` has passed its validator; it is what the section holds (a passphrase as SecretStr)."""
        section, _, name = key.partition(".")
        self.put(section, **{name: value})

    def put(self, section: str, **values: Any) -> None:
        """Set several keys of one section at once."""
        changed = getattr(self.answers, section).model_copy(update=values)
        self._answers = self.answers.model_copy(update={section: changed})

    @property
    def services(self) -> tuple[str, ...]:
        """Those that were chosen, without what they need."""
        return self.answers.services

    @services.setter
    def services(self, names: tuple[str, ...]) -> None:
        self._answers = self.answers.model_copy(update={"services": names})

    def text(self, key: str) -> str:
        """What the field of `key` shows: what was typed, else the value."""
        if key in self.typed:
            return self.typed[key]
        value = self.get(key)
        if value is None:
            return ""
        if isinstance(value, tuple):
            return " ".join(value)
        return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)

    def type(self, key: str, text: str, parse: Callable[[str], Any]) -> None:
        """Take what was typed. `parse` returns the value or raises ValueError with a sentence; then the last good
        value stays and the fault is kept."""
        self.typed[key] = text
        try:
            value = parse(text)
        except ValueError as fault:
            self.faults[key] = str(fault)
            return
        self.faults.pop(key, None)
        self.set(key, value)

    def forget(self, *keys: str) -> None:
        """Drop what was typed into fields that are gone."""
        for key in keys:
            self.typed.pop(key, None)
            self.faults.pop(key, None)


def laid_over(fresh: Answers, given: Answers, edited: Answers) -> Answers:
    """Pure. `fresh` with what `edited` has otherwise than `given`: each key, and each service, for itself."""
    update: dict[str, Any] = {}
    for name in type(fresh).model_fields:
        now, before, wanted = (getattr(answers, name) for answers in (fresh, given, edited))
        if name == "services":
            on = [each for each in wanted if each not in before and each not in now]
            update[name] = (*(each for each in now if each in wanted or each not in before), *on)
        elif wanted == before:
            continue
        elif hasattr(wanted, "model_copy"):
            changed = {key: value for key, value in wanted if value != getattr(before, key)}
            update[name] = now.model_copy(update=changed)
        else:
            update[name] = wanted
    return fresh.model_copy(update=update)
