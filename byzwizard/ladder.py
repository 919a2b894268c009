"""Which radio takes which part in the mesh: the ladder. 802.11s where a card can; one that cannot joins a Byzantium
access point that it hears, and only where none is heard it begins an ad-hoc mesh or is a hub itself. So mixed hardware
comes to one mesh. Pure: what was heard is in the machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from byzwizard import beacon
from byzwizard.answers import Answers
from byzwizard.backends.printable import printable_bytes
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.machine import Hub, Machine, Radio
from byzwizard.resolve import Keys, LinkKind
from byzwizard.routings import ROUTINGS
from byzwizard.verdict import AP, IBSS, MANAGED

Role = Literal["802.11s", "ibss", "station", "hub"]


@dataclass(frozen=True)
class Part:
    """`reason` is a sentence for Review, None where nothing was chosen. `hub` is what a station joins, None while it
    waits for one."""

    radio: Radio
    role: Role
    reason: str | None = None
    hub: Hub | None = None

    @property
    def link(self) -> LinkKind | None:
        """What the radio is to the mesh; None of a hub, which has an access point."""
        return None if self.role == "hub" else self.role


def what_to_buy() -> str:
    return _(
        "An adapter that meshes and serves phones, such as one with the chip AR9271, RT5572 or MT7612U, can be "
        "plugged in at any time."
    )


def usable(machine: Machine) -> list[Radio]:
    """Radios with an interface, best grade first, then by phy, so that the order is steady."""
    radios = [radio for radio in machine.radios if radio.interface and radio.verdict and radio.verdict.grade != "F"]
    return sorted(radios, key=lambda radio: (radio.verdict.grade if radio.verdict else "F", len(radio.phy), radio.phy))


def can_ad_hoc(radio: Radio) -> bool:
    """A quirk that lowers the grade says that this mode does not hold."""
    modes = {mode.lower() for mode in radio.modes}
    return radio.verdict is not None and (radio.verdict.grade == "C" or (radio.verdict.grade < "C" and IBSS in modes))


def can_join(radio: Radio) -> bool:
    if radio.verdict is not None and radio.verdict.grade == "E":
        return True
    return MANAGED in {mode.lower() for mode in radio.modes}


def speaks_with_stations(answers: Answers, keys: Keys) -> bool:
    """Are there hubs in this mesh? Routing comes from among phones there: it needs a key, and a protocol with one."""
    return ROUTINGS[answers.mesh.routing].over_hubs and keys.babel is not None


def listeners(answers: Answers, machine: Machine) -> tuple[Radio, ...]:
    """The radios whose part depends on who is near."""
    mesh = answers.mesh
    if not ROUTINGS[mesh.routing].over_hubs or mesh.security == "open" or answers.access_point.enable is True:
        return ()
    radios = [radio for radio in usable(machine) if can_join(radio)]
    if mesh.interfaces != "auto":
        radios = [radio for radio in radios if radio.interface in mesh.interfaces]
    if mesh.link == "hub":
        return tuple(radios)
    if mesh.link != "auto" or (mesh.interfaces == "auto" and any(radio.meshes for radio in usable(machine))):
        return ()
    return tuple(radio for radio in radios if not radio.meshes)


def parts(answers: Answers, machine: Machine, keys: Keys) -> list[Part]:
    """Raises CannotHere naming the key to change when this machine has not what is asked."""
    ladder = Ladder(answers, machine, keys)
    ladder.refuse()
    if answers.mesh.link == "wired":
        return []
    return ladder.of_all() if answers.mesh.interfaces == "auto" else ladder.of_named()


def why_alone(answers: Answers, machine: Machine, keys: Keys) -> str:
    """Why no access point is joined, as a sentence."""
    return Ladder(answers, machine, keys).alone()


class Ladder:
    def __init__(self, answers: Answers, machine: Machine, keys: Keys) -> None:
        self._answers = answers
        self._machine = machine
        self._keys = keys
        self._passphrase = answers.access_point.passphrase is not None or keys.hub is not None
        self._hubs = speaks_with_stations(answers, keys)

    def refuse(self) -> None:
        """Raises CannotHere for what no machine can."""
        mesh, keys = self._answers.mesh, self._keys
        if mesh.link == "ibss" and keys.kind == "private":
            raise CannotHere(
                _("mesh.link is ibss, but the mesh has a passphrase, and ad-hoc links cannot be encrypted."),
                _("Set mesh.link to hub, or take mesh.passphrase out: then the mesh is public, and not encrypted."),
            )
        if mesh.link == "hub" and not ROUTINGS[mesh.routing].over_hubs:
            raise CannotHere(
                _("mesh.routing is {routing}, which does not run over a hub.").format(routing=mesh.routing),
                _("Set mesh.routing to babel, or mesh.link to auto."),
            )
        if mesh.link == "hub" and keys.babel is None:
            raise CannotHere(
                _("mesh.security is open, and a hub takes routing from among phones only with a key."),
                _("Set mesh.security to sae, or mesh.link to auto."),
            )
        if mesh.bssid is not None and mesh.link not in ("auto", "ibss"):
            raise CannotHere(
                _("mesh.bssid is for ad-hoc links, and mesh.link is {link}.").format(link=mesh.link),
                _("Take mesh.bssid out, or set mesh.link to ibss."),
            )

    def of_all(self) -> list[Part]:
        """One radio of all; the others serve phones."""
        link, radios = self._answers.mesh.link, usable(self._machine)
        if link == "auto":
            return self._best(radios)
        if link == "hub":
            return self._hub_or_station(radios)
        found = [part for radio in radios if (part := self._asked(radio, link)) is not None]
        if found:
            return found[:1]
        sentence = (
            _("mesh.link is ibss, but no wireless card here has an ad-hoc mode that works.")
            if link == "ibss"
            else _("mesh.link is 802.11s, but no wireless card here can mesh.")
        )
        raise CannotHere(sentence, what_to_buy())

    def _best(self, radios: Sequence[Radio]) -> list[Part]:
        if any(radio.meshes for radio in radios):
            return [next(Part(radio, "802.11s") for radio in radios if radio.meshes)]
        # The weakest that hears a hub joins it, so that a better one is left for phones.
        for part in (self._joins(radio) for radio in reversed(radios)):
            if part is not None:
                return [part]
        return [part for radio in radios if (part := self._begins(radio)) is not None][:1] or self._waiting(radios)

    def _hub_or_station(self, radios: Sequence[Radio]) -> list[Part]:
        joining = [part for radio in reversed(radios) if (part := self._joins(radio)) is not None]
        if joining:
            return joining[:1]
        if self._answers.access_point.enable is False:
            chosen = [self._waits(radio) for radio in reversed(radios) if can_join(radio)]
        else:
            chosen = [self._serves(radio) for radio in radios if _is_able(radio)] or self._waiting(radios)
        if not chosen:
            raise CannotHere(
                _("mesh.link is hub, but no Byzantium access point is heard, and no card here can be one."),
                what_to_buy(),
            )
        return chosen[:1]

    def of_named(self) -> list[Part]:
        mesh, ports = self._answers.mesh, {port.interface for port in self._machine.wired}
        named = {radio.interface: radio for radio in self._machine.radios}
        chosen = []
        for interface in mesh.interfaces:
            if interface in ports and mesh.link == "auto":
                continue
            radio = named.get(interface)
            if radio is None:
                raise CannotHere(
                    _("mesh.interfaces names {name}, which is not a wireless card of this computer.").format(
                        name=interface
                    ),
                    _("`byzwizard inspect` shows what is here; auto lets Byzantium choose."),
                )
            part = self._named(radio)
            if part is None:
                reason = radio.verdict.reason if radio.verdict else ""
                raise CannotHere(
                    _("mesh.interfaces names {name}, which cannot mesh: {reason}").format(
                        name=interface, reason=reason
                    ),
                    what_to_buy(),
                )
            chosen.append(part)
        return chosen

    def _named(self, radio: Radio) -> Part | None:
        link = self._answers.mesh.link
        if radio not in usable(self._machine):
            return None
        if link == "hub":
            return self._hub_or_station([radio])[0]
        if link == "auto":
            part = self._asked(radio, "802.11s") or self._joins(radio) or self._begins(radio)
            return part or next(iter(self._waiting([radio])), None)
        return self._asked(radio, link)

    def _asked(self, radio: Radio, link: str) -> Part | None:
        if link == "ibss":
            return Part(radio, "ibss") if can_ad_hoc(radio) else None
        return Part(radio, "802.11s") if radio.meshes else None

    def _joins(self, radio: Radio) -> Part | None:
        """As a station, where a hub of this mesh is heard that lets us in."""
        hub = next(iter(self._near(radio)), None)
        if hub is None or self._answers.access_point.enable is True or not can_join(radio):
            return None
        ssid = printable_bytes(bytes.fromhex(hub.ssid))
        signal = _(" ({dbm:.0f} dBm)").format(dbm=hub.signal_dbm) if hub.signal_dbm is not None else ""
        reason = _("{interface} joins the Byzantium access point “{ssid}”{signal} that is near, and routes over it.")
        return Part(radio, "station", reason.format(interface=radio.interface, ssid=ssid, signal=signal), hub)

    def _near(self, radio: Radio) -> list[Hub]:
        """Hubs of this mesh that the radio hears and that ask for a passphrase if we have one, the strongest first."""
        if not self._hubs:
            return []
        element = beacon.content(self._keys.air_id).hex()
        found = [
            hub
            for hub in self._machine.heard or ()
            if hub.phy == radio.phy and hub.element == element and hub.secured == self._passphrase
        ]
        return sorted(found, key=lambda hub: -(hub.signal_dbm if hub.signal_dbm is not None else -200))

    def _waits(self, radio: Radio) -> Part:
        reason = _("{interface} waits for a Byzantium access point called “{ssid}”, and joins it.").format(
            interface=radio.interface, ssid=self._answers.access_point.ssid
        )
        return Part(radio, "station", reason)

    def _waiting(self, radios: Sequence[Radio]) -> list[Part]:
        """Where nobody is heard and none of them can begin: the weakest waits, on a node that is to stand all the
        same."""
        if not (self._machine.patient and self._hubs) or self._answers.access_point.enable is True:
            return []
        return [self._waits(radio) for radio in reversed(radios) if can_join(radio)][:1]

    def _begins(self, radio: Radio) -> Part | None:
        """Where there is nobody to join."""
        if can_ad_hoc(radio) and self._keys.kind != "private":
            said = _("{why} {interface} meshes in the older ad-hoc mode.")
            return Part(radio, "ibss", said.format(why=self.alone(), interface=radio.interface))
        if _is_able(radio) and self._hubs and self._answers.access_point.enable is not False:
            return self._serves(radio)
        return None

    def _serves(self, radio: Radio) -> Part:
        said = _("{why} {interface} is a hub: other nodes join its network, as phones do.")
        return Part(radio, "hub", said.format(why=self.alone(), interface=radio.interface))

    def alone(self) -> str:
        """Why it joins nobody."""
        if self._answers.access_point.enable is True:
            return _("An access point is asked for, so no other one is joined.")
        if not self._hubs:
            return _("Over mesh.routing {routing} with mesh.security {security} no access point is joined.").format(
                routing=self._answers.mesh.routing, security=self._answers.mesh.security
            )
        if self._machine.heard is None:
            return _("Nobody has listened for other Byzantium access points.")
        element = beacon.content(self._keys.air_id).hex()
        if any(hub.element == element for hub in self._machine.heard):
            return _("A Byzantium access point of this mesh is near, but has another access_point.passphrase.")
        return _("No Byzantium access point of this mesh is near.")


def _is_able(radio: Radio) -> bool:
    """Can it be an access point with nothing beside it? A quirk that lowers the grade says that this does not hold."""
    lists = AP in {mode.lower() for mode in radio.modes}
    return radio.serves_phones or (lists and radio.verdict is not None and radio.verdict.grade <= "D")
