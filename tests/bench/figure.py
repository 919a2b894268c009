"""One line of the benchmark: what was measured, how much it is, and how much it may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`limit` is the most that `value` may be, in `unit`: ratio, s, ms or MB."""

    name: str
    value: float
    unit: str
    limit: float

    def line(self) -> str:
        over = "" if self.value <= self.limit else "  OVER"
        return f"{self.name:<44} {self.value:8.2f} {self.unit:<6} ≤ {self.limit:g}{over}"
