"""The one way to the system: commands as argument lists, files written whole. Nothing else starts a process."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import byzwizard
from byzwizard.backends.waiting import check_stop, stopping, wait_until
from byzwizard.errors import CannotHere, StepFailed
from byzwizard.i18n import _

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
PACKAGES = Path(byzwizard.__file__).parents[1]

Process = subprocess.Popen[str]


def ourselves(*words: str) -> tuple[str, ...]:
    """The command line of this program in a process of its own: the one that runs, whatever lies in the folder that we
    are in, where `python -m` alone would look first."""
    return ("env", f"PYTHONPATH={PACKAGES}", sys.executable, "-P", "-m", "byzwizard", *words)


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class CommandFailed(StepFailed):
    """A command ended with a status that its caller does not expect."""

    def __init__(self, argv: Sequence[str], result: Result) -> None:
        last = (result.err.strip() or result.out.strip() or _("no message")).splitlines()[-1]
        super().__init__(
            _("`{command}` ended with {status}: {last}").format(
                command=" ".join(argv[:6]), status=result.status, last=last[:300]
            )
        )
        self.result = result


class System:
    """The real system below `root` (tests give another root; commands always run on the real one)."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.undisturbed = False
        self._running: set[subprocess.Popen[str]] = set()

    def stop(self) -> None:
        """From a signal handler: end what runs; every further run and wait raises Interrupted until go_on(). Does
        nothing while something is undone: half an undo helps nobody."""
        if self.undisturbed:
            return
        stopping.set()
        for process in tuple(self._running):
            process.terminate()

    def go_on(self) -> None:
        """After stop(): what is undone needs commands again."""
        stopping.clear()

    def wait_for(self, holds: Callable[[], bool], seconds: float, sentence: str, every: float = 0.05) -> None:
        """Until the system is in a state; StepFailed with `sentence` when it is not after `seconds`."""
        if not wait_until(holds, seconds, every):
            raise StepFailed(sentence)

    def path(self, path: str | Path) -> Path:
        return self.root / str(path).lstrip("/")

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        """Run to the end. Secrets go in by `stdin`. Raises CommandFailed on a status not in `ok`, CannotHere when
        the program is not installed, StepFailed when it takes longer than `timeout` seconds, Interrupted on stop()."""
        check_stop()
        process = self.spawn(
            *argv, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._running.add(process)
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as fault:
            process.kill()
            process.communicate()
            raise StepFailed(
                _("`{command}` did not end within {seconds:.0f} s.").format(command=" ".join(argv[:6]), seconds=timeout)
            ) from fault
        finally:
            self._running.discard(process)
        result = Result(process.returncode, out, err)
        if result.status not in ok:
            check_stop()
            raise CommandFailed(argv, result)
        return result

    def spawn(
        self, *argv: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL, quiet: bool = False,
    ) -> Process:
        """A command that runs beside us, its output on a pipe or, `quiet`, nowhere; in its own session, so that Ctrl-C
        reaches us alone."""
        try:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
                stderr=stderr,
                text=True,
                errors="replace",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except FileNotFoundError as fault:
            raise CannotHere(
                _("The program {name} is not installed here.").format(name=argv[0]),
                _("Install it, or use the Byzantium stick, which has it."),
            ) from fault

    def hand_over(self, *argv: str) -> int:
        """A command that has the terminal to itself until it ends; its environment is the caller's."""
        return subprocess.call(argv)

    def has(self, program: str) -> bool:
        return shutil.which(program, path=ENVIRONMENT["PATH"]) is not None

    def read(self, path: str | Path) -> str | None:
        """The text of a file; None when there is none, also when its process (/proc) or device (/sys) went while it
        was read."""
        try:
            return self.path(path).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in {errno.ESRCH, errno.ENODEV}:
                return None
            raise

    def write(
        self, path: str | Path, text: str | bytes, mode: int = 0o644, owner: tuple[int, int] | None = None,
    ) -> None:
        """Whole or not at all: temporary file, fsync, rename, fsync of the folder."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, mode)
                if owner is not None:
                    os.fchown(handle, *owner)
                file.write(text.encode() if isinstance(text, str) else text)
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
        process = self.spawn(*argv)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
