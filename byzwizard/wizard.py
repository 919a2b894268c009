"""The full-screen wizard: urwid's loop around the pages. What takes long runs in threads; the screen never waits."""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import urwid

from byzwizard.errors import ByzantiumError
from byzwizard.jobs import Job, explain_crash
from byzwizard.screens import terminal
from byzwizard.screens.page import Session
from byzwizard.screens.pages import PAGES
from byzwizard.screens.palette import PALETTE
from byzwizard.screens.root import Root
from byzwizard.screens.widgets import DropDown

if TYPE_CHECKING:
    from byzwizard.desk import Desk

T = TypeVar("T")
TICK = 2.0  # seconds between two looks at what may have changed
SPIN = 0.25  # seconds between two frames of a spinner
SETTLE = 0.01  # seconds after the first frame at which the first page's questions are asked
INTERRUPTED = 130

KEYS = {f"meta {n}": f"f{n or 10}" for n in range(10)}  # Esc and a digit, for terminals without function keys
NO_KEYS = frozenset({"focus in", "focus out", "begin paste", "end paste"})


def run(desk: Desk, first: str) -> int:
    """Show the page `first` ("welcome" or "node") and go on until the wizard is left. Returns the exit status."""
    wizard = Wizard(desk, first)
    status = wizard.run()
    if status is not None:
        return status
    from byzwizard import plain  # F5 was pressed

    return plain.go_on(wizard.session)


class Wizard:
    """The loop, as the stage behind the screen (screens.root.Stage)."""

    def __init__(self, desk: Desk, first: str, screen: urwid.BaseScreen | None = None) -> None:
        """`screen` is the terminal's, or a test's."""
        self.session = Session(desk, PAGES, first)
        self._status: int | None = None
        self._early: list[Callable[[], None]] | None = []  # jobs of the first page, until its frame is drawn
        self._crash: BaseException | None = None
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._root = Root(self.session, self)
        self.loop = urwid.MainLoop(
            self._root,
            PALETTE,
            screen=screen or terminal.Screen(),
            handle_mouse=False,
            pop_ups=True,
            event_loop=urwid.SelectEventLoop(),
            input_filter=self._keys,
            unhandled_input=self._over_list,
        )

    def run(self) -> int | None:
        """Exit status; None when line mode is to go on. What a page raises comes out, with the terminal restored."""
        silent = logging.NullHandler()  # without a handler, logging writes warnings over the screen
        logging.getLogger().addHandler(silent)
        logging.captureWarnings(True)
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGTERM, signal.SIGHUP)}
        sys.setswitchinterval(0.001)  # seconds that a job in a thread may keep a key waiting
        hook, threading.excepthook = threading.excepthook, self._crashed
        self.loop.watch_file(self._wake_read, self._called)
        for seconds, callback in ((SETTLE, self._settled), (TICK, self._tick), (SPIN, self._spin)):
            self.loop.event_loop.alarm(seconds, callback)
        try:
            with terminal.quiet_stderr(), terminal.console_colours():
                self.loop.run()
        except urwid.InputClosedError:  # the terminal is gone
            self._status = INTERRUPTED
        finally:
            threading.excepthook = hook
            for number, handler in before.items():
                signal.signal(number, handler)
            logging.captureWarnings(False)
            logging.getLogger().removeHandler(silent)
        if self._crash is not None:
            raise self._crash
        return self._status

    def _settled(self) -> None:
        """The first frame is drawn: begin what the first page asked for."""
        gc.freeze()  # what is loaded stays: later collections look at new objects only, and no key waits for them
        early, self._early = self._early or [], None
        self.later(self.session.load_all, lambda _none: None, self.session.sorry)
        for start in early:
            start()

    # What the screen asks for (screens.root.Stage).

    def later(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[ByzantiumError], None]) -> None:
        start = Job(job, done, failed, self._call).start
        if self._early is not None:
            self._early.append(start)
        else:
            start()

    def _crashed(self, thrown: threading.ExceptHookArgs) -> None:
        """A thread raised what is no ByzantiumError: our fault. Where nobody waits for it, it ends the wizard."""
        if explain_crash(thrown):
            return
        self._crash = thrown.exc_value
        self._call(self._stop)

    def _call(self, function: Callable[[], object]) -> None:
        """From any thread or a signal handler: run on the loop, soon."""
        self._calls.put(function)
        try:
            os.write(self._wake_write, b".")
        except BlockingIOError:  # full: the loop is awake
            return

    def _called(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            return
        while not self._calls.empty():
            self._calls.get()()

    @staticmethod
    def _stop() -> None:
        raise urwid.ExitMainLoop

    def watch(self, fd: int, ready: Callable[[], bool]) -> None:
        def readable() -> None:
            if not ready():
                self.loop.remove_watch_file(fd)

        self.loop.watch_file(fd, readable)

    def suspend(self, program: Callable[[], None]) -> None:
        try:
            with self.loop.paused(), terminal.loud_stderr():
                program()
        except ByzantiumError as fault:
            self.session.sorry(fault)

    def leave(self, status: int) -> None:
        self._status = status
        self._stop()

    def redraw(self) -> None:
        self.loop.screen.clear()

    def plain(self) -> None:
        self._stop()

    # The loop's own.

    @staticmethod
    def _keys(keys: list[Any], _raw: list[int]) -> list[Any]:
        """Key names only: no mouse, no reports of focus and paste."""
        return [KEYS.get(key, key) for key in keys if isinstance(key, str) and key not in NO_KEYS]

    def _over_list(self, key: Any) -> bool:
        """Keys of the footer work over an open list too: it closes, and the page gets them."""
        opened = DropDown.opened
        if opened is None or not ((key[0] == "f" and key[1:].isdecimal()) or key.startswith("ctrl ")):
            return False
        opened.close_pop_up()
        return self._root.keypress(self.loop.screen.get_cols_rows(), key) is None

    def _tick(self) -> None:
        self.loop.event_loop.alarm(TICK, self._tick)
        self._root.tick()

    def _spin(self) -> None:
        self.loop.event_loop.alarm(SPIN if self._root.spin() else 4 * SPIN, self._spin)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM, SIGHUP: leave with the terminal restored; an apply is stopped, and undoes what it did."""
        if self._status is not None:
            sys.exit(INTERRUPTED)
        self._status = INTERRUPTED
        self._call(self._interrupted)

    def _interrupted(self) -> None:
        self.session.page.cancel()
        self._stop()
