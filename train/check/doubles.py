"""Pictures that are nearly the same: in two splits, which is a leak, or in one, where one of them is superfluous."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.evaluate.dataset import ALL_SPLITS
from train.check.findings import Finding, Kind
from train.check.likeness import alike, clusters
from train.check.limits import CheckLimits
from train.check.look import Look, View
from train.check.scenes import same_scenes

Closeness = Literal["same", "alike", "scene"]

_MOST_SHOWN = 12
_MOSTLY_THE_SAME = 0.6  # of both pictures: a camera that was nudged, and not one that stands elsewhere


@dataclass(frozen=True, slots=True)
class Tie:
    """Two pictures that belong together.

    Attributes:
        first: Index, the lower one.
        second: Index.
        closeness: `same`, one of them is superfluous; `alike`, nearly the same; `scene`, one place or thing.
        how: How one can tell, in words.
    """

    first: int
    second: int
    closeness: Closeness
    how: str


def find_ties(views: Sequence[View], limits: CheckLimits, advance: Callable[[int], None] = lambda _: None) -> list[Tie]:
    """Return which pictures belong together, and how closely.

    Args:
        views: Of N pictures.
        limits: How alike.
        advance: Called with how many of N pictures were done since the last call.
    """
    if not views:
        return []
    thumbs = np.stack([view.thumbs for view in views])
    ties = {
        (pair.first, pair.second): Tie(
            pair.first,
            pair.second,
            "same" if pair.likeness >= limits.same else "alike",
            f"correlation {pair.likeness:.2f}",
        )
        for pair in alike(thumbs, limits.alike)
    }
    glances = (thumbs[:, 0].reshape(len(views), -1), np.stack([view.colours for view in views]))
    for match in same_scenes([view.points for view in views], glances, limits.agreeing_points, advance):
        nudged = match.overlap >= _MOSTLY_THE_SAME and match.likeness >= limits.alike
        closeness: Closeness = "alike" if nudged else "scene"
        how = f"{match.points} points agree"
        ties.setdefault((match.first, match.second), Tie(match.first, match.second, closeness, how))
    return [tie for _, tie in sorted(ties.items())]


def double_findings(looks: Sequence[Look], ties: Sequence[Tie]) -> Iterator[Finding]:
    """Yield leaks and shared scenes, by the picture that is measured on, and duplicates within a split, by heap."""
    across = [tie for tie in ties if looks[tie.first].split != looks[tie.second].split]
    yield from _across(looks, [tie for tie in across if tie.closeness != "scene"], "leak")
    yield from _across(looks, [tie for tie in across if tie.closeness == "scene"], "same-scene")
    again = [
        (tie.first, tie.second)
        for tie in ties
        if tie.closeness == "same" and looks[tie.first].split == looks[tie.second].split
    ]
    for heap in clusters(len(looks), again):
        if len(heap) > 1:
            names = tuple(looks[index].name for index in heap)
            detail = f"{len(heap)} pictures that are nearly the same"
            yield Finding("duplicate", names, detail, "keep one of them, as --fix does", names[1:])


def _across(looks: Sequence[Look], ties: Sequence[Tie], kind: Kind) -> Iterator[Finding]:
    """Yield one finding for each picture of `val` or `test` that another split shows too."""
    by_measured: dict[int, list[Tie]] = {}
    for tie in ties:
        measured = max(tie.first, tie.second, key=lambda index: ALL_SPLITS.index(looks[index].split))
        by_measured.setdefault(measured, []).append(tie)
    for measured, found in sorted(by_measured.items()):
        others = [looks[tie.first if tie.second == measured else tie.second] for tie in found]
        splits = " and ".join(dict.fromkeys(other.split for other in others))
        detail = f"{len(found)} in {splits}, such as {others[0].path.name} ({found[0].how})"
        names = tuple(other.name for other in others)
        if kind == "leak":
            remedy = "split anew by groups: `edgekit data split`; --fix takes out those that it was learnt from"
            yield Finding(kind, (looks[measured].name, *names[:_MOST_SHOWN]), detail, remedy, names)
        else:
            remedy = "keep a scene in one split: `edgekit data split`; leave it where a thing is to be known again"
            yield Finding(kind, (looks[measured].name, *names[:_MOST_SHOWN]), detail, remedy)
