"""Read an answers file: bytes, strict YAML, the models; every fault of it in one run."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from byzwizard import answers_faults, catalogue_names, strictyaml, values
from byzwizard.answers import Answers, WithPassphrase
from byzwizard.errors import Invalid
from byzwizard.faults import Fault, InvalidAnswers
from byzwizard.i18n import _

Part = TypeVar("Part", bound=BaseModel)

BOM = b"\xef\xbb\xbf"
LARGEST = 256 * 1024
LARGEST_SECRET = 4096


def load(path: Path, gone: list[str] | None = None) -> Answers:
    """The answers in a file (or pipe). A `passphrase_file` stays a name, made absolute: see with_secrets.
    Raises InvalidAnswers."""
    return _beside(parse(_text(_bytes(path), str(path)), str(path), gone), path)


def parse(text: str, name: str = "answers.yaml", gone: list[str] | None = None) -> Answers:
    """The answers in `text`; `name` is for messages, `gone` takes the services that are left out because there are none
    of that name. Raises InvalidAnswers."""
    document = strictyaml.read(text)
    found = list(document.faults)
    answers = None
    if document.empty:
        if not found:
            found.append(Fault(1, 1, "", _("This file is empty."), _("It begins with the line: byzantium: 1")))
    elif not isinstance(document.data, dict):
        if document.whole and () not in document.broken:
            found.append(
                Fault(*document.values[()], "", _("This is not a file of answers: it must hold keys with values."),
                      _("It begins with the line: byzantium: 1"))
            )  # fmt: skip
    else:
        if gone is not None:
            gone += _without_gone(document.data)
        answers, errors = _validated(document.data)
        found += answers_faults.explained(document, errors)
    if found or answers is None:
        raise InvalidAnswers(name, found)
    return answers


def _validated(data: dict[str, Any]) -> tuple[Answers | None, list[Any]]:
    try:
        return Answers.model_validate(data), []
    except ValidationError as fault:
        return None, list(fault.errors(include_url=False))


def _without_gone(data: dict[str, Any]) -> list[str]:
    """Takes the services out that there are not, and says which."""
    said = data.get("services")
    if not isinstance(said, list):
        return []
    there = catalogue_names.names()
    gone = [one for one in said if isinstance(one, str) and re.fullmatch(values.SERVICE, one) and one not in there]
    data["services"] = [one for one in said if one not in gone]
    return gone


def _refusal(name: str, message: str, hint: str = "", place: strictyaml.Place = (1, 1)) -> InvalidAnswers:
    return InvalidAnswers(name, [Fault(*place, "", message, hint)])


def _bytes(path: Path) -> bytes:
    """At most LARGEST and one more; pipes are read to their end."""
    name = str(path)
    try:
        if path.is_dir():
            raise _refusal(name, _("This is a folder, not a file."), _("Name the answers file in it."))
        with open(path, "rb", buffering=0) as file:
            content = bytearray()
            while len(content) <= LARGEST and (part := file.read(LARGEST + 1 - len(content))):
                content += part
    except FileNotFoundError:
        raise _refusal(name, _("There is no such file."), _("Look at the name and the folder.")) from None
    except PermissionError:
        raise _refusal(name, _("This file may not be read by you."), _("Try again with sudo.")) from None
    except (OSError, ValueError) as fault:
        reason = (fault.strerror if isinstance(fault, OSError) else None) or _("its name cannot be used")
        raise _refusal(name, _("This file cannot be read: {reason}.").format(reason=reason)) from None
    if len(content) > LARGEST:
        raise _refusal(
            name,
            _("This file is larger than {size} kB.").format(size=LARGEST // 1024),
            _("An answers file is short; is this another file?"),
        )
    return bytes(content)


def _text(content: bytes, name: str) -> str:
    """UTF-8, with or without byte order mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(name, _("This file is written in UTF-16."), _("Save it as UTF-8."))
    if b"\0" in content:
        raise _refusal(name, _("This is not a text file."), _("Is this another file?"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        # Positions count after the mark, and only what came before is text.
        before = content.removeprefix(BOM)[: fault.start].decode(errors="replace")
        place = strictyaml.place_in(before, len(before))
    raise _refusal(name, _("A character stands here that is not UTF-8."), _("Save the file as UTF-8."), place)


def with_secrets(answers: Answers, folder: Path = Path()) -> Answers:
    """The same answers with each `passphrase_file` read in and replaced by its `passphrase`.

    A relative name is looked for in `folder`. The store's passphrase stays outside: it is read when the store is
    opened. Raises Invalid naming the key and the file, never what is in it.
    """

    def read(section: BaseModel, key: str) -> dict[str, Any]:
        file = getattr(section, "passphrase_file", None)
        if file is None or not isinstance(section, WithPassphrase):
            return {}
        secret = read_secret(folder / file, f"{key}.passphrase_file")
        return {"passphrase": SecretStr(secret), "passphrase_file": None}

    return _changed(answers, "", read)


def _beside(answers: Answers, path: Path) -> Answers:
    """Relative names of passphrase files begin where the answers file lies; those from a pipe, where we are."""
    if not path.is_file():
        return answers

    def absolute(section: BaseModel, _key: str) -> dict[str, Any]:
        file = getattr(section, "passphrase_file", None)
        return {} if file is None else {"passphrase_file": str(path.parent.absolute() / file)}

    return _changed(answers, "", absolute)


def _changed(part: Part, key: str, change: Callable[[BaseModel, str], dict[str, Any]]) -> Part:
    """A copy with what `change` returns for each section; `key` is the path of `part`."""
    update = change(part, key)
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            update[name] = _changed(value, f"{key}.{name}".removeprefix("."), change)
    return part.model_copy(update=update)


def read_secret(path: Path, key: str) -> str:
    """The passphrase in a file, its line end taken off. Raises Invalid naming `key`."""
    where = {"key": key, "file": values.shown(str(path), 200)}
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise Invalid(_("{key}: {file} is a folder, not a file.").format(**where))
        with open(path, "rb", buffering=0) as file:
            content = file.read(LARGEST_SECRET + 1)
    except OSError as fault:
        raise Invalid(
            _("{key}: {file} cannot be read: {reason}.").format(**where, reason=fault.strerror),
            _("The passphrase should stand in this file, alone."),
        ) from None
    try:
        return values.passphrase(content.removeprefix(BOM).decode("ascii").removesuffix("\n").removesuffix("\r"))
    except ValueError:
        pass  # outside of the handler, so that no traceback can carry the passphrase
    raise Invalid(
        _("{key}: {file} does not hold a passphrase of 8 to 63 plain ASCII characters in one line.").format(**where)
    )
