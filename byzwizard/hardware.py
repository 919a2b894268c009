"""assets/hardware.yaml: quirks of chips that promise more than they hold, and the list of what to buy."""

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from byzwizard.machine import Grade, Radio

FILE = Path(__file__).parent / "assets" / "hardware.yaml"

DeviceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Quirk(_Entry):
    """`driver` may hold `*`; with both driver and ids, both must fit. `at_most` is the best grade that is true."""

    driver: Text | None = None
    ids: tuple[DeviceId, ...] = ()
    except_ids: tuple[DeviceId, ...] = Field((), alias="except")
    at_most: Literal["B", "C", "D", "E", "F"]
    reason: Text
    source: Text

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.driver is None and not self.ids:
            raise ValueError("a quirk names a driver or ids")
        return self

    def fits(self, radio: Radio) -> bool:
        number = (radio.id or "").lower()
        if number in self.except_ids or (self.ids and number not in self.ids):
            return False
        return self.driver is None or fnmatchcase((radio.driver or "").lower(), self.driver)


class Chip(_Entry):
    name: Text
    driver: Text
    ids: tuple[DeviceId, ...] = ()
    grade: Grade
    buy: bool
    devices: tuple[Text, ...] = ()
    note: Text | None = None
    source: Text


class HardwareList(_Entry):
    format: Literal[1]
    quirks: tuple[Quirk, ...]
    chips: tuple[Chip, ...]

    def chip(self, number: str | None) -> Chip | None:
        """The chip of a USB or PCI number ("0cf3:9271")."""
        return next((chip for chip in self.chips if number and number.lower() in chip.ids), None)


def read_list(text: str) -> HardwareList:
    """Raises ValueError (pydantic's, or yaml's) naming what is wrong."""
    import yaml

    try:
        return HardwareList.model_validate(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as fault:
        raise ValueError(str(fault)) from fault


@lru_cache(maxsize=1)
def hardware_list() -> HardwareList:
    """The list that this program carries; a broken one is a fault of ours, and raises."""
    return read_list(FILE.read_text(encoding="utf-8"))
