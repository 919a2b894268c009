"""The whole screen: the bar, the page, sheets over it, the sentence said last, and the keys that work here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import urwid

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.screens.items import Action, Button, Entry, Fold, Key, Option, Pick, focusable
from byzwizard.screens.page import Page, Session
from byzwizard.screens.palette import MARKS, shown
from byzwizard.screens.sheets import Help, confirm, paragraphs
from byzwizard.screens.view import View

if TYPE_CHECKING:  # the first frame does without
    from byzwizard.screens.guard import Guard

T = TypeVar("T")
SMALLEST = (24, 7)  # columns and rows below which nothing can be used
# See Hint. Help tells all the others: it is the last to go.
GLOBAL_WEIGHTS = {"f1": 9, "f10": 4, "f2": 1, "f5": 1}
SHEET = 72  # columns of a sheet, where there are as many


class Stage(Protocol):
    """What stands behind the screen: the loop of wizard.py, or a test."""

    def later(
        self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]
    ) -> None: ...

    def watch(self, fd: int, ready: Callable[[], bool]) -> None: ...

    def suspend(self, program: Callable[[], None]) -> None: ...

    def leave(self, status: int) -> None: ...

    def redraw(self) -> None: ...

    def plain(self) -> None:
        """Go on in line mode."""


@dataclass(frozen=True)
class Hint:
    """A key in the footer: what is pressed, how it is written, what it does; the least weighty go first."""

    key: str
    shown: str
    label: str
    weight: int = 0


class Root(urwid.WidgetWrap[Any]):
    """Draws the session's page and is its host."""

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session, self._stage = session, stage
        self._place, self._state = urwid.Text("", wrap="ellipsis"), urwid.Text("", align="right", wrap="clip")
        self._bar = urwid.Columns([self._place, ("pack", self._state)], dividechars=1)
        self._said, self._keys = urwid.Text(""), urwid.Text("", wrap="clip")
        self._said_pile = urwid.Pile([("pack", self._keys)])
        self._stack = urwid.OverlayStack(urwid.SolidFill(" "))
        self._views: dict[int, View] = {}
        self._sheets: list[View] = []
        self._size = (80, 24)
        self._small = urwid.Filler(urwid.Text("", align="center"))
        super().__init__(urwid.Frame(self._stack, urwid.AttrMap(self._bar, "bar"), self._said_pile))
        session.host = self
        self._guard: Guard | None = None
        session.page.enter()
        self._show_page()

    # What the pages ask for (page.Host).

    def changed(self) -> None:
        self._show_page()

    def later(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]) -> None:
        self._stage.later(job, done, failed)

    def watch(self, fd: int, ready: Callable[[], bool]) -> None:
        self._stage.watch(fd, ready)

    def suspend(self, program: Callable[[], None]) -> None:
        self._stage.suspend(program)

    def leave(self, status: int) -> None:
        self._stage.leave(status)

    def open(self, sheet: Page) -> None:
        view = View(sheet)
        self._sheets.append(view)
        width = min(SHEET, max(self._size[0] - 4, 1))
        self._stack.open(urwid.LineBox(view), width=width, height=view.rows_wanted(max(width - 2, 3)) + 2)
        self._show_page()

    def close(self, sheet: Page | None = None) -> None:
        pages = [view.page for view in self._sheets]
        if not pages or (sheet is not None and sheet not in pages):
            return
        for _above in pages[pages.index(sheet) if sheet else -1 :]:
            self._sheets.pop()
            self._stack.close()
        self._show_page()

    def move(self, item: str) -> None:
        for view in (*reversed(self._sheets), self._views[id(self._session.page)]):
            if item in view.ids:
                view.move(item)
                return

    def focused(self) -> str:
        return self._views[id(self._session.page)].focused if id(self._session.page) in self._views else ""

    # What is shown.

    @property
    def view(self) -> View:
        """The uppermost."""
        return self._sheets[-1] if self._sheets else self._views[id(self._session.page)]

    def _show_page(self) -> None:
        page = self._session.page
        view = self._views.get(id(page))
        if view is None:
            view = self._views[id(page)] = View(page)
        else:
            view.sync()
        if self._stack.base is not view:
            while self._sheets:
                self._sheets.pop()
                self._stack.close()
            self._stack.base = view
            view.move(page.focus() or "")
        for sheet in self._sheets:
            sheet.sync()
        self._show_rest()

    def _show_rest(self) -> None:
        """The bar and the footer, which depend on the focus."""
        glyph, words = self._session.state()
        self._place.set_text(shown(f" BYZANTIUM  {self._session.page.place}"))
        self._state.set_text(shown(f"{MARKS[glyph]} {words} ".lstrip() if glyph else f"{words} "))
        said = self._session.message
        if said != self._said.text:
            self._said.set_text(("look", shown(said)))
        wanted: list[Any] = [self._said_pile.contents[-1]]
        if said:
            wanted.insert(0, (urwid.Padding(self._said, left=2), ("pack", None)))
        if len(wanted) != len(self._said_pile.contents):
            self._said_pile.contents[:] = wanted
        self._keys.set_text(self._footer(self._size[0]))

    def hints(self) -> list[Hint]:
        """Every key that works here and now, in the order of the footer."""
        if self._guard is not None and self._guard.locked and not self._sheets:
            return [Hint("enter", "Enter", _("unlock"), 7)]
        view, page = self.view, self.view.page
        line = view.line
        hints = []
        if view.in_row and len(view.row_ids) > 1:
            hints.append(Hint("left" if view.focused == view.row_ids[-1] else "right", "←→", _("choose"), 2))
        if line is None:
            hints += [Hint("page down", "↑↓", _("scroll"), 2)] if view.scrolls else []
        elif view.in_row and view.ids == view.row_ids:
            hints += [Hint("page down", "PgDn", _("scroll"), 2)] if view.scrolls else []
        elif len(view.ids) > (len(view.row_ids) if view.in_row else 1):
            hints.append(Hint("up" if view.focused == view.ids[-1] else "down", "↑↓", _("move"), 2))
        if line is not None:
            hints += self._line_hints(line.item)
        hints += [
            Hint(key.keys[0], key.shown, key.label, 8)
            for key in page.bindings()
            if key.label and not (key.letter and line is not None and isinstance(line.item, Entry))
        ]
        if self._sheets:
            hints.append(Hint("esc", "Esc", _("close"), 6))
        elif self._session.can_go_back or page.running:
            hints.append(Hint("esc", "Esc", _("stop") if page.running else _("back"), 6))
        if self._guard is not None and self._guard.locked:
            return hints
        return hints + [
            Hint(key.keys[0], key.shown, key.label, GLOBAL_WEIGHTS[key.keys[0]])
            for key in self._global_keys()
            if key.label
        ]

    @staticmethod
    def _line_hints(item: Any) -> list[Hint]:
        if isinstance(item, Option):
            return [Hint(" ", "Space", _("choose"), 7)]
        if isinstance(item, Pick):
            return [Hint("enter", "Enter", _("list"), 7)]
        if isinstance(item, Fold):
            return [Hint("enter", "Enter", _("close") if item.open else _("open"), 7)]
        if isinstance(item, Entry):
            return [Hint("enter", "Enter", _("OK") if item.enter else _("next"), 7)]
        if isinstance(item, Button):
            return [Hint("enter", "Enter", _("do it"), 7)]
        return [Hint("enter", "Enter", (item.verb if isinstance(item, Action) else "") or _("choose"), 7)]

    def _global_keys(self) -> list[Key]:
        power = _("quit") if self._session.desk.rehearsal else _("power")
        return [
            Key(("f1", "?"), "" if isinstance(self.view.page, Help) else _("help"), self._help, footer="F1"),
            Key(("f2", "ctrl z"), _("shell"), self._shell, footer="F2"),
            Key(("f3", "ctrl l"), "", self._stage.redraw),
            Key(("f5",), _("plain text"), self._plain, footer="F5"),
            Key(("f10", "ctrl c"), power, self._quit, footer="F10"),
        ]

    def _footer(self, columns: int) -> list[Any]:
        """As many hints as have room, closer together where that helps; then the least weighty are left out first."""
        hints = self.hints()

        def fits(gap: int) -> bool:
            return 1 + sum(len(hint.shown) + 1 + len(hint.label) + gap for hint in hints) - gap <= columns

        while len(hints) > 1 and not fits(2):
            hints.remove(min(reversed(hints), key=lambda hint: hint.weight))
        gap = " " * (3 if fits(3) else 2)
        parts: list[Any] = [" "]
        for hint in hints:
            parts += [("key", shown(hint.shown)), shown(f" {hint.label}{gap}")]
        return parts

    # The lock of a console that was left alone.

    @property
    def guard(self) -> Guard:
        """Made when it is first asked, after the first frame."""
        if self._guard is None:
            from byzwizard.screens.guard import Guard

            self._guard = Guard(self._session)
        return self._guard

    def _lock(self) -> None:
        """Only the front page stays to be seen, and nothing acts."""
        self.guard.lock()
        while self._sheets:
            self.close()
        self._session.start("node")
        self._session.say(_("Locked: any key asks for the passphrase."))

    def _press_locked(self, size: tuple[int, int], key: str) -> str | None:
        from byzwizard.screens.guard import LOOKING, Locked

        if not self._sheets:
            if key in LOOKING:
                self._w.keypress(size, key)
            elif key in {"f3", "ctrl l"}:
                self._stage.redraw()
            else:
                self.open(Locked(self._session, self.guard))
            return None
        if self._do(key, [one for one in self.view.page.bindings() if not one.letter]):
            return None
        if self._w.keypress(size, key) == "esc":
            self.view.page.escape()
        return None

    # Keys.

    def render(self, size: Any, focus: bool = False) -> Any:
        if size != self._size:
            self._size = size
            self._show_rest()
        if self._too_small(size):
            words = _("too small ({columns}×{rows})").format(columns=size[0], rows=size[1])
            self._small.original_widget.set_text(words)
            return self._small.render(size, focus)
        return self._w.render(size, focus)

    @staticmethod
    def _too_small(size: tuple[int, int]) -> bool:
        return size[0] < SMALLEST[0] or size[1] < SMALLEST[1]

    def selectable(self) -> bool:
        return True

    def keypress(self, size: Any, key: str) -> str | None:
        left = self._press(size, key)
        self._show_rest()
        return left

    def _press(self, size: tuple[int, int], key: str) -> str | None:
        if self._too_small(size):
            if key in {"f10", "ctrl c"} and not self._session.page.running:
                self._stage.leave(0)
            return None
        self.guard.key()
        if self.guard.locked:
            return self._press_locked(size, key)
        if self._do(key, [one for one in self._global_keys() if key != "?"]):
            return None
        page = self.view.page
        if self._do(key, [one for one in page.bindings() if not one.letter]):
            return None
        left = self._w.keypress(size, key)
        if left is None:
            return None
        if self._do(left, [*self.view.page.bindings(), *self._global_keys()]):
            return None
        if left == "esc":
            self._session.message = ""
            self.view.page.escape()
            return None
        return None if left is None else str(left)

    @staticmethod
    def _do(key: str, keys: list[Key]) -> bool:
        for one in keys:
            if key in one.keys:
                one.do()
                return True
        return False

    def _help(self) -> None:
        page = self.view.page
        if isinstance(page, Help):
            page.escape()
            return
        hints = [*self.hints(), *self._elsewhere(page), Hint("f3", "F3", _("draw the screen again"))]
        keys = dict.fromkeys(f"{hint.shown:<8}{hint.label}" for hint in hints)
        text = f"{page.help}\n\n" + _("Keys here:") + "\n" + "\n".join(keys)
        self.open(Help(self._session, _("Help: {page}").format(page=page.title), "", paragraphs(text)))

    def _elsewhere(self, page: Page) -> list[Hint]:
        """What the keys do on the lines that have not the focus."""
        items = [*filter(focusable, page.items()), *page.buttons()]
        return [hint for item in items for hint in self._line_hints(item)]

    def _shell(self) -> None:
        self._stage.suspend(self._session.desk.shell)

    def _plain(self) -> None:
        self._stage.plain()

    def _quit(self) -> None:
        session, leave = self._session, self._stage.leave
        if session.page.running:
            session.page.escape()
            return
        if session.desk.rehearsal:
            confirm(session, _("Leave the wizard?"), "", (_("Leave"), lambda: leave(0)))
            return
        from byzwizard.screens import losses

        confirm(
            session,
            _("Leave, or switch off?"),
            " ".join([_("What is not applied yet is forgotten."), *losses.told(session)]),
            (_("Leave the wizard"), lambda: leave(0)),
            (_("Restart the computer"), lambda: self._power("restart")),
            (_("Switch it off"), lambda: self._power("off")),
        )

    def _power(self, what: Any) -> None:
        session = self._session
        self._stage.later(lambda: session.desk.power(what), lambda _none: self._stage.leave(0), session.sorry)

    def tick(self) -> None:
        """About every two seconds."""
        if self.guard.left_alone():
            self._lock()
        self._session.page.tick()

    def spin(self) -> bool:
        """One frame of the spinners."""
        return self.view.spin()
