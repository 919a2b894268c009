"""The catalogue of services: one descriptor in assets/services for each, with its templates beside it.

A descriptor says all that the stage "services" needs to know, so that a new service takes no Python. One that is broken
is named and left out: the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from byzwizard import catalogue_names, service_files, strictyaml, values
from byzwizard.backends import directory
from byzwizard.i18n import N_, _

CATEGORIES = {
    "together": N_("Working together"),
    "talk": N_("Talking"),
    "media": N_("Listening and watching"),
    "internet": N_("Ways to the Internet"),
}
PAGES = frozenset({".html", ".js", ".css", ".svg"})  # that nginx shows itself
ISLANDS = range(51820, 51852)  # each has the next one (islands.py)
TAKEN = frozenset({("tcp", n) for n in (22, 53, 80, 443, 2050, 5300, 6980)} | {
    ("udp", n) for n in (53, 67, 68, 123, 546, 698, 5300, 5353, 5359, 6696, *ISLANDS)})
"""Ports of the node itself."""
GIVEN = frozenset(
    {"name", "id", "host", "address", "ula_address", "subnet", "ula", "language", "title", "purpose", "note"})
"""What stands for values in templates: `host` is the canonical name of the node; `title`, `purpose` and `note` are the
service's, in the language of the node."""
OF_PEERS = frozenset({"host", "address", "certificate"})
"""The same of another node, in templates of links: canonical name, 10.x.y.1, SHA-256 of its certificate (hex)."""
TO_CALL = frozenset({"hosts"})
"""Canonical names with blanks between them, the nearest first: whom the service may call."""

_PATH = re.compile(r"/[a-z0-9._-]+(/[a-z0-9._-]+)*/?")
_UNIT = re.compile(catalogue_names.UNIT)
_FILE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_HELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/?")
_URL = re.compile(values.OFFERED.replace("HOST", r"\$host"))


def _matches(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"this is no {what}")
        return text

    return AfterValidator(check)


def _sentence(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("this is no line of text")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_sentence)]
Note = Annotated[str, Field(max_length=400), AfterValidator(_sentence)]
Title = Annotated[str, Field(max_length=40), AfterValidator(_sentence)]
WebPath = Annotated[str, _matches(_PATH, "path of a page")]
FileName = Annotated[str, _matches(_FILE, "name of a file")]
Held = Annotated[str, _matches(_HELD, "name of a file, or of a folder with a slash behind it")]
Url = Annotated[str, Field(max_length=150), _matches(_URL, "https, ircs or mumble address with $host")]
Unit = Annotated[str, _matches(_UNIT, "name of a unit (byz-….service)")]
Octets = Annotated[str, Field(pattern=r"^[\x00-\xff]*$", max_length=400)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
Bytes = Annotated[int, Field(ge=1 << 20, le=1 << 40)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=20)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Port(Part):
    """`reach`: who may come to it. node: this computer alone, clients: whoever joined here, mesh: everybody, outside:
    whoever comes by the way to the Internet, where no port is the node's own."""

    number: PortNumber
    protocol: Literal["tcp", "udp"] = "tcp"
    reach: Literal["node", "clients", "mesh", "outside"]


class Web(Part):
    """Pages behind nginx: https://HOST/NAME/ leads to `port` of this computer. `keeps_path`: the service wants to see
    the path as it is asked for. `also` are further paths of the host, `closed` those that lead nowhere. `streams`:
    nothing is held back. `foreign`: what is below its page comes from anybody, and runs in nobody's browser. `pages`
    are files of its configuration that nginx shows itself, the first one at the address of the service, `built` others
    that the image was built with (iso/web.sh); a port beside them is reached by WebSocket alone, at
    https://HOST/NAME/SOCKET."""

    port: PortNumber | None = None
    pages: Annotated[tuple[FileName, ...], Field(strict=False)] = ()
    built: Annotated[tuple[FileName, ...], Field(strict=False)] = ()
    socket: FileName | None = None
    keeps_path: bool = False
    also: Annotated[tuple[WebPath, ...], Field(strict=False)] = ()
    closed: Annotated[tuple[WebPath, ...], Field(strict=False)] = ()
    body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 1 << 20
    streams: bool = False
    foreign: bool = False


class Links(Part):
    """How the service of this node finds those of others, which it makes one network with. `peer` is a template that
    is filled in for each other node that offers it, `call` once, with those of greater ids. tend writes them to
    /run/byzantium/names/links/NAME, for its configuration to include."""

    peer: FileName
    call: FileName


class Health(Part):
    """Healthy: `port` answers, over TLS where `tls`, `within` seconds of a start: it says 200 to a request for `path`,
    or, where that is not its protocol, begins with the bytes `hear` when it is sent the bytes `say` (each a character
    up to \\xff). What has no port of TCP says by itself when it is (Type=notify, with a watchdog). `units` are further
    ones that run, where it consists of several."""

    port: PortNumber | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=200)] | None = None
    tls: bool = False
    say: Octets = ""
    hear: Octets = ""
    units: Annotated[tuple[Unit, ...], Field(strict=False)] = ()
    within: Annotated[int, Field(ge=1, le=300)] = 30


class Announced(Part):
    """For programs that look for services of a type by DNS-SD (RFC 6763): `port` speaks it."""

    type: Annotated[str, _matches(directory.TYPE, "type of a service (_…._tcp or _…._udp)")]
    port: PortNumber


class Dump(Part):
    """How a copy of its data is made at one moment, and taken in. `holds` are the files of the data folder that are in
    it, and folders, with a slash, with all below: where none of them is there, the service has no data yet. `save` and
    `load` are scripts beside the templates, run as the user of the unit without network: `save FOLDER` in the data
    folder copies those into FOLDER while the service runs, and prints its version; `load FOLDER` in the new data folder
    checks what FOLDER holds, and takes it in."""

    holds: Annotated[tuple[Held, ...], Field(strict=False, min_length=1)]
    save: FileName
    load: FileName
    most_bytes: Bytes


class Descriptor(Part):
    """`memory_bytes` is what its unit may use at the most (MemoryMax, or LimitDATA), `disk_bytes` what it uses on disk
    in a while. `config` are templates that are filled in into FILES/NAME; `first_run` is one of them, which the unit
    runs before its program each time: it makes what is not there yet. `words` are texts of its templates, in the
    node's language. `note`: what its operator has to know. `url` is where people find it, where not behind nginx,
    `program` where programs of its kind do besides, `announce` of which types it is to programs that look around.
    `certificate`: it speaks TLS itself, with /run/byzantium/tls/NAME.crt and .key (.pem: both), which its user byz-NAME
    alone may read, and is restarted with new ones."""

    name: Annotated[str, AfterValidator(values.service_name)]
    title: Title
    purpose: Text
    note: Note | None = None
    category: Literal["together", "talk", "media", "internet"]
    unit: Unit
    packages: Annotated[tuple[FileName, ...], Field(strict=False)]
    needs: Annotated[tuple[str, ...], Field(strict=False)] = ()
    memory_bytes: Bytes
    disk_bytes: Bytes
    ports: Annotated[tuple[Port, ...], Field(strict=False, min_length=1)]
    web: Web | None = None
    certificate: bool = False
    config: Annotated[tuple[FileName, ...], Field(strict=False)] = ()
    first_run: FileName | None = None
    words: dict[Word, Text] = {}
    links: Links | None = None
    data: Annotated[tuple[str, ...], Field(strict=False)] = ()
    dump: Dump | None = None
    health: Health
    url: Url | None = None
    program: Url | None = None
    announce: Annotated[tuple[Announced, ...], Field(strict=False, max_length=directory.ANNOUNCED)] = ()

    def address(self, host: str) -> str:
        """Where people find it on the node with this canonical host name."""
        return Template(self.url).substitute(host=host) if self.url else f"https://{host}/{self.name}/"

    def for_programs(self, host: str) -> str:
        """The same for programs of its kind; empty where there is none."""
        return Template(self.program or "").substitute(host=host)


class Broken(ValueError):
    """A descriptor that is left out; the sentence says why."""


@dataclass(frozen=True)
class Catalogue:
    """The services that there are, by name, and a sentence for each descriptor that is left out."""

    services: Mapping[str, Descriptor]
    broken: Mapping[str, str]

    def with_needs(self, names: Iterable[str]) -> tuple[Descriptor, ...]:
        """These services and all that they need, the needed ones first."""
        found: dict[str, Descriptor] = {}

        def add(name: str) -> None:
            if name not in found:
                for need in self.services[name].needs:
                    add(need)
                found[name] = self.services[name]

        for name in names:
            add(name)
        return tuple(found.values())

    def needing(self, name: str, among: Iterable[str]) -> tuple[str, ...]:
        """Which of these need that one."""
        return tuple(other for other in among
                     if other != name and name in {each.name for each in self.with_needs((other,))})


@cache
def here() -> Catalogue:
    """That of this program, which does not change while it runs."""
    return read(catalogue_names.DESCRIPTORS)


def read(folder: Path) -> Catalogue:
    """Every *.yaml of a folder."""
    services: dict[str, Descriptor] = {}
    broken: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            services[path.stem] = _apart(_read(path), services.values())
        except Broken as fault:
            broken[path.stem] = _("The service {name} is left out, for its description is wrong: {why}.").format(
                name=path.stem, why=fault)
    lost = _lost(services)
    return Catalogue({name: one for name, one in services.items() if name not in lost}, {**broken, **lost})


def _lost(services: Mapping[str, Descriptor]) -> dict[str, str]:
    """A sentence for each that cannot be had for what it needs: that is not there, or needs it in turn."""
    whole: set[str] = set()
    while more := {name for name, one in services.items() if name not in whole and whole.issuperset(one.needs)}:
        whole |= more
    lost = {name: next(need for need in one.needs if need not in whole)
            for name, one in services.items() if name not in whole}
    said = {True: _("The service {name} is left out: it needs {need}, which needs it in turn."),
            False: _("The service {name} is left out: it needs {need}, which is not there.")}
    return {name: said[name in _led_to(lost, need)].format(name=name, need=need) for name, need in lost.items()}


def _led_to(needs: Mapping[str, str], name: str) -> set[str]:
    found: set[str] = set()
    while name in needs and name not in found:
        found.add(name)
        name = needs[name]
    return found


def _read(path: Path) -> Descriptor:
    try:
        document = strictyaml.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise Broken(_("it cannot be read")) from fault
    if document.faults:
        raise Broken(document.faults[0].message.rstrip("."))
    try:
        found = Descriptor.model_validate(document.data)
    except ValidationError as fault:
        raise Broken(_first(fault.errors())) from fault
    _check(found, path)
    return found


def _first(faults: Sequence[Any]) -> str:
    place = strictyaml.dotted(faults[0]["loc"])
    words = str(faults[0]["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{place}: {words}" if place else words


def _check(found: Descriptor, path: Path) -> None:
    """What one key demands of another. Raises Broken."""
    if found.name != path.stem:
        raise Broken(_("it is called {name} inside").format(name=found.name))
    own = {port.number for port in found.ports if port.protocol == "tcp"}
    for key, number in (("health", found.health.port), ("web", found.web.port if found.web else None)):
        if number is not None and number not in own:
            raise Broken(_("{key}: port {number} is none of its ports").format(key=key, number=number))
    _check_health(found.health)
    for one in found.announce:
        if (one.type.rpartition("_")[2], one.port) not in {
                (port.protocol, port.number) for port in found.ports if port.reach == "mesh"}:
            raise Broken(_("announce: {type} is at none of its ports for the mesh ({number})").format(
                type=one.type, number=one.port))
    if found.web is None and found.url is None:
        raise Broken(_("it has neither web nor url, so that nobody would find it"))
    if not all(catalogue_names.has_home(found.name, folder) for folder in found.data):
        raise Broken(_("data: its folders are below {folder}").format(folder=f"{catalogue_names.HOME}/{found.name}"))
    if found.first_run is not None and found.first_run not in found.config:
        raise Broken(_("first_run: {file} is not among config").format(file=found.first_run))
    if found.dump is not None and len(found.data) != 1:
        raise Broken(_("dump: it has one folder in data"))
    for script in (found.dump.save, found.dump.load) if found.dump else ():
        if not (path.with_suffix("") / script).is_file():
            raise Broken(_("dump: there is no file {file}").format(file=script))
    if found.web is not None:
        _check_web(found.web, found.config)
    if found.links and not ((found.certificate or found.web) and found.unit == f"byz-{found.name}.service"):
        raise Broken(_("links: it needs web or certificate, and its unit is called byz-{name}.service").format(
            name=found.name))
    for name in found.config:
        _check_template(service_files.place(path.parent, found, name), GIVEN | found.words.keys())
    if found.links:
        _check_template(service_files.place(path.parent, found, found.links.peer), OF_PEERS)
        _check_template(service_files.place(path.parent, found, found.links.call), TO_CALL)


def _check_health(health: Health) -> None:
    """There is a question, and one alone. Raises Broken."""
    asked = [health.path is not None, bool(health.hear)]
    if health.port is None and (any(asked) or health.say or health.tls):
        raise Broken(_("health: what is asked needs a port"))
    if health.port is not None and (sum(asked) != 1 or (health.say and not health.hear)):
        raise Broken(_("health: to its port belongs either a path, or what is heard there"))


def _check_web(web: Web, config: Sequence[str]) -> None:
    """It has a port, or pages, or pages and a port with a socket between them. Raises Broken."""
    if web.port is None:
        if not web.pages or web.socket or web.also:
            raise Broken(_("web: without a port there are pages, and nothing else"))
    elif bool(web.pages) != bool(web.socket):
        raise Broken(_("web: with a port, pages and socket are there together, or neither"))
    for page in (*web.pages, *web.built):
        if page not in (*config, *web.built) or Path(page).suffix not in PAGES:
            raise Broken(_("web: {file} is not among config, or no page").format(file=page))


def _check_template(path: Path, given: Set[str]) -> None:
    try:
        template = Template(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise Broken(_("config: there is no file {file}").format(file=path.name)) from fault
    except UnicodeDecodeError as fault:
        raise Broken(_("config: {file} is no text in UTF-8").format(file=path.name)) from fault
    unknown = set(template.get_identifiers()) - given
    if unknown or not template.is_valid():
        raise Broken(_("config: {file} asks for a value that there is not ({value})").format(
            file=path.name, value=", ".join(sorted(unknown)) or "$"))


def _apart(found: Descriptor, others: Collection[Descriptor]) -> Descriptor:
    """Raises Broken where two would have one port, one unit, or the same path of the host, also with the node."""
    for port in found.ports:
        if port.reach != "outside" and (port.protocol, port.number) in TAKEN:
            raise Broken(_("port {number} is one of the node itself").format(number=port.number))
        for other in others:
            if (port.protocol, port.number) in {(its.protocol, its.number) for its in other.ports}:
                raise Broken(_("it has port {number}, as {other} has").format(number=port.number, other=other.name))
    own = places(found)
    twice = next((place for place in own if own.count(place) > 1), None)
    if twice is not None:
        raise Broken(_("web: the path {path} stands there twice").format(path=twice.removeprefix("= ")))
    if found.unit in catalogue_names.OF_THE_NODE:
        raise Broken(_("unit: {unit} is one of the node itself").format(unit=found.unit))
    for other in others:
        if found.unit == other.unit:
            raise Broken(_("it has the unit of {other}").format(other=other.name))
        if not set(own).isdisjoint(places(other)):
            raise Broken(_("it has a path that {other} has").format(other=other.name))
    return found


def places(found: Descriptor) -> tuple[str, ...]:
    """What its locations are called for nginx (tls.py), which starts with none of them where two have one name."""
    web, at = found.web, f"/{found.name}"
    if web is None:
        return ()
    own = () if web.port is None else (f"= {at}/{web.socket}" if web.socket else f"{at}/",)
    pages = [f"= {at}", *(f"= {at}/{page}" for page in ("", *web.pages[1:]))] if web.pages else ()
    own_page = (f"= {at}/",) if web.foreign else ()
    return *web.also, *own, *own_page, *pages, *(f"= {at}/{page}" for page in web.built)
