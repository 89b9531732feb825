"""The trainer and the validator of models that tell outlines beside boxes (-seg)."""

from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
from ultralytics.models.yolo.segment import SegmentationTrainer, SegmentationValidator
from ultralytics.nn.tasks import yaml_model_load

from devices.errors import EdgekitError
from train.model_shape import kept, was_pruned_here
from train.outline_heads import tells_outlines, with_outlines
from train.yolo_trainer import PartialTrainer
from train.yolo_validator import PartialValidator


class PartialOutlineValidator(PartialValidator, SegmentationValidator):
    """Scores the boxes and outlines of each class only on pictures of sets that label it."""


class OutlineTrainer(PartialTrainer, SegmentationTrainer):
    """Trains on outlines, from a model that tells them or from a detector whose layers it takes over.

    The best checkpoint is the one whose mAP50-95 of boxes and of masks together is highest.
    """

    validator_kind = PartialOutlineValidator

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:  # noqa: FBT001, FBT002 - as ultralytics calls it
        """Return the model to train, with a head for outlines: a pruned one as it is.

        Raises:
            EdgekitError: The checkpoint is of a pruned detector of boxes alone, or holds no detector.
        """
        if weights is not None and was_pruned_here(weights):
            if not tells_outlines(weights.yaml):
                raise EdgekitError("a pruned detector cannot learn outlines: its head would have to be built anew")
            return kept(weights, int(self.data["nc"]))
        return super().get_model(with_outlines(yaml_model_load(cfg) if isinstance(cfg, str) else cfg), weights, verbose)

    def check_head(self, description: Any) -> None:
        """Take a detector's head and one that tells outlines alike."""
        del description
