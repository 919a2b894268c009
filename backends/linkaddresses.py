"""IPv4 addresses of mesh links, for routing protocols that know no other neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from byzwizard.backends.interfaces import index, ip, ipv4, must_have
from byzwizard.plan import Progress, Step, step_class

if TYPE_CHECKING:
    from byzwizard.backends.system import System


@step_class
class LinkAddresses(Step):
    """The mesh links carry `address`, a /32; with None, none of those that carried one. Which they are is in `file`, as
    a unit's environment."""

    file: str
    links: tuple[str, ...] = ()
    address: str | None = None

    @property
    def _text(self) -> str | None:
        return None if self.address is None else f"LINKS={' '.join(self.links)}\nADDRESS={self.address}\n"

    def needed(self, system: System) -> bool:
        return system.read(self.file) != self._text or any(ipv4(name) != f"{self.address}/32" for name in self.links)

    def before(self, system: System) -> Any:
        """The former text of the file."""
        return system.read(self.file)

    def apply(self, system: System, progress: Progress) -> None:
        for name in self.links:
            must_have(name)
        _take(system, self.file, system.read(self.file))
        _give(system, self.file, self._text)

    def undo(self, system: System, before: Any) -> None:
        _take(system, self.file, self._text)
        _give(system, self.file, before)


def _take(system: System, file: str, text: str | None) -> None:
    links, address = _given(text)
    gone = [f"addr del {address}/32 dev {name}" for name in links if ipv4(name) == f"{address}/32"]
    if gone:
        ip(system, *gone)
    system.remove(file)


def _give(system: System, file: str, text: str | None) -> None:
    if text is not None:
        links, address = _given(text)
        ip(system, *(f"addr replace {address}/32 dev {name}" for name in links if index(name) is not None))
        system.write(file, text)


def _given(text: str | None) -> tuple[list[str], str | None]:
    """The links and their address."""
    fields = dict(line.partition("=")[::2] for line in (text or "").splitlines())
    return fields.get("LINKS", "").split(), fields.get("ADDRESS")
