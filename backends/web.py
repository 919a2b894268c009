"""The node's front page and its directory document, served by nginx on port 80 of the node's own addresses."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import airing, directory, interfaces, portal, webanswer
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, ConfigFiles, RunUnit, keep_copy
from byzwizard.i18n import N_, _, languages, speaker
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.resolve import Resolved

CONFIG = "/run/byzantium/web/nginx.conf"
ROOT = portal.ROOT
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
DOCUMENT = f"{ROOT}{directory.PATH}"


KINDS = {
    "public": N_("It is part of the public mesh “{mesh}”, which anyone can join."),
    "private": N_("It is part of the private mesh “{mesh}”."),
    "open": N_("It is part of the open mesh “{mesh}”, which anyone can join and listen to."),
}


def front_page(resolved: Resolved, say: Callable[[str], str], language: str) -> str:
    """index.LANGUAGE.html: what this node is. Names chosen by people are escaped."""
    lines = {
        "title": say(N_("Byzantium: {name}")).format(name=resolved.name),
        "node": say(N_("You are connected to the node {name}, which needs no Internet.")).format(name=resolved.name),
        "mesh": say(KINDS[resolved.keys.kind]).format(mesh=resolved.answers.mesh.name),
        "names": say(N_("Its address is {address}, its name for good {id}.byzantium.mesh.")).format(
            address=resolved.address, id=resolved.node_id),
        "alerts": say(N_("Alerts")),
        "said": say(N_("What people tell everybody. Below it stand their node, and how long ago it was.")),
        "services": say(N_("Services")),
        "none": say(N_("Nothing is offered here yet.")),
        "warned": say(N_("Services are encrypted. The browser does not know who vouches for a node, and warns in red "
                         "before it opens a service there for the first time: that is to be expected here, and nowhere "
                         "else.")),
        "nodes": say(N_("Other nodes")),
        "alone": say(N_("No other node is known yet.")),
        "hops": say(N_("Steps from node to node:")),
        "more": say(N_("More that are not shown here:")),
        "traffic": say(N_("Traffic of this node")),
    }
    return fill("index.html", language=language, **{key: html.escape(text) for key, text in lines.items()})


def _pages(resolved: Resolved) -> Iterator[ConfigFile]:
    for language in languages():
        yield ConfigFile(id=f"web-page-{language}", text="", path=f"{ROOT}/index.{language}.html",
                         content=front_page(resolved, speaker(language), language))


def configuration(resolved: Resolved, here: str) -> str:
    """The text of nginx.conf."""
    own = resolved.answers.node.language.partition("_")[0]
    return fill("nginx.conf", address=resolved.address, here=here, ula_address=resolved.ula_address,
                languages="|".join(languages()), tongues=" ".join(f"{each} {each};" for each in languages()),
                language=own if own in languages() else "en",
                pages=portal.pages(resolved, here), portal=portal.servers(resolved, here))


def own_document(system: System) -> dict[str, Any] | None:
    """This node's own document as it is served, None when there is none."""
    try:
        fields = json.loads(system.read(DOCUMENT) or "")
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def serial(system: System) -> int:
    """Of the next document: the time, and never less than others have seen."""
    former: int = (own_document(system) or {}).get("serial", 0)
    return max(int(time.time()), former + 1)


def announce(system: System, services: Sequence[Mapping[str, Any]]) -> None:
    """The signed document says these, in a newer one; nothing where there is none yet."""
    own = own_document(system)
    if own is not None:
        _sign(system, serial(system), services)


def _sign(system: System, number: int, services: Sequence[Mapping[str, Any]] | None = None) -> None:
    """The own document again, under that serial number, with the alerts that stand now and these services."""
    from byzwizard.backends import alerting
    from byzwizard.backends.keep import identity

    own, node = own_document(system), identity(system)
    if own is not None and own.get("id") == node.id:
        system.write(DOCUMENT, directory.make(
            node, own["name"], own["addresses"], number, own["link_local"],
            own.get("services", ()) if services is None else services, alerting.standing(system)))


def link_local(system: System, link: str) -> list[str]:
    """Of an interface; also the one that the kernel will make when a station is let in by its hub."""
    there = [address.removesuffix("/64") for address in interfaces.ipv6(system, link)]
    found = [address for address in there if directory.link_label(address)]
    mac = interfaces.attribute(system, link, "address") or ""
    if not found and MAC.fullmatch(mac) and mac != "00:00:00:00:00:00":
        return [airing.link_local(mac)]
    return found


@step_class
class SignDocument(Step):
    """The signed document says this name, these addresses, and the link-local ones of the mesh links.
    Signed again only when they change."""

    name: str
    node_id: str
    addresses: tuple[str, ...]
    links: tuple[str, ...]  # the interfaces that routing speaks on

    def _link_local(self, system: System) -> list[str]:
        return [address for link in self.links for address in link_local(system, link)]

    def needed(self, system: System) -> bool:
        fields = own_document(system) or {}
        wanted = {"name": self.name, "id": self.node_id, "addresses": list(self.addresses),
                  "link_local": self._link_local(system)}
        return "signature" not in fields or any(fields.get(key) != value for key, value in wanted.items())

    def before(self, system: System) -> Any:
        text = system.read(DOCUMENT)
        return None if text is None else {"copy": keep_copy(system, text)}

    def apply(self, system: System, progress: Progress) -> None:
        from byzwizard.backends import alerting
        from byzwizard.backends.keep import identity

        # Services are announced by their own stage.
        services = (own_document(system) or {}).get("services", ())
        system.write(DOCUMENT, directory.make(
            identity(system), self.name, self.addresses, serial(system), self._link_local(system), services,
            alerting.standing(system)))

    def undo(self, system: System, before: Any) -> None:
        """What stood there, as the newest: others refuse one that is older than what they have seen."""
        text = system.read(before["copy"]) if before else None
        newest = serial(system)
        if text is None:
            system.remove(DOCUMENT)
            return
        system.write(DOCUMENT, text)
        _sign(system, newest)


def serves(system: System, address: str, timeout: float = 1.0) -> bool:
    """Does the web server at `address` hand out this node's present document?"""
    try:
        return webanswer.get(address, directory.PATH, directory.LIMIT, timeout).decode() == system.read(DOCUMENT)
    except (webanswer.NotFetched, UnicodeDecodeError):
        return False


@dataclass(frozen=True)
class _Serving:
    address: str

    def __call__(self, system: System) -> bool:
        return serves(system, self.address)


def steps(resolved: Resolved, here: str) -> Sequence[Step]:
    return (
        SignDocument(
            id="web-document", name=resolved.name, node_id=resolved.node_id,
            addresses=(resolved.address, resolved.ula_address), links=resolved.routed,
            text=_("Sign what others may know: the name {name} and the addresses").format(name=resolved.name)),
        ConfigFiles(
            id="web-page", files=tuple(_pages(resolved)),
            text=_("Write the front page, http://here.byzantium.mesh/")),
        ConfigFile(
            id="web-file", path=CONFIG,
            content=configuration(resolved, here),
            text=_("Write down where the front page is shown")),
        RunUnit(
            id="web-server", unit="byz-web.service", files=(CONFIG,), ready=_Serving(resolved.address),
            after=("web-document", "web-page", "web-file"),
            text=_("Show the front page to whoever joins")),
    )
