"""How well one map of burned ground agrees with another."""

from dataclasses import dataclass

import numpy as np

from .arrays import Booleans


def overlap(predicted: Booleans, observed: Booleans) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.sum(predicted | observed)
    return float(np.sum(predicted & observed) / union) if union else 1.0


def kappa(predicted: Booleans, observed: Booleans) -> float:
    """Cohen's kappa over all cells: agreement beyond chance; 1 is perfect, 0 is chance."""
    agreed = np.mean(predicted == observed)
    p, o = predicted.mean(), observed.mean()
    by_chance = p * o + (1 - p) * (1 - o)
    return float((agreed - by_chance) / (1 - by_chance)) if by_chance < 1 else 1.0


@dataclass(frozen=True)
class Comparison:
    """Burned ground at one time: what was seen, and what had burned at the forecast's start."""

    observed: Booleans
    before: Booleans
    hectares_per_cell: float

    def score(self, predicted: Booleans) -> dict[str, float]:
        """Scores of one prediction (ground burned before counts as predicted); areas in ha."""
        predicted = predicted | self.before
        new, seen = predicted & ~self.before, self.observed & ~self.before
        return {
            "iou": round(overlap(predicted, self.observed), 4),
            "kappa": round(kappa(predicted, self.observed), 4),
            "area_ha": self.hectares(predicted),
            "new_ha": self.hectares(new),
            "hits_ha": self.hectares(new & seen),
            "false_alarms_ha": self.hectares(new & ~seen),
        }

    def hectares(self, cells: Booleans) -> float:
        """Area of the true cells."""
        return round(float(cells.sum()) * self.hectares_per_cell, 1)
