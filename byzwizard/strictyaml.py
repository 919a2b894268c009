"""Strict YAML: what is written is what is meant.

Only true, false, null, ~ and plain decimal integers are more than text, so `no` is Norway and 22:33:44:55:10:11 an
address. Duplicate keys, tags, anchors, aliases, merge keys and second documents are faults. Built on PyYAML's event
stream: nothing is expanded and nothing recurses deeper than DEEPEST, whatever the file holds.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from byzwizard import yaml_words
from byzwizard.faults import MOST, Fault
from byzwizard.i18n import _
from byzwizard.values import shown

DEEPEST = 32
MOST_VALUES = 10_000

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Document:
    """`data` as plain dicts, lists and scalars. `keys` and `values` tell where each path stands; what lies at or
    below a path in `broken` has its fault already and means nothing. When not `whole`, reading stopped early, and
    `data` holds the keys that came before."""

    data: Any = None
    empty: bool = True
    whole: bool = False
    faults: list[Fault] = field(default_factory=list)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)


def dotted(path: Path) -> str:
    """mesh.interfaces[1]"""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def scalar(text: str) -> str | int | bool | None:
    """What a plain (unquoted) scalar means. A leading zero or plus makes a text, as in 00."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def read(text: str) -> Document:
    """Never raises for what the text holds: it is told in `faults`."""
    document = Document()
    try:
        _Reader(text, document).read()
    except _Stop:
        pass
    except yaml.reader.ReaderError as fault:
        line, column = place_in(text, fault.position)
        document.faults.append(
            Fault(line, column, "", _("A control character stands here; this may not be a text file."))
        )
    except yaml.MarkedYAMLError as fault:
        document.faults.append(yaml_words.fault(fault))
    return document


def place_in(text: str, index: int) -> Place:
    """Line and column of a character, from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


class _Stop(Exception):
    """Enough has been seen; the reason is among the faults."""


class _Reader:
    def __init__(self, text: str, document: Document) -> None:
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._document = document
        self._count = 0

    def read(self) -> None:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._document.whole = True
            return
        self._document.data = self._node(next(self._events), ())
        next(self._events)  # the end of the document
        self._document.whole = True
        if isinstance(after := next(self._events), yaml.DocumentStartEvent):
            self._fault(
                after, (), _("A second document begins here (---); this file holds one only."), _("Take it out.")
            )

    def _fault(self, event: yaml.Event, path: Path, message: str, hint: str = "") -> None:
        line, column = _place(event)
        self._document.faults.append(Fault(line, column, dotted(path), message, hint))
        if len(self._document.faults) >= MOST:
            raise _Stop

    def _node(self, event: yaml.Event, path: Path) -> Any:
        document = self._document
        document.values[path] = _place(event)
        self._count += 1
        if self._count > MOST_VALUES:
            self._fault(event, path, _("This file holds more than {n} values.").format(n=MOST_VALUES),
                        _("An answers file is short; is this another file?"))  # fmt: skip
            raise _Stop
        self._refuse_magic(event, path)
        if isinstance(event, yaml.CollectionStartEvent) and len(path) >= DEEPEST:
            self._fault(event, path[:1], _("Values are nested more than {n} levels deep here.").format(n=DEEPEST),
                        _("An answers file needs three."))  # fmt: skip
            raise _Stop
        if isinstance(event, yaml.MappingStartEvent):
            document.empty = False
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            document.empty = False
            return self._sequence(path)
        if not isinstance(event, yaml.ScalarEvent):
            return None
        if event.style is None:
            value = scalar(event.value)
            if event.value == "" and path in document.keys:
                document.values[path] = document.keys[path]
        else:
            value = event.value
            if any("\ud800" <= c <= "\udfff" for c in value):
                document.broken.add(path)
                self._fault(event, path, _("This text holds half a character (a surrogate)."), _("Write it out."))
        document.empty = document.empty and value is None
        return value

    def _refuse_magic(self, event: yaml.Event, path: Path) -> None:
        document = self._document
        if isinstance(event, yaml.AliasEvent):
            document.broken.add(path)
            document.empty = False
            self._fault(event, path, _("An alias (*) stands here; answers files have none."),
                        _("Write the value itself, or put text that begins with * in quotes."))  # fmt: skip
            return
        if getattr(event, "anchor", None) is not None:
            self._fault(event, path, _("An anchor (&) stands here; answers files have none."),
                        _("Take it out, or put text that begins with & in quotes."))  # fmt: skip
        if getattr(event, "tag", None) is not None:
            document.broken.add(path)
            document.empty = False
            self._fault(event, path, _("A tag (!) stands here; answers files have none."),
                        _("Take it out, or put text that begins with ! in quotes."))  # fmt: skip

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if path == ():
            self._document.data = found
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key is None:
                self._skip(next(self._events), path)
                continue
            where = (*path, key)
            if key in found:
                line = self._document.keys[where][0]
                self._fault(event, where, _("The key “{key}” stands here twice, first in line {line}.").format(
                    key=shown(key), line=line), _("Keep one of them."))  # fmt: skip
                self._skip(next(self._events), path)
                continue
            self._document.keys[where] = _place(event)
            found[key] = self._node(next(self._events), where)
        return found

    def _key(self, event: yaml.Event, path: Path) -> str | None:
        """None: there is no using it, and that has been told."""
        self._refuse_magic(event, path)
        if isinstance(event, yaml.CollectionStartEvent):
            self._fault(event, path, _("A key must be a word; here stands a list or a section."),
                        _("Is there a bracket or brace too many?"))  # fmt: skip
            self._skip(event, path)
            return None
        if not isinstance(event, yaml.ScalarEvent):
            return None
        if event.value == "<<" and event.style is None:
            self._fault(event, path, _("A merge key (<<) stands here; answers files have none."),
                        _("Write the keys themselves."))  # fmt: skip
            return None
        if any("\ud800" <= c <= "\udfff" for c in event.value):
            self._fault(event, path, _("This key holds half a character (a surrogate)."))
            return None
        return event.value

    def _skip(self, event: yaml.Event, path: Path) -> None:
        """Read past a value that is not used: it is checked for magic, and forgotten."""
        kept = self._document.keys.copy(), self._document.values.copy()
        self._node(event, (*path, "?"))
        self._document.keys, self._document.values = kept


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
