"""Open and close the store while the node runs: what uses it is stopped before and started again after, in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from byzwizard.backends import inuse, kept, store
from byzwizard.backends.store import Store
from byzwizard.backends.system import CommandFailed
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import ByzantiumError, CannotHere, Interrupted, StepFailed, explained
from byzwizard.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from byzwizard.backends.system import System


def unlock(
    system: System, passphrase: str | None, device: str | None = None, thoroughly: bool = False
) -> Store:
    """Open the store (of the medium, or of `device`), mount what it keeps, and start what waited for it.

    Raises WrongPassphrase, Damaged (ask, and try `thoroughly`), CannotHere where there is none.
    """
    before = store.known(system)
    found = before if before is not None and store.is_open(system) else store.the(system, device)
    # Whichever store is opened: nobody else starts them.
    found = replace(found, stopped=before.stopped if before is not None else ())
    if store.is_open(system):
        kept.bind_all(system)  # one that was killed in the middle of this has mounted and started less
    else:
        _open(system, found, passphrase, thoroughly)
    start(system, found.stopped)
    store.remember(system, replace(found, stopped=()))
    return found


def _open(system: System, found: Store, passphrase: str | None, thoroughly: bool) -> None:
    """It is remembered before: whoever kills this leaves a store that is known, and that unlock and lock can mend."""
    before = store.known(system)
    store.remember(system, found)
    try:
        store.mount(system, found, passphrase, thoroughly)
        try:
            if thoroughly:
                kept.mend(system)
            kept.clear_up(system)
            kept.bind_all(system)
        except BaseException:
            with clearing_up():
                close(system, found)
            raise
    except BaseException as fault:
        with clearing_up():
            store.forget(system) if before is None else store.remember(system, before)
        if isinstance(fault, OSError):
            raise StepFailed(explained(fault).message, _("Is the stick failing?")) from fault
        raise


def lock(system: System) -> Store:
    """Close the store. Raises CannotHere where none is open; StepFailed naming who uses it, with all as it was."""
    found = store.known(system)
    if found is None or not store.is_open(system):
        raise CannotHere(_("No store is open here."))
    _nobody_inside(system)
    stopped = stop(system)
    try:
        close(system, found)
    except ByzantiumError as fault:
        with clearing_up():
            if not store.is_open(system):
                raise  # What it kept is out of reach: nothing starts over the empty folders.
            kept.bind_all(system)
            start(system, stopped)
        if isinstance(fault, Interrupted):
            raise
        raise _in_use(system) from fault
    return replace(found, stopped=stopped)


def let_go(system: System) -> None:
    """Close the store for good: what the running node needs of it comes back into memory, and its services go on
    without. Raises StepFailed where it is in use, with all as it was."""
    found = store.known(system)
    if found is None or not store.is_open(system):
        return
    _nobody_inside(system)
    stopped = stop(system)
    before = kept.listed(system)
    try:
        kept.switch(system, ())
        close(system, found)
    except ByzantiumError as fault:
        with clearing_up():
            if store.is_open(system):
                kept.switch(system, before)
            start(system, stopped)
        if isinstance(fault, Interrupted):
            raise
        raise _in_use(system) from fault
    store.forget(system)
    start(system, stopped)


def _nobody_inside(system: System) -> None:
    """Programs that people started are never ended for them: refused before anything is stopped. Raises StepFailed."""
    if any(user.unit is None for user in inuse.users(system, store.PLACE)):
        raise _in_use(system)


def _in_use(system: System) -> StepFailed:
    who = ", ".join(f"{user.name} ({user.pid})" for user in _users(system)[:4])
    by = _(" by {who}").format(who=who) if who else ""
    return StepFailed(
        _("The store is in use{by}: it stays open.").format(by=by),
        _("End that program (a shell may stand in a kept folder), and try again."),
    )


def _users(system: System) -> Sequence[inuse.User]:
    return inuse.users(system, store.PLACE) if store.is_open(system) else ()


def close(system: System, found: Store) -> None:
    kept.unbind_all(system)
    store.unmount(system, found)


def stop(system: System) -> tuple[str, ...]:
    """Stop the units that use the store; one call, so that systemd keeps to their order. What is to be started again
    is returned, and stands in the record until start()."""
    units = tuple(dict.fromkeys(user.unit for user in inuse.users(system, store.PLACE) if user.unit))
    # The journal closes its files itself when /var/log is let go.
    return _stop(system, tuple(unit for unit in units if unit != "systemd-journald.service"))


def _stop(system: System, units: Sequence[str]) -> tuple[str, ...]:
    """All of them, or none: after a failure those that went are started again. They are remembered before, beside those
    that one who was killed left stopped: whoever opens, locks or moves something next starts them all."""
    known = store.known(system)
    down = tuple(dict.fromkeys((*(known.stopped if known is not None else ()), *units)))
    if not units:
        return down
    if known is not None:
        store.remember(system, replace(known, stopped=down))
    try:
        system.run("systemctl", "stop", *units, timeout=180)
    except ByzantiumError:
        with clearing_up():
            start(system, down)
        raise
    return down


def start(system: System, units: Sequence[str]) -> None:
    """What stop() returned."""
    if not units:
        return
    try:
        system.run("systemctl", "start", *units, timeout=180)
    except CommandFailed:
        _started(system)  # it is told which one does not start, once
        raise
    _started(system)


def _started(system: System) -> None:
    known = store.known(system)
    if known is not None:
        store.remember(system, replace(known, stopped=()))


def switch(system: System, keep: Sequence[str]) -> None:
    """Keep exactly this: the units that have one of these folders open are stopped for the time of the move."""
    stopped = _stop_users_of(system, keep)
    try:
        kept.switch(system, keep)
    finally:
        with clearing_up():
            start(system, stopped)


def _stop_users_of(system: System, keep: Sequence[str]) -> tuple[str, ...]:
    """Of what is to move in or out; what stays is left alone."""
    before = {thing.name: thing for thing in kept.things(kept.listed(system))}
    after = {thing.name: thing for thing in kept.things(keep)}
    names = [name for name in before.keys() ^ after.keys() if name.startswith("services.")]
    folders = [folder for name in names for folder in (before.get(name) or after[name]).folders]
    return _stop(system, inuse.units_below(system, folders))
