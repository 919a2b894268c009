"""Confirm or revert: a change to the network that the caller sits on is taken back after 120 s by a systemd timer,
unless `byzwizard confirm` keeps it. The timer is armed before the change and outlives this program."""

import os
import time
from pathlib import Path

from byzwizard.backends.keep import PENDING, place
from byzwizard.backends.system import System
from byzwizard.errors import CannotHere, Invalid
from byzwizard.i18n import _

SECONDS = 120
UNIT = "byz-revert"
ARMED = "/run/byzantium/revert"  # holds the monotonic second at which it fires
NAMESPACE = "/run/byzantium/caller.netns"


def caller_address() -> str | None:
    """Our own address on the connection that the caller came in by (sshd's SSH_CONNECTION, which sudo drops: so the
    parents are asked too); None on a console."""
    process = os.getpid()
    while process > 1:
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return None
        for item in environment:
            if item.startswith(b"SSH_CONNECTION="):
                parts = item.decode(errors="replace").partition("=")[2].split()
                return parts[2] if len(parts) == 4 else ""
    return None


def caller_interface(system: System) -> str | None:
    """The interface that the caller is connected over; None on a console, "" where it cannot be told."""
    address = caller_address()
    if address is None:
        return None
    bare = address.partition("%")
    if bare[2]:
        return bare[2]
    for line in system.run("ip", "-o", "address", "show").out.splitlines():
        parts = line.split()
        if len(parts) > 3 and parts[3].split("/")[0] == bare[0]:
            return parts[1]
    return ""


def arm(system: System) -> None:
    """Raises CannotHere where there is no systemd of our own that would take the change back."""
    if not Path("/run/systemd/system").is_dir() or not system.has("systemd-run"):
        raise CannotHere(
            _(
                "You are connected over the network that this changes, and there is no systemd here that could take "
                "the change back."
            ),
            _("Do it from the console."),
        )
    namespace = []
    if os.readlink("/proc/self/ns/net") != os.readlink("/proc/1/ns/net"):
        system.write(NAMESPACE, "")
        system.run("umount", "--quiet", NAMESPACE, ok=(0, 1, 32))
        system.run("mount", "--bind", f"/proc/{os.getpid()}/ns/net", NAMESPACE)
        namespace = [f"--property=NetworkNamespacePath={NAMESPACE}"]
    _stop(system, "timer", "service")
    system.run(
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={UNIT}",
        f"--on-active={SECONDS}",
        "--timer-property=AccuracySec=1s",
        # Another change may be under way when it fires: it waits for its turn.
        "--property=RestartForceExitStatus=3",
        "--property=RestartSec=5",
        *namespace,
        "/usr/bin/byzwizard",
        "undo",
        "--yes",
    )
    system.write(ARMED, f"{time.monotonic() + SECONDS:.0f}\n")


def _stop(system: System, *kinds: str) -> None:
    for kind in kinds:
        system.run("systemctl", "stop", f"{UNIT}.{kind}", ok=(0, 5))


def disarm(system: System) -> None:
    """For `undo`, which may be what the timer has started: its service is left alone."""
    if armed(system):
        _stop(system, "timer")
        system.remove(ARMED)


def waiting(system: System) -> float | None:
    """Seconds until the change is taken back; None when none waits."""
    text = system.read(ARMED)
    return max(0.0, float(text) - time.monotonic()) if text else None


def armed(system: System) -> bool:
    return waiting(system) is not None


def confirm(system: System) -> None:
    """Keep the change, and its answers for the next boot. Raises Invalid when none waits."""
    if not armed(system):
        raise Invalid(_("No network change waits to be confirmed."))
    _stop(system, "timer", "service")
    system.remove(ARMED)
    text = system.read(PENDING)
    if text is not None:
        system.write(place(system), text, mode=0o600)
        system.remove(PENDING)
