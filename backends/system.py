"""The one way to the system: commands as argument lists, files written whole. Nothing else starts a process."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class CommandFailed(StepFailed):
    """A command ended with a status that its caller does not expect."""

    def __init__(self, argv: Sequence[str], result: Result) -> None:
        last = (result.err.strip() or result.out.strip() or _("no message")).splitlines()[-1]
        super().__init__(_("`{command}` ended with {status}: {last}").format(
            command=" ".join(argv[:6]), status=result.status, last=last[:300]))
        self.result = result


class System:
    """The real system below `root` (tests give another root; commands always run on the real one)."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, path: str | Path) -> Path:
        return self.root / str(path).lstrip("/")

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        """Run to the end. Secrets go in by `stdin`. Raises CommandFailed on a status not in `ok`, CannotHere when
        the program is not installed, StepFailed when it takes longer than `timeout` seconds."""
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="replace",
                                  timeout=timeout, env=ENVIRONMENT, check=False,
                                  **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        except FileNotFoundError as fault:
            raise CannotHere(_("The program {name} is not installed here.").format(name=argv[0]),
                             _("Install it, or use the Byzantium stick, which has it.")) from fault
        except subprocess.TimeoutExpired as fault:
            raise StepFailed(_("`{command}` did not end within {seconds:.0f} s.").format(
                command=" ".join(argv[:6]), seconds=timeout)) from fault
        result = Result(done.returncode, done.stdout, done.stderr)
        if result.status not in ok:
            raise CommandFailed(argv, result)
        return result

    def has(self, program: str) -> bool:
        return shutil.which(program, path=ENVIRONMENT["PATH"]) is not None

    def read(self, path: str | Path) -> str | None:
        """The text of a file; None when there is none."""
        try:
            return self.path(path).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str | Path, text: str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
        """Whole or not at all: temporary file, fsync, rename, fsync of the folder."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, mode)
                if owner is not None:
                    os.fchown(handle, *owner)
                file.write(text)
                file.flush()
                os.fsync(handle)
            os.rename(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, path: str | Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path(path).unlink()

    @contextlib.contextmanager
    def start(self, *argv: str) -> Iterator[subprocess.Popen[str]]:
        """A command that is watched while it runs (a monitor); ended when the block is left."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, env=ENVIRONMENT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
