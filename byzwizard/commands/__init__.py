"""The verbs of the command line, one file each: `arguments(parser)` and `run(context) -> exit status`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.plan import Stage


@dataclass(frozen=True)
class Context:
    """What a verb is given: its parsed options, and the stages that this program knows."""

    options: argparse.Namespace
    stages: Sequence[Stage]

    @property
    def json(self) -> bool:
        return bool(self.options.json)

    @property
    def yes(self) -> bool:
        return bool(self.options.yes)

    @property
    def machine_file(self) -> Path | None:
        return Path(self.options.machine) if self.options.machine else None
