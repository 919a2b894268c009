"""Which interface does what: the mesh links and access points, from the answers and the radios' verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.identity import Identity
from byzwizard.keys import cell
from byzwizard.ladder import Part, parts, speaks_with_stations, usable, what_to_buy, why_alone
from byzwizard.machine import Machine, Radio
from byzwizard.resolve import AccessPointPlan, Keys, LinkKind, MeshLink, WifiPlan
from byzwizard.values import channel_mhz
from byzwizard.verdict import AP, IBSS, together


def assign(
    answers: Answers, machine: Machine, identity: Identity, keys: Keys
) -> tuple[tuple[MeshLink, ...], tuple[AccessPointPlan, ...], WifiPlan | None, tuple[str, ...]]:
    """Links, access points, a way to the Internet over Wi-Fi, and why they were chosen. Raises CannotHere naming the
    key to change when this machine has not what is asked."""
    chosen = parts(answers, machine, keys)
    cables = _mesh_cables(answers, machine)
    meshing = [part for part in chosen if part.link]
    links = tuple(_radio_link(answers, identity, keys, part, f"mesh{i}") for i, part in enumerate(meshing))
    links += tuple(MeshLink(interface=port, name=port, kind="wired") for port in cables)
    station = _station(answers, machine, [part.radio for part in chosen])
    access_points = _AccessPoints(answers, machine, identity, keys, chosen, station).planned()
    if station is not None and not links and not access_points:
        raise _no_station()
    if not links and not access_points:
        reasons = " ".join(
            f"{radio.interface or radio.phy}: {radio.verdict.reason}" for radio in machine.radios if radio.verdict
        )
        if machine.heard is not None:
            reasons += " " + why_alone(answers, machine, keys)
        raise CannotHere(
            _("This computer has no wireless card that can mesh or serve phones.") + (f" {reasons}" if reasons else ""),
            what_to_buy(),
        )
    why = tuple(part.reason for part in chosen if part.reason)
    return links, access_points, _uplink(answers, identity, station), why


def _station(answers: Answers, machine: Machine, taken: Sequence[Radio]) -> Radio | None:
    """The radio that joins the network of internet.wifi: the one that is the least use for anything else. One that
    meshes stays on the mesh's channel, and is none."""
    if answers.internet.wifi is None:
        return None
    named = () if answers.mesh.interfaces == "auto" else answers.mesh.interfaces
    free = [radio for radio in usable(machine) if radio not in taken and radio.interface not in named]
    if not free:
        raise _no_station()
    return min(reversed(free), key=lambda radio: radio.serves_phones)


def _no_station() -> CannotHere:
    return CannotHere(
        _("internet.wifi: that takes a second wireless card; one that meshes or serves phones cannot join as well."),
        _("Plug another one in, mesh over a cable, or leave internet.wifi out."),
    )


def _uplink(answers: Answers, identity: Identity, station: Radio | None) -> WifiPlan | None:
    wifi = answers.internet.wifi
    if wifi is None or station is None:
        return None
    assert station.interface
    return WifiPlan(
        interface=station.interface,
        phy=station.phy,
        mac=_mac(answers, identity, station, "wifi"),
        ssid=wifi.ssid,
        passphrase=wifi.passphrase.get_secret_value() if wifi.passphrase else None,
    )


def _mesh_cables(answers: Answers, machine: Machine) -> list[str]:
    mesh = answers.mesh
    ports = {port.interface for port in machine.wired}
    if mesh.interfaces == "auto":
        if mesh.link == "wired":
            raise CannotHere(
                _("mesh.link is wired, but mesh.interfaces does not say over which port."),
                _("A wired port meshes only when it is named, for example mesh.interfaces: [eth0]."),
            )
        return []
    if mesh.link not in ("auto", "wired"):
        return []
    absent = [interface for interface in mesh.interfaces if interface not in ports]
    if mesh.link == "wired" and absent:
        raise CannotHere(
            _("mesh.interfaces names {name}, which is not a wired port of this computer.").format(name=absent[0]),
            _("`byzwizard inspect` shows what is here."),
        )
    return [interface for interface in mesh.interfaces if interface in ports]


def _check_channel(radio: Radio, number: int, key: str) -> None:
    flags = {channel.number: channel.flags for channel in radio.numbered}
    if radio.channels and (number not in flags or "disabled" in flags[number]):
        raise CannotHere(
            _("{key}: {interface} cannot use channel {number} here.").format(
                key=key, interface=radio.interface, number=number
            ),
            _("Choose another channel, or set node.country."),
        )
    if "radar" in flags.get(number, ()) or 52 <= number <= 144:
        raise CannotHere(
            _(
                "{key}: channel {number} is shared with weather radar, and needs a watch that a mesh cannot keep."
            ).format(key=key, number=number),
            _("Choose a channel from 1 to 11, or 36 to 48."),
        )


def _radio_link(answers: Answers, identity: Identity, keys: Keys, part: Part, name: str) -> MeshLink:
    radio, kind = part.radio, part.link
    assert radio.interface
    assert kind
    mac = _mac(answers, identity, radio, "mesh")
    if kind == "station":
        ssid = bytes.fromhex(part.hub.ssid) if part.hub else answers.access_point.ssid.encode()
        secret = _secret(answers, keys)
        return MeshLink(radio.interface, name, kind, radio.phy, mac=mac, network=ssid, passphrase=secret)
    _check_channel(radio, answers.mesh.channel, "mesh.channel")
    return MeshLink(
        interface=radio.interface,
        name=name,
        kind=kind,
        phy=radio.phy,
        channel=answers.mesh.channel,
        mhz=channel_mhz(answers.mesh.channel),
        mac=mac,
        bssid=(answers.mesh.bssid or cell(keys.air_id)) if kind == "ibss" else None,
    )


def _secret(answers: Answers, keys: Keys) -> str | None:
    """The passphrase of the hubs of this mesh."""
    own = answers.access_point.passphrase
    return own.get_secret_value() if own else keys.hub


def _mac(answers: Answers, identity: Identity, radio: Radio, role: str) -> str | None:
    return identity.mac(role, radio.mac) if answers.node.mac == "random" else None


@dataclass(frozen=True)
class _AccessPoints:
    """Every radio that can serves phones: beside its mesh link, as a hub, or alone."""

    answers: Answers
    machine: Machine
    identity: Identity
    keys: Keys
    chosen: Sequence[Part]
    station: Radio | None  # that joins another network, and nothing else

    def planned(self) -> tuple[AccessPointPlan, ...]:
        wanted = self.answers.access_point.enable
        if wanted is False:
            return ()
        found: list[AccessPointPlan] = []
        for radio in usable(self.machine):
            plan = self._plan(radio, f"ap{len(found)}")
            if plan is not None:
                found.append(plan)
        if wanted is True and not found:
            raise CannotHere(
                _("access_point.enable is true, but no wireless card here can serve phones{beside}.").format(
                    beside=_(" beside the mesh") if self.chosen else ""
                ),
                what_to_buy(),
            )
        return tuple(found)

    def _plan(self, radio: Radio, name: str) -> AccessPointPlan | None:
        """None where this radio has something else to do, or cannot."""
        answers, identity = self.answers, self.identity
        part = next((part for part in self.chosen if part.radio == radio), None)
        named = () if answers.mesh.interfaces == "auto" else answers.mesh.interfaces
        if radio is self.station or (radio.interface in named and not part):
            return None
        if not _serves(radio, part.link if part else None, part is not None):
            return None
        meshing = [other.radio for other in self.chosen if other.link]
        shares = f"mesh{meshing.index(radio)}" if radio in meshing else None
        is_hub = part is not None and part.role == "hub"
        number = _hub_channel(answers, radio) if is_hub else _access_point_channel(answers, radio, shares)
        if number is None:
            return None
        own = answers.access_point.passphrase
        passphrase = _secret(answers, self.keys) if is_hub else own.get_secret_value() if own else None
        # Two interfaces on one radio can never carry the same address.
        mac = _mac(answers, identity, radio, "ap") or (identity.mac("ap", radio.mac) if shares else None)
        return AccessPointPlan(
            name=name,
            phy=radio.phy,
            interface=None if shares else radio.interface,
            shares=shares,
            ssid=answers.access_point.ssid,
            channel=number,
            mhz=channel_mhz(number),
            mac=mac,
            passphrase=passphrase,
            hub=speaks_with_stations(answers, self.keys)
            and (self.keys.kind == "public" or passphrase is not None),  # never a private mesh over an open network
        )


def _serves(radio: Radio, link: LinkKind | None, chosen: bool) -> bool:
    """Can it be an access point beside its link, or as the hub that it was chosen to be?"""
    if link == "station":
        return False
    if link == "ibss":
        return together(radio.combinations, IBSS, AP)
    if link == "802.11s":
        return radio.verdict is not None and radio.verdict.access_point
    return chosen or radio.serves_phones


def _hub_channel(answers: Answers, radio: Radio) -> int:
    """That of the mesh, where nothing else is asked."""
    asked = answers.access_point.channel
    number, key = (answers.mesh.channel, "mesh.channel") if asked == "auto" else (asked, "access_point.channel")
    _check_channel(radio, number, key)
    return number


def _access_point_channel(answers: Answers, radio: Radio, shares: str | None) -> int | None:
    """One radio stays on one channel; a radio of its own keeps away from the mesh's. None: this radio cannot."""
    asked = answers.access_point.channel
    if shares:
        if asked not in ("auto", answers.mesh.channel):
            raise CannotHere(
                _(
                    "access_point.channel is {asked}, but mesh and access point share one radio on channel {mesh}."
                ).format(asked=asked, mesh=answers.mesh.channel),
                _("Use auto, or the mesh's channel for both."),
            )
        return answers.mesh.channel
    if asked != "auto":
        _check_channel(radio, asked, "access_point.channel")
        return asked
    usable = {channel.number for channel in radio.numbered if not {"disabled", "no-ir", "radar"} & set(channel.flags)}
    preferred = (1, 6, 11, 36) if answers.mesh.channel > 6 else (11, 6, 1, 36)
    return next((number for number in preferred if not radio.channels or number in usable), None)
