"""The stage "portal": a phone that joins is shown what this network is, in its own language, before it goes farther.

Three kept tools do it: dnsmasq gives the makers' probe hosts (probes.py) this node's address while there is no
Internet, nftables turns what a new phone asks of port 80 to nginx, and remembers who has pressed the button.
"""

from __future__ import annotations

import hashlib
import html
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from byzwizard.backends import probes
from byzwizard.backends.addresses import HERE
from byzwizard.backends.tables import DropTable, LoadTable
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, ConfigFiles
from byzwizard.i18n import N_, _, languages, speaker
from byzwizard.plan import Step

if TYPE_CHECKING:
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

TABLE = "byz-portal"
ROOT = "/run/byzantium/web/root"
PROBE_HOSTS = "/run/byzantium/dnsmasq/probes"  # copied by tend while there is no Internet
GO = "0x" + b"POST /go HTTP/1.".hex()  # what nftables looks for, and the page's form sends

WELCOME = N_("Welcome to the mesh")
WHAT = N_("You are connected to the node {name}. It is one of many that their owners nearby run for each other: a "
          "network that needs no Internet, no provider and no account.")
STAY = N_("There may be no Internet behind it. When your phone says so and asks, choose to stay connected.")
PROTECT = N_("What it cannot protect")
OPEN = N_("Anyone near can listen to what you send without https, between your phone and this node.")
OWNERS = N_("Whoever runs a node that your messages pass can see whom you talk to, and reads what is not encrypted.")
NOBODY = N_("No name here proves who somebody is. Do not give your own name or where you are to people whom you do not "
            "know.")
THERE = N_("What is here")
FRONT = N_("The front page of this node:")
REMEMBERED = N_("Your device is remembered until it has been gone for half an hour, in this node's memory alone.")
GO_ON = N_("Go on")
THROUGH = N_("You are through")
CLOSE = N_("This window can be closed. Your phone stays on this network until you leave it.")


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>\n"


def _link(label: str) -> str:
    return f'<p>{html.escape(label)} <a href="http://here.byzantium.mesh/">here.byzantium.mesh</a></p>\n'


def welcome(resolved: Resolved, say: Callable[[str], str], language: str) -> str:
    """The page with the button; names chosen by people are escaped."""
    open_air = any(point.passphrase is None for point in resolved.access_points)
    body = (
        _paragraph(say(WHAT).format(name=resolved.name)) + _paragraph(say(STAY))
        + f'<form method="post" action="/go"><button>{html.escape(say(GO_ON))}</button></form>\n'
        + f"<h2>{html.escape(say(PROTECT))}</h2>\n" + (_paragraph(say(OPEN)) if open_air else "")
        + _paragraph(say(OWNERS)) + _paragraph(say(NOBODY))
        + f"<h2>{html.escape(say(THERE))}</h2>\n" + _link(say(FRONT)) + _paragraph(say(REMEMBERED)))
    return fill("portal.html", language=language, title=html.escape(say(WELCOME)), body=body)


def through(say: Callable[[str], str], language: str) -> str:
    """The page behind the button."""
    return fill("portal.html", language=language, title=html.escape(say(THROUGH)),
                body=_paragraph(say(CLOSE)) + _link(say(FRONT)))


def ruleset(resolved: Resolved) -> str:
    """The text of the nftables table."""
    values = {"address": resolved.address, "ula_address": resolved.ula_address, "ula_mesh": resolved.ula_mesh,
              "subnet": resolved.subnet, "ula": resolved.ula, "go": GO}
    return fill("portal.nft", hash=hashlib.sha256(repr(values).encode()).hexdigest()[:16], **values)


def servers(resolved: Resolved, here: str) -> str:
    """nginx's servers for phones that have not gone through, and for the probes of those that have; or nothing."""
    if not resolved.answers.portal:
        return ""
    listen = f"        listen {resolved.address}:80;\n        listen {here}:80;\n"
    return fill("portal.nginx", address=resolved.address, ula_address=resolved.ula_address) + probes.servers(listen)


def pages(resolved: Resolved, here: str) -> str:
    """What the portal adds to nginx's server of the front page."""
    if not resolved.answers.portal:
        return ""
    return fill("portal-pages.nginx", address=resolved.address, here=here, ula_address=resolved.ula_address,
                name=resolved.name, id=resolved.node_id)


def names(resolved: Resolved) -> tuple[str, str]:
    """dnsmasq's lines for the probe hosts, and for the option of RFC 8910."""
    if not resolved.answers.portal:
        return "", ""
    return ("# The hosts that phones ask whether there is Internet.\naddn-hosts=/run/byzantium/names/probes\n",
            'dhcp-option=114,"http://here.byzantium.mesh/captive-portal"\n')


def answers(address: str, timeout: float) -> bool:
    """Would a phone that has just joined be led to the page?"""
    try:
        with socket.create_connection((address, 2050), timeout) as link:
            link.sendall(b"GET /generate_204 HTTP/1.0\r\n\r\n")
            return link.recv(100).startswith(b"HTTP/1.1 302 ")
    except OSError:
        return False


def _files(resolved: Resolved) -> Iterator[ConfigFile]:
    for language in languages():
        say = speaker(language)
        for page, text in (("welcome", welcome(resolved, say, language)), ("through", through(say, language))):
            name = f"{page}.{language}"
            yield ConfigFile(id=f"portal-{name}", text="", path=f"{ROOT}/{name}.html", content=text)


class PortalStage:
    name = "portal"

    @property
    def title(self) -> str:
        return _("Page for who joins")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        if not resolved.answers.portal:
            return (DropTable(id="portal-off", table=TABLE, network=True, text=_("Let phones on without a page")),)
        return (
            ConfigFiles(id="portal-pages", files=tuple(_files(resolved)),
                        text=_("Write the page for who joins, in {n} languages").format(n=len(languages()))),
            ConfigFile(id="portal-probes", path=PROBE_HOSTS, content=probes.hosts(HERE),
                       text=_("Write down what phones ask when they join")),
            LoadTable(id="portal-rules", table=TABLE, rules=ruleset(resolved), network=True,
                      after=("portal-pages",),
                      text=_("Show the page to each phone that joins, until it goes on")),
        )


STAGE = PortalStage()
