"""The pages, in their order. A new page is a file and a line here. Each is loaded when it is first shown or idle."""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from byzwizard.screens.page import Page


class Listed(NamedTuple):
    """`name` is that of the page and of its file, `kind` its class; a numbered page is a step, counted in the bar."""

    name: str
    kind: str
    numbered: bool = False

    def load(self) -> "type[Page]":
        page: type[Page] = getattr(import_module(f"byzwizard.screens.{self.name}"), self.kind)
        return page


PAGES = (
    Listed("welcome", "Welcome"),
    Listed("hardware", "Hardware", numbered=True),
    Listed("mesh", "Mesh", numbered=True),
    Listed("services", "Services", numbered=True),
    Listed("keep", "Keep", numbered=True),
    Listed("internet", "Internet", numbered=True),
    Listed("review", "Review", numbered=True),
    Listed("apply", "Apply"),
    Listed("clone", "Clone"),
    Listed("node", "Node"),
    Listed("service", "Service"),
    Listed("map", "Map"),
    Listed("traffic", "Traffic"),
)
