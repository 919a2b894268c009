"""The graphs of the traffic: heights, periods, words."""

from typing import Any

from byzwizard.answers import Answers
from byzwizard.backends import counters
from byzwizard.backends.counters import PERIODS
from byzwizard.screens.traffic import LEVELS, bits, level
from tests.unit.driver import Screen, Typist
from tests.unit.fake_desk import STATUS, FakeDesk

MB = 1_000_000


def passed(came: float, went: float) -> dict[str, Any]:
    """An even stream at mesh0 for the younger half of each period, nothing at ap0."""
    before: list[float | None] = [None] * 4
    after: list[float | None] = [came, went, 0.0, 0.0]
    rows = [[before] * (period.rows // 2) + [after] * (period.rows // 2) for period in PERIODS]
    return counters.summary(["mesh0", "ap0"], rows)


def at_traffic(found: dict[str, Any]) -> Screen:
    state = STATUS | {"traffic": counters.totals(found)}
    screen = Screen(FakeDesk(now=Answers(), state=state, passed=found), "node")
    screen.press("g")
    assert screen.page == "traffic"
    return screen


def test_in_stands_above_the_line_and_out_below() -> None:
    text = at_traffic(passed(MB, MB / 2)).text()
    rows = [line.rstrip() for line in text.splitlines()]
    line = next(n for n, row in enumerate(rows) if "─" in row)
    half = " " * 30
    assert [row[8:] for row in rows[line - 3 : line]] == [half + "█" * 30] * 3
    assert [row[8:] for row in rows[line + 1 : line + 4]] == [half + "█" * 30, half + "▀" * 30, ""]
    assert rows[line - 1].split()[0] == "in"
    assert rows[line + 1].split()[0] == "out"
    assert "mesh0  in 1.8 GB · out 900.0 MB · at most 8.0 Mb/s" in text
    assert "ap0  nothing" in text


def test_the_keys_choose_the_period() -> None:
    screen = at_traffic(passed(MB, MB))
    assert "last hour" in screen.text()
    screen.press("w")
    assert "last week" in screen.text()
    assert "a week ago" in screen.text()
    screen.press("d")
    assert "in 43.2 GB" in screen.text()
    screen.press("esc")
    assert screen.page == "node"


def test_the_least_is_seen_and_the_most_is_the_top() -> None:
    assert [level(rate, 6000) for rate in (None, 0, 1, 1000, 6000)] == [0, 0, 1, 1, LEVELS]


def test_rates_are_told_in_bits() -> None:
    assert bits(100) == "800 b/s"
    assert bits(1000) == "8 kb/s"
    assert bits(1_000_000) == "8.0 Mb/s"


def test_before_the_first_minute_it_says_so() -> None:
    assert "Nothing was counted yet" in at_traffic({}).text()


def test_the_node_page_tells_the_busiest() -> None:
    screen = at_traffic(passed(MB, MB))
    screen.press("esc")
    assert "mesh0: in 1.8 GB, out 1.8 GB" in screen.text(size=(100, 40))


def test_in_line_mode_it_is_words() -> None:
    found = passed(MB, MB)
    typist = Typist("g", "d", desk=FakeDesk(now=Answers(), passed=found), first="node")
    typist.run()
    said = [line.strip() for line in typist.written]
    assert "mesh0: in 1.8 GB, out 1.8 GB, at most 8.0 Mb/s" in said
    assert "mesh0: in 43.2 GB, out 43.2 GB, at most 8.0 Mb/s" in said
    assert not any(glyph in line for line in said for glyph in "█▀▄─")
