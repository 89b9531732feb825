"""Scores every model file of a bundle with the engine that it is for, and sets INT8 beside FP32."""

from collections.abc import Callable, Sequence

import numpy as np

from edge.evaluate.average_precision import Difference, difference
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.evaluation import ClassScore, Evaluation, Int8Cost, ModelScore
from edge.evaluate.measure import LEAST_SCORE, SetResult, run_over, score_by_class
from edge.model.bundle import Bundle
from edge.model.detector import ENGINE_OF, PrecisionChoice, load_detector


def evaluate_bundle(
    bundle: Bundle,
    sets: Sequence[DetectionSet],
    *,
    split: str = "val",
    draws: int = 200,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Score every model file of a bundle with the engine that it is for.

    Args:
        bundle: The verified bundle.
        sets: Each class is scored on those that label it.
        split: `val` or `train`.
        draws: Bootstrap samples for what INT8 costs.
        seed: Of the draws.
        advance: Called after each picture and model.

    Raises:
        EdgekitError: A model file cannot be loaded, or a set does not fit the model.
    """
    scores: list[ModelScore] = []
    results: dict[tuple[str, str], tuple[SetResult, ...]] = {}
    for model in bundle.manifest.models:
        backend = ENGINE_OF[model.format]
        precision: PrecisionChoice = model.precision
        detector = load_detector(bundle, backend=backend, precision=precision, score_threshold=LEAST_SCORE)
        found = run_over(detector, sets, split, advance)
        results[backend, precision] = found
        by_class = score_by_class(found)
        scores.append(
            ModelScore(
                format=model.format,
                sha256=next(entry.sha256 for entry in bundle.manifest.files if entry.path == model.path),
                backend=backend,
                version=detector.info.version,
                precision=precision,
                classes=tuple(
                    ClassScore(name=detector.classes[class_id], map50=score.map50, map50_95=score.map50_95)
                    for class_id, score in by_class.items()
                ),
            )
        )
    costs = tuple(
        _cost(backend, before, after, draws, seed)
        for backend in ENGINE_OF.values()
        if {(backend, "fp32"), (backend, "int8")} <= results.keys()
        for before, after in zip(results[backend, "fp32"], results[backend, "int8"], strict=True)
    )
    return Evaluation(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        split=split,
        sets={opened.description.name: len(opened.pictures(split)) for opened in sets},
        models=tuple(scores),
        int8_costs=costs,
    )


def _cost(backend: str, before: SetResult, after: SetResult, draws: int, seed: int) -> Int8Cost:
    found: Difference = difference(before.pictures, after.pictures, before.class_ids, draws=draws, seed=seed)
    points, low, high = (float(np.round(value, 2)) for value in (found.points, found.low, found.high))
    return Int8Cost(backend=backend, set_name=before.name, points=points, low=low, high=high, draws=draws)
