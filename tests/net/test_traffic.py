"""Traffic counted by the real rrdtool, from counters that stand still in files."""

import shutil
from pathlib import Path

import pytest

from byzwizard.backends import counters
from byzwizard.backends.system import System
from byzwizard.traffic import Counting

pytestmark = pytest.mark.skipif(shutil.which("rrdtool") is None, reason="rrdtool is not installed")
BEGAN = 1_800_000_000
RATE_IN, RATE_OUT = 125_000, 50_000  # bytes a second


class Node:
    def __init__(self, root: Path) -> None:
        self.system = System(root)
        self.system.write(counters.PORTS, "mesh0\nap0\n")
        self.system.write("/sys/class/net/gone0/statistics/rx_bytes", "5")

    def passed(self, seconds: int, name: str = "mesh0") -> None:
        for way, rate in (("rx", RATE_IN), ("tx", RATE_OUT)):
            self.system.write(f"/sys/class/net/{name}/statistics/{way}_bytes", str(seconds * rate))

    def count(self, seconds: int) -> None:
        """As the timer does, `seconds` after the beginning."""
        Counting(self.system, BEGAN + seconds).run()

    def files(self) -> list[Path]:
        return sorted(path for path in self.system.path(counters.FOLDER).rglob("*") if path.is_file())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_half_an_hour_is_counted_and_drawn(node: Node) -> None:
    for minute in range(31):
        node.passed(60 * minute)
        node.count(60 * minute)
    found = counters.read(node.system)
    hour = found["hour"]["interfaces"]["mesh0"]
    assert hour["in"]["rates"][-30:] == [RATE_IN] * 30
    assert hour["out"]["rates"][-30:] == [RATE_OUT] * 30
    assert hour["in"]["rates"][0] is None
    one, = counters.totals(found)
    for period in ("hour", "day", "week"):
        assert one[period]["in_bytes"] == pytest.approx(1800 * RATE_IN, rel=0.35), period
    assert one["hour"] == {"in_bytes": 1800 * RATE_IN, "out_bytes": 1800 * RATE_OUT}
    names = sorted(path.name for path in node.files())
    assert names == ["mesh0-day.png", "mesh0-hour.png", "mesh0-week.png", "mesh0.rrd", "summary.json"]
    for path in node.files():
        assert path.suffix != ".png" or path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_memory_is_bounded_however_long_it_counts(node: Node) -> None:
    sizes = []
    for day in (0, 1, 40, 400):
        node.passed(86400 * day)
        node.count(86400 * day)
        sizes.append(sum(path.stat().st_size for path in node.files() if path.suffix == ".rrd"))
    assert len(set(sizes)) == 1
    assert sizes[0] < 64_000


def test_a_counter_that_begins_anew_is_no_flood(node: Node) -> None:
    for minute, seconds in enumerate((0, 60, 120, 0, 60, 120)):
        node.passed(seconds)
        node.count(60 * minute)
    rates = counters.read(node.system)["hour"]["interfaces"]["mesh0"]["in"]["rates"]
    assert max(rate for rate in rates if rate is not None) == RATE_IN


def test_an_interface_that_comes_later_and_one_that_goes(node: Node) -> None:
    node.passed(0)
    node.count(0)
    node.passed(60, "ap0")
    shutil.rmtree(node.system.path("/sys/class/net/mesh0"))
    node.count(60)
    assert list(counters.read(node.system)["hour"]["interfaces"]) == ["mesh0", "ap0"]


def test_the_picture_of_an_hour_is_drawn_more_often_than_that_of_a_week(node: Node) -> None:
    picture = node.system.path(f"{counters.PICTURES}/mesh0-hour.png")
    drawn = []
    for minute in range(12):
        node.passed(60 * minute)
        node.count(60 * minute)
        drawn.append(picture.stat().st_mtime - BEGAN)
    assert sorted(set(drawn)) == [0, 300, 600]
    assert picture.with_name("mesh0-week.png").stat().st_mtime == BEGAN


def test_a_clock_set_back_costs_what_was_counted_and_no_more(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    node.passed(0)
    node.count(10_000_000)
    node.count(10_000_060)
    for minute in range(4):
        node.passed(60 * minute)
        node.count(60 * minute)
    rates = counters.read(node.system)["hour"]["interfaces"]["mesh0"]["in"]["rates"]
    assert rates[-3:] == [RATE_IN] * 3
    assert capfd.readouterr().err == ""


def test_nothing_to_count_is_no_fault(node: Node) -> None:
    node.count(0)
    assert node.files() == []
