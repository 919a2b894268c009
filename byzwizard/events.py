"""The one stream of events that the Apply page, the plain output, `--json` and the tests read."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["start", "progress", "finish", "fail", "undo", "end"]


@dataclass(frozen=True)
class Event:
    """`done`, `total` count bytes or parts; `rate` is per second, `left` in seconds; `status` stands on the end."""

    event: Kind
    stage: str | None = None
    step: str | None = None
    text: str = ""
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    left: float | None = None
    changed: bool | None = None
    status: int | None = None

    def line(self) -> str:
        """One line of JSON with every key of the contract."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def parse(cls, line: str) -> "Event":
        """Raises ValueError when `line` is no event."""
        try:
            return cls(**json.loads(line))
        except TypeError as fault:
            raise ValueError(line) from fault


Tell = Callable[[Event], None]
