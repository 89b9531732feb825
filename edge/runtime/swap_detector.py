"""What an exchange of the detector asks of the new one, and how the two are compared."""

import time
from pathlib import Path

import numpy as np

from edge.config import BoxConfig
from edge.model.bundle import open_bundle
from edge.model.detections import Detections, iou_matrix
from edge.runtime.classifying import check_crop_classes
from edge.runtime.loading import load_for_box
from edge.runtime.looking import check_fields
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.shadow import Comparison, Shadow
from edge.runtime.swappable import Trial, already_in_use, refuse_older
from edge.tags.shelf_checks import check_classes
from edge.video.frame import Frame

_ALIKE_IOU = 0.5


class DetectorSwap:
    """The detector of a box, as it can be exchanged.

    Args:
        config: The box; its zones must know their classes in the new model too.
        in_use: Shared with the workers.
    """

    shadow_needed = True

    def __init__(self, config: BoxConfig, in_use: ModelInUse) -> None:
        self._config = config
        self.in_use = in_use

    @property
    def configured(self) -> Path:
        """Where the bundle lies that the box starts with."""
        return self._config.bundle.path

    def load(self, path: Path) -> LoadedModel:
        """Return the verified and proved model of a bundle.

        Raises:
            EdgekitError: It cannot be trusted, loaded or used in this box.
        """
        config = self._config
        bundle = open_bundle(path, config.bundle.trusted_keys)
        if bundle.digest == self.in_use.current.digest:
            raise already_in_use()
        if path != self.configured:  # back to that is always allowed
            refuse_older(self.in_use.current.bundle.manifest, bundle.manifest)
        for camera in config.cameras:
            for shelf in camera.shelves:
                check_classes(camera.name, shelf, bundle.manifest.classes)
        check_crop_classes(config, bundle.manifest.classes)
        check_fields(config, bundle.manifest.classes)
        detector = load_for_box(config, bundle)
        return self.in_use.as_set(LoadedModel.of(bundle, detector, self.in_use.current.classes))

    def compare(self, new: LoadedModel, trial: Trial) -> Comparison | None:
        """Let a new model look at live frames beside the old one; None where none came."""
        common = np.intersect1d(self.in_use.current.run_ids, new.run_ids).astype(np.int32)
        shadow: Shadow[Frame, Detections] = Shadow()

        def look(frame: Frame) -> tuple[Detections, float]:
            tensor, letterbox = new.detector.prepare(frame)
            began = time.monotonic()
            outputs = new.detector.infer(tensor)
            took_ms = (time.monotonic() - began) * 1000
            return new.decode(outputs, letterbox), took_ms

        def agreement(before: Detections, now: Detections) -> tuple[int, int]:
            counted = before.where(np.isin(before.class_id, common))
            return len(counted), _found(counted, now)

        self.in_use.shadow = shadow
        try:
            return shadow.compare(look, agreement, trial.bounds, trial.stopping)
        finally:
            self.in_use.shadow = None


def _found(expected: Detections, found: Detections) -> int:
    """Return how many detections (N,) have their like among others (M,)."""
    if not len(expected) or not len(found):
        return 0
    alike = expected.class_id[:, None] == found.class_id
    return int((alike & (iou_matrix(expected.xyxy, found.xyxy) >= _ALIKE_IOU)).any(axis=1).sum())
