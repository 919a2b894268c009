"""The passphrase of the store, asked on every console at once while the computer starts."""

import contextlib
import select
import time
from collections.abc import Callable, Sequence

from byzwizard import values
from byzwizard.consoles import Console
from byzwizard.errors import ByzantiumError, Damaged
from byzwizard.i18n import _, ngettext

AFTER_KEY = 60.0  # seconds without a key after which nobody is there
AT_MOST = 300.0
ALONE = 0.1  # seconds after which an Esc is the key, not the begin of another
CLEAR = "\r\x1b[K"


class Asker:
    """`attempt(passphrase)` opens the store or raises ByzantiumError; `keyboard(layout)` loads one on the screen.
    `mend` does the same after Damaged was raised and somebody said yes."""

    def __init__(
        self,
        consoles: Sequence[Console],
        store: str,
        attempt: Callable[[str], None],
        keyboard: Callable[[str], None],
        mend: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consoles = list(consoles)
        self._store = store
        self._attempt, self._keyboard = attempt, keyboard
        self._mend = mend
        self._now = now
        self._wrong = 0
        self._broken: str | None = None  # the passphrase of a store that waits for leave to be mended
        self._layout = "us"
        self._done = False
        self.opened = False

    def run(self) -> bool:
        """Until it is open, skipped, or nobody is there. True when it is open."""
        begin = last = self._now()
        for console in self._consoles:
            self._greet(console)
        while self._consoles and not self._done:
            left = min(last + AFTER_KEY, begin + AT_MOST) - self._now()
            if left <= 0:
                break
            if self._listen(min(left, ALONE if any(c.rest for c in self._consoles) else left)):
                last = self._now()
        text = _("Open.") if self.opened else _("Not opened. The Node page opens it later (k).")
        self._tell(f"{CLEAR}{text}\n")
        return self.opened

    def _greet(self, console: Console) -> None:
        keys = [_("Enter opens"), _("Esc goes on without"), _("F8 or Tab shows what is typed")]
        if console.is_screen:
            keys.insert(0, _("F2 keyboard layout"))
        console.say(
            "\n\n  BYZANTIUM\n\n  "
            + _("What this node keeps is encrypted ({store}). Its passphrase opens it.").format(store=self._store)
            + "\n  " + "   ".join(keys) + "\n\n"
        )
        self._draw(console)

    def _draw(self, console: Console) -> None:
        """The line that is being typed."""
        if self._broken is not None:
            console.say(f"{CLEAR}  " + _("Mend it, whatever is lost? y or n: "))
            return
        if console.choosing:
            console.say(f"{CLEAR}  " + _("Keyboard layout (us, de, fr …): {typed}").format(typed=console.line))
            return
        layout = f" [{self._layout}]" if console.is_screen else ""
        typed = console.line if console.shows else "*" * len(console.line)
        console.say(f"{CLEAR}  " + _("Passphrase{layout}: {typed}").format(layout=layout, typed=typed))

    def _listen(self, seconds: float) -> bool:
        """Take what is typed within that time. True when a key was."""
        by_fd = {console.fd: console for console in self._consoles}
        ready, _write, _error = select.select(list(by_fd), [], [], seconds)
        found = False
        if not ready:
            for console in self._consoles:
                for key in console.quiet():
                    found = True
                    self._key(console, key)
        for fd in ready:
            console = by_fd[fd]
            try:
                keys = console.keys()
            except OSError:  # it has gone: the others go on
                self._consoles.remove(console)
                continue
            for key in keys:
                found = True
                if not self._done:
                    self._key(console, key)
        return found

    def _key(self, console: Console, key: str) -> None:
        if self._broken is not None:
            self._mended(key)
        elif key == "enter":
            self._enter(console)
        elif key == "esc":
            if console.choosing:
                console.choosing, console.line = False, ""
            else:
                self._done = True
                return
        elif key == "f8":
            console.shows = not console.shows
        elif key == "f2":
            if console.is_screen:
                console.choosing, console.line = True, ""
        elif key == "backspace":
            console.line = console.line[:-1]
        elif len(console.line) < 63:
            console.line += key
        if not self._done:
            self._draw(console)

    def _enter(self, console: Console) -> None:
        line, console.line = console.line, ""
        if console.choosing:
            console.choosing = False
            self._choose(console, line)
        elif line:
            self._try(line)

    def _choose(self, console: Console, layout: str) -> None:
        if not layout:
            return
        try:
            self._keyboard(values.keyboard(layout))
            self._layout = layout
        except (ByzantiumError, ValueError):
            console.say(f"{CLEAR}  " + _("There is no layout “{layout}”.").format(layout=values.shown(layout)) + "\n")

    def _try(self, passphrase: str) -> None:
        self._tell(f"{CLEAR}  " + _("Opening; this takes some seconds …"))
        try:
            self._attempt(passphrase)
        except Damaged as fault:
            self._broken = passphrase
            self._tell(f"{CLEAR}  {fault.message}\n")
            self._redraw()
        except ByzantiumError as fault:
            self._wrong += 1
            count = ngettext("{n} try so far.", "{n} tries so far.", self._wrong).format(n=self._wrong)
            self._tell(f"{CLEAR}  {fault} {count}\n")
            self._redraw()
        else:
            self.opened = self._done = True

    def _mended(self, key: str) -> None:
        passphrase, self._broken = self._broken, None
        assert passphrase is not None
        if key not in {"y", "Y"}:
            self._redraw()
            return
        self._tell(f"{CLEAR}  " + _("Mending; this may take minutes …"))
        try:
            self._mend(passphrase)
            self.opened = self._done = True
        except ByzantiumError as fault:
            self._tell(f"{CLEAR}  {fault}\n")
            self._done = True

    def _redraw(self) -> None:
        for console in self._consoles:
            self._draw(console)

    def _tell(self, text: str) -> None:
        for console in self._consoles:
            with contextlib.suppress(OSError):
                console.say(text)
