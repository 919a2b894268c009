"""The map: who is heard and who is behind whom, with three nodes and with a thousand, drawn and in words."""

from typing import Any

import pytest

from byzwizard.answers import Answers
from byzwizard.screens.widgets import StripLine
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import STATUS, FakeDesk
from tests.unit.fake_mesh import Nodes, mesh, neighbour

HARBOR, SCHOOL = "10.1.2.1", "10.1.3.1"
THREE = [
    neighbour("harbor", HARBOR, -51, 96, 1, throughput_mbps=54.0),
    neighbour("school", SCHOOL, None, 256, 1),
    neighbour("mosque", "10.1.4.1", None, 192, 2, via=HARBOR),
    neighbour("clinic", "10.1.5.1", None, 311, 3, via=HARBOR),
]


def at_map(nodes: Nodes, **more: Any) -> Screen:
    screen = Screen(FakeDesk(now=Answers(), state=STATUS | {"neighbours": nodes} | more), "node")
    screen.press("m")
    assert screen.page == "map"
    return screen


def rows(screen: Screen) -> list[str]:
    return [line.rstrip(" █") for line in screen.text().splitlines()]


def test_a_small_mesh_is_a_tree_of_next_steps() -> None:
    shown = rows(at_map(THREE))
    at = next(n for n, line in enumerate(shown) if "● lighthouse" in line)
    assert shown[at].endswith("this node · 2 near · 2 farther · 5 phones")
    assert " ".join(shown[at + 1].split()) == "├─ harbor ▓▓▓▓▓░ -51 dBm 54 Mb/s metric 96 2 behind"
    assert shown[at + 2].split() == ["│", "2", "hops", "mosque", "192"]
    assert shown[at + 3].split() == ["│", "3", "hops", "clinic", "311"]
    assert shown[at + 5].split() == ["└─", "school", "cable", "metric", "256"]


def test_every_node_of_a_hundred_is_found_by_scrolling() -> None:
    screen = at_map(mesh(100))
    seen: set[str] = set()
    for _page in range(20):
        seen |= {word for line in rows(screen) for word in line.split() if word.startswith(("byz-", "near-"))}
        screen.press("page down")
    assert seen == {node["name"] for node in mesh(100)}


def test_nothing_is_wider_than_the_screen() -> None:
    named = [node | {"name": f"{'long-name-' * 6}{n}"[:63]} for n, node in enumerate(mesh(40))]
    for nodes in (mesh(1000), named):
        for line in rows(at_map(nodes)):
            assert len(line) <= 80
        assert any("…" in line for line in rows(at_map(named)))


def test_there_is_room_for_big_numbers_and_long_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line as drawn, not in words: hundreds behind a far one, and a language that needs some letters more."""
    big = [neighbour("a-name-as-long-as-names-get", HARBOR, -100, 9999, 1, throughput_mbps=1300.0)]
    big += [neighbour(f"byz-{n:06x}", f"10.2.{n}.1", None, 65000, 10, via=HARBOR) for n in range(200)]
    longer = {"{n} behind": "{n} dahinter", "{n} hops": "{n} Sprünge"}
    monkeypatch.setattr("byzwizard.screens.map.ngettext", lambda one, many, n: longer.get(many, many))
    monkeypatch.setattr("byzwizard.screens.signals.ngettext", lambda one, many, n: longer.get(many, many))
    shown = rows(at_map(big))
    near = next(line for line in shown if "a-name-as" in line)
    assert near.split()[0] == "└─"
    assert near.endswith("200 dahinter")
    assert any(line.startswith("       10 Sprünge byz-000000 65000  byz-000001 65000") for line in shown)


def test_who_is_near_is_coloured_by_how_well_it_is_heard() -> None:
    from byzwizard.screens.signals import bars

    assert [bars(dbm)[0][0] for dbm in (-50, -70, -80, None)] == ["good", "look", "bad", ""]


def test_a_way_that_is_not_told_is_said_to_be_so() -> None:
    lost = [THREE[0], neighbour("island", "10.1.9.1", None, 256, None)]
    shown = rows(at_map(lost))
    assert any(line.split() == ["└─", "farther", "away"] for line in shown)
    assert any(line.split() == ["farther", "island", "256"] for line in shown)


def test_the_way_to_the_internet_is_on_the_map() -> None:
    way = {"here": False, "interface": "mesh0", "name": "harbor", "via": HARBOR, "address": None}
    assert "Internet by harbor" in at_map(THREE, gateway=way).text()


def test_alone_it_says_so_and_esc_goes_back() -> None:
    screen = at_map([])
    assert "No other node is heard yet" in screen.text()
    screen.press("esc")
    assert screen.page == "node"


def test_it_is_drawn_anew_when_the_mesh_changes() -> None:
    screen = at_map(THREE)
    screen.desk.state = STATUS | {"neighbours": [THREE[0]]}
    screen.session.page_named("node")._again = 0.0  # type: ignore[attr-defined]  # as if its pause were over
    screen.root.tick()
    assert "school" not in screen.text()


def test_help_says_what_the_map_cannot_know() -> None:
    screen = at_map(THREE)
    screen.press("f1")
    assert "only the next step" in " ".join(screen.text().split())


def test_in_line_mode_the_map_is_read_aloud() -> None:
    typist = Typist("m", desk=FakeDesk(now=Answers(), state=STATUS | {"neighbours": THREE}), first="node")
    typist.run()
    said = [line.strip() for line in typist.written]
    assert "harbor, near, -51 dBm, 54 Mb/s, metric 96, 2 behind" in said
    assert "3 hops by harbor: clinic (311)" in said
    drawn = [line for line in said if any(glyph in line for glyph in "├└│▓")]
    assert drawn == []


@pytest.mark.parametrize("count", [5, 100, 1000])
def test_the_node_page_lists_the_nearest_and_counts_the_rest(count: int) -> None:
    screen = Screen(FakeDesk(now=Answers(), state=STATUS | {"neighbours": mesh(count)}), "node")
    text = screen.text(size=(80, 40))
    assert "near-4" in text
    assert ("more: m draws them" in text) == (count > 10)
    assert "Address" in text


def test_a_key_costs_what_is_seen_however_big_the_mesh_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    inner = StripLine._inner

    def counted(self: StripLine, columns: int) -> Any:
        made.append(self.item.words)
        return inner(self, columns)

    screen = at_map(mesh(1000))
    monkeypatch.setattr(StripLine, "_inner", counted)
    for key in ("down", "page down", "end", "page up", "home"):
        made.clear()
        screen.press(key)
        assert len(made) <= 3 * 24, key
