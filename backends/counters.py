"""How much went through each interface: counted once a minute into round-robin files (rrdtool), which lie in memory and
never grow, and read from the summary that is written beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byzwizard.backends.system import System

FOLDER = "/run/byzantium/traffic"
PICTURES = f"{FOLDER}/pictures"
SUMMARY = f"{FOLDER}/summary.json"
PORTS = "/run/byzantium/traffic-ports"  # the interfaces, one a line; root's, so not in the folder of the counting user
NAME = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # of interfaces that can stand in a path, a command and an address
MOST = 16  # interfaces: 57 kB of memory for each
STEP = 60  # seconds between two counts
# Steps in a row, and rows: ten hours by the minute, three days by 6 minutes, 12 days by 24, half a year by 144.
ARCHIVES = ((1, 576), (6, 672), (24, 732), (144, 1460))
IN, OUT = "#2E8B57", "#702963"


@dataclass(frozen=True)
class Period:
    """`rows` of `step` seconds, drawn in the terminal as groups of `group`; its picture is made each `redraw` s."""

    name: str
    step: int
    rows: int
    group: int
    redraw: int

    @property
    def seconds(self) -> int:
        return self.step * self.rows


PERIODS = (
    Period("hour", 60, 60, 1, 300),
    Period("day", 360, 240, 4, 600),
    Period("week", 1440, 420, 7, 3600),
)


def ports(system: System) -> list[str]:
    """The interfaces that are counted, there or not."""
    names = (system.read(PORTS) or "").split()
    return [name for name in names if NAME.fullmatch(name)][:MOST]


def counted(system: System, name: str) -> tuple[int, int] | None:
    """Bytes in and out since the interface is there; None where it is not."""
    folder = f"/sys/class/net/{name}/statistics"
    texts = [system.read(f"{folder}/{which}_bytes") for which in ("rx", "tx")]
    if None in texts:
        return None
    came, went = (int(text or 0) for text in texts)
    return came, went


def create(path: str, now: int) -> str:
    """rrdtool's line that makes a file. What is counted twice in ten minutes is known; a counter that began anew, as
    after a restart of the interface, is not taken for a flood."""
    sources = " ".join(f"DS:{way}:DERIVE:600:0:1250000000" for way in ("in", "out"))
    archives = " ".join(f"RRA:AVERAGE:0.5:{steps}:{rows}" for steps, rows in ARCHIVES)
    return f"create {path} --step {STEP} --start {now - 10} {sources} {archives}"


def update(path: str, now: int, counts: tuple[int, int]) -> str:
    return f"update {path} {now}:{counts[0]}:{counts[1]}"


def export(paths: Sequence[str], period: Period, now: int) -> str:
    """rrdtool's line that tells the rows of a period, two columns for each file."""
    end = now - now % period.step
    parts = [
        f"DEF:{way}{n}={path}:{way}:AVERAGE XPORT:{way}{n}:{way}{n}" for n, path in enumerate(paths)
        for way in ("in", "out")
    ]
    return (f"xport --json --maxrows {period.rows + 2} --start {end - period.seconds} --end {end} --step {period.step} "
            + " ".join(parts))


def picture(path: str, target: str, name: str, period: Period, now: int) -> str:
    """rrdtool's line that draws a PNG: in above the line, out below it, in bits a second."""
    return (
        f"graph {target} --imgformat PNG --width 600 --height 100 --start {now - period.seconds} --end {now} "
        f"--title {name} --vertical-label bit/s --slope-mode "
        f"DEF:in={path}:in:AVERAGE DEF:out={path}:out:AVERAGE CDEF:up=in,8,* CDEF:down=out,-8,* "
        f"AREA:up{IN}:in AREA:down{OUT}:out HRULE:0#000000")


def tables(said: str) -> Iterator[list[list[float | None]]]:
    """The rows of each export in what rrdtool said. Raises ValueError on what it would not say."""
    for part in re.findall(r"(?ms)^\{ \"about\".*?^\}$", said):
        yield json.loads(part)["data"]


def series(rows: Sequence[Sequence[float | None]], column: int, period: Period) -> dict[str, Any]:
    """{"bytes": in all, "rates": bytes a second of each group of rows, None where nothing was counted}."""
    known = [row[column] for row in rows][-period.rows:]
    values: list[float | None] = [*[None] * (period.rows - len(known)), *known]
    groups = [[value for value in values[at:at + period.group] if value is not None]
              for at in range(0, period.rows, period.group)]
    return {
        "bytes": round(sum(value for value in values if value is not None) * period.step),
        "rates": [round(sum(group) / len(group)) if group else None for group in groups],
    }


def summary(names: Sequence[str], told: Sequence[Sequence[Sequence[float | None]]]) -> dict[str, Any]:
    """{period: {"step": seconds of a rate, "interfaces": {name: {"in": series, "out": series}}}}."""
    return {
        period.name: {
            "step": period.step * period.group,
            "interfaces": {name: {"in": series(rows, 2 * n, period), "out": series(rows, 2 * n + 1, period)}
                           for n, name in enumerate(names)},
        }
        for period, rows in zip(PERIODS, told, strict=True)
    }


def read(system: System) -> dict[str, Any]:
    """The summary; empty until something was counted."""
    try:
        found = json.loads(system.read(SUMMARY) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def totals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The field "traffic" of `status --json`: [{"interface", "hour": {"in_bytes", "out_bytes"}, "day", "week"}]."""
    names = list(found["hour"]["interfaces"]) if found else []
    return [
        {"interface": name} | {
            period: {f"{way}_bytes": table["interfaces"][name][way]["bytes"] for way in ("in", "out")}
            for period, table in found.items()
        }
        for name in names
    ]
