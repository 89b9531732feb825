"""Whether a smaller model may take the place of the one it was made from: what is compared, and how it came out.

Both are exported files, run by the runtime's own code over the same pictures. mAP alone is not enough: a class can
vanish behind two that hold, and scores can sink together, which mAP does not see and a box's threshold does.
"""

from collections.abc import Sequence

from pydantic import Field

from compress.budget import Budget
from edge.evaluate.comparison import Difference, difference
from edge.evaluate.measure import SetResult, with_outlines
from edge.evaluate.operating_point import best_threshold, recall_by_class
from edge.model.manifest import Part


class Gate(Part):
    """One comparison."""

    name: str
    change: float = Field(description="the smaller model's less the other's, points or a score's drift")
    low: float | None = Field(default=None, description="95 % interval of a paired bootstrap, where there is one")
    high: float | None = None
    limit: float = Field(description="the most that may be lost, or drift either way")
    kept: bool

    def told(self) -> str:
        """Return it in words."""
        interval = f" ({self.low:+.2f} to {self.high:+.2f})" if self.low is not None and self.high is not None else ""
        return f"{self.name} {self.change:+.2f}{interval}, allowed {self.limit:g}{'' if self.kept else ': BROKEN'}"


class Verdict(Part):
    """All comparisons of a smaller model with the one that it was made from."""

    gates: tuple[Gate, ...]

    @property
    def kept(self) -> bool:
        """Whether the budget holds."""
        return all(gate.kept for gate in self.gates)

    @property
    def map_change(self) -> float:
        """Points of mAP50-95 by boxes."""
        return self.gates[0].change

    def told(self) -> str:
        """Return it in words."""
        return "; ".join(gate.told() for gate in self.gates)


def judge(
    before: Sequence[SetResult],
    after: Sequence[SetResult],
    classes: Sequence[str],
    budget: Budget,
    *,
    draws: int = 200,
    seed: int = 0,
) -> Verdict:
    """Hold a smaller model's results against those of the model that it was made from.

    Recall is taken at the score at which the model before does best, since that is where a box has its threshold.

    Args:
        before: Results of the model that it was made from.
        after: Results of the smaller one on the same pictures.
        classes: Names by id.
        budget: What may be lost.
        draws: Bootstrap samples for the intervals.
        seed: Of the draws.
    """
    gates = [_map_gate("mAP50-95", difference(before, after, draws=draws, seed=seed), budget)]
    masks_before, masks_after = with_outlines(before), with_outlines(after)
    if masks_before and masks_after:
        lost = difference(masks_before, masks_after, draws=draws, seed=seed, by="masks")
        gates.append(_map_gate("mask mAP50-95", lost, budget))
    threshold = best_threshold(before)
    recalls = recall_by_class(before, threshold), recall_by_class(after, threshold)
    for class_id, recall in recalls[0].items():
        change, limit = round(100 * (recalls[1][class_id] - recall), 2), budget.recall_points
        gates.append(Gate(name=f"recall of {classes[class_id]}", change=change, limit=limit, kept=change >= -limit))
    drift, limit = round(best_threshold(after) - threshold, 2), budget.threshold_drift
    gates.append(Gate(name="best threshold", change=drift, limit=limit, kept=abs(drift) <= limit))
    return Verdict(gates=tuple(gates))


def _map_gate(name: str, lost: Difference, budget: Budget) -> Gate:
    change, low, high = (round(value, 2) for value in (lost.points, lost.low, lost.high))
    limit = budget.map_points
    return Gate(name=name, change=change, low=low, high=high, limit=limit, kept=change >= -limit)
