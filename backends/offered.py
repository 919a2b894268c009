"""Services and nodes of the mesh as pieces of the front page, from documents that were checked. For tend: it imports
little."""

import html
import itertools
from collections.abc import Iterable

from byzwizard.backends.directory import DOMAIN, Service

MOST = 100  # of other nodes: the page stays a few kilobytes


def page(own: Iterable[Service], others: Iterable[tuple[str, Service]]) -> str:
    """A list of links, the own ones first; empty where there is nothing. `others` are (label of the node, service), the
    nearest first."""
    lines = [_line(service) for service in own]
    lines += [_line(service, label) for label, service in itertools.islice(others, MOST)]
    return "<ul>\n" + "".join(lines) + "</ul>\n" if lines else ""


def _line(service: Service, label: str = "") -> str:
    at = f" <span>{html.escape(label)}</span>" if label else ""
    return f'<li><a href="{html.escape(service.url)}">{html.escape(service.title)}{at}</a></li>\n'


def nodes(others: Iterable[tuple[str, str]]) -> str:
    """A list of links to the front pages of others; `others` are (label, id), the nearest first."""
    lines = [f'<li><a href="http://{html.escape(node)}.{DOMAIN}/">{html.escape(label)}</a></li>\n'
             for label, node in itertools.islice(others, MOST)]
    return "<ul>\n" + "".join(lines) + "</ul>\n" if lines else ""
