"""The models' findings in plain words, each at its place in the file. No value of a passphrase is ever repeated."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, SecretStr

from byzwizard.answers import Answers, WithPassphrase, contradictions
from byzwizard.faults import MOST, Fault
from byzwizard.i18n import _
from byzwizard.strictyaml import Document, Path, Place, dotted
from byzwizard.values import BadValue, shown

TOO_LONG = 20  # digits; what is as long is no number that somebody mistyped, and is read as text

Error = Mapping[str, Any]
"""One of pydantic's ValidationError.errors()."""


def explained(document: Document, errors: Iterable[Error]) -> list[Fault]:
    """Faults in the order of the file, MOST at most; without those whose place has its fault already."""
    by_path = _by_path(document.data, errors)
    where = {path: _place(document, path) for path in by_path}
    found = [] if ("byzantium",) in document.broken else list(_format(document))
    found += list(_contradictions(document))
    told = 0
    for path in sorted(by_path, key=lambda path: where[path]):
        if path == ("byzantium",) or any(path[:n] in document.broken for n in range(len(path) + 1)):
            continue
        said = _said(document.data, path, by_path[path])
        if said is None:
            continue
        found.append(Fault(*where[path], dotted(path), *said))
        told += 1
        if told >= MOST:
            break
    return found


def _place(document: Document, path: Path) -> Place:
    """A key that is missing stands where its section does."""
    for n in range(len(path), -1, -1):
        places = document.keys if n == len(path) and path and not _known(path) else document.values
        if path[:n] in places:
            return places[path[:n]]
    return (1, 1)


def _by_path(data: Any, errors: Iterable[Error]) -> dict[Path, list[Error]]:
    """Errors by their path in the file; where one kind of value was tried in part (a list), the others say nothing."""
    found: dict[Path, list[Error]] = {}
    for error in errors:
        found.setdefault(_path(data, error), []).append(error)
    in_part = {path[:-1] for path in found if path and isinstance(path[-1], int)}
    return {path: said for path, said in found.items() if path not in in_part}


def _path(data: Any, error: Error) -> Path:
    """pydantic's location without the names of the alternatives that it tried; only a key that is missing stands in it
    and not in the data."""
    path: list[str | int] = []
    for part in error["loc"]:
        if isinstance(data, dict) and isinstance(part, str) and (part in data or error["type"] == "missing"):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _format(document: Document) -> Iterator[Fault]:
    if "byzantium" not in document.data:
        if not document.whole:
            return
        yield Fault(*document.values[()], "byzantium", _("The line “byzantium: 1” is missing."),
                    _("It tells the format of the file; make it the first line."))  # fmt: skip
    elif (value := document.data["byzantium"]) is True or value != 1:
        newer = isinstance(value, int) and value > 1
        yield Fault(
            *document.values[("byzantium",)],
            "byzantium",
            _("“byzantium” must be 1, the format that this program knows."),
            _("This file is of a newer format: use a newer Byzantium.") if newer else _("Write: byzantium: 1"),
        )


def _contradictions(document: Document) -> Iterator[Fault]:
    for path in _sections(Answers, ()):
        section = _get(document.data, path)
        if isinstance(section, dict):
            for key, wrong in contradictions(section):
                where = (*path, key)
                yield Fault(*document.keys[where], dotted(where), wrong.message, wrong.hint)


def _sections(model: type[BaseModel], path: Path) -> Iterator[Path]:
    """Where the sections stand that may hold a passphrase."""
    if issubclass(model, WithPassphrase):
        yield path
    for name, inner in _models(model):
        yield from _sections(inner, (*path, name))


def _models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in model.model_fields.items():
        for part in _alternatives(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield name, part


def _get(data: Any, path: Path) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _said(data: Any, path: Path, errors: Sequence[Error]) -> tuple[str, str] | None:
    """Message and hint; None when it is said elsewhere."""
    for error in errors:
        if error["type"] == "value_error":
            wrong = error["ctx"]["error"]
            if path in set(_sections(Answers, ())):
                return None  # between keys: _contradictions has the better place
            return (f"{_named(path)}: {wrong.message}", wrong.hint) if isinstance(wrong, BadValue) else (str(wrong), "")
    if errors[0]["type"] == "extra_forbidden":
        return _unknown(path)
    if errors[0]["type"] == "missing":
        return _("The key {key} is missing.").format(key=_named(path)), _("Add it to this section.")
    annotation = _annotation(path)
    value = _value(data, path)
    return (
        _("{key} must be {expected}; here stands {found}.").format(
            key=_named(path), expected=expected(annotation), found=_kind(annotation, value)
        ),
        _how(annotation, value),
    )


def _named(path: Path) -> str:
    return f"“{dotted(path)}”"


def _value(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The kinds of value that an annotation allows, without their validators."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(kind for part in typing.get_args(annotation) for kind in _alternatives(part))
    return (annotation,)


def _annotation(path: Path) -> Any:
    """What the models say of a path; None for what they do not know."""
    annotation: Any = Answers
    for part in path:
        kinds = _alternatives(annotation)
        annotation = None
        for kind in kinds:
            if isinstance(part, int) and typing.get_origin(kind) is tuple:
                annotation = typing.get_args(kind)[0]
            elif isinstance(part, str) and isinstance(kind, type) and issubclass(kind, BaseModel):
                info = kind.model_fields.get(part)
                annotation = info.annotation if info else None
    return annotation


def _known(path: Path) -> bool:
    return _annotation(path) is not None


def expected(annotation: Any) -> str:
    """“auto, true or false”: what may stand here, for a person."""
    words: list[str] = []
    for kind in _alternatives(annotation):
        if typing.get_origin(kind) is Literal:
            words += [str(word) for word in typing.get_args(kind)]
        elif typing.get_origin(kind) is tuple:
            words.append(_("a list in square brackets"))
        elif kind is bool:
            words += ["true", "false"]
        elif kind is int:
            words.append(_("a whole number"))
        elif kind is type(None):
            words.append("null")
        elif kind in (str, SecretStr):
            words.append(_("text"))
        else:
            words.append(_("keys with values, indented below it"))
    return _("{some} or {last}").format(some=", ".join(words[:-1]), last=words[-1]) if len(words) > 1 else words[0]


def _kind(annotation: Any, value: Any) -> str:
    if value is None:
        return _("nothing")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _("a number")
    if isinstance(value, list):
        return _("a list")
    if isinstance(value, dict):
        return _("a section of keys")
    has_words = any(typing.get_origin(kind) is Literal for kind in _alternatives(annotation))
    return f"“{shown(value)}”" if has_words else _("text")


def _how(annotation: Any, value: Any) -> str:
    """What to write instead, as far as it can be guessed."""
    kinds = _alternatives(annotation)
    words = [str(word) for kind in kinds if typing.get_origin(kind) is Literal for word in typing.get_args(kind)]
    if value is None:
        return _("Give it a value, or take the line out.")
    if isinstance(value, int) and (str in kinds or SecretStr in kinds):
        return _("Put it in quotes.")
    if not isinstance(value, str):
        return ""
    if bool in kinds and value.lower() in {"yes", "on", "true", "y"}:
        return _("Write {word}.").format(word="true")
    if bool in kinds and value.lower() in {"no", "off", "false", "n"}:
        return _("Write {word}.").format(word="false")
    if int in kinds and value.isdecimal() and len(value) < TOO_LONG:
        return _("Write it without quotes and without a leading zero.")
    if near := difflib.get_close_matches(value[:64].lower(), words, 1):
        return _("Did you mean {text}?").format(text=near[0])
    if any(typing.get_origin(kind) is tuple for kind in kinds):
        return _("Write [{item}].").format(item=shown(value))
    return ""


def _unknown(path: Path) -> tuple[str, str]:
    """Names the nearest known key: of this section, or the same word in another one."""
    key = str(path[-1])
    section = path[:-1]
    here = _fields(section)
    word = key[:64].lower().replace("-", "_").replace(" ", "_")
    near = difflib.get_close_matches(word, here, 1, 0.6)
    everywhere = [(*other, name) for other in _all_sections(Answers, ()) for name in _fields(other)]
    alike = difflib.get_close_matches(word, [str(names[-1]) for names in everywhere], 1, 0.8)
    elsewhere = [names for names in everywhere if names[-1] in alike]
    if near:
        nearest = near[0]
    elif elsewhere:
        nearest = dotted(elsewhere[0])
    else:
        nearest = max(here, key=lambda name: difflib.SequenceMatcher(None, word, name).ratio())
    message = (
        _("There is no key “{key}” in “{section}”; the nearest is “{nearest}”.")
        if section
        else _("There is no key “{key}”; the nearest is “{nearest}”.")
    )
    hint = _("Correct it, or take it out.")
    if not near and not elsewhere:
        hint = _("There are: {names}.").format(names=", ".join(here))
    return message.format(key=shown(key), section=dotted(section), nearest=nearest), hint


def _all_sections(model: type[BaseModel], path: Path) -> Iterator[Path]:
    yield path
    for name, inner in _models(model):
        yield from _all_sections(inner, (*path, name))


def _fields(section: Path) -> list[str]:
    kinds = _alternatives(_annotation(section))
    return [name for kind in kinds for name in getattr(kind, "model_fields", ())]
