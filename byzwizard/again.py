"""The node's own answers applied again by one of its duties, as a boot does it: nothing is asked, no stick copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from byzwizard.answers import Answers
    from byzwizard.backends.system import System

BUSY = 75  # exit status that has systemd try again (EX_TEMPFAIL)
WORDS = ("--yes", "--skip", "clone", "--boot", "found")


def apply(system: System, answers: Answers, place: str, *more: str) -> int:
    """The exit status of the apply. `place` has the answers meanwhile; `more` are further words for it."""
    from byzwizard.answers import save_text
    from byzwizard.cli import run

    system.write(place, save_text(answers), mode=0o600)
    try:
        return run(["apply", str(system.path(place)), *WORDS, *more])
    finally:
        system.remove(place)
