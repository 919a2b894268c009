"""Write answers as a file that explains itself: every key with its comment, and read back the same."""

import re
import textwrap
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from byzwizard.answers import Answers
from byzwizard.i18n import N_, _

# What no YAML reader, old or new, takes for anything but text; 9.9.9.9 and 4GiB included.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*|[0-9]+(MB|GB|MiB|GiB)|[0-9]+(\.[0-9]+){3}(/[0-9]+)?|802\.11s")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

_HEAD = N_(
    "What this Byzantium node is. Lines that begin with # explain the next one; a key that is left out has its usual "
    "value. After a change: byzwizard check FILE, then byzwizard apply FILE."
)
_PASSPHRASES = N_("Keep this file to yourself: it holds passphrases.")


def save_text(answers: Answers) -> str:
    """The file's text. Passphrases are in it: whoever writes it to a disk gives it mode 0600."""
    head = [_(_HEAD)]
    if _has_secret(answers):
        head.append(_(_PASSPHRASES))
    lines = [line for text in head for line in _comment(text, "")]
    for name, info in Answers.model_fields.items():
        lines += ["", *_comment(info, "")]
        lines += _entry(name, getattr(answers, name), "")
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any, indent: str) -> list[str]:
    if not isinstance(value, BaseModel):
        return [f"{indent}{name}: {_value(value)}"]
    lines = [f"{indent}{name}:"]
    for inner, info in type(value).model_fields.items():
        lines += _comment(info, indent + "  ")
        lines += _entry(inner, getattr(value, inner), indent + "  ")
    return lines


def _comment(what: str | FieldInfo, indent: str) -> list[str]:
    text = what if isinstance(what, str) else _(str(what.description))
    start = f"{indent}# "
    return textwrap.wrap(text, 100, initial_indent=start, subsequent_indent=start, break_long_words=False)


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return quoted(value.get_secret_value() if isinstance(value, SecretStr) else value)


def quoted(text: str) -> str:
    """`text` as YAML: as it is where nobody can misread it, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _has_secret(part: BaseModel) -> bool:
    values = (getattr(part, name) for name in type(part).model_fields)
    return any(isinstance(v, SecretStr) or (isinstance(v, BaseModel) and _has_secret(v)) for v in values)
