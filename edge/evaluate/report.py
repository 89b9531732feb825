"""Scores every model file of a bundle with the engine that it is for, and sets INT8 beside FP32."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from edge.evaluate.at_threshold import confusion, told_of
from edge.evaluate.average_precision import average_precision_by_size, spread
from edge.evaluate.comparison import difference
from edge.evaluate.dataset import TEST, DetectionSet
from edge.evaluate.evaluation import ClassScore, Evaluation, GroupScore, Int8Cost, MaskScore, ModelScore, SizeScore
from edge.evaluate.groups import groups_under
from edge.evaluate.measure import (
    LEAST_SCORE,
    SetResult,
    check_fit,
    pictures_of_class,
    run_over,
    score_by_class,
    with_outlines,
)
from edge.evaluate.openings import record_opening
from edge.evaluate.pairing import NOTHING
from edge.model.bundle import Bundle
from edge.model.detector import ENGINE_OF, Detector, PrecisionChoice, load_detector
from edge.model.manifest import ModelFile

NO_GROUP = "(none)"


def evaluate_bundle(
    bundle: Bundle,
    sets: Sequence[DetectionSet],
    *,
    split: str = "val",
    by: str | None = None,
    draws: int = 200,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Evaluation:
    """Score every model file of a bundle with the engine that it is for.

    A test part is scored only after that was written down beside it.

    Args:
        bundle: The verified bundle.
        sets: Each class is scored on those that label it.
        split: `train`, `val` or `test`.
        by: A heading of the sets' groups, `camera` or `site`; each group is scored by itself too.
        draws: Bootstrap samples for the intervals, and for what INT8 costs.
        seed: Of the draws.
        advance: Called after each picture and model.
        now: The clock.

    Raises:
        EdgekitError: A model file cannot be loaded, a set does not fit the model or does not tell its pictures by
            the heading, or the opening of a test part cannot be written down.
    """
    check_fit(bundle.manifest.classes, sets, split)
    members = _members(sets, split, by) if by is not None else {}
    openings = _opened(bundle, sets, now()) if split == TEST else {}
    luck = _Luck(draws, seed)
    scores: list[ModelScore] = []
    results: dict[tuple[str, str], tuple[SetResult, ...]] = {}
    for model in bundle.manifest.models:
        backend = ENGINE_OF[model.format]
        precision: PrecisionChoice = model.precision
        detector = load_detector(bundle, backend=backend, precision=precision, score_threshold=LEAST_SCORE)
        found = results[backend, precision] = run_over(detector, sets, split, advance)
        scores.append(_score(bundle, model, detector, found, members, luck))
    costs = tuple(
        _cost(backend, before, after, luck)
        for backend in ENGINE_OF.values()
        if {(backend, "fp32"), (backend, "int8")} <= results.keys()
        for before, after in zip(results[backend, "fp32"], results[backend, "int8"], strict=True)
    )
    return Evaluation(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        split=split,
        sets={opened.description.name: len(opened.pictures(split)) for opened in sets},
        openings=openings,
        by=by,
        models=tuple(scores),
        int8_costs=costs,
    )


@dataclass(frozen=True, slots=True)
class _Luck:
    """How much of a score is luck: so many bootstrap samples, by a seed."""

    draws: int
    seed: int


def _opened(bundle: Bundle, sets: Sequence[DetectionSet], now: datetime) -> dict[str, int]:
    """Write down that test parts are opened; return by set how many times that was so, this one included."""
    return {
        opened.description.name: record_opening(
            opened.folder,
            opened.description.digest,
            len(opened.pictures(TEST)),
            bundle.manifest.name,
            bundle.digest,
            now,
        )
        for opened in sets
    }


def _score(
    bundle: Bundle,
    model: ModelFile,
    detector: Detector,
    found: Sequence[SetResult],
    members: Mapping[str, Sequence[frozenset[str]]],
    luck: _Luck,
) -> ModelScore:
    names, threshold = detector.classes, bundle.manifest.thresholds.score
    return ModelScore(
        format=model.format,
        sha256=next(entry.sha256 for entry in bundle.manifest.files if entry.path == model.path),
        backend=ENGINE_OF[model.format],
        version=detector.info.version,
        precision=model.precision,
        classes=_classes(found, names, threshold, luck),
        groups=tuple(_group(group, found, inside, names, threshold, luck) for group, inside in members.items()),
        threshold=threshold,
        confusion_names=(*names, NOTHING),
        confusion=tuple(map(tuple, confusion(found, len(names), threshold).tolist())),
    )


def _members(sets: Sequence[DetectionSet], split: str, by: str) -> dict[str, tuple[frozenset[str], ...]]:
    """Return, by group, the names of its pictures in each set."""
    by_set: list[dict[str, set[str]]] = []
    for opened in sets:
        groups = groups_under(opened.folder, by)
        by_set.append({})
        for path in opened.pictures(split):
            by_set[-1].setdefault(groups.of(path.name, by) or NO_GROUP, set()).add(path.name)
    found = sorted({group for one in by_set for group in one})
    return {group: tuple(frozenset(one.get(group, ())) for one in by_set) for group in found}


def _group(
    name: str,
    found: Sequence[SetResult],
    members: Sequence[frozenset[str]],
    classes: Sequence[str],
    threshold: float,
    luck: _Luck,
) -> GroupScore:
    parts = [result.part(names) for result, names in zip(found, members, strict=True) if names]
    pictures = sum(len(part.names) for part in parts)
    return GroupScore(name=name, pictures=pictures, classes=_classes(parts, classes, threshold, luck))


def _classes(found: Sequence[SetResult], names: Sequence[str], threshold: float, luck: _Luck) -> tuple[ClassScore, ...]:
    scores: list[ClassScore] = []
    counts = confusion(found, len(names), threshold)
    masks = _masks(with_outlines(found), luck)
    for class_id, score in score_by_class(found).items():
        pictures, told = pictures_of_class(found, class_id), told_of(counts, class_id)
        interval = spread(pictures, class_id, draws=luck.draws, seed=luck.seed)
        sizes = average_precision_by_size(pictures, class_id)
        scores.append(
            ClassScore(
                name=names[class_id],
                map50=score.map50,
                map50_95=score.map50_95,
                map50_interval=interval.map50,
                map50_95_interval=interval.map50_95,
                precision=told.precision,
                recall=told.recall,
                f1=told.f1,
                sizes=tuple(
                    SizeScore(size=size, objects=one.objects, map50_95=one.map50_95) for size, one in sizes.items()
                ),
                masks=masks.get(class_id),
            )
        )
    return tuple(scores)


def _masks(found: Sequence[SetResult], luck: _Luck) -> dict[int, MaskScore]:
    scores: dict[int, MaskScore] = {}
    for class_id, score in score_by_class(found, "masks").items():
        pictures = pictures_of_class(found, class_id)
        interval = spread(pictures, class_id, draws=luck.draws, seed=luck.seed, by="masks")
        scores[class_id] = MaskScore(
            map50=score.map50,
            map50_95=score.map50_95,
            map50_interval=interval.map50,
            map50_95_interval=interval.map50_95,
        )
    return scores


def _cost(backend: str, before: SetResult, after: SetResult, luck: _Luck) -> Int8Cost:
    found = difference([before], [after], draws=luck.draws, seed=luck.seed)
    points, low, high = (float(np.round(value, 2)) for value in (found.points, found.low, found.high))
    return Int8Cost(backend=backend, set_name=before.name, points=points, low=low, high=high, draws=luck.draws)
