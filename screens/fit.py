"""Two layouts of one thing, for much room and for little."""

from __future__ import annotations

from typing import Any

import urwid

NARROW = 40  # columns below which things stand below each other


class Fit(urwid.Widget):
    """A flow widget that is laid out in another way where there is little room."""

    _sizing = frozenset((urwid.Sizing.FLOW,))

    def __init__(self, wide: urwid.Widget, narrow: urwid.Widget, limit: int = NARROW) -> None:
        super().__init__()
        self._wide, self._narrow, self._limit = wide, narrow, limit
        self._selectable = wide.selectable()

    def _which(self, size: tuple[int]) -> Any:
        return self._wide if size[0] >= self._limit else self._narrow

    def rows(self, size: Any, focus: bool = False) -> int:
        return int(self._which(size).rows(size, focus))

    def render(self, size: Any, focus: bool = False) -> urwid.CompositeCanvas:
        return urwid.CompositeCanvas(self._which(size).render(size, focus))

    def keypress(self, size: Any, key: str) -> str | None:
        left: str | None = self._which(size).keypress(size, key)
        return left

    def get_cursor_coords(self, size: tuple[int]) -> tuple[int, int] | None:
        which = self._which(size)
        return which.get_cursor_coords(size) if hasattr(which, "get_cursor_coords") else None
