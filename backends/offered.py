"""Services and nodes of the mesh as pieces of the front page, from documents that were checked. For tend: it imports
little."""

import html
from collections.abc import Iterable, Mapping, Sequence

from byzwizard.backends.directory import DOMAIN, Service

MOST = 100  # of other nodes: the page stays a few kilobytes


def page(own: Iterable[Service], others: Sequence[tuple[str, Service]], titles: Mapping[tuple[str, str], str]) -> str:
    """A list of links, the own ones first; empty where there is nothing. `others` are (label of the node, service), the
    nearest first; `titles` those of one language (catalogue_names.titles)."""
    near = (_line(service, titles, label) for label, service in others[:MOST])
    return _list([*(_line(service, titles) for service in own), *near], len(others))


def _line(service: Service, titles: Mapping[tuple[str, str], str], label: str = "") -> str:
    """What somebody has chosen as a title stays as it is."""
    title = titles.get((service.name, service.title), service.title)
    at = f" <span>{html.escape(label)}</span>" if label else ""
    return f'<li><a href="{html.escape(service.url)}">{html.escape(title)}{at}</a></li>\n'


def nodes(others: Sequence[tuple[str, str, int | None]]) -> str:
    """A list of links to the front pages of others; `others` are (label, id, hops where they are known), the nearest
    first."""
    lines = [f'<li><a href="http://{html.escape(node)}.{DOMAIN}/">{html.escape(label)}</a>'
             + (f' <span class="hops">{hops}</span>' if hops is not None else "") + "</li>\n"
             for label, node, hops in others[:MOST]]
    return _list(lines, len(others))


def _list(lines: list[str], others: int) -> str:
    """The page says in the reader's language what its numbers are (index.html)."""
    more = f'<li class="more">{others - MOST}</li>\n' if others > MOST else ""
    return "<ul>\n" + "".join(lines) + more + "</ul>\n" if lines else ""
