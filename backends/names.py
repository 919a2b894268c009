"""The stage "names": addresses and names for clients (dnsmasq), the node's front page, and the names of other nodes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from byzwizard.backends import dns, portal, web
from byzwizard.backends.addresses import HERE
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit, keep_copy
from byzwizard.errors import StepFailed
from byzwizard.i18n import _
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.machine import Machine
    from byzwizard.resolve import Resolved

CONFIG = "/run/byzantium/dnsmasq/dnsmasq.conf"
LEASES = 241  # addresses for phones: .10 to .250
HOSTS = "/run/byzantium/names/hosts"
SERVERS = "/run/byzantium/dnsmasq/servers"  # copied by tend while there is Internet
BLOCKED = "/run/byzantium/blocked"  # ids, a line each; read by tend
RESOLVER = "/etc/resolv.conf"
RESOLVER_TEXT = """\
# This node asks its own dnsmasq; the others where that refuses, for a way out that is not shared. Written by byzwizard.
search byzantium.mesh
nameserver 127.0.0.1
{others}options timeout:2 attempts:2
"""
OTHERS = 2  # name servers; the C library reads three


def configuration(resolved: Resolved) -> str:
    """The text of dnsmasq.conf."""
    portal_names, portal_option = portal.names(resolved)
    return fill(
        "dnsmasq.conf",
        name=resolved.name,
        id=resolved.node_id,
        address=resolved.address,
        ula_address=resolved.ula_address,
        here=HERE,
        net=resolved.address.removesuffix(".1"),
        reversed=".".join(reversed(resolved.address.split(".")[:3])),
        ula_net=resolved.ula.removesuffix("/64"),
        portal_names=portal_names,
        portal_option=portal_option,
        leases=str(LEASES),
    )


def resolver(servers: Sequence[str]) -> str:
    """The text of resolv.conf."""
    return RESOLVER_TEXT.format(others="".join(f"nameserver {server}\n" for server in servers[:OTHERS]))


@step_class
class OwnResolver(Step):
    """/etc/resolv.conf names this node's own dnsmasq first; undo puts the former file or link back."""

    content: str

    def needed(self, system: System) -> bool:
        return system.path(RESOLVER).is_symlink() or system.read(RESOLVER) != self.content

    def before(self, system: System) -> Any:
        """{"link": target}, {"copy": path of a private copy}, or None where there was nothing."""
        if system.path(RESOLVER).is_symlink():
            return {"link": os.readlink(system.path(RESOLVER))}
        text = system.read(RESOLVER)
        return None if text is None else {"copy": keep_copy(system, text)}

    def apply(self, system: System, progress: Progress) -> None:
        self._put(system, self.content)

    def undo(self, system: System, before: Any) -> None:
        if before is None:
            system.remove(RESOLVER)
        elif "link" in before:
            system.remove(RESOLVER)
            system.path(RESOLVER).symlink_to(before["link"])
        else:
            self._put(system, system.read(before["copy"]) or "")

    def _put(self, system: System, text: str) -> None:
        try:
            system.write(RESOLVER, text)
        except OSError as whole:
            # In a container the file may be a mount of its own, which cannot be replaced by another file.
            try:
                system.path(RESOLVER).write_text(text, encoding="utf-8")
            except OSError:
                raise StepFailed(
                    _("{path} cannot be written: {why}.").format(path=RESOLVER, why=whole.strerror)) from whole


def answers(name: str, address: str, timeout: float = 0.5) -> bool:
    """Does dnsmasq answer a question for the node's own name with its own address?"""
    try:
        return dns.ask("127.0.0.1", f"{name}.byzantium.mesh", timeout=timeout) == [address]
    except dns.NoAnswer:
        return False


@dataclass(frozen=True, kw_only=True)
class _Answering:
    """Readiness of dnsmasq as a value: two plans of the same node compare equal."""

    name: str
    address: str

    def __call__(self, system: System) -> bool:
        return answers(self.name, self.address)


def _hosts_there(system: System) -> bool:
    return system.path(HOSTS).exists()


class NamesStage:
    name = "names"

    @property
    def title(self) -> str:
        return _("Names and front page")

    def steps(self, resolved: Resolved, machine: Machine) -> Sequence[Step]:
        name, blocked, internet = resolved.name, resolved.answers.mesh.blocked, resolved.answers.internet
        return (
            ConfigFile(
                id="names-servers", path=SERVERS, content="".join(
                    f"server={server}\n" for server in dict.fromkeys((*internet.dns, *internet.servers))),
                text=_("Write down whom to ask for names while there is Internet")),
            ConfigFile(
                id="names-file", path=CONFIG, content=configuration(resolved),
                text=_("Write down the addresses and names to give out ({network}, {name}.byzantium.mesh)").format(
                    network=resolved.subnet, name=name)),
            RunUnit(
                id="names-server", unit="byz-dnsmasq.service", files=(CONFIG,), after=("names-file",),
                ready=_Answering(name=name, address=resolved.address),
                text=_("Give addresses and names to phones and computers that join")),
            OwnResolver(
                id="names-resolver", content=resolver(internet.servers), after=("names-server",),
                text=_("Let this computer look names up in the mesh")),
            *web.steps(resolved, HERE),
            ConfigFile(
                id="names-blocked", path=BLOCKED, content="".join(f"{one}\n" for one in blocked),
                text=_("Neither know nor let through the nodes that are blocked: {ids}").format(ids=", ".join(blocked))
                if blocked else _("Write down that no node is blocked")),
            RunUnit(
                id="names-tend", unit="byz-tend.service", ready=_hosts_there, after=("web-document", "names-server"),
                text=_("Learn the names of other nodes, and whether two meshes met that have the same network")),
        )


STAGE = NamesStage()
