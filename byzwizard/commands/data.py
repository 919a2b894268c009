"""save the data of a service in a file, take them in from one, or delete them"""

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from byzwizard import values
from byzwizard.backends.system import System
from byzwizard.commands import Context, file_name, need_root, need_this_computer, say, secret
from byzwizard.errors import CannotHere, Invalid, Refused
from byzwizard.i18n import _

if TYPE_CHECKING:
    from byzwizard.backends.dumped import Dumped
    from byzwizard.backends.dumpfile import Manifest
    from byzwizard.catalogue import Descriptor


ACTS = ("save", "restore", "delete")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=ACTS, metavar="|".join(ACTS), help=_("what to do"))
    parser.add_argument("name", metavar="NAME", help=_("a service; `byzwizard services` lists them"))
    parser.add_argument("--file", metavar="FILE", type=file_name,
                        help=_("where to, or where from (without: among what this node keeps)"))


def run(context: Context) -> int:
    from byzwizard.backends import dumped
    from byzwizard.locking import only_one

    need_this_computer(context)
    need_root()
    system = System()
    service = _service(context.options.name)
    one = dumped.of(service)
    dumped.need_open(system)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: system.stop())
    if context.options.act == "delete":
        with only_one(system):
            _delete(context, system, service)
        return 0
    if one is None:
        raise CannotHere(_("{name} has nothing that can be saved.").format(name=service.name))
    with only_one(system):
        said = dumped.settle(system, one)
        if said:
            print(said, file=sys.stderr)
        if context.options.act == "save":
            path, manifest, sentence = _save(context, system, one)
        else:
            path, manifest, sentence = _restore(context, system, service, one)
    say(context, {"data": 1, "act": context.options.act, "name": one.name, "file": str(path), "made": manifest.made,
                  "version": manifest.version, "bytes": manifest.bytes, "text": sentence}, sentence)
    return 0


def _service(text: str) -> "Descriptor":
    """Raises Invalid, CannotHere."""
    from byzwizard import catalogue, catalogue_names

    try:
        name = catalogue_names.known(text)
    except values.BadValue as fault:
        raise Invalid(fault.message, fault.hint) from fault
    there = catalogue.here()
    service = there.services.get(name)
    if service is None:
        missing = _("This version of Byzantium does not have {name} yet.").format(name=name)
        raise CannotHere(there.broken.get(name, missing))
    return service


def _save(context: Context, system: System, one: "Dumped") -> tuple[Path, "Manifest", str]:
    from byzwizard.backends import dumps, paths
    from byzwizard.diskwords import size

    named = context.options.file
    place = paths.place(named if named is not None else _file(system, one))
    if named is not None and place.taken and not context.yes:
        raise Refused(_("{path} is there already.").format(path=place.path), _("--yes replaces it."))
    manifest = dumps.save(system, one, place.path, Tenths(_("Saving {name}").format(name=one.name)))
    sentence = _("The data of {name} ({bytes}) are saved in {path}.").format(
        name=one.name, bytes=size(manifest.bytes), path=place.path)
    if place.forgotten:
        sentence += " " + _("That is in memory, and forgotten when this computer is switched off.")
    return place.path, manifest, sentence


def _file(system: System, one: "Dumped") -> Path:
    path = system.path(one.file)
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    return path


def _restore(
    context: Context, system: System, service: "Descriptor", one: "Dumped"
) -> tuple[Path, "Manifest", str]:
    from byzwizard.backends import dumped, dumps, offering, paths

    named = context.options.file
    path = paths.meant(named) if named is not None else dumped.source(system, one)
    if path is None:
        raise CannotHere(_("Nothing is saved here of {name}.").format(name=one.name),
                         _("--file names a file that was saved elsewhere."))
    if not path.exists():
        raise Invalid(_("There is no file {path}.").format(path=path), _("Choose another."))
    if dumped.unproven(system, one):
        raise Refused(_("The data of {name} that were taken in before have not been used yet.").format(name=one.name),
                      _("`byzwizard enable {name}` shows whether they work.").format(name=one.name))
    there = not dumped.is_empty(system, one)
    if there:
        what = _("{name} has data, and others would take their place.").format(name=one.name)
        _confirm(context, what, _("Type “replace” to go on: "), _("replace"))
    manifest = dumps.load(system, one, path, Tenths(_("Taking in {name}").format(name=one.name)))
    sentence = _("{name} has the data that were saved at {made} ({version}).").format(
        name=one.name, made=manifest.made, version=manifest.version or "?")
    if any(chosen.name == one.name for chosen in offering.chosen(system)):
        _start(system, service)
    elif there:
        more = _("The former ones are kept until `byzwizard enable {name}` has shown that these work.")
        sentence += " " + more.format(name=one.name)
    else:
        dumped.proven(system, one)
    return path, manifest, sentence


def _delete(context: Context, system: System, service: "Descriptor") -> None:
    from byzwizard.backends import dumped, owndata
    from byzwizard.diskwords import size

    if context.options.file is not None:
        raise Invalid(_("--file is for save and restore."))
    owndata.need_off(system, service)
    freed = owndata.size(system, service)
    if freed:
        what = _("The data of {name} ({bytes}) would be gone for good, with what was saved of them here.").format(
            name=service.name, bytes=size(freed))
        _confirm(context, what, _("Type “delete” to go on: "), _("delete"))
    one = dumped.of(service)
    if one is not None:
        dumped.clear(system, one)
    owndata.delete(system, service)
    sentence = (_("The data of {name} are deleted ({bytes}).").format(name=service.name, bytes=size(freed)) if freed
                else _("There are no data of {name}.").format(name=service.name))
    say(context, {"data": 1, "act": "delete", "name": service.name, "bytes": freed, "text": sentence}, sentence)


def _confirm(context: Context, what: str, question: str, word: str) -> None:
    """Raises Refused."""
    if context.yes:
        return
    print(what, file=sys.stderr)
    with secret.answering():
        sure = sys.stdin.isatty() and input(question).strip() == word
    if not sure:
        raise Refused(_("Nothing was done: {what}").format(what=what), _("--yes stands in for the confirmation."))


def _start(system: System, service: "Descriptor") -> None:
    """With its former data, where it does not work with these; then it raises StepFailed."""
    from byzwizard.backends import services
    from byzwizard.backends.waiting import clearing_up
    from byzwizard.errors import ByzantiumError

    step = services.runner(service)
    try:
        step.apply(system, _quiet)
    except ByzantiumError:
        with clearing_up():
            step.apply(system, _quiet)
        raise


def _quiet(done: int, total: int) -> None:
    """A start is short."""


class Tenths:
    """A line on standard error for each tenth of the way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // (total or 1)
        if tenth > self._tenth:
            self._tenth = tenth
            print(f"  {self._text}: {10 * tenth} %", file=sys.stderr, flush=True)
