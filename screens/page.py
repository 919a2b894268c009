"""A page, declared once, and the session that the pages share. Neither knows how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from byzwizard import partly
from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _, ngettext
from byzwizard.screens.draft import Draft
from byzwizard.screens.items import Button, Item, Key

if TYPE_CHECKING:
    from byzwizard.desk import Desk, Review
    from byzwizard.machine import Machine
    from byzwizard.screens.pages import Listed

T = TypeVar("T")


class Page:
    """`name` is that of the list of pages, empty for a sheet (a page that opens over another)."""

    name = ""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def place(self) -> str:
        """Where we are, for the bar."""
        return self.title

    @property
    def title(self) -> str:
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """What this page decides, in words that a tired stranger understands."""
        return ""

    @property
    def help(self) -> str:
        """Paragraphs for F1."""
        return self.sentence

    def items(self) -> Sequence[Item]:
        return ()

    def foot(self) -> Sequence[Item]:
        """What stays in sight below the items while these scroll; nothing that can have the focus."""
        return ()

    def buttons(self) -> Sequence[Button]:
        return ()

    def bindings(self) -> Sequence[Key]:
        return ()

    def focus(self) -> str | None:
        """The id that has the focus when the page opens, and that Enter means in line mode."""
        return None

    def enter(self) -> None:
        """The page is shown, for the first time or again."""

    def arrive(self) -> None:
        """As enter, where the page was asked for: not when it is come back to."""
        self.enter()

    def leave(self) -> None:
        """The page is gone."""

    def cancel(self) -> None:
        """Stop what is running."""

    def tick(self) -> None:
        """Called about every two seconds while the page is shown."""

    def escape(self) -> None:
        self.session.back()

    @property
    def running(self) -> bool:
        """True while something runs that line mode has to follow."""
        return False

    def news(self) -> Sequence[str]:
        """What happened since the last call, a line each, for line mode."""
        return ()


class Host(Protocol):
    """What a renderer does for the pages."""

    def changed(self) -> None:
        """Something that is shown has changed."""

    def later(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]) -> None:
        """Run `job` in a thread; then `done` or `failed` where the pages run."""

    def watch(self, fd: int, ready: Callable[[], bool]) -> None:
        """Call `ready` when `fd` is readable, until it returns False."""

    def open(self, sheet: Page) -> None:
        """Show a sheet over the page."""

    def close(self, sheet: Page | None = None) -> None:
        """Take the uppermost sheet away, or `sheet` and those above it if it is still open."""

    def move(self, item: str) -> None:
        """Give the focus to the item or button with this id."""

    def focused(self) -> str:
        """The id of the item that has the focus, empty where there is none."""

    def suspend(self, program: Callable[[], None]) -> None:
        """Hand the terminal to `program`, which returns when it is done."""

    def leave(self, status: int) -> None:
        """End the wizard."""


class Session:
    """One run of the wizard: the desk, the draft, what was found, and where we are."""

    def __init__(self, desk: Desk, pages: Sequence[Listed], first: str) -> None:
        self.desk = desk
        self.host: Host
        self.draft = Draft(desk.answers)
        self.first = first
        self._listed = {one.name: one for one in pages}
        self._pages: dict[str, Page] = {}
        self._steps = [one.name for one in pages if one.numbered]
        self._trail: list[str] = [first]
        self.machine: Machine | None = None
        self.review: Review | None = None
        self.status: dict[str, Any] | None = None
        self.heard: list[dict[str, Any]] | None = None  # meshes of the last scan, the strongest first
        self.message = ""

    def hear(self, found: list[dict[str, Any]]) -> None:
        """What a scan has found, for every page."""
        self.heard = found
        self.host.changed()

    @property
    def page(self) -> Page:
        return self.page_named(self._trail[-1])

    def page_named(self, name: str) -> Page:
        """The one page of that name, made when it is first asked for."""
        if name not in self._pages:
            self._pages[name] = self._listed[name].load()(self)
        return self._pages[name]

    def load_all(self) -> None:
        """Load the pages' code, so that no key has to wait for it."""
        for one in self._listed.values():
            one.load()

    def step(self, name: str) -> tuple[int, int]:
        """(n, N) of a numbered page."""
        return self._steps.index(name) + 1, len(self._steps)

    def go(self, name: str) -> None:
        """Show the page of that name; a page that is on the way back is gone back to."""
        self.message = ""
        self.page.leave()
        if name in self._trail:
            del self._trail[self._trail.index(name) + 1 :]
        else:
            self._trail.append(name)
        self.page.arrive()
        self.host.changed()

    def start(self, name: str) -> None:
        """Show the page with nothing to go back to."""
        self._show([name])

    def home(self) -> None:
        """To the first page."""
        self._ask_before(self.first, lambda: self.start(self.first))

    def _ask_before(self, page: str, leave: Callable[[], None]) -> None:
        """Edits are not left behind unseen: where `page` is that of the node, asks what becomes of them."""
        if page != "node" or not self.draft.edited:
            leave()
            return
        from byzwizard.screens import pending

        pending.leaving(self, leave)

    def retrace(self, name: str) -> None:
        """Show the step of that name, with the steps before it to go back to, however it was passed by."""
        self._show([self.first, *self._steps[: self._steps.index(name) + 1]])

    def _show(self, trail: list[str]) -> None:
        self.message = ""
        self.page.leave()
        self._trail = trail
        self.page.arrive()
        self.host.changed()

    def onward(self) -> None:
        """The step after this one."""
        here = self._steps.index(self.page.name) if self.page.name in self._steps else -1
        self.go(self._steps[here + 1])

    def back(self) -> None:
        if self.can_go_back:
            self._ask_before(self.behind, self._back)

    def _back(self) -> None:
        self.message = ""
        self.page.leave()
        self._trail.pop()
        self.page.enter()
        self.host.changed()

    @property
    def behind(self) -> str:
        """The page that back() leads to; empty where there is none."""
        return self._trail[-2] if len(self._trail) > 1 else ""

    @property
    def can_go_back(self) -> bool:
        return len(self._trail) > 1

    def say(self, text: str) -> None:
        """A sentence that is shown until the next one, or the next page."""
        self.message = text
        self.host.changed()

    def sorry(self, fault: ByzantiumError) -> None:
        self.say(str(fault))

    def state(self) -> tuple[str, str]:
        """What this node is now, for the bar: a mark and words."""
        if self.desk.rehearsal:
            return "look", _("rehearsal: nothing will be changed")
        if self.status is None:
            return "", "" if self.first == "node" else _("not a node yet")
        if fails := partly.failing(self.status):
            return "look", ngettext("working, {names} is not", "working, {n} services are not", len(fails)).format(
                n=len(fails), names=fails[0])  # fmt: skip
        if not self.status["working"]:
            return "bad", _("not working")
        kinds = {"public": _("public"), "private": _("private"), "open": _("open, not encrypted")}
        near = sum(neighbour["hops"] == 1 for neighbour in self.status["neighbours"])
        return "good", _("working · {kind} · {n} near").format(kind=kinds[self.status["kind"]], n=near)
