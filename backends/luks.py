"""LUKS2 with cryptsetup: made, opened, closed, its passphrase changed. Passphrases go in by standard input alone."""

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from byzwizard.backends.system import CommandFailed, System
from byzwizard.backends.waiting import clearing_up
from byzwizard.errors import ByzantiumError, CannotHere, Interrupted, StepFailed
from byzwizard.i18n import _
from byzwizard.places import LABEL

SECONDS = 2  # that one guess takes on the computer that makes the store
LEAST_ITERATIONS = 4  # what RFC 9106 and cryptsetup take for argon2id
NO_SLOT = 1  # cryptsetup(8): also where no key slot is left
NO_KEY = 2  # no permission, that is a wrong passphrase
PATIENCE = 300  # seconds; the weakest computer named may be very slow
CHANGING = "byzantium-change"  # the type of a token that stands in the header while the passphrase is changed
OTHERS = "others"  # in it: the key slots of other passphrases, which somebody else has added
MOST_KIB = 4 * 2**20  # that cryptsetup lets argon2 have
USED = re.compile(r"(?m)^Key Slot \d+: ENABLED|^ +\d+: (luks2|reencrypt)\b")  # a key slot, as luksDump tells it
BENCHMARK = re.compile(r"argon2id\s+(\d+) iterations, (\d+) memory")


class WrongPassphrase(StepFailed):
    """The store does not open with what was given."""

    def __init__(self) -> None:
        super().__init__(_("This is not the passphrase of the store."), _("Is the keyboard layout the right one?"))


class Erased(StepFailed):
    """Deleting the store was cut off once its keys were gone."""

    def __init__(self) -> None:
        super().__init__(
            _("The keys of this store are wiped: deleting it was cut off, and nothing opens it any more."),
            _("`byzwizard persist delete` finishes that."),
        )


def memory_kib(opens_on: int) -> int:
    """Memory of argon2 in KiB, so that a computer with `opens_on` bytes of memory can open what this one makes."""
    return min(opens_on // 4 // 1024, MOST_KIB)


def iterations(system: System, kib: int) -> int:
    """How often argon2 must go over `kib` of memory to take about SECONDS here; never fewer than LEAST_ITERATIONS."""
    said = system.run(
        "cryptsetup", "benchmark", "--pbkdf", "argon2id", "--pbkdf-memory", str(kib), "--iter-time",
        str(SECONDS * 1000), timeout=PATIENCE
    ).out
    found = BENCHMARK.search(said)
    if found is None:
        return LEAST_ITERATIONS
    # The benchmark takes less memory where the computer is slow; the work is what counts.
    return max(LEAST_ITERATIONS, math.ceil(int(found[1]) * int(found[2]) / kib))


def _pbkdf(kib: int, times: int) -> tuple[str, ...]:
    return ("--pbkdf", "argon2id", "--pbkdf-memory", str(kib), "--pbkdf-force-iterations", str(times))


def make(system: System, device: str, passphrase: str, kib: int) -> None:
    """A new container on a device or file. What was there is lost."""
    system.run(
        "cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--label", LABEL,
        *_pbkdf(kib, iterations(system, kib)), "--key-file=-", device, stdin=passphrase, timeout=PATIENCE
    )


def check(system: System, device: str, passphrase: str, header: str | None = None) -> None:
    """Raises WrongPassphrase when the container (or the copy of its header) does not open with it, Erased."""
    where = (device,) if header is None else ("--header", header, device)
    _with_key(system, passphrase, "open", "--test-passphrase", "--type", "luks", *where)


def unlock(system: System, device: str, passphrase: str, name: str = LABEL) -> str:
    """The path of the device in clear. Raises WrongPassphrase."""
    _with_key(system, passphrase, "open", "--type", "luks", device, name)
    return f"/dev/mapper/{name}"


def lock(system: System, name: str = LABEL) -> None:
    """Does nothing when it is not open."""
    if system.path(f"/dev/mapper/{name}").exists():
        system.run("cryptsetup", "close", name, timeout=60)


def _with_key(system: System, passphrase: str, *words: str) -> None:
    argv = ("cryptsetup", *words, "--key-file=-")
    done = system.run(*argv, stdin=passphrase, ok=(0, NO_SLOT, NO_KEY), timeout=PATIENCE)
    if done.status == NO_KEY:
        raise WrongPassphrase
    if done.status:
        raise Erased if "No usable keyslot" in done.err else CommandFailed(argv, done)


def change(system: System, device: str, old: str, new: str, copy: str) -> None:
    """Another passphrase. The header is copied to the path `copy` before and put back when anything goes wrong.

    cryptsetup writes the new key beside the old one before that is wiped, so a power cut leaves one of them, or both:
    then finish_change() at the next start knows by the token what was going on.
    """
    check(system, device, old)
    if system.run("cryptsetup", "isLuks", "--type", "luks1", device, ok=(0, 1, 4)).status == 0:
        raise CannotHere(
            _("This store is LUKS1, made by another system: its passphrase cannot be changed here."),
            _("There, `cryptsetup luksChangeKey` changes it."),
        )
    finish_change(system, device, old, copy)
    kib, times = _present(system, device)
    slots = list(_header(system, device)["keyslots"])
    mine = _slot(system, device, old, slots)
    token = {"type": CHANGING, "keyslots": [], OTHERS: [slot for slot in slots if slot != mine]}
    with _header_copied(
        system, device, old, copy, _("The passphrase could not be changed; the former one holds.")
    ):
        system.run("cryptsetup", "token", "import", device, stdin=json.dumps(token))
        system.run(
            "cryptsetup", "luksChangeKey", "--batch-mode", *_pbkdf(kib, times), device,
            stdin=f"{old}\n{new}\n", timeout=PATIENCE
        )
        check(system, device, new)
        _forget_change(system, device, _header(system, device))


def finish_change(system: System, device: str, passphrase: str, copy: str) -> bool:
    """After a change that was cut off `passphrase`, which is right, is the one of the former and the new that opens it.
    False: none was, or it is neither of them. `copy` as for change()."""
    header = _header(system, device)
    changes = _changes(header)
    if not changes:
        return False
    others = {slot for number in changes for slot in header["tokens"][number].get(OTHERS, header["keyslots"])}
    slots = [slot for slot in header["keyslots"] if slot not in others]
    mine = _slot(system, device, passphrase, slots)
    if mine is None:
        return False
    with _header_copied(
        system, device, passphrase, copy, _("A change of the passphrase that was cut off could not be finished.")
    ):
        for slot in slots:
            if slot != mine:
                _with_key(system, passphrase, "luksKillSlot", "--batch-mode", device, slot)
        _forget_change(system, device, header)
    return True


def _slot(system: System, device: str, passphrase: str, slots: Sequence[str]) -> str | None:
    """Which of them it opens. To try one takes seconds: where there is only one, it is that."""
    if len(slots) == 1:
        return slots[0]
    return next((slot for slot in slots if _is_in(system, device, passphrase, slot)), None)


@contextlib.contextmanager
def _header_copied(system: System, device: str, passphrase: str, copy: str, failed: str) -> Iterator[None]:
    """While keys are changed, the header is at the path `copy`, too; it is put back when anything goes wrong, and then
    `failed` is said. The copy goes when the header is whole: with it the former passphrase would open the store for
    ever."""
    system.remove(copy)
    system.run(
        "cryptsetup", "luksHeaderBackup", device, "--header-backup-file", str(system.path(copy)), timeout=PATIENCE
    )
    try:
        check(system, device, passphrase, str(system.path(copy)))
    except ByzantiumError:
        system.remove(copy)
        raise
    try:
        yield
    except (ByzantiumError, OSError) as fault:
        _restore(system, device, passphrase, copy)
        system.remove(copy)
        if isinstance(fault, Interrupted):
            raise
        raise StepFailed(failed, _("Is the stick failing?")) from fault
    system.remove(copy)


def _header(system: System, device: str) -> dict[str, dict[str, Any]]:
    said = system.run("cryptsetup", "luksDump", "--dump-json-metadata", device, ok=(0, 1))
    # LUKS1, from elsewhere, has no such thing.
    return json.loads(said.out) if said.status == 0 else {"keyslots": {}, "tokens": {}}


def _changes(header: dict[str, dict[str, Any]]) -> list[str]:
    return [number for number, token in header["tokens"].items() if token["type"] == CHANGING]


def _forget_change(system: System, device: str, header: dict[str, dict[str, Any]]) -> None:
    for number in _changes(header):
        system.run("cryptsetup", "token", "remove", "--token-id", number, device)


def _is_in(system: System, device: str, passphrase: str, slot: str) -> bool:
    try:
        _with_key(system, passphrase, "open", "--test-passphrase", "--type", "luks", "--key-slot", slot, device)
    except WrongPassphrase:
        return False
    return True


def _restore(system: System, device: str, passphrase: str, copy: str) -> None:
    """To its end, whatever is pressed. Raises StepFailed where the header is not whole then; the copy, which is all
    there is, stays under a name that no other change takes."""
    before, system.undisturbed = system.undisturbed, True
    try:
        with clearing_up():
            system.run("cryptsetup", "luksHeaderRestore", "--batch-mode", device, "--header-backup-file",
                       str(system.path(copy)), timeout=PATIENCE)  # fmt: skip
            check(system, device, passphrase)
    except (ByzantiumError, OSError) as fault:
        last = f"{copy}-{os.path.basename(device)}"
        system.path(copy).rename(system.path(last))
        raise StepFailed(
            _("The keys of the store on {device} could not be put back as they were.").format(device=device),
            _("They are whole in {copy}: copy that file to another medium before you switch off, then "
              "`cryptsetup luksHeaderRestore {device} --header-backup-file {copy}`.").format(device=device, copy=last),
        ) from fault
    finally:
        system.undisturbed = before


def _present(system: System, device: str) -> tuple[int, int]:
    """(KiB, iterations) of the first key slot, so that the new passphrase is as hard to guess as the old one."""
    dump = system.run("cryptsetup", "luksDump", device).out
    cost, memory = re.search(r"Time cost:\s*(\d+)", dump), re.search(r"Memory:\s*(\d+)", dump)
    if cost is None or memory is None:  # made elsewhere, with PBKDF2
        return memory_kib(2**30), LEAST_ITERATIONS
    return int(memory[1]), max(LEAST_ITERATIONS, int(cost[1]))


def is_luks(system: System, device: str) -> bool:
    return system.run("cryptsetup", "isLuks", device, ok=(0, 1, 4)).status == 0


def is_erased(system: System, device: str) -> bool:
    """Has every key slot of a container been wiped?"""
    dump = system.run("cryptsetup", "luksDump", device, ok=(0, 1)).out
    return bool(dump) and USED.search(dump) is None


def erase(system: System, device: str) -> None:
    """Wipe every key slot: nothing opens it any more, whatever is left of its blocks. It can still be told for what it
    was, so that a deletion that was killed is found and repeated."""
    system.run("cryptsetup", "erase", "--batch-mode", device, timeout=60)
