"""Map: this node, the nodes it hears, and behind each of them those that are reached through it.

Babel tells a node the next step to every other one and nothing of what lies between, so this is a tree of next steps,
not a picture of links that nobody here has seen.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from byzwizard.i18n import _, ngettext
from byzwizard.screens.items import Item, Note, Strip, Style, Waiting
from byzwizard.screens.page import Page
from byzwizard.screens.signals import bars, cut, decibels, hops, megabits

NAME = 16  # columns of a near node's name
CELLS = 60  # columns for the far nodes of a line
LONGEST = 30  # columns of a far node's name

Far = dict[int | None, list[dict[str, Any]]]
"""Far nodes by their hops."""


class Map(Page):
    name = "map"
    _drawn: tuple[dict[str, Any], list[Item]] | None = None

    @property
    def place(self) -> str:
        return _("Map")

    @property
    def title(self) -> str:
        return _("Map of the mesh")

    @property
    def sentence(self) -> str:
        return _("Who is heard, and by whom the others are reached. Low metrics are good ways.")

    @property
    def help(self) -> str:
        return _(
            "The routing tells each node only the next step to every other one. So the map shows through which "
            "neighbour a node is reached, and how far it is; how the far nodes hear each other is not known here.\n\n"
            "Of a neighbour you see the signal, the speed of the link and the metric; of a far node its metric, in "
            "lines of the same number of hops."
        )

    def enter(self) -> None:
        self.tick()

    def tick(self) -> None:
        """What is drawn is what the Node page asks."""
        self.session.page_named("node").tick()

    def items(self) -> Sequence[Item]:
        status = self.session.status
        if status is None:
            return [Waiting(_("Asking each part of this node …"))]
        if self._drawn is None or self._drawn[0] is not status:
            self._drawn = (status, list(draw(status)))
        return self._drawn[1]


def draw(status: dict[str, Any]) -> Iterator[Item]:
    """The map, a line an item, from the shape of `status --json`."""
    near = [node for node in status["neighbours"] if node["hops"] == 1]
    others = [node for node in status["neighbours"] if node["hops"] != 1]
    behind = _behind(near, others)
    yield _this_node(status, len({node["address"] for node in near}), len(others))
    if not status["neighbours"]:
        yield Note(_("No other node is heard yet; the next one joins by itself."))
        return
    lost = behind.pop(None, {})
    width = min(max((len(_called(node)) for node in others), default=0), LONGEST)
    for n, node in enumerate(near):
        last = n == len(near) - 1 and not lost
        far = behind.pop(node["address"], {})  # the first of two links to one node
        yield _near(node, "└─" if last else "├─", sum(map(len, far.values())))
        yield from _far(far, " " if last else "│", width, _called(node))
        if far and not last:
            yield Strip((("", "│"),), "")
    if lost:
        yield Strip((("", "└─ "), ("strong", _("farther away"))), _("Farther away, by ways that are not told:"))
        yield from _far(lost, " ", width, "")


def _behind(near: list[dict[str, Any]], others: list[dict[str, Any]]) -> dict[str | None, Far]:
    """The far nodes by the address of the near one through which they are reached, None where that is not known; by
    hops, then by metric."""
    known = {node["address"] for node in near}
    found: dict[str | None, Far] = {}
    for node in sorted(others, key=lambda node: (node["hops"] or 999, node["metric"] or 0, _called(node))):
        via = node["via"] if node["via"] in known else None
        found.setdefault(via, {}).setdefault(node["hops"], []).append(node)
    return found


def _this_node(status: dict[str, Any], near: int, far: int) -> Strip:
    name, gateway = str(status["node"]["name"]), status["gateway"]
    words = [_("this node")]
    if near:
        words.append(_("{n} near").format(n=near))
    if far:
        words.append(_("{n} farther").format(n=far))
    if phones := status["clients"]:
        words.append(ngettext("{n} phone", "{n} phones", phones).format(n=phones))
    if gateway:
        way = gateway["name"] or gateway["via"]
        words.append(_("Internet here") if gateway["here"] else _("Internet by {name}").format(name=way))
    said = " · ".join(words)
    return Strip((("", "● "), ("strong", name), ("", f"  {said}")), ", ".join([name, *words]))


def _near(node: dict[str, Any], stem: str, behind: int) -> Strip:
    dbm, name = node["signal_dbm"], _called(node)
    metric = _("metric {n}").format(n=node["metric"]) if node["metric"] is not None else _("no way yet")
    more = ngettext("{n} behind", "{n} behind", behind).format(n=behind) if behind else ""
    signal = decibels(dbm) or _("cable")
    parts: tuple[tuple[Style, str], ...] = (
        ("", f"{stem} "),
        ("strong", f"{cut(name, NAME):<{NAME}}"),
        ("", "  "),
        *bars(dbm),
        ("", f"  {signal:>8}  {megabits(node['throughput_mbps']):>8}  {metric:<11}  {more}".rstrip()),
    )
    words = [name, _("near"), signal, megabits(node["throughput_mbps"]), metric, more]
    return Strip(parts, ", ".join(word for word in words if word))


def _far(far: Far, stem: str, width: int, way: str) -> Iterator[Strip]:
    """Lines of far nodes under one near node, in columns."""
    in_line = max(1, (CELLS + 2) // (width + 8))
    for distance, nodes in far.items():
        for at in range(0, len(nodes), in_line):
            some = nodes[at : at + in_line]
            cells = (f"{cut(_called(node), width):<{width}} {_metric(node):>5}" for node in some)
            label = hops(distance) if not at else ""
            said = ", ".join(f"{_called(node)} ({_metric(node)})" for node in some)
            words = _("{hops} by {name}: {nodes}") if way else _("{hops}: {nodes}")
            yield Strip(
                (("", f"{stem}    {label:<10} {'  '.join(cells)}"),),
                "  " + words.format(hops=hops(distance), name=way, nodes=said),
            )


def _called(node: dict[str, Any]) -> str:
    return str(node["name"] or node["address"])


def _metric(node: dict[str, Any]) -> str:
    return "-" if node["metric"] is None else str(node["metric"])

