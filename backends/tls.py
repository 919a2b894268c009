"""The services of a node on https://CANONICAL.byzantium.mesh/NAME/, by an nginx of their own (byz-tls.service)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from byzwizard import catalogue_names
from byzwizard.backends import certificates, health, trust
from byzwizard.backends.addresses import HERE
from byzwizard.backends.templates import fill
from byzwizard.backends.units import ConfigFile, RunUnit
from byzwizard.fulldisks import FULL
from byzwizard.i18n import N_, _, speaker

if TYPE_CHECKING:
    from byzwizard.backends.system import System
    from byzwizard.catalogue import Descriptor
    from byzwizard.plan import Step
    from byzwizard.resolve import Resolved

CONFIG = f"{certificates.FOLDER}/nginx.conf"
BUILT = "/usr/share/byzantium/web"  # files that the image was built with, packed by gzip


def configuration(resolved: Resolved, host: str, services: Iterable[Descriptor]) -> str:
    """The text of nginx.conf."""
    say = speaker(resolved.answers.node.language)
    busy = say(N_("Too many want something of this node at once: what you sent is not kept. Try again in a minute."))
    return fill("services.nginx", host=host, address=resolved.address, here=HERE, ula_address=resolved.ula_address,
                busy=json.dumps(busy, ensure_ascii=False),
                places="".join(_places(service, host, say) for service in services if service.web))


def _places(service: Descriptor, host: str, say: Callable[[str], str]) -> str:
    web = service.web
    assert web is not None
    lines = [f"client_max_body_size {web.body_bytes};"]
    if web.streams:
        lines += ["proxy_buffering off;", "proxy_request_buffering off;", "proxy_read_timeout 1h;",
                  "proxy_send_timeout 1h;", "client_body_timeout 1h;"]
    elif web.port is not None:
        lines += _bounds(service, say)
    to = f"proxy_pass http://127.0.0.1:{web.port}"
    places = [(path, [f"{to};", *lines]) for path in web.also]
    if web.port is not None:
        own = f"= /{service.name}/{web.socket}" if web.socket else f"/{service.name}/"
        lines = [f"{to}{'' if web.keeps_path else '/'};", *lines]
        if web.foreign:
            places.append((f"= {own}", lines))
            lines = [*lines, *_headers({"Content-Security-Policy": "sandbox"})]
        places.append((own, lines))
    # However it is written: some services make no difference between small letters and others.
    places += [(f"~* ^{re.escape(path)}", ["return 403;"]) for path in web.closed]
    places += _pages(service.name, web.pages, web.built, host)
    return "".join(f"        location {path} {{\n            " + "\n            ".join(said) + "\n        }\n"
                   for path, said in places)


def _bounds(service: Descriptor, say: Callable[[str], str]) -> list[str]:
    """What is sent to a service lies in memory until it is whole, and what it keeps of that lies on a disk, which may
    be memory too: neither is filled. Who reads slowly holds few of its threads. The limits of the server do not hold
    where there are others."""
    lines = ["limit_conn per_address 32;", "limit_conn held_per_address 8;", "limit_conn sent_per_address 4;",
             "limit_conn sent_per_network 12;", "limit_conn sent 16;"]
    if service.data:
        full = say(N_("The disk of this node is full: what you sent is not kept. What is there can be read as before."))
        lines += ['default_type "text/plain; charset=utf-8";', 'set $refused "";',
                  f"if (-f {FULL}/{service.name}) {{ set $refused $keeps; }}",
                  f"if ($refused) {{ return 507 {json.dumps(full, ensure_ascii=False)}; }}"]
    return lines


def _headers(more: Mapping[str, str]) -> list[str]:
    """Those of the server do not hold where there are others."""
    headers = {**more, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    return [f'add_header {header} "{value}" always;' for header, value in headers.items()]


def _pages(name: str, pages: Sequence[str], built: Sequence[str], host: str) -> Iterator[tuple[str, list[str]]]:
    """Files that nginx shows itself; the first one at the address of the service, which people write without the slash
    at its end as well."""
    # Some browsers do not count WebSockets to where the page is from as 'self'.
    policy = (f"default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self'; connect-src 'self' "
              f"wss://{host}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
    lines = _headers({"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
    if pages:
        yield f"= /{name}", [f"return 301 https://{host}/{name}/$is_args$args;"]
    for page in pages:
        at = "" if page == pages[0] else page
        yield f"= /{name}/{at}", [f"root {catalogue_names.FILES};", f"try_files /{name}/{page} =404;", *lines]
    for page in built:
        yield f"= /{name}/{page}", [f"root {BUILT};", "gzip_static always;", *lines]


@dataclass(frozen=True, kw_only=True)
class _Vouched:
    address: str
    host: str

    def __call__(self, system: System) -> bool:
        own = certificates.authority(system)
        return own is not None and health.vouched_for(self.address, self.host, own.certificate)


def steps(resolved: Resolved, host: str, services: Sequence[Descriptor], after: Sequence[str]) -> tuple[Step, ...]:
    """`after` are the steps that start what it leads to."""
    return (
        ConfigFile(
            id="services-web-file", path=CONFIG, content=configuration(resolved, host, services),
            text=_("Write down where each service is shown")),
        RunUnit(
            id="services-web", unit=certificates.SERVER, files=(CONFIG,),
            ready=_Vouched(address=resolved.address, host=host),
            after=("services-certificate", "services-web-file", *after),
            text=_("Show the services over TLS, at https://{host}/").format(host=host)),
    )


def certified(host: str, users: tuple[tuple[str, str], ...]) -> tuple[Step, ...]:
    """Certificates, and how people come to trust them; `users` are the services that speak TLS themselves, and their
    units. They and the server uphold what renews them."""
    return (
        certificates.Certify(
            id="services-certificate", host=host, users=users,
            text=_("Make a certificate by which browsers know this node")),
        trust.Explain(
            id="services-trust", host=host, shown=True, after=("services-certificate",),
            text=_("Show how phones and computers can be made to trust this node, at http://here.byzantium.mesh/trust")),
    )


def uncertified(host: str) -> tuple[Step, ...]:
    """Nothing here has a certificate."""
    return (
        trust.Explain(
            id="services-trust", host=host, shown=False,
            text=_("Take away the page about trusting this node, which nothing needs")),
    )
