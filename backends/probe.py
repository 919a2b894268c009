"""The machine: read from this computer, or from a recording (`--machine FILE`)."""

import json
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from byzwizard.backends.disks import read_disks
from byzwizard.backends.holders import find_holders
from byzwizard.backends.kernellog import missing_firmware, read_kernel_log
from byzwizard.backends.links import read_links
from byzwizard.backends.medium import read_medium
from byzwizard.backends.printable import printable
from byzwizard.backends.radios import Survey, ask_nl80211, read_radios
from byzwizard.backends.system import System
from byzwizard.backends.wired import read_wired
from byzwizard.errors import Invalid
from byzwizard.i18n import _
from byzwizard.machine import Battery, Machine
from byzwizard.routings import PROGRAMS
from byzwizard.verdict import with_verdicts

RECORDING_LIMIT = 4 << 20  # bytes; a radio takes about 10 kB
DEEPEST = 20  # levels; a recording has eight
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def machine_for(system: System, file: Path | None) -> Machine:
    """The recorded machine of `file`, or this computer; with verdicts. Raises Invalid for a bad recording."""
    return load_machine(file) if file is not None else read_machine(system)


def read_machine(system: System) -> Machine:
    """This computer, with verdicts. Works without root, udev, rfkill and debugfs; what cannot be read is left out."""
    with ThreadPoolExecutor(max_workers=6, thread_name_prefix="probe") as pool:
        told = pool.submit(ask_nl80211, system)
        disks = pool.submit(read_disks, system)
        links = pool.submit(read_links, system)
        holders = pool.submit(find_holders, system)
        log = pool.submit(read_kernel_log, system)
        firmware: Future[dict[str, list[str]]] = pool.submit(lambda: missing_firmware(log.result()))
        memory = pool.submit(_memory_and_battery)
        medium = read_medium(system)
        survey = Survey(links.result(), holders, firmware)
        wired = read_wired(system, survey.links)
        radios = read_radios(system, survey, told.result())
        memory_bytes, battery = memory.result()
        kind: Literal["uefi", "bios"] = "uefi" if system.path("/sys/firmware/efi").is_dir() else "bios"
        return with_verdicts(Machine(
            radios=radios, wired=wired, disks=disks.result(), medium=medium, memory_bytes=memory_bytes,
            firmware=kind, secure_boot=kind == "uefi" and _secure_boot(system, log.result), battery=battery,
            programs=tuple(name for name in PROGRAMS if system.has(name))))


def load_machine(path: Path) -> Machine:
    """A recording, with verdicts of now. Raises Invalid with one sentence that names the file and the key."""
    from pydantic import ValidationError

    said = _read_json(path)
    if not isinstance(said, dict) or "machine" not in said:
        raise Invalid(_("{file} is not a recorded machine.").format(file=path),
                      _("`byzwizard inspect --json > FILE` records one."))
    if said["machine"] != 1 or isinstance(said["machine"], bool):
        raise Invalid(_("{file} is a recording of another format: `machine` is {found}, this program reads 1.").format(
            file=path, found=printable(json.dumps(said["machine"])[:40])), _("Use the program that recorded it."))
    try:
        return with_verdicts(Machine.model_validate(_without_computed(_safe(said))))
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        key = ".".join(printable(str(part), 40) for part in first["loc"])
        raise Invalid(_("{file}: the key `{key}` is not right: {what}.").format(
            file=path, key=key, what=_expected(first["type"])),
            _("Record the machine anew with `byzwizard inspect --json`.")) from fault


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(RECORDING_LIMIT + 1)
    except OSError as fault:
        why = os.strerror(fault.errno or 0)
        raise Invalid(_("{file} cannot be read: {why}.").format(file=path, why=why)) from fault
    if len(data) > RECORDING_LIMIT:
        raise Invalid(_("{file} is too big for a recorded machine (more than 4 MiB).").format(file=path))
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise Invalid(_("{file} is not JSON.").format(file=path),
                      _("`byzwizard inspect --json > FILE` records a machine.")) from fault


def _safe(value: Any, deep: int = 0) -> Any:
    """Recordings come from other people: nothing in them may act on a terminal. What is deeper than any recording
    is an unknown key's, and goes."""
    if isinstance(value, str):
        return printable(value, 4096)
    if deep == DEEPEST and isinstance(value, list | dict):
        return None
    if isinstance(value, list):
        return [_safe(item, deep + 1) for item in value]
    if isinstance(value, dict):
        return {key: _safe(item, deep + 1) for key, item in value.items()}
    return value


def _without_computed(said: dict[str, Any]) -> dict[str, Any]:
    """Without what is computed anew: whatever stands there, it is ignored."""
    computed = {"radios": "verdict", "disks": "boot_medium"}
    return said | {
        part: [{key: each[key] for key in each if key != name} if isinstance(each, dict) else each
               for each in said[part]]
        for part, name in computed.items() if isinstance(said.get(part), list)
    }


def _expected(kind: str) -> str:
    """What should stand there, by pydantic's name of the fault."""
    words = {
        "missing": _("it is missing"),
        "string": _("a text should stand here"),
        "int": _("a whole number should stand here"),
        "finite": _("a whole number should stand here"),
        "bool": _("true or false should stand here"),
        "tuple": _("a list should stand here"),
        "model": _("an object should stand here"),
        "literal": _("it is none of the values there are"),
    }
    return words.get(kind.partition("_")[0], _("this cannot stand here"))


def _memory_and_battery() -> tuple[int, Battery | None]:
    import psutil

    total = psutil.virtual_memory().total
    battery = psutil.sensors_battery()
    if battery is None:
        return total, None
    left = battery.secsleft  # negative: on mains, or not known
    return total, Battery(percent=round(battery.percent), seconds_left=left if left > 0 else None)


def _secure_boot(system: System, log: Callable[[], list[str]]) -> bool:
    """The firmware's variable: four bytes of attributes, one of value. Without efivars, the kernel's log."""
    try:
        return system.path(SECURE_BOOT).read_bytes()[4:5] == b"\x01"
    except OSError:
        return any("ecure boot enabled" in line for line in log())
