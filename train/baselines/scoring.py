"""Scores a baseline on pictures that it did not learn from, as `edgekit evaluate` scores a bundle."""

from collections.abc import Sequence

import numpy as np

from edge.evaluate.average_precision import average_precision
from edge.evaluate.labels import read_labels
from edge.evaluate.outlines import outlines_of
from edge.evaluate.picture_result import AveragePrecision, PictureResult
from edge.model.picture import read_picture
from train.baselines.adapter import Baseline
from train.baselines.pictures import Sample, corners_of, detect
from train.baselines.settings import BaselineSettings


def scored(
    baseline: Baseline, settings: BaselineSettings, classes: Sequence[str], val: Sequence[Sample]
) -> tuple[dict[str, AveragePrecision], dict[str, AveragePrecision]]:
    """Return the average precisions by class, of boxes and, where there are any, of masks."""
    results: list[PictureResult] = []
    for sample in val:
        image = read_picture(sample.picture)
        height, width = image.shape[:2]
        labels = list(read_labels(sample.labels, len(classes)))
        found = detect(baseline, image, settings.input_px)
        outlines = outlines_of(labels, found.masks, height, width)
        ids = np.array([label.class_id for label in labels], np.int32)
        results.append(PictureResult(corners_of(labels, width, height), ids, found, outlines))
    ids = range(len(classes))
    boxes = average_precision(results, ids)
    with_masks = settings.kind.gives_masks and all(result.outlines is not None for result in results)
    masks = average_precision(results, ids, "masks") if with_masks else {}
    return {classes[one]: score for one, score in boxes.items()}, {classes[one]: score for one, score in masks.items()}
