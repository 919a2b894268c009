"""A catalogue as big as the real one is to be, which does not change with it, and the part of the desk about it."""

from dataclasses import dataclass, field, replace
from typing import Any

from byzwizard.catalogue import Catalogue, Descriptor, Health, Port, Web
from byzwizard.desk import Offer, ServiceData

MB = 10**6
ROWS: tuple[tuple[str, str, int, str, tuple[str, ...]], ...] = (
    ("board", "talk", 67, "Notices that everybody on the mesh can read, and answer with an account.", ()),
    ("chat", "talk", 84, "Talking in rooms, in the browser, with everybody on the mesh.", ("relay",)),
    ("files", "together", 50, "Leave files and pictures for others, and fetch theirs.", ()),
    ("ipsec", "internet", 50, "Encrypts what goes to computers that can do the same.", ()),
    ("library", "together", 134, "Books and whole encyclopedias to read without the Internet.", ()),
    ("mumble", "talk", 100, "Talking in groups of any size, also over slow links, with a program of its own.", ()),
    ("pad", "together", 67, "Many write one text, and see each other's letters as they are typed.", ()),
    ("phone", "talk", 100, "Calls between programs on phones, by short numbers.", ()),
    ("proxy", "internet", 167, "Pages of the Internet that many open are fetched once, to spare a slow way out.", ()),
    ("radio", "media", 67, "One speaks or plays music, and everybody on the mesh can listen.", ()),
    ("relay", "talk", 40, "Carries what is said in chat from node to node.", ()),
    ("tor", "internet", 134, "Reach the Internet so that neither this node nor its provider sees where you go.", ()),
    ("voice", "talk", 134, "Talking in the browser, up to eight in a room.", ()),
    ("wiki", "together", 134, "Pages that everybody may read and write, with everything that stood there before.", ()),
)  # fmt: skip


def descriptor(n: int, name: str, category: str, megabytes: int, purpose: str, needs: tuple[str, ...]) -> Descriptor:
    return Descriptor.model_validate({
        "name": name, "title": name.title(), "purpose": purpose, "category": category, "unit": f"byz-{name}.service",
        "packages": (name,), "needs": needs, "memory_bytes": megabytes * MB, "disk_bytes": 10 * MB,
        "ports": (Port(number=8100 + n, reach="node"),), "web": Web(port=8100 + n), "health": Health(port=8100 + n),
        "data": (f"/var/lib/byzantium/services/{name}",),
    })  # fmt: skip


CATALOGUE = Catalogue({row[0]: descriptor(n, *row) for n, row in enumerate(ROWS)}, {})


@dataclass
class FakeServices:
    """Of byzwizard.desk.Desk, out of fields; what was asked of it is kept."""

    asked: list[Any] = field(default_factory=list, kw_only=True)
    listed: Catalogue = field(default=CATALOGUE, kw_only=True)
    offered: Offer = field(default_factory=Offer, kw_only=True)
    written: dict[str, ServiceData] = field(default_factory=dict, kw_only=True)
    logs: dict[str, list[str]] = field(default_factory=dict, kw_only=True)

    def catalogue(self) -> Catalogue:
        return self.listed

    def offer(self) -> Offer:
        self.asked.append(("offer",))
        return self.offered

    def service_data(self, name: str) -> ServiceData | None:
        return self.written.get(name)

    def service_log(self, name: str) -> list[str]:
        return self.logs.get(name, [])

    def delete_data(self, name: str) -> None:
        self.asked.append(("delete", name))
        self.written[name] = replace(self.written[name], bytes=0)
