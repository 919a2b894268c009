"""At every boot (byz-node.service): find the answers and apply them. Without any, the wizard opens by itself."""

import os
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
    from byzwizard.cli import main as command_line

    system = System()
    system.path("/run/byzantium").mkdir(mode=0o755, exist_ok=True)
    try:
        answers = given()
    except ByzantiumError as error:
        system.write(PROBLEM, f"{error}\n")
        print(error, file=sys.stderr)
        return error.status
    if answers is None:
        return 0
    sys.argv = ["byzwizard", "apply", str(answers), "--yes"]
    os.environ.setdefault("LANG", "C.UTF-8")
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
