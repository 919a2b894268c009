"""What is made of what rrdtool says: pure, no process."""

from pathlib import Path
from typing import Any

from byzwizard.backends import counters
from byzwizard.backends.counters import PERIODS, Period
from byzwizard.backends.system import System

SAID = """\
OK u:0.00 s:0.00 r:0.00
{ "about": "RRDtool graph JSON output",
  "meta": {
    "start": 60
     },
  "data": [
    [ null, 2.5e+01 ],
    [ 1.0e+02, null ]
  ]
}
OK u:0.00 s:0.00 r:0.00
ERROR: opening '/run/x.rrd': No such file or directory
{ "about": "RRDtool graph JSON output",
  "data": [
  ]
}
"""


def test_tables_are_read_out_of_what_is_said() -> None:
    assert list(counters.tables(SAID)) == [[[None, 25.0], [100.0, None]], []]


def test_rows_become_columns_of_a_graph_and_a_sum() -> None:
    period = Period("day", 10, 6, 2, 0)
    rows: list[list[float | None]] = [[None], [None], [100.0], [50.0], [30.0]]
    told = counters.series(rows, 0, period)
    assert told == {"bytes": 1800, "rates": [None, 100, 40]}  # the row that is missing is the oldest
    assert counters.series([], 0, period) == {"bytes": 0, "rates": [None, None, None]}


def test_every_period_is_sixty_columns_wide_and_within_what_is_kept() -> None:
    for period in PERIODS:
        assert period.rows == 60 * period.group
        steps, rows = next((steps, rows) for steps, rows in counters.ARCHIVES if steps * counters.STEP >= period.step)
        assert steps * counters.STEP == period.step
        assert rows >= period.rows
    assert [period.seconds for period in PERIODS] == [3600, 86400, 604800]


def test_totals_are_what_status_tells() -> None:
    told = counters.summary(["mesh0"], [[[60.0, 30.0]] * period.rows for period in PERIODS])
    assert counters.totals(told) == [{
        "interface": "mesh0",
        "hour": {"in_bytes": 216_000, "out_bytes": 108_000},
        "day": {"in_bytes": 5_184_000, "out_bytes": 2_592_000},
        "week": {"in_bytes": 36_288_000, "out_bytes": 18_144_000},
    }]
    assert counters.totals({}) == []


def test_only_what_can_be_an_interface_is_counted(tmp_path: Path) -> None:
    system = System(tmp_path)
    assert counters.ports(system) == []
    many = [f"eth{n}" for n in range(40)]
    system.write(counters.PORTS, "\n".join(["../../etc/x", "a:b", "mesh0", *many]))
    assert counters.ports(system) == ["mesh0", *many][:counters.MOST]


def test_a_summary_that_is_none_is_no_traceback(tmp_path: Path) -> None:
    system = System(tmp_path)
    broken: Any
    for broken in ("", "{", "[]"):
        system.write(counters.SUMMARY, broken)
        assert counters.read(system) == {}
