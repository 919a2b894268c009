"""Where a verb takes its passphrases from: a file, a descriptor, or a question without an echo. Never the command
line."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from byzwizard import values
from byzwizard.errors import Invalid, StepFailed
from byzwizard.i18n import _


def arguments(parser: argparse.ArgumentParser, prefix: str, what: str) -> None:
    """`prefix` is empty or "new-"."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(f"--{prefix}passphrase-file", metavar="FILE", help=_("{what}, in a file").format(what=what))
    choice.add_argument(
        f"--{prefix}passphrase-fd",
        metavar="N",
        type=int,
        help=_("{what}, from the open file descriptor N").format(what=what),
    )


def given(options: argparse.Namespace, prefix: str = "") -> str | None:
    """What --passphrase-file or --passphrase-fd holds; None where neither was said. Raises Invalid."""
    from byzwizard.answers_file import read_secret

    attribute = prefix.replace("-", "_")
    file, number = getattr(options, f"{attribute}passphrase_file"), getattr(options, f"{attribute}passphrase_fd")
    if file is not None:
        return read_secret(Path(file), f"--{prefix}passphrase-file")
    if number is None:
        return None
    try:
        with os.fdopen(number, "r", encoding="ascii", errors="replace", closefd=False) as pipe:
            line = pipe.readline()
    except (OSError, ValueError, OverflowError, TypeError):  # a number that is no C int
        raise Invalid(
            _("--{prefix}passphrase-fd {number}: this descriptor cannot be read.").format(prefix=prefix, number=number)
        ) from None
    return _valid(line.rstrip("\r\n"), f"--{prefix}passphrase-fd {number}")


def _valid(text: str, where: str) -> str:
    try:
        return values.passphrase(text)
    except ValueError:
        pass  # outside of the handler, so that no traceback can carry the passphrase
    raise Invalid(_("{where}: a passphrase is 8 to 63 plain ASCII characters in one line.").format(where=where))


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """While a person is asked, Ctrl-C means leave, and nothing has been done yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def asked(question: str, twice: bool = False) -> str:
    """From the terminal. Raises Invalid where there is none, or where the second one differs."""
    if not sys.stdin.isatty():
        raise Invalid(
            _("A passphrase is needed, and there is no terminal to ask for it."),
            _("Give it with --passphrase-file or --passphrase-fd."),
        )
    with answering():
        first = _valid(_typed(question + ": "), question)
        second = _typed(_("Once more: ")) if twice else first
    if second != first:
        raise StepFailed(_("The two passphrases differ; nothing was done."))
    return first


def _typed(question: str) -> str:
    """Without an echo. What the terminal's encoding does not know makes it empty, which no passphrase is."""
    import getpass

    try:
        return getpass.getpass(question)
    except UnicodeDecodeError:
        return ""
