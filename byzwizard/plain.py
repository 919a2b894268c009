"""Line mode: the same pages as numbered questions, for screen readers, braille, and terminals that can do nothing.

Every line is written once and never again. A number chooses, Enter takes the default, `<` goes back, `?` explains.
"""

from __future__ import annotations

import contextlib
import queue
import select
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from byzwizard.errors import ByzantiumError
from byzwizard.i18n import _
from byzwizard.jobs import Job, explain_crash
from byzwizard.screens.items import (
    Action,
    Bar,
    Button,
    Code,
    Drawing,
    Entry,
    Focusable,
    Fold,
    Item,
    Key,
    Note,
    Option,
    Pick,
    Strip,
    Table,
    Waiting,
)
from byzwizard.screens.page import Page, Session
from byzwizard.screens.pages import PAGES

if TYPE_CHECKING:
    from byzwizard.desk import Desk
    from byzwizard.screens.guard import Guard

T = TypeVar("T")
WAIT = 120.0  # seconds that a page waits for what it asked (an emulated computer is slow) before it is written without
SAID = {"good": "", "bad": "", "look": "! ", "busy": "", "todo": "", "on": "", "off": "", "": "", "under": ""}


class End(Exception):
    """The wizard is left."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def run(desk: Desk, first: str) -> int:
    """As wizard.run, in lines."""
    return go_on(Session(desk, PAGES, first))


def go_on(session: Session) -> int:
    """Go on with a session where full screen has left it. Returns the exit status."""
    return Lines(session).run()


class Lines:
    """The host of the pages (screens.page.Host) that writes and reads lines."""

    def __init__(
        self,
        session: Session,
        read: Callable[[str], str] | None = None,
        read_secret: Callable[[str], str] | None = None,
        write: Callable[[str], object] | None = None,
    ) -> None:
        """`read` shows a prompt and returns a line, EOFError at the end."""
        self._session = session
        self._read = read or _input
        self._read_secret = read_secret or _secret
        self._write = write or _print
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._jobs: list[threading.Thread] = []
        self._crash: BaseException | None = None
        self._watched: tuple[int, Callable[[], bool]] | None = None
        self._sheets: list[Page] = []
        self._guard: Guard | None = None
        session.host = self

    def run(self) -> int:
        from byzwizard.screens.guard import Guard

        self._guard = Guard(self._session)
        hook, threading.excepthook = threading.excepthook, self._crashed
        try:
            self._session.page.enter()
            while True:
                self._settle()
                self._follow()
                self._ask(self._sheets[-1] if self._sheets else self._session.page)
        except End as end:
            return end.status
        except (EOFError, KeyboardInterrupt):
            self._session.page.cancel()
            return 130
        finally:
            threading.excepthook = hook

    def _crashed(self, thrown: threading.ExceptHookArgs) -> None:
        """As in wizard.py."""
        if explain_crash(thrown):
            return
        self._crash = thrown.exc_value

    # What the pages ask for (page.Host).

    def changed(self) -> None:
        """Lines are written when a question is asked, not before."""

    def later(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]) -> None:
        thread = Job(job, done, failed, self._calls.put)
        self._jobs.append(thread)
        thread.start()

    def watch(self, fd: int, ready: Callable[[], bool]) -> None:
        self._watched = (fd, ready)

    def open(self, sheet: Page) -> None:
        self._sheets.append(sheet)

    def close(self, sheet: Page | None = None) -> None:
        if sheet is None and self._sheets:
            self._sheets.pop()
        elif sheet in self._sheets:
            del self._sheets[self._sheets.index(sheet) :]

    def move(self, item: str) -> None:
        """There is no focus to move."""

    def focused(self) -> str:
        return ""

    def suspend(self, program: Callable[[], None]) -> None:
        try:
            program()
        except ByzantiumError as fault:
            self._write(str(fault))

    def leave(self, status: int) -> None:
        raise End(status)

    # Waiting.

    def _settle(self) -> None:
        """Let what was asked be answered, and the answers reach the pages."""
        while self._jobs or not self._calls.empty():
            jobs, self._jobs = self._jobs, []
            for job in jobs:
                job.join(1)
                if job.is_alive():
                    self._write(_("One moment …"))
                    job.join(WAIT)
            if self._crash is not None:
                raise self._crash
            while not self._calls.empty():
                self._calls.get()()

    def _follow(self) -> None:
        """Write what happens while something runs; Ctrl-C stops it."""
        while self._watched is not None:
            fd, ready = self._watched
            try:
                select.select([fd], [], [])
                more = ready()
            except KeyboardInterrupt:
                self._write(_("Stopping; what has been done is undone …"))
                self._session.page.cancel()
                continue
            for line in self._session.page.news():
                self._write(line)
            if not more and self._watched == (fd, ready):
                self._watched = None
        self._settle()

    # Questions.

    def _ask(self, page: Page) -> None:
        """Write a page and take one answer."""
        choices = self._show(page)
        letters = {key.keys[0]: key for key in self._keys(page)}
        default = next((n for n, choice in enumerate(choices, 1) if choice.id == page.focus()), None)
        answer = self._read(self._prompt(len(choices), default)).strip()
        if self._guarded():
            return
        self._session.message = ""
        if not answer and default is not None:
            self._choose(choices[default - 1])
        elif answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(choices):
            self._choose(choices[int(answer) - 1])
        elif answer == "<":
            page.escape()
        elif answer == "?":
            self._help(page)
        elif answer == "!":
            self.suspend(self._session.desk.shell)
        elif answer == "q":
            self._quit()
        elif answer in {"r", ""}:
            page.tick()
        elif answer.lower() in letters:
            letters[answer.lower()].do()
        else:
            self._write(_("“{answer}” is none of the choices.").format(answer=answer[:40]))

    def _guarded(self) -> bool:
        """After a while without a line, the passphrase comes before anything is done."""
        assert self._guard is not None
        if self._guard.left_alone():
            self._guard.lock()
        self._guard.key()
        if not self._guard.locked:
            return False
        try:
            self._session.desk.prove(self._read_secret(_("Locked. Passphrase of the store, or of the mesh: ")))
            self._guard.release()
        except ByzantiumError as fault:
            self._write(str(fault))
        return True

    @staticmethod
    def _prompt(count: int, default: int | None) -> str:
        numbers = _("Number 1 to {count}").format(count=count) if count > 1 else _("Number 1")
        if default is None:
            return (
                _("{numbers}, Enter looks again, ? for help: ").format(numbers=numbers)
                if count
                else _("Enter looks again, ? for help: ")
            )
        return _("{numbers}, Enter for {default}, ? for help: ").format(numbers=numbers, default=default)

    @staticmethod
    def _keys(page: Page) -> Sequence[Key]:
        return [key for key in page.bindings() if key.label and not key.focused]

    def _show(self, page: Page) -> list[Focusable | Button]:
        """Write a page; what can be chosen, in the order of its numbers."""
        _mark, state = self._session.state()
        self._write("")
        if page.name:
            self._write(f"== {page.place} ==  {state}".rstrip())
        self._write(page.title)
        if page.sentence:
            self._write(page.sentence)
        choices: list[Focusable | Button] = []
        for item in (*page.items(), *page.foot()):
            self._item(item, choices)
        for button in page.buttons():
            choices.append(button)
            self._write(f"{len(choices)}. {button.label}")
        if self._session.message:
            self._write(self._session.message)
        return choices

    def _item(self, item: Item, choices: list[Focusable | Button]) -> None:
        if isinstance(item, Note):
            label = f"{item.label.strip()}: " if item.label.strip() else ""
            bad = _("failed: ") if item.mark == "bad" else ""
            self._write(f"   {SAID[item.mark]}{bad}{label}{item.text}")
        elif isinstance(item, Table):
            for row in item.rows:
                cells = [
                    f"{head} {cell}".strip() for head, cell in zip(item.header, row, strict=True) if cell.strip("▓░ ")
                ]
                self._write(f"   {', '.join(cells)}")
        elif isinstance(item, Waiting | Bar):
            self._write(f"   {item.text}")
        elif isinstance(item, Drawing):
            self._write(f"   {item.words}")
        elif isinstance(item, Strip):
            if item.words:
                self._write(f"   {item.words}")
        elif isinstance(item, Code):
            for each in item.beside:
                self._item(each, choices)
            self._write(f"   {item.text[0]}")
        elif isinstance(item, Action | Option | Pick | Entry | Fold):
            choices.append(item)
            self._write(f"{len(choices)}. {self._words(item)}")
            if isinstance(item, Entry) and item.fault:
                self._write(f"   {item.fault}")

    @staticmethod
    def _words(item: Focusable) -> str:
        if isinstance(item, Option):
            chosen = _("(chosen)") if item.chosen else ""
            return " ".join(part for part in (f"{item.label}: {item.hint}", chosen) if part)
        if isinstance(item, Pick):
            return f"{item.label}: {dict(item.options).get(item.value, item.value)}"
        if isinstance(item, Entry):
            shown = _("(hidden, {n} characters)").format(n=len(item.text)) if item.secret and item.text else item.text
            hint = f"  ({item.hint})" if item.hint else ""
            return f"{item.label}: {shown or _('empty')}{hint}"
        if isinstance(item, Fold):
            return (
                _("{label}: hide").format(label=item.label)
                if item.open
                else _("{label}: show").format(label=item.label)
            )
        parts = [item.label.strip(), item.hint, " ".join(item.side.split()), *item.below]
        return "; ".join(part for part in parts if part)

    def _choose(self, choice: Focusable | Button) -> None:
        if isinstance(choice, Pick):
            self._pick(choice)
        elif isinstance(choice, Entry):
            self._type(choice)
        else:
            choice.do()

    def _pick(self, pick: Pick) -> None:
        for n, (_value, words) in enumerate(pick.options, 1):
            self._write(f"   {n}. {words}")
        answer = self._read(
            _("{label}, Number 1 to {count}, Enter keeps it: ").format(label=pick.label, count=len(pick.options))
        ).strip()
        if answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(pick.options):
            pick.do(pick.options[int(answer) - 1][0])
        elif answer and answer != "<":
            self._write(_("“{answer}” is none of the choices.").format(answer=answer[:40]))

    def _type(self, entry: Entry) -> None:
        """Enter alone keeps what is there; a single hyphen empties it."""
        read = self._read_secret if entry.secret else self._read
        kept = "" if entry.secret or not entry.text else f" [{entry.text}]"
        answer = read(_("{label}{kept} (Enter keeps it, - empties it): ").format(label=entry.label, kept=kept))
        if answer:
            entry.do("" if answer == "-" else answer)
        if entry.enter is not None:
            entry.enter()

    def _help(self, page: Page) -> None:
        self._write(page.help)
        self._write(
            _("A number chooses, Enter takes the default, < goes back, r looks again, ! opens a shell, q leaves.")
        )
        for key in self._keys(page):
            self._write(f"{key.keys[0]}  {key.label}")

    def _quit(self) -> None:
        answer = self._read(_("Leave the wizard? y or n: ")).strip().lower()
        if answer in {"y", _("yes")}:
            raise End(0)


def _print(text: str) -> None:
    """Characters that the terminal cannot have become question marks."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


def _input(prompt: str) -> str:
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _secret(prompt: str) -> str:
    """Without an echo where the input is a terminal."""
    import termios

    with contextlib.ExitStack() as stack:
        if sys.stdin.isatty():
            fd = sys.stdin.fileno()
            before = termios.tcgetattr(fd)
            silent = termios.tcgetattr(fd)
            silent[3] &= ~termios.ECHO
            termios.tcsetattr(fd, termios.TCSADRAIN, silent)
            stack.callback(termios.tcsetattr, fd, termios.TCSADRAIN, before)
            stack.callback(sys.stdout.write, "\n")
        return _input(prompt)
