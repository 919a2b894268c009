"""The command line: finds the verb, gives it the stages, and turns every failure into one sentence and a status."""

import argparse
import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from byzwizard import i18n
from byzwizard.commands import Context, file_name
from byzwizard.errors import ByzantiumError, CannotHere, Invalid
from byzwizard.i18n import _
from byzwizard.plan import Stage

FACTS = "/run/byzantium/node.json"  # of backends/facts.py, whose import takes as long as a short verb
VERBS = (
    *("apply", "check", "plan", "confirm", "undo"),
    *("inspect", "scan", "status", "persist", "clone"),
    *("services", "enable", "disable", "data", "alert"),
    *("tend", "report", "schema"),
)


class Parser(argparse.ArgumentParser):
    def __init__(self, **more: Any) -> None:
        super().__init__(allow_abbrev=False, **more)  # a verb of a later version may bring an option like it

    def error(self, message: str) -> NoReturn:
        raise Invalid(
            _("The command line is wrong: {fault}.").format(fault=message.rstrip(".")),
            _("`byzwizard --help` shows what can be said."),
        )


def _shared(default: object) -> Parser:
    """The options that stand before and after the verb; after it, absent ones leave alone what stood before."""
    parser = Parser(add_help=False)
    off = default if default is argparse.SUPPRESS else False
    parser.add_argument("--json", action="store_true", default=off, help=_("print JSON"))
    parser.add_argument("--yes", action="store_true", default=off, help=_("stands in for the confirmation"))
    parser.add_argument(
        "--machine",
        metavar="FILE",
        type=file_name,
        default=default,
        help=_("a recorded machine instead of this one"),
    )
    parser.add_argument("--plain", action="store_true", default=off, help=_("line mode instead of full screen"))
    return parser


def _parser(argv: Sequence[str]) -> Parser:
    from byzwizard import __version__

    parser = Parser(
        prog="byzwizard",
        parents=[_shared(None)],
        description=_(
            "Makes this computer a node of a wireless mesh. Without a verb it opens the wizard, "
            "or the Node page of a node that is set up."
        ),
    )
    parser.add_argument("--version", action="version", version=f"byzwizard {__version__}")
    parser.add_argument("--answers", metavar="FILE", type=file_name, help=_("the same as: apply FILE"))
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    all_of_them = {"--help", "-h"} & set(argv)
    for verb in VERBS:
        if verb in argv or all_of_them:  # only the verb that is used is imported: the start is measured
            module = importlib.import_module(f"byzwizard.commands.{verb}")
            module.arguments(
                verbs.add_parser(verb, parents=[_shared(argparse.SUPPRESS)], help=(module.__doc__ or "").strip())
            )
        else:
            verbs.add_parser(verb)
    return parser


def _check_verb(argv: Sequence[str]) -> None:
    """Raises Invalid naming the nearest."""
    words = iter(argv)
    for word in words:
        if word in {"--machine", "--answers"}:
            next(words, None)
        elif not word.startswith("-"):
            if word not in VERBS:
                import difflib

                near = difflib.get_close_matches(word[:64], VERBS, 1)
                raise Invalid(
                    _("The command line is wrong: there is no verb “{verb}”.").format(verb=word[:64]),
                    _("Did you mean {text}?").format(text=near[0])
                    if near else _("`byzwizard --help` shows what can be said."))
            return


def run(argv: Sequence[str]) -> int:
    """The exit status. Raises ByzantiumError."""
    _check_verb(argv)
    options = _parser(argv).parse_args(argv)
    if options.answers is not None:
        if options.verb:
            raise Invalid(_("--answers stands for `apply FILE` and takes no verb."))
        return run(
            [
                *(("--machine", options.machine) if options.machine is not None else ()),
                "apply",
                options.answers,
                *(word for word, said in (("--json", options.json), ("--yes", options.yes)) if said),
            ]
        )
    context = Context(options, _stages)
    if options.verb:
        status: int = importlib.import_module(f"byzwizard.commands.{options.verb}").run(context)
        return status
    if context.json:
        raise Invalid(_("--json needs a verb: the wizard is for people."),
                      _("`byzwizard --help` shows what can be said."))
    return _open(context)


def _stages() -> Sequence[Stage]:
    from byzwizard.stages import STAGES

    return STAGES


def _open(context: Context) -> int:
    """The wizard on a new node, the Node page on one that is set up."""
    from byzwizard.here import Here

    desk = Here(context)
    first = "node" if desk.is_set_up() else "welcome"
    if context.options.plain or _line_by_line():
        from byzwizard import plain

        if context.machine_file is not None:
            desk.machine()  # a bad recording is told here, not on a page
        return plain.run(desk, first)
    from byzwizard import wizard

    return wizard.run(desk, first)


def _line_by_line() -> bool:
    """Is full screen of no use here: no terminal, one that cannot move its cursor, or a console that is read aloud or
    in Braille (what speakup and brltty are told on the kernel's command line)?"""
    terminal = os.environ.get("TERM", "dumb")
    if terminal == "dumb" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    if terminal != "linux":
        return False
    with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
        return has_screen_reader(file.read())


def has_screen_reader(command_line: str) -> bool:
    """As Debian's installer is told: speakup.synth=…, brltty=…"""
    return any(word.startswith(("speakup.", "brltty")) for word in command_line.split())


def open_streams() -> None:
    """A standard stream that was closed before we began (`>&-`) swallows what is written; no file takes its number."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(spare)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        # What the terminal's encoding lacks becomes a question mark. JSON is UTF-8 everywhere (RFC 8259, 8.1).
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            utf8 = name == "stdout" and "--json" in sys.argv
            stream.reconfigure(encoding="utf-8" if utf8 else None, errors="replace")


def _speak() -> None:
    """A node that stands is looked after in its own language, unless the environment names another."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        with open(FACTS, encoding="utf-8") as file:
            own = json.load(file)["language"]
        i18n.use(i18n.wished() or own)


def _harmless(said: object) -> str:
    """What the command line says may come from anywhere: nothing of it that a terminal acts on reaches it."""
    from byzwizard.backends.printable import printable

    return "\n".join(printable(line, 2000) for line in str(said).split("\n"))


def main() -> int:
    open_streams()
    _speak()
    os.umask(0o022)  # what daemons read does not depend on the caller's shell; secrets have modes of their own
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
        return status
    except ByzantiumError as error:
        print(f"byzwizard: {_harmless(error)}", file=sys.stderr)
        return error.status
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader has gone (`byzwizard status | head`): nobody is left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        what = _harmless(error.filename or _("Writing the answer"))
        advice = [_("Try again with sudo.")] if isinstance(error, PermissionError) and os.geteuid() != 0 else []
        with contextlib.suppress(OSError):
            print(_("byzwizard: {what}: {why}.").format(what=what, why=error.strerror), *advice, file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CannotHere.status if isinstance(error, PermissionError) else 1
    except (KeyboardInterrupt, EOFError):  # or Ctrl-D at a question: nothing is done before the answer
        print(_("byzwizard: interrupted; nothing was changed."), file=sys.stderr)
        return 130
