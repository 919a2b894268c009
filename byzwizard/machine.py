"""The machine as found: plain data, printed by `inspect --json` and read back by `--machine FILE`.

Unknown keys are ignored, so that a newer recording still loads. `verdict` and `boot_medium` are computed
after loading (verdict.py); what a file says of them is ignored.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

Grade = Literal["A", "B", "C", "D", "E", "F"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Limit(_Data):
    """`max` interfaces of any of these `types` at once (nl80211 interface limit)."""

    max: int
    types: tuple[str, ...]


class Combination(_Data):
    """One nl80211 interface combination: limits that hold together, `total` interfaces on `channels` channels."""

    limits: tuple[Limit, ...]
    total: int
    channels: int


class Channel(_Data):
    """A channel with its centre in MHz; flags as nl80211 words them: disabled, no-ir, radar."""

    number: int
    mhz: int
    flags: tuple[str, ...] = ()


class Rfkill(_Data):
    soft: bool = False
    hard: bool = False


class Verdict(_Data):
    """What a radio is good for here; `link` is the value of mesh.link that it would use, or None."""

    grade: Grade
    link: str | None
    access_point: bool
    reason: str
    advice: str | None


SIX_GHZ = 5925  # MHz, where that band begins


class Radio(_Data):
    """One phy. `interface` is its own name as the kernel gave it, also while it is renamed to mesh0."""

    interface: str | None
    phy: str
    mac: str
    bus: str
    id: str | None = None
    chipset: str
    driver: str | None
    modes: tuple[str, ...] = ()
    combinations: tuple[Combination, ...] = ()
    channels: tuple[Channel, ...] = ()
    rfkill: Rfkill = Rfkill()
    firmware_missing: tuple[str, ...] = ()
    held_by: str | None = None
    verdict: Verdict | None = None

    @property
    def numbered(self) -> tuple[Channel, ...]:
        """The channels of 2.4 and 5 GHz, on which meshes are. Those of 6 GHz begin again at number 1 (IEEE 802.11-2020,
        annex E), so that a number alone is none of theirs."""
        return tuple(channel for channel in self.channels if channel.mhz < SIX_GHZ)

    @property
    def meshes(self) -> bool:
        """Does it mesh by 802.11s? What others do depends on who is heard (ladder.py)."""
        return self.verdict is not None and self.verdict.link == "802.11s"

    @property
    def serves_phones(self) -> bool:
        """Can it be an access point, beside its mesh if it has one? An ad-hoc card can, as long as it meshes not."""
        if self.verdict is None:
            return False
        modes = {mode.lower() for mode in self.modes}
        return self.verdict.access_point or (self.verdict.grade == "C" and "ap" in modes)


class Wired(_Data):
    interface: str
    mac: str
    driver: str | None = None
    carrier: bool


class Partition(_Data):
    """`held_by` is the kind of mapping that is open on it (crypt, lvm, raid1, mpath), where there is one; `files` what
    people keep on it and a copy would erase, where somebody has looked. That is in no recording."""

    path: str
    bytes: int
    filesystem: str | None
    label: str | None
    mounted: str | None
    held_by: str | None = None
    files: tuple[str, ...] = Field(default=(), exclude=True)


class Disk(_Data):
    """`fingerprint` is another one when anything about its table, partitions or file systems is; None where nobody has
    looked."""

    path: str
    bytes: int
    vendor: str | None
    model: str | None
    serial: str | None
    transport: str | None
    removable: bool
    read_only: bool
    boot_medium: bool = False
    partitions: tuple[Partition, ...] = ()
    fingerprint: str | None = None


class Medium(_Data):
    """What the system runs from: `kind` is usb, iso, dvd, ventoy, netboot or ram."""

    path: str | None
    kind: str
    filesystem: str | None
    writable: bool


class Battery(_Data):
    percent: int
    seconds_left: int | None


class Hub(_Data):
    """A Byzantium access point that the radio `phy` has heard. A stranger sent it: a hint, never trust. `ssid` and
    `element` (what beacon.py makes) are hexadecimal; `secured`: it wants a passphrase."""

    phy: str
    ssid: str = Field(pattern="^([0-9a-f]{2}){1,32}$")
    element: str
    mhz: int
    signal_dbm: float | None
    secured: bool


class Machine(_Data):
    """`heard` is None where nobody has listened; `patient`: a card that can only join may wait for somebody to join;
    `programs` are those that answers may ask for and the stick does not bring. All three are left out of the JSON where
    there is nothing to say."""

    machine: Literal[1] = 1
    radios: tuple[Radio, ...] = ()
    wired: tuple[Wired, ...] = ()
    disks: tuple[Disk, ...] = ()
    medium: Medium | None = None
    memory_bytes: int = 0
    firmware: Literal["uefi", "bios"] = "bios"
    secure_boot: bool = False
    battery: Battery | None = None
    heard: tuple[Hub, ...] | None = None
    patient: bool = False
    programs: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_silence(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        shown: dict[str, Any] = handler(self)
        if self.heard is None:
            del shown["heard"]
        if not self.patient:
            del shown["patient"]
        if not self.programs:
            del shown["programs"]
        return shown
