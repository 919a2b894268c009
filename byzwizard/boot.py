"""At every boot that has something to do (byz-node.service): open the store, find the answers, apply them."""

import sys
from dataclasses import dataclass
from pathlib import Path

from byzwizard.backends.keep import ANSWERS
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Invalid
from byzwizard.i18n import _

CREDENTIAL = Path("/run/credentials/@system/byzantium.answers")
MEDIUM = Path("/run/live/medium")
OPTION = "byzwizard.answers="
DEFAULTS = "/run/byzantium/defaults.yaml"
PROBLEM = "/run/byzantium/boot-problem"


@dataclass(frozen=True)
class Given:
    """Answers of this boot. `asked`: somebody named them for this boot, so that a store may be made; those that were
    just found never erase anything."""

    path: Path
    asked: bool


def given(system: System) -> Given | None:
    """The strongest first: credential, kernel command line, kept, on the medium. None: the wizard asks.

    While the store is locked its answers are unknown, and the node is made by the defaults rather than not at all.
    Raises Invalid when the command line names a file that is not there.
    """
    from byzwizard.backends import store

    if CREDENTIAL.exists():
        return Given(CREDENTIAL, asked=True)
    for word in Path("/proc/cmdline").read_text().split():
        if word.startswith(OPTION):
            path = MEDIUM / word.removeprefix(OPTION).lstrip("/")
            if not path.exists():
                raise Invalid(
                    _("The kernel command line names {path} on the medium, which is not there.").format(
                        path=word.removeprefix(OPTION)
                    )
                )
            return Given(path, asked=True)
    for path in (Path(ANSWERS), MEDIUM / "byzantium/answers.yaml"):
        if path.exists():
            return Given(path, asked=False)
    if not store.locked(system):
        return None
    system.write(DEFAULTS, "byzantium: 1\n", 0o600)
    return Given(system.path(DEFAULTS), asked=False)


def main() -> int:
    system = System()
    system.path("/run/byzantium").mkdir(mode=0o755, exist_ok=True)
    try:
        return _boot(system)
    except ByzantiumError as error:
        # Whoever sits at the screen reads it on the wizard's first page, and in `status`.
        system.write(PROBLEM, f"{error}\n")
        print(error, file=sys.stderr)
        return error.status


def _boot(system: System) -> int:
    # The radios and sticks of this computer have been looked for.
    system.run("udevadm", "settle", "--timeout=30", ok=(0, 1), timeout=60)
    from byzwizard.unlocking import at_boot

    at_boot(system)
    answers = given(system)
    if answers is None:
        return 0
    from byzwizard.cli import run

    # Whoever asked for copies asked once, and is not asked now what they erase.
    boot = "given" if answers.asked else "found"
    return run(["apply", str(answers.path), "--yes", "--skip", "clone", "--boot", boot])


def problem(system: System) -> str | None:
    """Why the answers of this boot were not applied; None when they were, or when there were none."""
    text = system.read(PROBLEM)
    return text.strip() if text else None


if __name__ == "__main__":
    sys.exit(main())
