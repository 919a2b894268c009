"""Two ways to ask what a radio can do. pyroute2 tells combinations and channels too; PyRIC tells modes and frequencies,
by other code, and stands in for a radio that the first way could not read. Both only read.

PyRIC is never asked to block, unblock or `ifinfo` (broken in its releases), and it may fail: then it has no answer.
"""

from dataclasses import dataclass
from typing import Protocol

from byzwizard.backends.system import System


@dataclass(frozen=True)
class Capabilities:
    """`modes` in the words of `iw`, small; `mhz` are the centres of the channels, disabled ones too."""

    modes: frozenset[str]
    mhz: frozenset[int]


class WifiProbe(Protocol):
    def capabilities(self, interface: str) -> Capabilities | None:
        """None when this way has no answer for the interface."""


class Nl80211Probe:
    """By pyroute2."""

    def capabilities(self, interface: str) -> Capabilities | None:
        from byzwizard.backends import nl80211

        try:
            radios, names = nl80211.survey()
        except nl80211.Unreadable:
            return None
        index = next((found.wiphy for found in names if found.name == interface), None)
        wiphy = next((found for found in radios if found.index == index), None)
        return Capabilities(frozenset(wiphy.modes), frozenset(wiphy.channels)) if wiphy else None


# PyRIC's words for the modes, where they are not those of `iw`.
PYRIC_WORDS = {"adhoc": "ibss", "station": "managed", "mesh": "mesh point", "ap vlan": "ap/vlan",
               "ocb": "outside context of a bss"}


class PyricProbe:
    """By PyRIC 0.1.6.3; its errors are of many kinds (it reads attributes of exceptions that Python 3 has not)."""

    def capabilities(self, interface: str) -> Capabilities | None:
        import pyric
        from pyric import pyw

        try:
            found = pyw.phyinfo(pyw.getcard(interface))
        except (pyric.error, AttributeError, TypeError, ValueError, KeyError, IndexError, OSError):
            return None
        modes = (str(mode).lower().replace("_", "-") for mode in found["modes"])
        mhz = (int(rf) for band in _bands(found["bands"]) for rf in band.get("rfs", ()) if rf)
        return Capabilities(frozenset(PYRIC_WORDS.get(mode, mode) for mode in modes), frozenset(mhz))


def _bands(bands: object) -> list[dict[str, list[int]]]:
    """PyRIC gives a dictionary, or an empty list when it found none."""
    return list(bands.values()) if isinstance(bands, dict) else []


def second_opinion(system: System, interface: str) -> Capabilities | None:
    """What PyRIC says; None where PyRIC is not installed (it is an extra pair of eyes, not a need)."""
    if not system.path(f"/sys/class/net/{interface}").exists():
        return None
    try:
        return PyricProbe().capabilities(interface)
    except ImportError:
        return None
