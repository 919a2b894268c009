"""Which interface does what: the mesh links and access points, from the answers and the radios' verdicts."""

from collections.abc import Sequence

from byzwizard.answers import Answers
from byzwizard.errors import CannotHere
from byzwizard.i18n import _
from byzwizard.identity import Identity
from byzwizard.machine import Machine, Radio
from byzwizard.resolve import AccessPointPlan, MeshLink, WifiPlan
from byzwizard.values import channel_mhz


def what_to_buy() -> str:
    return _(
        "An adapter that meshes and serves phones, such as one with the chip AR9271, RT5572 or MT7612U, can be "
        "plugged in at any time."
    )


def assign(
    answers: Answers,
    machine: Machine,
    identity: Identity,
) -> tuple[tuple[MeshLink, ...], tuple[AccessPointPlan, ...], WifiPlan | None]:
    """Raises CannotHere naming the key to change when this machine has not what is asked."""
    meshing = _mesh_radios(answers, machine)
    cables = _mesh_cables(answers, machine)
    links = tuple(_radio_link(answers, identity, radio, f"mesh{i}") for i, radio in enumerate(meshing))
    links += tuple(MeshLink(interface=port, name=port, kind="wired") for port in cables)
    station = _station(answers, machine, meshing)
    access_points = _access_points(answers, machine, identity, meshing, station)
    if station is not None and not links and not access_points:
        raise _no_station()
    if not links and not access_points:
        reasons = " ".join(
            f"{radio.interface or radio.phy}: {radio.verdict.reason}" for radio in machine.radios if radio.verdict
        )
        raise CannotHere(
            _("This computer has no wireless card that can mesh or serve phones.") + (f" {reasons}" if reasons else ""),
            what_to_buy(),
        )
    return links, access_points, _uplink(answers, identity, station)


def _usable(machine: Machine) -> list[Radio]:
    """Radios with an interface, best grade first, then by phy, so that the order is steady."""
    radios = [radio for radio in machine.radios if radio.interface and radio.verdict and radio.verdict.grade != "F"]
    return sorted(radios, key=lambda radio: (radio.verdict.grade if radio.verdict else "F", len(radio.phy), radio.phy))


def _mesh_radios(answers: Answers, machine: Machine) -> list[Radio]:
    mesh = answers.mesh
    if mesh.link == "wired":
        return []
    radios = _usable(machine)
    if mesh.interfaces == "auto":
        capable = [radio for radio in radios if radio.meshes]
        if not capable and mesh.link == "802.11s":
            raise CannotHere(_("mesh.link is 802.11s, but no wireless card here can mesh."), what_to_buy())
        return capable[:1]
    named = {radio.interface: radio for radio in machine.radios}
    chosen = []
    for interface in mesh.interfaces:
        if interface in {port.interface for port in machine.wired} and mesh.link == "auto":
            continue
        radio = named.get(interface)
        if radio is None:
            raise CannotHere(
                _("mesh.interfaces names {name}, which is not a wireless card of this computer.").format(
                    name=interface
                ),
                _("`byzwizard inspect` shows what is here; auto lets Byzantium choose."),
            )
        if radio not in radios or not radio.meshes:
            reason = radio.verdict.reason if radio.verdict else ""
            raise CannotHere(
                _("mesh.interfaces names {name}, which cannot mesh: {reason}").format(name=interface, reason=reason),
                what_to_buy(),
            )
        chosen.append(radio)
    return chosen


def _station(answers: Answers, machine: Machine, meshing: Sequence[Radio]) -> Radio | None:
    """The radio that joins the network of internet.wifi: the one that is the least use for anything else. One that
    meshes stays on the mesh's channel, and is none."""
    if answers.internet.wifi is None:
        return None
    named = () if answers.mesh.interfaces == "auto" else answers.mesh.interfaces
    free = [radio for radio in _usable(machine) if radio not in meshing and radio.interface not in named]
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
    flags = {channel.number: channel.flags for channel in radio.channels}
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


def _radio_link(answers: Answers, identity: Identity, radio: Radio, name: str) -> MeshLink:
    _check_channel(radio, answers.mesh.channel, "mesh.channel")
    assert radio.interface
    return MeshLink(
        interface=radio.interface,
        name=name,
        kind="802.11s",
        phy=radio.phy,
        channel=answers.mesh.channel,
        mhz=channel_mhz(answers.mesh.channel),
        mac=_mac(answers, identity, radio, "mesh"),
    )


def _mac(answers: Answers, identity: Identity, radio: Radio, role: str) -> str | None:
    return identity.mac(role, radio.mac) if answers.node.mac == "random" else None


def _access_points(
    answers: Answers, machine: Machine, identity: Identity, meshing: Sequence[Radio], station: Radio | None
) -> tuple[AccessPointPlan, ...]:
    wanted = answers.access_point
    if wanted.enable is False:
        return ()
    named = () if answers.mesh.interfaces == "auto" else answers.mesh.interfaces
    planned: list[AccessPointPlan] = []
    for radio in _usable(machine):
        shares = f"mesh{meshing.index(radio)}" if radio in meshing else None
        if radio is station or not radio.serves_phones or (radio.interface in named and not shares):
            continue
        number = _access_point_channel(answers, radio, shares)
        if number is None:
            continue
        # Two interfaces on one radio can never carry the same address.
        mac = _mac(answers, identity, radio, "ap") or (identity.mac("ap", radio.mac) if shares else None)
        planned.append(
            AccessPointPlan(
                name=f"ap{len(planned)}",
                phy=radio.phy,
                interface=None if shares else radio.interface,
                shares=shares,
                ssid=wanted.ssid,
                channel=number,
                mhz=channel_mhz(number),
                mac=mac,
                passphrase=wanted.passphrase.get_secret_value() if wanted.passphrase else None,
            )
        )
    if wanted.enable is True and not planned:
        raise CannotHere(
            _("access_point.enable is true, but no wireless card here can serve phones{beside}.").format(
                beside=_(" beside the mesh") if meshing else ""
            ),
            what_to_buy(),
        )
    return tuple(planned)


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
    usable = {channel.number for channel in radio.channels if not {"disabled", "no-ir", "radar"} & set(channel.flags)}
    preferred = (1, 6, 11, 36) if answers.mesh.channel > 6 else (11, 6, 1, 36)
    return next((number for number in preferred if not radio.channels or number in usable), None)
