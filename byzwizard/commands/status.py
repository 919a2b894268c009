"""`byzwizard status`: is this node working? Exit status 1 when a check fails."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from typing import Any

from byzwizard import partly
from byzwizard.backends import facts, status
from byzwizard.backends.printable import printable
from byzwizard.backends.system import System
from byzwizard.commands import Context, alert
from byzwizard.diskwords import size
from byzwizard.errors import CannotHere, Invalid
from byzwizard.i18n import _, ngettext


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(context: Context) -> int:
    if context.machine_file is not None:
        raise Invalid(_("A recorded machine has no state."), _("Leave out --machine."))
    system = System()
    if os.geteuid() != 0 and facts.read(system) is not None:
        raise CannotHere(_("The state of a node is told to root only."), _("Try `sudo byzwizard status`."))
    found = status.read_status(system)
    if context.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        print("\n".join(lines(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else 100)))
    return 0 if found["working"] else 1


def lines(found: dict[str, Any], width: int) -> list[str]:
    """The status for people, at most `width` columns wide where words allow."""
    node = found["node"]
    text = []
    if node["id"] is not None:
        text += [_works(found), "  " + ", ".join(node["addresses"])]
        text += [f"  {node['id']}.byzantium.mesh"]
        text += ["  " + _("Key for islands: {key}").format(key=found["island_key"]), ""]
    for check in found["checks"]:
        mark = _("ok") if check["ok"] else _("FAILS")
        text += textwrap.wrap(check["text"], width, initial_indent=f"{mark:<6} ", subsequent_indent=" " * 7)
        if check["advice"]:
            text += textwrap.wrap(check["advice"], width, initial_indent="       → ", subsequent_indent=" " * 9)
    if found["alerts"]:
        text += ["", _("Alerts, in the words of those who say them:"), *alert.lines(found["alerts"], width)]
    if found["neighbours"]:
        text += ["", _("Nodes:")]
        names = {other["address"]: other["name"] for other in found["neighbours"]}
        text += [_neighbour(other, names) for other in found["neighbours"]]
    if found["services"]:
        text += ["", _("Services:"), *(_service(one) for one in found["services"])]
    if found["gateway"]:
        text += ["", _gateway(found["gateway"])]
    if found["traffic"]:
        text += ["", _("Traffic, last hour:"), *(_traffic(one) for one in found["traffic"])]
    if node["id"] is not None:
        n = found["clients"]
        users = ngettext("{n} phone or computer uses this node.", "{n} phones and computers use this node.", n)
        text += ["", users.format(n=n)]
    return text


def _works(found: dict[str, Any]) -> str:
    name, fails = found["node"]["name"], partly.failing(found)
    if fails:
        sentence = ngettext("{name}.byzantium.mesh works; {services} does not.",
                            "{name}.byzantium.mesh works; {services} do not.", len(fails))
        return sentence.format(name=name, services=_(" and ").join(fails))
    sentence = _("{name}.byzantium.mesh works.") if found["working"] else _("{name}.byzantium.mesh does not work.")
    return sentence.format(name=name)


def _service(one: dict[str, Any]) -> str:
    words = {"off": _("off"), "starting": _("starting"), "on": _("on"), "failing": _("FAILS")}
    at = f" ({one['node']})" if one["node"] is not None else ""
    return f"  {words[one['state']]:<9} {printable(one['title'])}{at}  {one['url']}"


def _traffic(one: dict[str, Any]) -> str:
    came, went = size(one["hour"]["in_bytes"]), size(one["hour"]["out_bytes"])
    return _("  {interface:<15} in {came:>9}  out {went:>9}").format(interface=one["interface"], came=came, went=went)


def _gateway(way: dict[str, Any]) -> str:
    if way["here"]:
        return _("This node shares the Internet of {port}.").format(port=way["interface"])
    return _("The Internet is reached by way of {name}.").format(name=way["name"] or way["via"])


def _neighbour(other: dict[str, Any], names: dict[str, str | None]) -> str:
    name = other["name"] or _("(name not known yet)")
    parts = [f"  {name:<24} {other['address']:<16}"]
    if other["signal_dbm"] is not None:
        parts.append(_("{dbm} dBm").format(dbm=other["signal_dbm"]))
    if other["throughput_mbps"] is not None:
        parts.append(_("{rate:.0f} Mb/s").format(rate=other["throughput_mbps"]))
    if other["metric"] is not None:
        parts.append(_("cost {metric}").format(metric=other["metric"]))
    hops = other["hops"]
    parts.append(_("near") if hops == 1 else _("farther away") if hops is None else _("{n} hops").format(n=hops))
    if other["via"]:
        parts.append(_("by {name}").format(name=names.get(other["via"]) or other["via"]))
    return "  ".join(parts)
