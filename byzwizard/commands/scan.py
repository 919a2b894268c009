"""`byzwizard scan`: the meshes and access points that can be heard."""

import argparse
import json

from byzwizard.backends.hearing import hubs, written
from byzwizard.backends.probe import machine_for
from byzwizard.backends.scan import Network, scan
from byzwizard.backends.system import System
from byzwizard.commands import Context
from byzwizard.errors import Invalid
from byzwizard.i18n import _


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("interface", nargs="?", metavar="INTERFACE", help=_("only this radio"))
    parser.add_argument("--hubs", metavar="LIST", help=argparse.SUPPRESS)  # for the wizard: of these radios, as JSON


def run(context: Context) -> int:
    if context.machine_file is not None:
        raise Invalid(_("A recorded machine hears nothing."), _("Leave out --machine."))
    system = System()
    if context.options.hubs is not None:
        machine = machine_for(system, None)
        phys = context.options.hubs.split(",")
        print(written(hubs(system, [radio for radio in machine.radios if radio.phy in phys])))
        return 0
    networks = scan(system, machine_for(system, None), context.options.interface)
    if context.json:
        print(json.dumps([network.as_json() for network in networks], ensure_ascii=False))
    else:
        print("\n".join(describe(networks)))
    return 0


def describe(networks: list[Network]) -> list[str]:
    """One line each, strong first."""
    if not networks:
        return [_("Nothing is heard here. Move nearer to a window, or start the first node of a mesh.")]
    return [line(network) for network in networks]


def line(network: Network) -> str:
    kinds = {"mesh": _("mesh"), "ibss": _("ad-hoc network"), "ap": _("access point")}
    securities = {"public": _("public"), "private": _("private"), "open": _("open, not encrypted"), None: ""}
    notes = [kinds[network.kind], _("Byzantium") if network.byzantium else "", securities[network.security],
             _("needs a passphrase") if network.secured else _("open to all"),
             _("channel {n}").format(n=network.channel) if network.channel else ""]
    signal = _("{n:.0f} dBm").format(n=network.signal_dbm) if network.signal_dbm is not None else "-"
    return f"{signal:>8}  {network.name or _('(hidden)'):<32}  " + ", ".join(note for note in notes if note)
