"""The country's rules for Wi-Fi, one for all radios of a computer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System


def domain(system: System) -> str | None:
    """The country that the kernel keeps to, 00 for the world domain; a radio's own rules are not meant."""
    found = re.search(r"^global\ncountry (\w\w):", system.run("iw", "reg", "get").out, re.MULTILINE)
    return found[1] if found else None


@step_class
class SetCountry(Step):
    country: str

    def needed(self, system: System) -> bool:
        return domain(system) != self.country

    def before(self, system: System) -> Any:
        return domain(system)

    def apply(self, system: System, progress: Progress) -> None:
        self._set(system, self.country)

    def undo(self, system: System, before: Any) -> None:
        if before is not None:
            self._set(system, str(before))

    def _set(self, system: System, country: str) -> None:
        # The kernel answers at once and looks the rules up afterwards.
        system.run("iw", "reg", "set", country)
        system.wait_for(lambda: domain(system) == country, 10, _(
            "The kernel does not take the Wi-Fi rules of {country}.").format(country=country))
