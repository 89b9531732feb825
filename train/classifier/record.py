"""What is recorded of each epoch of a classifier."""

from pydantic import Field

from train.epochs import TrainingEpoch


class ClassifierEpoch(TrainingEpoch):
    """One line of a classifier's `metrics.jsonl`."""

    accuracy: dict[str, float] = Field(description="share of right answers by attribute, on the kept-out pictures")
