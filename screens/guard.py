"""A console that was left alone: after five minutes it only shows, and asks for the passphrase before it acts."""

import time
from collections.abc import Callable

from byzwizard.i18n import _
from byzwizard.screens.items import Button
from byzwizard.screens.page import Session
from byzwizard.screens.store import Secret

IDLE = 300.0  # seconds without a key
LOOKING = frozenset({"up", "down", "page up", "page down", "home", "end"})  # keys that only look


class Guard:
    """Whether this console is locked. Asked at every key; told of each."""

    def __init__(self, session: Session, now: Callable[[], float] = time.monotonic) -> None:
        self._session, self._now = session, now
        self._last = now()
        self.locked = session.desk.console_locked()

    def key(self) -> None:
        self._last = self._now()

    def left_alone(self) -> bool:
        """Whether it is time to lock. A page on which something runs is watched, not left."""
        idle = self._now() - self._last >= IDLE
        return not self.locked and idle and not self._session.page.running and self._session.desk.guarded()

    def lock(self) -> None:
        self._set(True)

    def release(self) -> None:
        self._set(False)
        self.key()

    def _set(self, locked: bool) -> None:
        self.locked = locked
        self._session.desk.lock_console(locked)


class Locked(Secret):
    """Asks for the passphrase of the store, or of the private mesh."""

    def __init__(self, session: Session, guard: Guard) -> None:
        self.fields = (("passphrase", _("Passphrase")),)
        super().__init__(
            session,
            _("This console is locked"),
            _("Nobody has touched it for a while. The passphrase of the store, or of the mesh, unlocks it."),
        )
        self._guard = guard

    def buttons(self) -> list[Button]:
        return [Button("cancel", _("Cancel"), self.escape), Button("unlock", _("Unlock"), self._done)]

    def _done(self) -> None:
        session, passphrase = self.session, self._typed["passphrase"]

        def proven() -> None:
            self._guard.release()
            session.host.close(self)

        self._run(lambda: session.desk.prove(passphrase), proven)
