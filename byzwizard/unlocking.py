"""Before the answers of a boot are gathered: the store is opened, by a key file or by whoever sits at a console."""

import sys
from typing import TYPE_CHECKING

from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, explained
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.store import Store


def at_boot(system: System) -> None:
    """Open the store of this computer, if it has one. Left locked where nobody can or will open it, or it cannot be
    read; then the record says so, and nothing is written where it would be. What happened is told to the journal."""
    if system.path("/run/host/container-manager").exists():  # a node in a container has no disks
        return
    from byzwizard.backends import cutoff
    from byzwizard.boot import PROBLEM

    cutoff.look(system)
    try:
        _open(system)
    except (ByzantiumError, OSError) as fault:
        # A node without what it keeps is better than none; whoever sits at the screen reads why.
        why = explained(fault)
        system.write(PROBLEM, f"{why}\n")
        _tell(str(why))
    finally:
        for text in cutoff.told(system):
            _tell(text)


def _open(system: System) -> None:
    from byzwizard.backends import locker, store

    found = store.find(system)
    if found is None:
        return
    if store.is_erased(system, found):
        _delete_rest(system, found)
        return
    store.remember(system, found)
    if not found.encrypted:
        locker.unlock(system, None)
        return
    if _by_key_file(system, found.disk):
        return
    _tell(_("The store is open.") if _by_hand(system, found.words) else _("The store stays locked."))


def _delete_rest(system: System, found: "Store") -> None:
    """Nobody can open it any more. On a stick that is not the own one, whoever deletes it says so."""
    from byzwizard.backends import cutoff, making, store

    if store.is_own(system, found):
        making.delete(system, found, making.deletable(system, found))
        cutoff.tell(system, _("Deleting the store {store} was cut off; now it is finished.").format(store=found.words))
        return
    cutoff.tell(system, _("Deleting the store {store} was cut off: its keys are wiped, and nothing opens it any more. "
                          "`byzwizard persist delete --device {device}` finishes that.").format(
                              store=found.words, device=found.device))  # fmt: skip


def _by_key_file(system: System, disk: str) -> bool:
    from byzwizard.backends import keyfile, locker, luks

    for found in keyfile.find(system, disk):
        if found.same_stick:
            _tell(_("{file} lies on the store's own stick, where it protects nothing: it is not used.").format(
                file=found.where))
        elif found.passphrase is None:
            _tell(_("{file} holds no passphrase.").format(file=found.where))
        else:
            try:
                locker.unlock(system, found.passphrase)
            except luks.WrongPassphrase:
                _tell(_("{file} does not open the store.").format(file=found.where))
                continue
            _tell(_("The store was opened with {file}.").format(file=found.where))
            return True
    return False


def _by_hand(system: System, words: str) -> bool:
    from byzwizard import consoles
    from byzwizard.asking import Asker
    from byzwizard.backends import locker
    from byzwizard.backends.keep import load_keyboard

    with consoles.opened() as found:
        return Asker(
            found,
            words,
            attempt=lambda passphrase: _discard(locker.unlock(system, passphrase)),
            keyboard=lambda layout: load_keyboard(system, layout),
            mend=lambda passphrase: _discard(locker.unlock(system, passphrase, thoroughly=True)),
        ).run()


def _discard(_store: object) -> None:
    """Whoever asked wants to know only that nothing was raised."""


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
