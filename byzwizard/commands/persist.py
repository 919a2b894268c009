"""`byzwizard persist`: the store that keeps what this node is and what people wrote."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from byzwizard import values
from byzwizard.backends.system import System
from byzwizard.commands import Context, confirmed, need_confirmed, need_root, need_this_computer, say, secret
from byzwizard.errors import CannotHere, Damaged, Invalid, Refused
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.answers import Persistence
    from byzwizard.backends.store import Store

ACTS = ("create", "unlock", "lock", "passphrase", "delete")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=ACTS, metavar="|".join(ACTS), help=_("what to do with the store"))
    parser.add_argument("--kind", choices=("partition", "save.dat"), help=_("create: an encrypted partition or a file"))
    parser.add_argument(
        "--device", default="auto", help=_("the disk, by path or serial number (without: the stick this runs from)")
    )
    parser.add_argument("--size", default="max", help=_("create: 900MB, 4GiB or max (without: max)"))
    parser.add_argument("--unencrypted", action="store_true", help=_("create: whoever has the stick reads it"))
    parser.add_argument("--opens-on", default="1GiB", help=_("create: memory of the weakest computer that opens it"))
    parser.add_argument("--kept", metavar="NAME", help=_("delete: only what the store holds of this, switched off"))
    parser.add_argument("--repair", action="store_true", help=_("unlock: mend a damaged file system"))
    secret.arguments(parser, "", _("the passphrase"))
    secret.arguments(parser, "new-", _("the new passphrase"))
    confirmed(parser)


def run(context: Context) -> int:
    from byzwizard.backends import cutoff
    from byzwizard.locking import only_one

    need_this_computer(context)
    need_root()
    if context.options.kept is not None and context.options.act != "delete":
        raise Invalid(_("--kept is for delete."))
    system = System()
    act: Callable[[Context, System], tuple[str, Store | None]] = {
        "create": _create,
        "unlock": _unlock,
        "lock": _lock,
        "passphrase": _passphrase,
        "delete": _delete,
    }[context.options.act]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: system.stop())
    with only_one(system):
        before = cutoff.told(system)
        sentence, store = act(context, system)
    for text in cutoff.told(system)[len(before):]:
        print(text, file=sys.stderr)
    shown = None if store is None else {"kind": store.kind, "device": store.device, "encrypted": store.encrypted}
    say(context, {"persist": 1, "act": context.options.act, "text": sentence, "store": shown}, sentence)
    return 0


def _create(context: Context, system: System) -> tuple[str, "Store | None"]:
    from byzwizard.backends import new_store, store
    from byzwizard.backends.probe import machine_for
    from byzwizard.handed import handed

    wanted = _wanted(context.options)
    machine = machine_for(system, None)
    first = new_store.planned(wanted, machine)[0]
    assert isinstance(first, new_store.CreateStore)
    if not first.needed(system):
        there = first.there(system) or store.the(system, wanted.device)
        raise Refused(
            _("There is a store already: {store}.").format(store=there.words),
            _("`byzwizard persist unlock` opens it, `delete` takes it away."),
        )
    need_confirmed(context, first.seal, first.destroys or first.text)
    _confirm(context, first.destroys)
    with contextlib.ExitStack() as stack:
        if wanted.encrypt:
            passphrase = secret.given(context.options) or secret.asked(_("Passphrase of the new store"), twice=True)
            wanted = wanted.model_copy(update={"passphrase_file": stack.enter_context(handed(passphrase))})
        # The machine that was confirmed: a stick that was exchanged since is then told from it, and refused.
        for step in new_store.planned(wanted, machine):
            if step.needed(system):
                print(f"… {step.text}", file=sys.stderr, flush=True)
                step.apply(system, _quiet)
    made = store.the(system)
    return _("The store is made and open: {store}.").format(store=made.words), made


def _quiet(done: int, total: int) -> None:
    """The sentence before it says what goes on."""


def _wanted(options: argparse.Namespace) -> "Persistence":
    """The options as the section of an answers file. Raises Invalid."""
    from byzwizard.answers import Persistence

    if options.kind is None:
        raise Invalid(_("--kind is missing: partition, or save.dat."))
    try:
        return Persistence(
            kind=options.kind,
            device=values.device(options.device),
            size=values.size_or_max(options.size),
            encrypt=not options.unencrypted,
            opens_on=values.size(options.opens_on),
        )
    except values.BadValue as fault:
        raise Invalid(fault.message, fault.hint) from None


def _confirm(context: Context, destroys: str | None) -> None:
    """Raises Refused."""
    if destroys is None or context.yes:
        return
    print(_("This takes: {what}").format(what=destroys), file=sys.stderr)
    with secret.answering():
        sure = sys.stdin.isatty() and input(_("Type “erase” to go on: ")).strip() == _("erase")
    if not sure:
        raise Refused(
            _("Nothing was done: what it erases was not confirmed."), _("--yes stands in for the confirmation.")
        )


def _unlock(context: Context, system: System) -> tuple[str, "Store | None"]:
    from byzwizard.backends import keep, locker, store

    found = store.the(system, context.options.device)
    if store.is_open(system):
        found = locker.unlock(system, None, context.options.device)
        return _("The store is open already: {store}.").format(store=found.words), found
    passphrase = None
    if found.encrypted:
        passphrase = secret.given(context.options) or secret.asked(_("Passphrase of the store"))
    try:
        found = locker.unlock(system, passphrase, context.options.device, context.options.repair)
    except Damaged as fault:
        print(fault.message, file=sys.stderr)
        with secret.answering():
            leave = sys.stdin.isatty() and input(_("Mend it, whatever is lost? y or n: ")).strip().lower() == "y"
        if not leave:
            raise
        found = locker.unlock(system, passphrase, context.options.device, thoroughly=True)
    text = _("The store is open: {store}.").format(store=found.words)
    if keep.answers(system) is not None:
        text += " " + _("`byzwizard apply {file}` makes the node that it keeps.").format(file=keep.ANSWERS)
    return text, found


def _lock(context: Context, system: System) -> tuple[str, "Store | None"]:
    from byzwizard.backends import locker, store

    if not store.is_open(system):
        return _("No store is open: there is nothing to lock."), store.known(system)
    found = locker.lock(system)
    text = _("The store is locked: {store}.").format(store=found.words)
    return text, found


def _passphrase(context: Context, system: System) -> tuple[str, "Store | None"]:
    from byzwizard.backends import store

    found = store.the(system, context.options.device)
    old = secret.given(context.options) or secret.asked(_("Present passphrase of the store"))
    new = secret.given(context.options, "new-") or secret.asked(_("New passphrase"), twice=True)
    store.change_passphrase(system, found, old, new)
    return _("The passphrase of the store is changed: {store}.").format(store=found.words), found


def _delete_kept(context: Context, system: System, name: str) -> tuple[str, "Store | None"]:
    """One thing that is switched off. Raises CannotHere, Invalid, Refused."""
    from byzwizard.backends import kept, store
    from byzwizard.diskwords import size

    if not store.is_open(system):
        raise CannotHere(_("No store is open here."), _("`byzwizard persist unlock` opens it."))
    left = kept.left_over(system)
    if name in {thing.name for thing in kept.things(kept.listed(system))}:
        raise Refused(_("{name} is being kept.").format(name=name),
                      _("Take it out of persistence.keep, and apply the answers."))
    if name not in left:
        raise Invalid(_("The store holds no {name} that is switched off.").format(name=values.shown(name, 60)),
                      _("It holds {names}.").format(names=", ".join(left) or _("nothing")))
    bytes_ = size(kept.sizes(system).get(name, 0))
    _confirm(context, _("what the store still holds of {name}: {size}").format(name=name, size=bytes_))
    kept.delete(system, name)
    return _("What the store held of {name} is deleted ({size}).").format(name=name, size=bytes_), store.known(system)


def _delete(context: Context, system: System) -> tuple[str, "Store | None"]:
    from byzwizard.backends import keep, locker, luks, making, store

    if context.options.kept is not None:
        return _delete_kept(context, system, context.options.kept)
    found = store.the(system, context.options.device)
    passphrase = secret.given(context.options)
    if passphrase is not None and found.encrypted:
        with contextlib.suppress(luks.Erased):  # a deletion that was cut off is gone through with
            store.check_passphrase(system, found, passphrase)
    elif context.options.device == "auto" and context.options.confirmed is None:  # a page has shown which one
        _need_meant(system, found)
    disk = making.deletable(system, found)
    need_confirmed(context, making.seal(found, disk), making.deleted(found, disk))
    _confirm(context, making.deleted(found, disk))
    known = store.known(system)
    if known is not None and (known.device, known.file) == (found.device, found.file):
        locked = store.locked(system)
        locker.let_go(system)
        store.forget(system)
        if locked:
            keep.stay(system)
            locker.start(system, known.stopped)
    making.delete(system, found, disk)
    return _("The store is deleted: {store}.").format(store=found.words), None


def _need_meant(system: System, found: "Store") -> None:
    """Where no device is named, it is the own stick's or one that is open. Raises Refused: another one's was found,
    and is not deleted for that."""
    from byzwizard.backends import store

    if not store.is_open(system) and not store.is_own(system, found):
        raise Refused(
            _("The store {store} is not on the stick that this runs from.").format(store=found.words),
            _("If it is really meant, name it: `--device {path}`.").format(path=found.device),
        )
