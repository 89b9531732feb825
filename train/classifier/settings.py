"""All that decides the training of a classifier, recorded in the run's folder."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.tagged_set import TaggedSetDescription
from edge.model.manifest import DataEntry, Sha256, WeightsEntry
from train.beginning import Past
from train.run_folders import CONFIG

GROWING = 2 / 3  # share of the epochs in which pictures grow


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkSettings(_Settings):
    """The network and what it starts from."""

    backbone: str = Field(
        default="tf_efficientnet_lite0",
        description="a model of timm, torchvision/NAME, or yolo/NAME for a detector's backbone, as yolo/yolov8n",
    )
    stages: int | None = Field(
        default=None, ge=1, description="keep the first stages alone: a smaller network from the same weights"
    )
    freeze_stages: int = Field(
        default=0,
        ge=0,
        description="the stem and so many of the first stages stay as they start: most of a step's time is theirs",
    )
    weights: Path | None = Field(
        default=None,
        description="run, state dict or a YOLO's checkpoint to start from; null: those of an installed package, if any",
    )
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of features that are dropped before the head")
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="share of residual branches dropped, where it has any"
    )


class ScheduleSettings(_Settings):
    """How the weights are moved."""

    epochs: int = Field(default=20, ge=1, description="times through all pictures")
    batch: int = Field(default=32, ge=2, description="pictures in a step")
    optimiser: Literal["sgd", "adam", "adamw", "adadelta", "adagrad"] = Field(
        default="adamw", description="what moves the weights; sgd has momentum 0.9"
    )
    learning_rate: float = Field(default=0.001, gt=0, description="of the head, at its highest; falls as a cosine")
    backbone_rate: float = Field(default=0.3, ge=0, description="the backbone's share of it; 0 freezes the backbone")
    warmup_epochs: float = Field(default=1.0, ge=0, description="epochs in which the rate rises")
    weight_decay: float = Field(default=0.02, ge=0, description="L2, decoupled with adamw; not of norms and biases")
    l1: float = Field(default=0.0, ge=0, description="weight of the sum of the head's absolute weights in the loss")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="share of a label spread over all values")
    average_decay: float = Field(
        default=0.998, ge=0, lt=1, description="of the moving average of the weights that is kept; 0: no average"
    )
    imbalance: Literal["none", "weights", "oversample", "undersample", "focal"] = Field(
        default="none",
        description="what is done about rare values: weigh, draw them more often, the others less, or focal loss",
    )


class AugmentSettings(_Settings):
    """How pictures are varied, all in one pass over a batch."""

    least_area: float = Field(default=0.3, gt=0, le=1, description="least share of the picture that a crop shows")
    degrees: float = Field(default=15.0, ge=0, le=180, description="rotation, ±")
    flip: bool = Field(default=True, description="mirror every other picture; wrong where writing matters")
    colour: float = Field(default=0.3, ge=0, le=1, description="brightness, contrast and saturation, ± this share")
    hue: float = Field(default=0.02, ge=0, le=0.5, description="shift of colours, ± this share of the circle")
    blur: float = Field(default=0.1, ge=0, le=1, description="share of pictures that are blurred")
    noise: float = Field(
        default=0.02, ge=0, le=0.5, description="most standard deviation of added noise, of full scale"
    )
    erase: float = Field(default=0.2, ge=0, le=1, description="share of pictures of which a rectangle is hidden")
    mix: float = Field(default=0.5, ge=0, le=1, description="share of batches whose pictures are mixed in pairs")


class TeachingSettings(_Settings):
    """How a student learns from a teacher."""

    teachers: tuple[Path, ...] = Field(default=(), description="a run to learn from; of several, their mean")
    loss: Literal["kd", "dkd", "dist"] = Field(default="kd", description="what is held against the teacher")
    temperature: float = Field(default=2.0, gt=0, description="of the scores that are compared")
    weight: float = Field(default=0.8, ge=0, le=1, description="share of the teacher in the loss, the rest is labels'")
    unlabelled: Path | None = Field(default=None, description="folder of pictures without tags to learn from too")


class ClassifierSettings(_Settings):
    """The whole of them."""

    network: NetworkSettings = NetworkSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    augment: AugmentSettings = AugmentSettings()
    teaching: TeachingSettings = TeachingSettings()
    input_px: int = Field(default=224, ge=32, multiple_of=32, description="side of the input when it is used")
    train_px: int | None = Field(
        default=None, ge=32, multiple_of=32, description="side in training; null: as the input; smaller is faster"
    )
    first_px: int | None = Field(
        default=None,
        ge=32,
        multiple_of=32,
        description="side in the first epoch, growing to that of training over two thirds of them; null: one side",
    )
    folds: int | None = Field(
        default=None, ge=2, description="divide the training part into so many folds and keep one out; null: use it all"
    )
    fold: int = Field(default=0, ge=0, description="which of them is kept out")
    precision: Literal["f32", "bf16", "mixed"] = Field(
        default="f32",
        description="of activations in training; mixed: bf16 in frozen stages and teachers, where nothing flows back",
    )
    seed: int = Field(default=0, ge=0, description="of everything random")

    @property
    def learning_px(self) -> int:
        """The side at which most is learnt, pixels."""
        return self.train_px or self.input_px

    def side_of(self, epoch: int) -> int:
        """Return the side of the pictures of an epoch, counted from 0: a multiple of 32 that grows, then stays.

        Source: Tan and Le, EfficientNetV2, 2021, section 4: small pictures first, when there is much to learn yet.
        """
        if self.first_px is None:
            return self.learning_px
        share = min(1.0, epoch / max(1.0, self.schedule.epochs * GROWING))
        return self.first_px + 32 * int(share * (self.learning_px - self.first_px) / 32)

    @model_validator(mode="after")
    def _grows(self) -> "ClassifierSettings":
        if self.first_px is not None and self.first_px > self.learning_px:
            raise ValueError(f"pictures grow: first_px {self.first_px} is above the {self.learning_px} px of training")
        return self

    @model_validator(mode="after")
    def _fold_exists(self) -> "ClassifierSettings":
        if self.fold >= (self.folds or 1):
            raise ValueError(
                f"fold {self.fold} does not exist: folds are counted from 0, and there are {self.folds or 1}"
            )
        return self


class ClassifierConfig(_Settings):
    """`config.json`: all that decided a run."""

    kind: Literal["classifier"] = "classifier"
    settings: ClassifierSettings
    tagged_set: TaggedSetDescription
    learnt_from: DataEntry
    teachers: tuple[Sha256, ...] = Field(description="digests of the teachers' checkpoints")
    skipped: tuple[str, ...] = ()
    weights: WeightsEntry | None = Field(
        default=None, description="what its very first training started from; null: of a run from before this was kept"
    )
    past: Past | None = Field(default=None, description="of a training that goes on from another run's network")
    channels: dict[str, tuple[PositiveInt, PositiveInt]] | None = Field(
        default=None, description="taken and given by each layer of a pruned backbone; null: as its name says"
    )
    command: str | None = Field(default=None, description="that made the run, where that was no `train classifier`")


def read_classifier_config(run: Path) -> ClassifierConfig:
    """Read what decided a run.

    Raises:
        EdgekitError: The folder is no classifier's run, or its record is not valid.
    """
    return read_json(
        run / CONFIG, ClassifierConfig, "classifier's training", "name the folder that `edgekit train classifier` wrote"
    )


def require_same(before: ClassifierConfig, now: ClassifierConfig, run: Path) -> None:
    """Refuse to resume a run with anything changed.

    Raises:
        EdgekitError: Settings, set or teachers differ; the first difference is named.
    """
    for part in ("settings", "tagged_set", "learnt_from", "teachers"):
        if getattr(before, part) != getattr(now, part):
            raise EdgekitError(
                f"the run in {run} was begun with another {part}: resume it with the same, or train anew"
            )
