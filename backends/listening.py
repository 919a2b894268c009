"""Is there anybody at a wired port who gives out addresses or leads on? Questions by DHCP and router solicitation.

Nothing is taken: what a DHCP server offers is written down by /usr/lib/byzantium/lease, and whoever asked decides.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard.backends.adverts import Adverts
from byzwizard.backends.leases import Lease, parse

if TYPE_CHECKING:
    from byzwizard.backends.system import Process, System

SILENCE = 10.0  # seconds without an answer after which nobody is there
ASK = 2.0  # seconds between two questions
MORE = 3.0  # seconds for two questions more, and their answers
SCRIPT = "/usr/lib/byzantium/lease"


class Listener:
    """Asks from the moment it is made until it is closed; a lease is renewed all the while. Times are monotonic."""

    def __init__(self, name: str, system: System, folder: Path, now: float, once: bool = False) -> None:
        """`folder` is where the script writes. `once`: the DHCP client ends by itself with the first lease or none,
        should nobody be left to close it."""
        self._file = folder / f"{name}.lease"
        self._file.unlink(missing_ok=True)
        self._client: Process = system.spawn(
            "busybox", "udhcpc", "-f", "-i", name, "-s", SCRIPT, "-t", "4", "-T", "2", "-A", "10", "-o",
            "-O", "subnet", "-O", "router", "-O", "dns", *(("-q", "-n") if once else ()), quiet=True)
        self._adverts: Adverts | None = None
        with contextlib.suppress(OSError):
            self._adverts = Adverts(name)
        self._asked, self._until = 0.0, now + SILENCE

    def ask(self, now: float) -> None:
        """Ask for routers again where it is time to; the DHCP client asks by itself."""
        if self._adverts and now - self._asked >= ASK:
            self._asked = now
            self._adverts.ask()

    def longer(self, now: float) -> None:
        """Somebody new may be there: ask again, and listen on for a while."""
        self._asked, self._until = 0.0, max(self._until, now + MORE)

    def router_heard(self) -> bool:
        return self._adverts is not None and self._adverts.heard()

    def silent(self, now: float) -> bool:
        return now >= self._until

    @property
    def ended(self) -> bool:
        """Has the DHCP client given up?"""
        return self._client.poll() is not None

    def lease(self) -> Lease | None:
        try:
            return parse(self._file.read_text(encoding="ascii", errors="replace"))
        except OSError:
            return None

    def close(self) -> None:
        self._client.terminate()
        self._client.wait()
        if self._adverts:
            self._adverts.close()
            self._adverts = None
        self._file.unlink(missing_ok=True)
