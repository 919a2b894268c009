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

    @property
    def edited(self) -> bool:
        """Whether something was chosen or typed here that is not applied yet."""
        return self._answers != self._given or bool(self.typed)

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
