"""What each way to compute a model costs in accuracy, on pictures of the site's own: speed alone is half an answer."""

from collections.abc import Callable, Iterable, Sequence

from edge.bench.record import Accuracy, ClassAccuracy, Way
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.measure import LEAST_SCORE, run_over, score_by_class
from edge.model.bundle import Bundle
from edge.model.detector import ENGINE_OF, load_detector
from edge.model.engine import Device, Placement

_SPLIT = "val"
_REQUESTS = 2


def ways_of(bundle: Bundle, measured: Iterable[Way]) -> list[Way]:
    """Return all ways to score a bundle: each of its files as it is, and those that were measured, each once."""
    files = [
        Way(backend=ENGINE_OF[model.format], precision=model.precision, hint="f32") for model in bundle.manifest.models
    ]
    return list(dict.fromkeys([*files, *measured]))


def score(
    bundle: Bundle, ways: Sequence[Way], sets: Sequence[DetectionSet], device: Device, progress: Callable[[str], None]
) -> tuple[Accuracy, ...]:
    """Score each way on the part `val` of sets, every class where it is labelled.

    Raises:
        EdgekitError: A set does not fit the model, or a way does not work here.
    """
    scores: list[Accuracy] = []
    for way in ways:
        progress(f"accuracy: {way}")
        detector = load_detector(
            bundle,
            backend=way.backend,
            precision=way.precision,
            requests=_REQUESTS,
            score_threshold=LEAST_SCORE,
            placement=Placement(device, way.hint),
        )
        found = run_over(detector, sets, _SPLIT)
        scores.append(
            Accuracy(
                model=bundle.digest,
                way=way,
                sets={result.name: len(result.pictures) for result in found},
                classes=tuple(
                    ClassAccuracy(
                        name=detector.classes[class_id], map50=round(one.map50, 4), map50_95=round(one.map50_95, 4)
                    )
                    for class_id, one in score_by_class(found).items()
                ),
            )
        )
    return tuple(scores)
