"""What a benchmark found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles


@dataclass(frozen=True)
class Result:
    """A figure in its unit; latencies, where there are any, in milliseconds."""

    value: float
    unit: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    details: Mapping[str, float | str] = field(default_factory=dict)

    def as_json(self) -> str:
        """One JSON object, without what was not measured."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, {})}
        return json.dumps(known)

    def as_text(self) -> str:
        """For people, one figure a line."""
        lines = [f"{self.value:,.0f} {self.unit}"]
        if self.p50_ms is not None and self.p99_ms is not None:
            lines.append(f"latency p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms")
        lines += [f"{name}: {value}" for name, value in self.details.items()]
        return "\n".join(lines)


def percentiles_ms(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile of latencies given in seconds, in milliseconds."""
    cuts = quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000
