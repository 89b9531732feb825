"""What is recorded of each epoch of a classifier."""

from pydantic import Field

from train.epoch_figures import EpochFigures
from train.epochs import TrainingEpoch


class ClassifierEpoch(TrainingEpoch):
    """One line of a classifier's `metrics.jsonl`."""

    accuracy: dict[str, float] = Field(description="share of right answers by attribute, on the kept-out pictures")

    def told(self) -> str:
        """Return the accuracies in words."""
        return "accuracy: " + ", ".join(f"{name} {score:.3f}" for name, score in self.accuracy.items())

    @property
    def scores(self) -> dict[str, float]:
        """The mean over attributes, and each attribute's own."""
        mean = sum(self.accuracy.values()) / len(self.accuracy)
        return {"accuracy": mean, **{f"{name} accuracy": value for name, value in self.accuracy.items()}}


def figures_of(record: ClassifierEpoch) -> EpochFigures:
    """Return an epoch's record as plots and TensorBoard take it."""
    return EpochFigures(
        record.epoch,
        {
            "loss": record.losses,
            "learning rate": {"highest": record.learning_rate},
            "gradient norm": {"last step": record.gradient_norm},
            "accuracy": record.accuracy,
        },
    )
