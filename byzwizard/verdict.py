"""What each radio is good for, and which disks the system runs from: pure, computed from what was found.

The ladder: A mesh and access point at once, B mesh, C ad-hoc (IBSS), D access point, E can only join, F nothing.
A quirk of the hardware list can only lower it.
"""

from collections.abc import Iterable

from byzwizard.hardware import HardwareList, Quirk, hardware_list
from byzwizard.i18n import _
from byzwizard.machine import Combination, Disk, Grade, Machine, Medium, Radio, Verdict

MESH, IBSS, AP, MANAGED = "mesh point", "ibss", "ap", "managed"

LINKS: dict[Grade, str | None] = {"A": "802.11s", "B": "802.11s", "C": "ibss", "D": "hub", "E": "hub", "F": None}

# Where live-boot mounts what it started from, and what holds that; older releases below /lib/live.
LIVE_MOUNTS = ("/run/live/medium", "/run/live/findiso", "/run/live/fromiso", "/lib/live/mount/medium",
               "/lib/live/mount/findiso", "/lib/live/mount/fromiso")
VENTOY_LABELS = {"ventoy", "vtoyefi"}


def with_verdicts(machine: Machine) -> Machine:
    """The same machine with `verdict` and `boot_medium` computed; what it said of them is ignored."""
    known = hardware_list()
    verdicts = [judge(radio, known) for radio in machine.radios]
    if any(verdict.grade in {"A", "B"} for verdict in verdicts):
        verdicts = [_beside_a_mesh(radio, verdict) for radio, verdict in zip(machine.radios, verdicts, strict=True)]
    radios = tuple(radio.model_copy(update={"verdict": verdict})
                   for radio, verdict in zip(machine.radios, verdicts, strict=True))
    return machine.model_copy(update={"radios": radios, "disks": _with_boot_medium(machine.disks, machine.medium)})


def together(combinations: Iterable[Combination], first: str, second: str) -> bool:
    """One interface of each of two types at once (nl80211: every limit is counted on its own, and `total`)."""
    for combination in combinations:
        if combination.total < 2 or combination.channels < 1:
            continue
        limits = [(limit.max, {kind.lower() for kind in limit.types}) for limit in combination.limits]
        for i, (room, types) in enumerate(limits):
            if first not in types or room < 1:
                continue
            if any(second in others and left >= (2 if i == j else 1) for j, (left, others) in enumerate(limits)):
                return True
    return False


def judge(radio: Radio, known: HardwareList) -> Verdict:
    """The verdict of one radio; `known` is the hardware list."""
    modes = {mode.lower() for mode in radio.modes}
    buy = what_to_buy(known)
    if radio.rfkill.hard:
        return _nothing(
            _("It is switched off by a switch or key of this computer."),
            _("Slide the wireless switch at the computer's edge, or press the key with the antenna (often together "
              "with Fn); some computers have it in the firmware setup. The card comes back by itself."))
    if radio.firmware_missing:
        return _nothing(
            _("Its firmware is missing: {files}.").format(files=", ".join(radio.firmware_missing)),
            _("This firmware is not on the stick, often because it may not be given away. Get it from another "
              "computer with Internet, or plug in {buy}.").format(buy=buy))

    quirks = [quirk for quirk in known.quirks if quirk.fits(radio)]
    grade = _best(_offers(modes, radio.combinations), quirks)
    serves = {"A": True, "D": True, "C": together(radio.combinations, IBSS, AP)}.get(grade, False)
    said = [_reason(grade, modes, bool(radio.driver))]
    said += [_(quirk.reason) for quirk in quirks if _lowers(quirk, modes, radio.combinations)]
    return Verdict(grade=grade, link=LINKS[grade], access_point=serves, reason=" ".join(dict.fromkeys(said)),
                   advice=_advice(radio, grade, buy))


def _offers(modes: set[str], combinations: tuple[Combination, ...]) -> list[Grade]:
    """Every grade that the driver's own words would allow, best first."""
    mesh = MESH in modes
    rungs: list[tuple[bool, Grade]] = [
        (mesh and AP in modes and together(combinations, MESH, AP), "A"),
        (mesh, "B"), (IBSS in modes, "C"), (AP in modes, "D"), (MANAGED in modes, "E"), (True, "F")]
    return [grade for offered, grade in rungs if offered]


def _best(offers: list[Grade], quirks: list[Quirk]) -> Grade:
    ceiling = max((quirk.at_most for quirk in quirks), default="A")
    return next((grade for grade in offers if grade >= ceiling), "F")


def _lowers(quirk: Quirk, modes: set[str], combinations: tuple[Combination, ...]) -> bool:
    return _offers(modes, combinations)[0] < quirk.at_most


def _reason(grade: Grade, modes: set[str], driven: bool) -> str:
    if grade == "A":
        return _("It meshes and serves phones at the same time.")
    if grade == "B":
        return _("It meshes, but cannot serve phones while it does.")
    if grade == "C":
        if AP in modes:
            return _("It has no mesh mode, only the older ad-hoc mode without encryption; it can serve phones.")
        return _("It has no mesh mode, only the older ad-hoc mode: no encryption there, and no phones.")
    if grade == "D":
        return _("It cannot mesh, but it can be a hub: phones and other nodes join its access point.")
    if grade == "E":
        return _("It can only join: it takes part through a hub that somebody else runs nearby.")
    if not driven:
        return _("No driver here knows this card.")
    return _("Its driver offers nothing that a node could use.") if modes else _("Its driver does not start it.")


def _advice(radio: Radio, grade: Grade, buy: str) -> str | None:
    advice = {
        "B": _("To serve phones as well, plug in {buy}."),
        "C": _("To mesh, plug in {buy}."),
        "D": _("To mesh, plug in {buy}. This card then serves phones."),
        "E": _("To mesh and serve phones, plug in {buy}."),
        "F": _("Plug in {buy}."),
    }.get(grade, "").format(buy=buy)
    return " ".join([*_state(radio, grade), *([advice] if advice else [])]) or None


def _beside_a_mesh(radio: Radio, verdict: Verdict) -> Verdict:
    """Where another card here meshes, nothing has to be bought."""
    if verdict.grade not in {"C", "D", "E"}:
        return verdict
    serves = radio.model_copy(update={"verdict": verdict}).serves_phones
    advice = (_("Another card here meshes; this one can serve phones.") if serves
              else _("Another card here meshes; this one is not needed."))
    return verdict.model_copy(update={"advice": " ".join([*_state(radio, verdict.grade), advice])})


def _state(radio: Radio, grade: Grade) -> list[str]:
    """What to do about the state that a usable radio is in now, most pressing first."""
    said: list[str] = []
    if grade != "F" and radio.rfkill.soft:
        said.insert(0, _("Wi-Fi is switched off in software (flight mode); Byzantium switches it on when it starts."))
    if grade != "F" and radio.held_by:
        said.insert(0, _("NetworkManager is using it; Byzantium asks it to let go when it starts.")
                    if radio.held_by == "NetworkManager" else
                    _("{program} is using it: end it first, or start the computer from the Byzantium stick.").format(
                        program=radio.held_by))
    if grade != "F" and radio.interface is None:
        said.insert(0, _("It has no network interface now; unplug it and plug it in again, or restart the computer."))
    return said


def _nothing(reason: str, advice: str) -> Verdict:
    return Verdict(grade="F", link=None, access_point=False, reason=reason, advice=advice)


def what_to_buy(known: HardwareList) -> str:
    """Words for the chips to ask for in a shop, of the hardware list."""
    names = [chip.name for chip in known.chips if chip.buy]
    return _("a USB adapter with one of these chips: {names}").format(names=", ".join(names))


def _with_boot_medium(disks: tuple[Disk, ...], medium: Medium | None) -> tuple[Disk, ...]:
    """Marks every disk that the medium lies on. In doubt a disk counts: what counts is never written over."""
    if medium is None or medium.kind in {"netboot", "ram"}:
        return tuple(disk.model_copy(update={"boot_medium": _mounted_live(disk)}) for disk in disks)
    marks = [_holds(disk, medium) for disk in disks]
    if medium.kind == "ventoy" and not any(marks):
        # A recording that names only /dev/mapper/ventoy: the disk is the one that Ventoy has labelled.
        marks = [any((part.label or "").lower() in VENTOY_LABELS for part in disk.partitions) for disk in disks]
    return tuple(disk.model_copy(update={"boot_medium": mark}) for disk, mark in zip(disks, marks, strict=True))


def _holds(disk: Disk, medium: Medium) -> bool:
    return medium.path in {disk.path, *(part.path for part in disk.partitions)} or _mounted_live(disk)


def _mounted_live(disk: Disk) -> bool:
    return any((part.mounted or "").startswith(LIVE_MOUNTS) for part in disk.partitions)
