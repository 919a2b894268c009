"""What can go wrong, by exit status. Each is one sentence for a person, and a hint what to do about it."""

from byzwizard.i18n import _


class ByzantiumError(Exception):
    """A failure that is explained, not traced. `status` is the exit status of DESIGN's table."""

    status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class StepFailed(ByzantiumError):
    """A change could not be made, a wrong passphrase, a check of `status` that fails."""


class Damaged(StepFailed):
    """The file system of a store needs more mending than is done without asking."""


class Invalid(ByzantiumError):
    """Wrong usage or an invalid file."""

    status = 2


class Refused(ByzantiumError):
    """It would be unsafe."""

    status = 3


class CannotHere(ByzantiumError):
    """This machine cannot: no usable radio, a tool missing, not root."""

    status = 4


class Interrupted(ByzantiumError):
    """SIGINT or SIGTERM; what was done has been undone."""

    status = 130


def explained(error: BaseException) -> ByzantiumError:
    """What is no ByzantiumError, in words: the environment's failures, and faults of our own."""
    if isinstance(error, ByzantiumError):
        return error
    if isinstance(error, OSError):
        return StepFailed(
            _("{what}: {why}.").format(what=error.filename or type(error).__name__, why=error.strerror or error)
        )
    return StepFailed(
        _("a fault of Byzantium itself ({kind}: {text}).").format(kind=type(error).__name__, text=error),
        _("`byzwizard report` makes a file that helps to mend it."),
    )
