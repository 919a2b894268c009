"""At every boot (byz-node.service): find the answers and apply them. Without any, the wizard opens by itself."""

import sys
from pathlib import Path

from byzwizard.backends.keep import ANSWERS
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, Invalid
from byzwizard.i18n import _

CREDENTIAL = Path("/run/credentials/@system/byzantium.answers")
MEDIUM = Path("/run/live/medium")
OPTION = "byzwizard.answers="
PROBLEM = "/run/byzantium/boot-problem"


def given() -> Path | None:
    """The answers of this boot, the strongest first: credential, kernel command line, kept, on the medium.

    Raises Invalid when the command line names a file that is not there.
    """
    if CREDENTIAL.exists():
        return CREDENTIAL
    for word in Path("/proc/cmdline").read_text().split():
        if word.startswith(OPTION):
            path = MEDIUM / word.removeprefix(OPTION).lstrip("/")
            if not path.exists():
                raise Invalid(
                    _("The kernel command line names {path} on the medium, which is not there.").format(
                        path=word.removeprefix(OPTION)
                    )
                )
            return path
    return next((path for path in (Path(ANSWERS), MEDIUM / "byzantium/answers.yaml") if path.exists()), None)


def main() -> int:
    from byzwizard.cli import run

    system = System()
    system.path("/run/byzantium").mkdir(mode=0o755, exist_ok=True)
    try:
        answers = given()
        # Whoever asked for copies asked once, and is not asked now what they erase.
        return 0 if answers is None else run(["apply", str(answers), "--yes", "--skip", "clone"])
    except ByzantiumError as error:
        # Whoever sits at the screen reads it on the wizard's first page, and in `status`.
        system.write(PROBLEM, f"{error}\n")
        print(error, file=sys.stderr)
        return error.status


def problem(system: System) -> str | None:
    """Why the answers of this boot were not applied; None when they were, or when there were none."""
    text = system.read(PROBLEM)
    return text.strip() if text else None


if __name__ == "__main__":
    sys.exit(main())
