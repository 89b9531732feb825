"""Teachers: trained models that label pictures, from a signed bundle or from a training's folder."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.bundle import open_bundle
from edge.model.detections import Detections
from edge.model.detector import load_detector


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model that labels pictures.

    Attributes:
        name: For people: what it is and where it came from.
        digest: sha256 that names it beside each of its labels.
        classes: Names in the order of the ids that `detect` gives.
        detect: Returns what stands in a picture (H, W, 3) uint8 BGR, boxes in its pixels.
        at_once: From how many threads `detect` may be called at the same time.
    """

    name: str
    digest: str
    classes: tuple[str, ...]
    detect: Callable[[NDArray[np.uint8]], Detections]
    at_once: int = 1


def bundle_teacher(folder: Path, trusted_keys: Sequence[Path], score: float) -> Teacher:
    """Return the detector of a signed bundle as a teacher; nothing of torch is loaded.

    Args:
        folder: The bundle.
        trusted_keys: Public keys of which one must have signed it.
        score: Detections below it are not told.

    Raises:
        EdgekitError: The bundle cannot be trusted or loaded.
    """
    bundle = open_bundle(folder, trusted_keys)
    # The finest of its files: a teacher has the time.
    precisions = {model.precision for model in bundle.manifest.models}
    detector = load_detector(bundle, precision="fp32" if "fp32" in precisions else "auto", score_threshold=score)
    name = f"{bundle.manifest.name} {bundle.manifest.version}"
    return Teacher(name, bundle.digest, detector.classes, detector.detect, detector.info.requests)


def run_teacher(run: Path, score: float) -> Teacher:
    """Return the best checkpoint of a training as a teacher.

    Args:
        run: The folder that `edgekit train detector` wrote.
        score: Detections below it are not told.

    Raises:
        EdgekitError: The folder is no run, or its checkpoint is missing or cannot be loaded safely.
    """
    from train.detector import read_config  # noqa: PLC0415 - importing torch takes seconds; faults come first
    from train.runs import kind_of  # noqa: PLC0415

    if kind_of(run) == "baseline":
        return _baseline_teacher(run, score)

    config = read_config(run)
    best = run / "weights" / "best.pt"
    try:
        digest = hashlib.sha256(best.read_bytes()).hexdigest()
    except OSError as exc:
        raise EdgekitError(f"cannot read {best} ({exc.strerror}): a teacher is a training with a saved epoch") from exc
    from train.yolo_models import detecting  # noqa: PLC0415

    return Teacher(run.name, digest, config.sets[0].classes, detecting(best, config.settings.input_size, score))


def _baseline_teacher(run: Path, score: float) -> Teacher:
    from train.baselines.pictures import detect  # noqa: PLC0415 - importing torch takes seconds
    from train.baselines.run import open_baseline  # noqa: PLC0415

    opened = open_baseline(run)
    px = opened.config.settings.input_px
    return Teacher(
        run.name, opened.digest, opened.config.sets[0].classes, lambda image: detect(opened.baseline, image, px, score)
    )
