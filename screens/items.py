"""What a page is made of, as data: two renderers draw it, urwid (widgets.py) and line mode (byzwizard/plain.py).

Items compare by what they show; what they do (`compare=False`) is taken from the newest. `id` is unique on a page
and keeps the focus where it is while other items come and go.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Mark = Literal["", "good", "bad", "look", "on", "off", "busy", "todo", "under"]
"""Drawn as a glyph of its own colour; a word beside it always says the same. `under`: none, but the same indent."""

Style = Literal["", "strong", "good", "look", "bad", "in", "out"]
"""A colour of the palette, of a piece of a line."""

Do = Callable[[], None]


def nothing() -> None:
    """What an item does that only shows something."""


@dataclass(frozen=True)
class Note:
    """Text that is only read. `label` stands in a column of its own before it."""

    text: str
    mark: Mark = ""
    label: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of equal length under a header; `right` are the right-aligned columns."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Action:
    """A line that does something. `side` stands at the right end, `below` on lines of its own."""

    id: str
    label: str
    do: Do = field(default=nothing, compare=False)
    hint: str = ""
    mark: Mark = ""
    side: str = ""
    below: tuple[str, ...] = ()
    verb: str = ""  # what Enter does, for the footer


@dataclass(frozen=True)
class Option:
    """One of several that exclude each other; `chosen` is the one that holds."""

    id: str
    label: str
    chosen: bool
    do: Do = field(default=nothing, compare=False)
    hint: str = ""


@dataclass(frozen=True)
class Pick:
    """One value out of a list that opens on Enter. `options` are (value, words)."""

    id: str
    label: str
    value: str
    options: tuple[tuple[str, str], ...]
    do: Callable[[str], None] = field(default=lambda value: None, compare=False)
    hint: str = ""


@dataclass(frozen=True)
class Entry:
    """Text that is typed. `text` is what was typed, good or not; `fault` is the validator's sentence."""

    id: str
    label: str
    text: str
    do: Callable[[str], None] = field(default=lambda text: None, compare=False)
    fault: str = ""
    hint: str = ""
    secret: bool = False
    limit: int = 64  # characters
    enter: Do | None = field(default=None, compare=False)  # by default Enter moves on


@dataclass(frozen=True)
class Fold:
    """Opens and closes what stands below it."""

    id: str
    label: str
    open: bool
    do: Do = field(default=nothing, compare=False)


@dataclass(frozen=True)
class Bar:
    """Progress of what can be counted; `text` says of what, with rate and time left."""

    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Code:
    """A QR code: True is a dark module. `text` says the same in words. Stands beside what is in `beside`."""

    modules: tuple[tuple[bool, ...], ...]
    text: tuple[str, ...]
    beside: tuple["Item", ...] = ()


@dataclass(frozen=True)
class Drawing:
    """Lines drawn with box characters; `words` say the same where lines are read aloud or have no room."""

    lines: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Strip:
    """A line that is laid out already, in pieces of one style each; `words` say the same, or nothing where the line
    only draws."""

    parts: tuple[tuple[Style, str], ...]
    words: str


@dataclass(frozen=True)
class Waiting:
    """Something takes its time; the spinner comes after a second."""

    text: str


@dataclass(frozen=True)
class Gap:
    """An empty line."""


Item = Note | Table | Action | Option | Pick | Entry | Fold | Bar | Code | Drawing | Strip | Waiting | Gap
Focusable = Action | Option | Pick | Entry | Fold


@dataclass(frozen=True)
class Button:
    """Stands in the row of buttons under the page; named by its effect."""

    id: str
    label: str
    do: Do = field(default=nothing, compare=False)


@dataclass(frozen=True)
class Key:
    """A key that works on this page. `label` is what the footer says; without one it is not in the footer."""

    keys: tuple[str, ...]
    label: str
    do: Do = field(default=nothing, compare=False)
    footer: str = ""  # the key as the footer writes it, by default the first of `keys`
    letter: bool = False  # goes to a text field where one has the focus
    focused: bool = False  # acts on the item in the focus, so line mode has no use for it

    @property
    def shown(self) -> str:
        return self.footer or self.keys[0]


def focusable(item: Item) -> bool:
    return isinstance(item, Action | Option | Pick | Entry | Fold)
