"""How items look in urwid. A focusable item is a line with ▶ in front while it has the focus."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import urwid
from urwid.widget.table import TableLayout

from byzwizard.screens.fit import NARROW, Fit
from byzwizard.screens.items import (
    Action,
    Bar,
    Button,
    Code,
    Drawing,
    Entry,
    Fold,
    Gap,
    Item,
    Note,
    Option,
    Pick,
    Strip,
    Table,
    Waiting,
)
from byzwizard.screens.palette import FOCUS, FULL, LOWER, MARKS, UPPER, has_blocks, shown

LABEL = 15  # columns of the labels before fields and notes
ACTION = 25  # columns of what an action is called, where words follow
FIELD, FIELD_ALONE = 30, 50  # columns of the longest text field, with words behind it and without
NAME = 8  # columns to which the first column of a table may shrink
TYPED = 54  # columns below which a label stands above its field
FOCUSED = {None: "focus", "good": "focus", "look": "focus", "bad": "focus", "strong": "focus"}

Markup = str | tuple[str, Any] | list[Any]


def mark(name: str) -> Markup:
    """The glyph of a mark in its colour."""
    glyph = shown(MARKS[name])
    return (name, glyph) if name in {"good", "look", "bad"} else glyph


def text(words: str, strong: bool = False) -> urwid.Text:
    return urwid.Text(("strong", shown(words)) if strong else shown(words))


class Line(urwid.Widget):
    """What can have the focus: drawn with ▶ and in reverse then, the hardware cursor on the marker.

    `inner` is what stands behind the marker; with `typing` it has the cursor itself and keeps its own colours.
    """

    _sizing = frozenset((urwid.Sizing.FLOW,))
    _selectable = True

    def __init__(self, item: Item | Button, inner: urwid.Widget, typing: bool = False) -> None:
        super().__init__()
        self.item: Any = item
        at = 1 if typing else 0

        def lined(glyph: str) -> urwid.Columns:
            marker = urwid.Text(glyph) if typing else urwid.SelectableIcon(glyph, 0)
            return urwid.Columns([(2, marker), inner], focus_column=at)

        self._off: Any = lined(" ")
        self._on: Any = lined(shown(FOCUS)) if typing else urwid.AttrMap(lined(shown(FOCUS)), FOCUSED)

    def rows(self, size: Any, focus: bool = False) -> int:
        return int((self._on if focus else self._off).rows(size, focus))

    def render(self, size: Any, focus: bool = False) -> urwid.CompositeCanvas:
        return urwid.CompositeCanvas((self._on if focus else self._off).render(size, focus))

    def get_cursor_coords(self, size: tuple[int]) -> tuple[int, int] | None:
        at: tuple[int, int] | None = self._on.get_cursor_coords(size)
        return at

    def keypress(self, size: Any, key: str) -> str | None:
        if key in {"enter", " "}:
            self.item.do()
            return None
        return key

    def take(self, item: Any) -> bool:
        """Show a newer item; False when another widget has to be made for it."""
        same = item == self.item
        self.item = item
        return bool(same)


def _action(item: Action) -> Line:
    label = shown(item.label)
    first: list[Any] = [(2, urwid.Text(mark(item.mark)))] if item.mark else []
    if not item.hint and not item.side:
        first.append(urwid.Text(label))
    else:
        first.append(
            (max(ACTION, len(label) + 2) if not item.mark else len(label) + 1, urwid.Text(label, wrap="ellipsis"))
        )
        first.append(urwid.Text(shown(item.hint), wrap="ellipsis"))
        if item.side:
            side = urwid.Text(shown(item.side), align="right", wrap="ellipsis")
            first.append((len(item.side) + 3, urwid.Padding(side, left=2, right=1)))  # before it, and to the scroll bar
    wide = urwid.Columns(first)
    words = [mark(item.mark), " "] if item.mark else []
    narrow = urwid.Text(
        [*words, "  ".join(part for part in (label.strip(), shown(item.hint), shown(item.side)) if part)]
    )
    fit = Fit(wide, narrow, 60 if item.side else NARROW)
    if not item.below:
        return Line(item, fit)
    below = [urwid.Padding(text(line), left=2) for line in item.below]
    return Line(item, urwid.Pile([fit, *below]))


def _option(item: Option) -> Line:
    dot = mark("on" if item.chosen else "off")
    wide = urwid.Columns([(2, urwid.Text(dot)), (LABEL - 2, text(item.label)), text(item.hint)])
    return Line(item, Fit(wide, urwid.Text([dot, " ", shown(f"{item.label}  {item.hint}")])))


def _fold(item: Fold) -> Line:
    return Line(item, urwid.Text(("- " if item.open else "+ ") + shown(item.label)))


class DropDown(urwid.DropDown):
    """With the triangle of our font. `opened` is the one whose list is open."""

    opened: ClassVar[DropDown | None] = None

    def __init__(self, options: Sequence[str], selected: int) -> None:
        self.drop_down_indicator = urwid.Text(shown("▼"))  # type: ignore[misc]  # as the class documents it
        super().__init__(options, selected=selected, focus_map="focus")

    def open_pop_up(self) -> None:
        super().open_pop_up()
        DropDown.opened = self

    def close_pop_up(self) -> None:
        super().close_pop_up()
        DropDown.opened = None


class PickLine(Line):
    """A drop-down list behind a label."""

    def __init__(self, item: Pick) -> None:
        self._box = DropDown([shown(words) for _value, words in item.options], self._index(item))
        urwid.connect_signal(self._box, "change", self._changed)
        label = text(item.label)
        width = self._box.pack()[0]
        wide = urwid.Columns([(LABEL, label), (width, self._box), urwid.Padding(text(item.hint), left=2)])
        super().__init__(item, Fit(wide, urwid.Pile([label, self._box]), max(NARROW, LABEL + width + 2)))

    @staticmethod
    def _index(item: Pick) -> int:
        return [value for value, _words in item.options].index(item.value)

    def selectable(self) -> bool:
        return len(self.item.options) > 1

    def _changed(self, _box: urwid.DropDown, index: int) -> None:
        self.item.do(self.item.options[index][0])

    def keypress(self, size: Any, key: str) -> str | None:
        return self._box.keypress((), "enter") if key in {"enter", " "} else key


class EntryLine(Line):
    """A text field behind a label; the fault stands below it. Keeps its cursor while it is typed in."""

    def __init__(self, item: Entry) -> None:
        self._taking = False
        self._edit = urwid.Edit(edit_text=item.text, wrap="clip", mask=shown("·") if item.secret else None)
        urwid.connect_signal(self._edit, "postchange", self._typed)
        self._label, self._hint, self._fault = text(item.label), text(item.hint), urwid.Text("")
        self._foot = urwid.Pile([])
        field = urwid.Columns([(1, urwid.Text("[")), self._edit, (1, urwid.Text("]"))], focus_column=1)
        width = min(item.limit + 1, FIELD if item.hint else FIELD_ALONE) + 2
        # Without a hint there is no column for it: one of no use may be left a single column, which a Padding fills
        # with its margin and never draws, and what is above it is then not drawn anew when somebody types.
        hint = [urwid.Padding(self._hint, left=1)] if item.hint else []
        wide = urwid.Columns([(LABEL, self._label), (width, field), *hint], focus_column=1)
        self._wide = urwid.Pile([wide], focus_item=0)
        self._narrow = urwid.Pile([self._label, field], focus_item=1)
        super().__init__(item, Fit(self._wide, self._narrow, TYPED), typing=True)
        self._show_fault()

    def _typed(self, edit: urwid.Edit, _old: str) -> None:
        if not self._taking:
            self.item.do(edit.edit_text)

    def _show_fault(self) -> None:
        """Below the field, taking no line where there is none."""
        line: list[Any] = [(urwid.Padding(self._fault, left=2), ("pack", None))] if self.item.fault else []
        self._fault.set_text(("bad", shown(f"{MARKS['bad']} {self.item.fault}")))
        del self._wide.contents[1:], self._narrow.contents[2:]
        self._wide.contents.extend(line)
        self._narrow.contents.extend(line)

    def take(self, item: Any) -> bool:
        if item.label != self.item.label or item.limit != self.item.limit or item.hint != self.item.hint:
            return False
        before, self.item = self.item, item
        if item.secret != before.secret:
            self._edit.set_mask(shown("·") if item.secret else None)
        if item.text != self._edit.edit_text:
            self._taking = True  # nobody types: the page would be drawn anew while it is drawn
            self._edit.set_edit_text(item.text)
            self._edit.set_edit_pos(len(item.text))
            self._taking = False
        if item.fault != before.fault:
            self._show_fault()
        return True

    def keypress(self, size: Any, key: str) -> str | None:
        if len(key) == 1 and len(self._edit.edit_text) >= self.item.limit:
            return None
        inner = (max(size[0] - 2, 1),)
        if key == "ctrl u":
            self._edit.set_edit_text("")
            return None
        if key == "enter":
            if self.item.enter is None:
                return key  # to whatever comes next on the page
            self.item.enter()
            return None
        return self._wide.keypress(inner, key) if inner[0] >= TYPED else self._narrow.keypress(inner, key)


class Still(urwid.WidgetWrap[urwid.Widget]):
    """What is only read. Stands two columns in, as the lines behind their marker do."""

    def __init__(self, item: Item, inner: urwid.Widget) -> None:
        self.item = item
        super().__init__(inner)

    def take(self, item: Any) -> bool:
        return bool(item == self.item)


def _note(item: Note) -> Still:
    words: list[Any] = [text(item.text, item.strong)]
    if item.mark:
        words.insert(0, (2, urwid.Text(mark(item.mark))))
    if not item.label:
        return Still(item, _indented(urwid.Columns(words) if item.mark else words[0]))
    wide = urwid.Columns([(LABEL, urwid.Padding(text(item.label), right=1)), *words])
    first = [text(item.label)] if item.label.strip() else []
    return Still(item, _indented(Fit(wide, urwid.Pile([*first, urwid.Columns(words)]), NARROW - 2)))


def _indented(widget: urwid.Widget) -> urwid.Columns:
    return urwid.Columns([(2, urwid.Text("")), widget])


def _table(item: Table) -> Still:
    cells = [*zip(item.header, *item.rows, strict=True)]
    widths = [max(urwid.calc_width(shown(cell), 0, len(shown(cell))) for cell in column) for column in cells]
    layout = TableLayout(
        [
            urwid.TableColumn(
                align=urwid.RIGHT if n in item.right else urwid.LEFT,
                wrap=urwid.ELLIPSIS,
                # A long name gives way before the figures behind it.
                min_width=max(width if n else min(width, NAME), 1),
            )
            for n, width in enumerate(widths)
        ],
        dividechars=2,
    )
    rows = [
        layout.row([shown(head) for head in item.header], attr="strong", selectable=False),
        *(layout.row([shown(cell) for cell in row], selectable=False) for row in item.rows),
    ]
    return Still(item, _indented(urwid.Pile(rows)))


def _bar(item: Bar) -> Still:
    bar = urwid.ProgressBar("rest", "done", item.done, max(item.total, 1))
    return Still(item, _indented(urwid.Pile([bar, text(item.text)])))


class WaitingLine(Still):
    """A spinner that shows itself after a second."""

    def __init__(self, item: Waiting) -> None:
        self._spinner = urwid.Spinner()
        self._since = time.monotonic()
        super().__init__(item, _indented(urwid.Columns([(2, self._spinner), text(item.text)])))

    def step(self) -> None:
        if time.monotonic() - self._since >= 1:
            self._spinner.step()


def half_blocks(modules: Sequence[Sequence[bool]]) -> list[str]:
    """Two rows of modules in a row of characters; dark modules are drawn, light ones are the background."""
    glyphs = {(True, True): FULL, (True, False): UPPER, (False, True): LOWER, (False, False): " "}
    padded = [*modules, [False] * len(modules[0])] if len(modules) % 2 else list(modules)
    return [
        "".join(glyphs[bool(up), bool(down)] for up, down in zip(padded[n], padded[n + 1], strict=True))
        for n in range(0, len(padded), 2)
    ]


def _code(item: Code) -> Still:
    """The code in black on white at the right of what stands beside it, or in words where it has no room."""
    lines = half_blocks(item.modules)
    width = len(lines[0])
    above, *words = [text(line) for line in item.text]
    picture: urwid.Widget
    if not has_blocks():
        picture = urwid.Pile([above, *words])
    else:
        picture = urwid.Pile([above, urwid.AttrMap(urwid.Text("\n".join(lines), wrap="clip"), "qr"), *words])
    left = urwid.Pile([make(each) for each in item.beside]) if item.beside else urwid.Text("")
    wide = urwid.Columns([left, (width, picture)], dividechars=1)
    below = urwid.Pile([left, urwid.Divider(), _indented(picture)])
    tiny = urwid.Pile([left, urwid.Divider(), _indented(urwid.Pile([text(line) for line in item.text]))])
    return Still(item, Fit(wide, Fit(below, tiny, width + 2), width + 40))


def _drawing(item: Drawing) -> Still:
    width = max(len(line) for line in item.lines)
    wide = urwid.Text("\n".join(shown(line) for line in item.lines), wrap="clip")
    return Still(item, _indented(Fit(wide, text(item.words), width)))


class StripLine(urwid.Widget):
    """A strip, made when it is drawn: there may be hundreds, of which a screen shows twenty."""

    _sizing = frozenset((urwid.Sizing.FLOW,))

    def __init__(self, item: Strip) -> None:
        super().__init__()
        self.item = item

    def _fits(self, columns: int) -> bool:
        return not self.item.words or sum(len(piece) for _style, piece in self.item.parts) <= columns - 2

    def _inner(self, columns: int) -> urwid.Columns:
        if not self._fits(columns):
            return _indented(text(self.item.words))
        return _indented(urwid.Text([(style or "rest", shown(piece)) for style, piece in self.item.parts], wrap="clip"))

    def rows(self, size: Any, focus: bool = False) -> int:
        return 1 if self._fits(size[0]) else int(self._inner(size[0]).rows(size))

    def render(self, size: Any, focus: bool = False) -> urwid.CompositeCanvas:
        return urwid.CompositeCanvas(self._inner(size[0]).render(size))

    def take(self, item: Any) -> bool:
        return bool(item == self.item)


def button(item: Button) -> Line:
    return Line(item, urwid.Text(f"[ {shown(item.label)} ]", wrap="ellipsis"))


def make(item: Item) -> Any:
    """The widget of an item."""
    makers: dict[type, Callable[[Any], Any]] = {
        Action: _action,
        Option: _option,
        Fold: _fold,
        Pick: PickLine,
        Entry: EntryLine,
        Note: _note,
        Table: _table,
        Bar: _bar,
        Waiting: WaitingLine,
        Code: _code,
        Drawing: _drawing,
        Strip: StripLine,
        Gap: lambda gap: Still(gap, urwid.Divider()),
    }
    return makers[type(item)](item)
