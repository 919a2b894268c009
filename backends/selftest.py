"""A live test of one radio: join a throw-away open mesh, read back that it is in, leave, and put everything back.

Drivers exist that list the mesh mode and do not do it; only trying tells. Nobody else can join: the mesh's ID is random
and it is gone after a second or two.
"""

import secrets
import time
from typing import TYPE_CHECKING

from byzwizard.backends.links import OURS
from byzwizard.backends.system import System
from byzwizard.errors import ByzantiumError, CannotHere, Refused, StepFailed
from byzwizard.i18n import _
from byzwizard.machine import Channel, Radio

if TYPE_CHECKING:
    from byzwizard.backends.nl80211 import Interface

DEADLINE = 8.0  # seconds until a radio must be on its channel; slow USB sticks take three
IW_TYPES = {"managed": "managed", "ibss": "ibss", "mesh point": "mp", "monitor": "monitor"}


def self_test(system: System, radio: Radio) -> str:
    """Returns a sentence when the radio meshed. Raises CannotHere when it cannot be tried, Refused when it is in use,
    StepFailed when it was tried and did not work. Takes one to ten seconds, needs root."""
    channel = _check(radio)
    before = _now(system, radio)
    was_up = _is_up(system, before.name)
    mesh = f"byz-test-{secrets.token_hex(6)}"
    try:
        _join(system, before.name, mesh, channel)
        _wait_joined(before.name, channel)
    except StepFailed as fault:
        raise StepFailed(_("{interface} says that it can mesh, but a test mesh failed: {why}").format(
            interface=radio.interface, why=fault.message), _("Use another adapter for the mesh.")) from fault
    finally:
        _restore(system, before, was_up)
    return _("{interface} joined a test mesh on channel {channel} and left it again: it can mesh.").format(
        interface=radio.interface, channel=channel.number)


def _check(radio: Radio) -> Channel:
    if radio.interface is None or radio.rfkill.hard or radio.firmware_missing:
        raise CannotHere(_("{radio} cannot be tested: {reason}").format(
            radio=radio.interface or radio.chipset,
            reason=radio.verdict.reason if radio.verdict else _("it is not usable now.")),
            (radio.verdict.advice if radio.verdict else None) or "")
    if radio.rfkill.soft:
        raise CannotHere(_("{interface} is switched off in software (flight mode).").format(interface=radio.interface),
                         _("Switch Wi-Fi on and try again; `rfkill unblock wlan` does it as root."))
    if "mesh point" not in {mode.lower() for mode in radio.modes}:
        raise CannotHere(_("{interface} has no mesh mode, so there is nothing to test.").format(
            interface=radio.interface))
    if radio.held_by:
        raise Refused(_("{interface} is used by {program}.").format(interface=radio.interface, program=radio.held_by),
                      _("Disconnect it there first."))
    channel = channel_for(radio)
    if channel is None:
        raise CannotHere(_("{interface} may send on no channel under the Wi-Fi rules that are set now.").format(
            interface=radio.interface), _("Set the country."))
    return channel


def channel_for(radio: Radio) -> Channel | None:
    """Channel 11 or else the lowest that may be used at once, without waiting for radar."""
    free = [channel for channel in radio.numbered if not {"disabled", "no-ir", "radar"}.intersection(channel.flags)]
    return next((channel for channel in free if channel.mhz == 2462), free[0] if free else None)


def _now(system: System, radio: Radio) -> "Interface":
    """The radio's only interface as it is now. Raises Refused when the node, or somebody else, has it at work."""
    from byzwizard.backends import nl80211

    wiphys, interfaces = nl80211.survey()
    index = next((wiphy.index for wiphy in wiphys if wiphy.name == radio.phy), None)
    found = [interface for interface in interfaces if interface.wiphy == index]
    if not found:
        raise CannotHere(_("{interface} has gone.").format(interface=radio.interface),
                         _("Plug it in again and try once more."))
    used = next((i for i in found if i.kind not in {"managed", "monitor"}), None)
    if used is not None and not OURS.match(used.name):
        raise Refused(_("{interface} is in use already (as {kind}).").format(
            interface=radio.interface, kind=used.kind), _("Free it before a test."))
    used = next((i for i in found if OURS.match(i.name)), None)
    if used is not None:
        raise Refused(_("{interface} is at work for this node (as {name}).").format(
            interface=radio.interface, name=used.name), _("Take the node down with `byzwizard undo` before a test."))
    first = found[0]
    if first.mhz is not None or _is_connected(system, first.name):
        raise Refused(_("{interface} is connected to a network.").format(interface=radio.interface),
                      _("Disconnect it before a test."))
    return first


def _join(system: System, name: str, mesh: str, channel: Channel) -> None:
    _iw(system, "ip", "link", "set", "dev", name, "down")
    _iw(system, "iw", "dev", name, "set", "type", "mp")
    _iw(system, "ip", "link", "set", "dev", name, "up")
    _iw(system, "iw", "dev", name, "mesh", "join", mesh, "freq", str(channel.mhz))


def _iw(system: System, *argv: str) -> None:
    """Raises StepFailed with the tool's last line as the reason."""
    done = system.run(*argv, ok=range(256), timeout=15)
    if done.status:
        last = (done.err.strip() or done.out.strip() or str(done.status)).splitlines()[-1]
        if "RF-kill" not in last and ("ermitted" in last or "ermission" in last):
            raise CannotHere(_("Only root can test a radio."), _("Run the command with sudo."))
        raise StepFailed(_("`{command}` said “{last}”").format(command=" ".join(argv), last=last))


def _wait_joined(name: str, channel: Channel) -> None:
    from byzwizard.backends import nl80211

    deadline = time.monotonic() + DEADLINE
    said = ""
    while time.monotonic() < deadline:
        now = next((interface for interface in nl80211.interfaces() if interface.name == name), None)
        if now is None:
            raise StepFailed(_("the interface vanished."))
        if now.kind == "mesh point" and now.mhz == channel.mhz:
            return
        said = _("it is “{kind}” on {mhz}").format(
            kind=now.kind, mhz=f"{now.mhz} MHz" if now.mhz else _("no channel"))
        time.sleep(0.1)  # the kernel tells no event for this
    raise StepFailed(_("after {seconds:.0f} s {said}.").format(seconds=DEADLINE, said=said))


def _restore(system: System, before: "Interface", was_up: bool) -> None:
    """Each step on its own: what cannot be put back must not keep the rest from it."""
    steps = [("iw", "dev", before.name, "mesh", "leave"), ("ip", "link", "set", "dev", before.name, "down"),
             ("iw", "dev", before.name, "set", "type", IW_TYPES.get(before.kind, "managed"))]
    if was_up:
        steps.append(("ip", "link", "set", "dev", before.name, "up"))
    for argv in steps:
        try:
            system.run(*argv, ok=range(256), timeout=15)
        except ByzantiumError:
            continue


def _is_up(system: System, name: str) -> bool:
    """IFF_UP is the lowest flag (linux/if.h)."""
    return bool(int(system.read(f"/sys/class/net/{name}/flags") or "0", 16) & 1)


def _is_connected(system: System, name: str) -> bool:
    return (system.read(f"/sys/class/net/{name}/carrier_up_count") is not None
            and (system.read(f"/sys/class/net/{name}/operstate") or "").strip() == "up")
