"""ultralytics' validator, taught that a picture's set may not label every class."""

from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import torch
from ultralytics.models.yolo.detect import DetectionValidator

from train.partial_labels import PartialLabels


class PartialValidator(DetectionValidator):
    """Scores each class only on pictures of sets that label it."""

    partial: PartialLabels

    def update_metrics(self, preds: list[dict[str, Any]], batch: dict[str, Any]) -> None:
        """Drop detections of classes that are unknown on their picture, then count as usual."""
        for prediction, picture in zip(preds, batch["im_file"], strict=True):
            known = torch.tensor(sorted(self.partial.labelled(picture)), dtype=prediction["cls"].dtype)
            rows = torch.isin(prediction["cls"].cpu(), known)
            for key, column in prediction.items():
                prediction[key] = column[rows.to(column.device)]
        super().update_metrics(preds, batch)
