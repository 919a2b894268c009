"""A page or a sheet as a widget: title and sentence, the items in a list that scrolls, its foot and the buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import urwid

from byzwizard.screens.items import Button, Item, focusable
from byzwizard.screens.page import Page
from byzwizard.screens.palette import shown
from byzwizard.screens.widgets import Line, WaitingLine, button, make

WIDEST = 100  # columns of a page: what stands at its right end still belongs to what is left
LOW = 4  # rows that the items have at least; else the title goes


class Row(urwid.GridFlow):
    """urwid 5.1 forgets the arrangement by keeping it (to set _w invalidates), and makes it anew five times a frame.
    What changes its cells or their focus still invalidates it."""

    def get_display_widget(self, size: Any) -> Any:
        arranged = super().get_display_widget(size)
        self._cache_maxcol = self._get_maxcol(size)
        return arranged


class View(urwid.WidgetWrap[Any]):
    """Keeps the focus by id while items come and go, and makes a new widget only for an item that changed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._size = (80, 20)
        self._from_top = False  # the focus was given to the first line
        self._title, self._sentence = urwid.Text(""), urwid.Text("")
        self._header = urwid.Pile([urwid.Divider(), urwid.Padding(self._title, left=2), urwid.Divider()])
        self._walker: urwid.SimpleFocusListWalker[Any] = urwid.SimpleFocusListWalker([])
        self._list = urwid.ListBox(self._walker)
        self._buttons: list[Line] = []
        self._row = Row([], 10, 2, 0, "left")
        self._foot, self._gap, self._below = urwid.Pile([]), urwid.Divider(), urwid.Pile([])
        self._said: tuple[Item, ...] = ()  # what the foot shows
        super().__init__(urwid.Frame(urwid.ScrollBar(self._list), self._header))
        self.sync()
        self.move(page.focus() or "")
        if self._walker and self._list.focus_position == 0:
            self._list.set_focus_valign("top")  # an item higher than the screen is read from its beginning

    def sync(self) -> None:
        """Show what the page says now."""
        self._title.set_text(("title", shown(self.page.title)))
        said = self.page.sentence
        self._sentence.set_text(shown(said))
        lines = self._header.contents
        if bool(said) != (len(lines) == 4):
            if said:
                lines.insert(2, (urwid.Padding(self._sentence, left=2), self._header.options("pack")))
            else:
                del lines[2]
        here = self.focused
        self._sync_items(self.page.items(), here)
        self._sync_foot(self.page.foot())
        self._sync_buttons(self.page.buttons())
        if here and self.focused != here and here in self.ids:
            self.move(here)
        elif not self.focused and self.ids:
            self.move(self._nearest(here))

    def _sync_items(self, items: Sequence[Item], here: str) -> None:
        self._was = [widget.item.id for widget in self._walker if focusable(widget.item)]
        by_id = {widget.item.id: widget for widget in self._walker if focusable(widget.item)}
        still: dict[Any, list[Any]] = {}
        for widget in self._walker:
            if not focusable(widget.item):
                still.setdefault(widget.item, []).append(widget)
        widgets = []
        for item in items:
            if focusable(item):
                old = by_id.get(item.id)  # type: ignore[union-attr]  # focusable items have an id
                if old is not None and type(old.item) is not type(item):
                    old = None
            else:
                old = still[item].pop() if still.get(item) else None
            widgets.append(old if old is not None and old.take(item) else make(item))
        if len(widgets) == len(self._walker) and all(
            new is old for new, old in zip(widgets, self._walker, strict=True)
        ):
            return
        top = self._list.focus_position if self._walker else 0
        self._walker[:] = widgets
        if widgets and here not in self._body_ids():
            self._list.focus_position = min(top, len(widgets) - 1)

    def _sync_foot(self, items: Sequence[Item]) -> None:
        if self._said != tuple(items):
            self._said = tuple(items)
            self._foot.contents = [(make(item), self._foot.options("pack")) for item in items]

    def _sync_buttons(self, buttons: Sequence[Button]) -> None:
        if [line.item for line in self._buttons] == list(buttons):
            for line, item in zip(self._buttons, buttons, strict=True):
                line.take(item)
            return
        self._buttons = [button(item) for item in buttons]
        self._row.contents = [
            (line, self._row.options("given", urwid.calc_width(line.item.label, 0, len(line.item.label)) + 6))
            for line in self._buttons
        ]
        if not buttons:
            self._w.focus_position = "body"
        self._place_below(foot=True)

    def _place_below(self, foot: bool) -> None:
        """The foot, where there is room for it, and the buttons."""
        wanted: list[Any] = [self._foot] if foot and self._said else []
        wanted += [self._gap, self._row] if self._buttons else []
        if [widget for widget, _how in self._below.contents] != wanted:
            self._below.contents = [(widget, self._below.options("pack")) for widget in wanted]
            self._below.focus_position = max(len(wanted) - 1, 0) if self._buttons else 0
        footer = self._below if wanted else None
        if self._w.footer is not footer:
            self._w.footer = footer

    def _nearest(self, gone: str) -> str:
        """What has the focus when the item that had it is gone: the one behind it. Where none had it, the first."""
        ids = self.ids
        if not gone:
            return ids[0]
        if gone in self._was:
            after = [one for one in self._was[self._was.index(gone) :] if one in ids]
            if after:
                return str(after[0])
        return ids[-1] if not self._body_ids() else self._body_ids()[-1]

    def _body_ids(self) -> list[str]:
        return [widget.item.id for widget in self._walker if focusable(widget.item) and widget.selectable()]

    @property
    def ids(self) -> list[str]:
        """What can have the focus, in its order."""
        return [*self._body_ids(), *self.row_ids]

    @property
    def row_ids(self) -> list[str]:
        return [line.item.id for line in self._buttons]

    @property
    def in_row(self) -> bool:
        """Whether a button has the focus."""
        return bool(self._w.focus_position == "footer")

    @property
    def scrolls(self) -> bool:
        """Whether there are more items than are seen."""
        columns, rows = self._size
        around = [part.rows((columns,)) for part in (self._w.header, self._w.footer) if part is not None]
        room = rows - sum(around)
        if len(self._walker) > room:  # every item has a row at least; adding up a thousand takes too long for each key
            return True
        return bool(self._body_rows(columns) > room)

    def _body_rows(self, columns: int) -> int:
        return sum(widget.rows((max(columns - 1, 1),)) for widget in self._walker)

    @property
    def line(self) -> Line | None:
        """The line in the focus."""
        if self.in_row:
            return self._row.focus  # type: ignore[return-value]  # the row holds lines
        widget = self._list.focus
        return widget if isinstance(widget, Line) and widget.selectable() else None

    @property
    def focused(self) -> str:
        line = self.line
        return line.item.id if line is not None else ""

    def move(self, item: str) -> None:
        """Give the focus to an item or button; nothing where there is none of that id."""
        for n, line in enumerate(self._buttons):
            if line.item.id == item:
                self._row.focus_position = n
                self._w.focus_position = "footer"
                return
        for n, widget in enumerate(self._walker):
            if focusable(widget.item) and widget.item.id == item:
                self._list.focus_position = n
                self._w.focus_position = "body"
                self._from_top = item == self._body_ids()[0]
                return

    def _show_heading(self, size: tuple[int, int]) -> None:
        """Where the focus was given to the first line, what stands above it is its heading, and is seen too."""
        here, (columns, rows) = self._list.focus_position, self._room(size)
        width = columns - self.scrolls
        above = sum(widget.rows((width,)) for widget in self._walker[:here]) if rows > 0 else 0
        if 0 < above < rows:
            self._list.change_focus((width, rows), here, above)

    def _fit(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of what is drawn. With few rows the title goes; the page is still the same."""
        self._size = size = (min(size[0], WIDEST), size[1])
        columns, least = (size[0],), min(LOW, len(self._walker))
        room = size[1] - (1 + self._row.rows(columns) if self._buttons else 0)
        foot = self._foot.rows(columns) if self._said else 0
        self._place_below(room - foot >= least)
        room -= foot if room - foot >= least else 0
        header = self._header if room - self._header.rows(columns) >= least else None
        if self._w.header is not header:
            self._w.header = header
        return size

    def render(self, size: Any, focus: bool = False) -> Any:
        inner = self._fit(size)
        if self._from_top and self.line is not None:
            self._from_top = False
            self._show_heading(inner)
        canvas = urwid.CompositeCanvas(self._w.render(inner, focus))
        canvas.pad_trim_left_right(0, size[0] - inner[0])
        return canvas

    def rows_wanted(self, columns: int) -> int:
        """How high the view would like to be."""
        below = self._below.rows((columns,)) if self._w.footer is not None else 0
        return int(self._header.rows((columns,)) + self._body_rows(columns) + below)

    def keypress(self, size: Any, key: str) -> str | None:
        size = self._fit(size)
        left = self._w.keypress(size, key)
        in_body = self._w.focus_position == "body"
        if left is None:
            if in_body and self.line is None:
                self._regain(size)
            return None
        if left in {"tab", "shift tab"}:
            self._step(-1 if left == "shift tab" else 1)
            return None
        if left == "enter" and in_body and self.line is not None and self.focused != self._body_ids()[-1]:
            self._step(1)
            return None
        # Behind the last line comes the button that goes on, and not the one that goes back.
        if left in {"enter", "down"} and in_body and self._buttons:
            self._w.focus_position = "footer"
            return None
        if left == "up" and not in_body and self._body_ids():
            self._go_up(size)
            return None
        if left in {"up", "down", "page up", "page down", "home", "end"} and not in_body:
            return self._scroll(size, left)
        return None if left is None else str(left)

    def _step(self, by: int) -> None:
        ids = self.ids
        if ids:
            here = ids.index(self.focused) if self.focused in ids else -by
            self.move(ids[(here + by) % len(ids)])

    def _scroll(self, size: tuple[int, int], key: str) -> str | None:
        """Scroll the list while a button has the focus."""
        columns, rows = self._room(size)
        if rows > 0:
            self._w.body.keypress((columns, rows), key)
        return None

    def _room(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of the list with its scroll bar."""
        (top, bottom), _rows = self._w.frame_top_bottom(size, True)
        return size[0], size[1] - top - bottom

    def _seen(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """(position, row) of the lines that can have the focus and whose mark is on the screen, from above to below."""
        columns, rows = self._room(size)
        if rows <= 0:
            return []
        middle, above, below = self._list.calculate_visible((columns - self.scrolls, rows), True)
        if middle is None or above is None or below is None:
            return []
        row, widget, position, height, _cursor = middle
        seen = [(position, row, widget)]
        for widget, position, high in above[1]:
            seen.insert(0, (position, seen[0][1] - high, widget))
        row += height
        for widget, position, high in below[1]:
            seen.append((position, row, widget))
            row += high
        lines = [(position, row) for position, row, widget in seen if isinstance(widget, Line) and widget.selectable()]
        return [(position, row) for position, row in lines if 0 <= row < rows]

    def _regain(self, size: tuple[int, int]) -> None:
        """The list was scrolled to where a line that is only read has the focus: the nearest one on the screen that
        can have it gets it, without another scroll."""
        here = self._list.focus_position
        for position, row in sorted(self._seen(size), key=lambda seen: abs(seen[0] - here))[:1]:
            columns, rows = self._room(size)
            self._list.change_focus((columns - self.scrolls, rows), position, row)

    def _go_up(self, size: tuple[int, int]) -> None:
        """From the buttons to the line above them: the last one on the screen."""
        self._w.focus_position = "body"
        for position, _row in self._seen(size)[-1:]:
            self._list.focus_position = position
        if self.line is None:
            self.move(self._body_ids()[-1])

    def spin(self) -> bool:
        """One frame of every spinner; False where there is none."""
        waiting = [widget for widget in self._walker if isinstance(widget, WaitingLine)]
        for widget in waiting:
            widget.step()
        return bool(waiting)
