"""YAML's own errors in plain words. Nothing of the file is repeated: it may hold a passphrase."""

from __future__ import annotations

import yaml

from byzwizard.faults import Fault
from byzwizard.i18n import N_, _

# What PyYAML's message holds; whether the place of its context (where something began) helps more; what we say.
_WORDS = (
    ("'\\t'", False, N_("A tab stands here."), N_("Indent with spaces.")),
    ("cannot start any token", False, N_("A value cannot begin with this sign."), N_("Put the value in quotes.")),
    (
        "mapping values are not allowed", False,
        N_("A colon stands where none can."),
        N_("Put text that holds a colon and a space in quotes, and look at the indentation."),
    ),
    (
        "could not find expected ':'", True,
        N_("A key without a colon after it."),
        N_("Write it as “key: value”, and look at the indentation."),
    ),
    ("expected <block end>", False, N_("This does not fit the lines above."),
     N_("Keys of one section begin in the same column.")),
    ("expected ',' or ']'", True, N_("The list that begins here has no end."), N_("Close it with ].")),
    ("expected ',' or '}'", True, N_("The section that begins here has no end."), N_("Close it with }.")),
    ("unexpected end of stream", True, N_("The quote that opens here is never closed."),
     N_("Close it on the same line.")),
    ("unexpected document separator", True, N_("The quote that opens here is never closed."),
     N_("Close it on the same line.")),
    ("unknown escape character", False, N_("A backslash in double quotes means something special."),
     N_("Use single quotes, or write \\\\.")),
    ("escape sequence of", False, N_("A backslash in double quotes means something special."),
     N_("Use single quotes, or write \\\\.")),
    ("tag", False, N_("A tag (!) stands here; answers files have none."),
     N_("Take it out, or put text that begins with ! in quotes.")),
    ("while scanning an a", True, N_("An anchor (&) or alias (*) stands here; answers files have none."),
     N_("Put text that begins with & or * in quotes.")),
)  # fmt: skip


def fault(error: yaml.MarkedYAMLError) -> Fault:
    said = f"{error.context or ''} {error.problem or ''}"
    if "but got ':'" in said and error.context_mark and error.problem_mark \
            and error.context_mark.line == error.problem_mark.line:
        said = "mapping values are not allowed"  # brackets that begin further up were rather not closed
    for sign, at_context, message, hint in _WORDS:
        if sign in said:
            mark = error.context_mark if at_context else error.problem_mark
            return _at(mark or error.problem_mark or error.context_mark, _(message), _(hint))
    return _at(
        error.problem_mark or error.context_mark,
        _("From here on this cannot be read."),
        _("Each line is “key: value”, and the keys of a section are indented by two spaces."),
    )


def _at(mark: yaml.Mark | None, message: str, hint: str) -> Fault:
    return Fault(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, "", message, hint)
