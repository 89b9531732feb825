"""All that decides a detector's training, in groups; each is an option of `edgekit train detector` by its name."""

from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Optimiser(str, Enum):
    """What moves the weights."""

    SGD = "sgd"
    ADAM = "adam"
    ADAMW = "adamw"
    ADADELTA = "adadelta"
    ADAGRAD = "adagrad"


class Schedule(str, Enum):
    """How the learning rate falls over the epochs."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    COSINE = "cosine"


class Precision(str, Enum):
    """What the network computes in while it learns; weights and scores stay in f32."""

    F32 = "f32"
    BF16 = "bf16"


class OptimiserSettings(BaseModel):
    """How the weights move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimiser: Optimiser = Field(default=Optimiser.ADAMW, description="what moves the weights")
    learning_rate: float = Field(default=0.001, gt=0, description="at its highest; SGD wants about 0.01, adadelta 1")
    momentum: float | None = Field(
        default=None, ge=0, lt=1, description="of SGD, or the first beta of Adam and AdamW; null: 0.9 and 0.937"
    )
    weight_decay: float = Field(default=0.0005, ge=0, description="of the weights, not of biases and norms")
    schedule: Schedule = Field(default=Schedule.COSINE, description="how the learning rate falls over the epochs")
    final_share: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="share of the learning rate that the schedule falls to; not of a fixed one",
    )
    warmup_epochs: float = Field(default=0.5, ge=0, description="epochs in which the learning rate rises")
    effective_batch: int = Field(
        default=64, ge=1, description="pictures whose gradients make one move of the weights, gathered over steps"
    )
    averaged_moves: int | None = Field(
        default=None,
        ge=1,
        description="keep and score the average of the weights over so many moves; null: as the stock trainer does, "
        "which in a run of a few hundred moves is hardly any",
    )
    patience: int = Field(
        default=100, ge=0, description="epochs without a better mAP50-95 that end the run; 0: none do"
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of features that the classes' last layers go without, by chance"
    )
    precision: Precision = Field(default=Precision.F32, description="bf16 pays on CPUs with AMX; f32 is exact")
    int8_weight_bits: int | None = Field(
        default=None,
        ge=7,
        le=8,
        description="learn under INT8's rounding, with weights of so many bits: 8, or 7 as ONNX Runtime's files for "
        "any CPU have; null: learn in float",
    )


class PictureSettings(BaseModel):
    """How training pictures are varied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=0.6, ge=0, lt=1, description="random scaling, ± this share; larger ones are cropped")
    shift: float = Field(default=0.1, ge=0, le=1, description="random shift, ± this share; what leaves is cropped")
    degrees: float = Field(
        default=0.0, ge=0, description="random rotation, ± degrees; upright boxes around turned objects grow loose"
    )
    hue: float = Field(default=0.015, ge=0, le=1, description="random change of hue, ± this share")
    saturation: float = Field(default=0.7, ge=0, le=1, description="random change of saturation, ± this share")
    brightness: float = Field(default=0.4, ge=0, le=1, description="random change of brightness, ± this share")
    flip: float = Field(default=0.5, ge=0, le=1, description="share of pictures that are mirrored left to right")
    flip_down: float = Field(default=0.0, ge=0, le=1, description="share of pictures that are turned upside down")
    mosaic: float = Field(default=1.0, ge=0, le=1, description="share of pictures that are put together of four")
    mixup: float = Field(default=0.0, ge=0, le=1, description="share of pictures with another one shining through")
    noise: float = Field(default=0.0, ge=0, le=255, description="most noise, its deviation in grey levels of 255")
    blur: float = Field(default=0.0, ge=0, description="most blur, its deviation in pixels of the input")
    plain_epochs: int = Field(default=2, ge=0, description="last epochs without mosaic and mixup")


class BalanceSettings(BaseModel):
    """How rare classes are helped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    balanced_sampling: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="draw pictures of rare classes more often; 1: all classes alike, 0: as they come",
    )
    class_weights: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="let rare classes weigh more in the loss; 1: by inverse frequency, 0: alike",
    )


class TrainSettings(BalanceSettings, PictureSettings, OptimiserSettings):
    """All that decides a training, recorded in the run's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Path = Field(
        description="checkpoint to start from, its size as it is; yolo11s.yaml and the like, n to x: random weights"
    )
    input_px: int = Field(default=416, ge=32, multiple_of=32, description="columns of the training input, pixels")
    input_height_px: int | None = Field(
        default=None, ge=32, multiple_of=32, description="rows of the training input; null: as many as columns"
    )
    outlines: bool = Field(
        default=False, description="learn the objects' outlines too, as a -seg model does; every label needs one"
    )
    epochs: int = Field(default=8, ge=1, description="times through all pictures")
    batch: int = Field(default=16, ge=1, description="pictures in a step")
    processes: int = Field(
        default=1, ge=1, description="that learn together, each from its share of a step; on GPUs each has its own"
    )
    freeze: int = Field(default=4, ge=0, description="first layers that are not trained")
    most_pictures: int | None = Field(
        default=None, ge=1, description="training pictures taken from each set, drawn by the seed; null: all"
    )
    masked: bool = Field(default=True, description="leave unlabelled classes out of the loss; false: naive merge")
    seed: int = Field(default=0, ge=0, description="of everything random")

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the training input."""
        return self.input_height_px or self.input_px, self.input_px

    @property
    def momentum_used(self) -> float:
        """The momentum, or what stands for it where none is given."""
        if self.momentum is not None:
            return self.momentum
        return 0.9 if self.optimiser is Optimiser.SGD else 0.937


_TRAINER_NAMES = {
    Optimiser.SGD: "SGD",
    Optimiser.ADAM: "Adam",
    Optimiser.ADAMW: "AdamW",
    Optimiser.ADADELTA: "Adadelta",
    Optimiser.ADAGRAD: "Adagrad",
}


def trainer_options(settings: TrainSettings) -> dict[str, object]:
    """Return the settings as ultralytics' trainer names them, those that it knows."""
    return {
        "imgsz": max(settings.input_size),
        "epochs": settings.epochs,
        "batch": settings.batch,
        "nbs": settings.effective_batch,
        "optimizer": _TRAINER_NAMES[settings.optimiser],
        "lr0": settings.learning_rate,
        "momentum": settings.momentum_used,
        "weight_decay": settings.weight_decay,
        "warmup_epochs": settings.warmup_epochs,
        # The stock 0.1 suits SGD from random weights. Adam moves each bias by its rate, whatever the gradient: a few
        # dozen such moves wipe out what a checkpoint's norms know.
        "warmup_bias_lr": 0.0,
        "patience": settings.patience,
        "freeze": settings.freeze,
        "scale": settings.scale,
        "translate": settings.shift,
        "degrees": settings.degrees,
        "hsv_h": settings.hue,
        "hsv_s": settings.saturation,
        "hsv_v": settings.brightness,
        "fliplr": settings.flip,
        "flipud": settings.flip_down,
        "mosaic": settings.mosaic,
        "mixup": settings.mixup,
        "close_mosaic": settings.plain_epochs,
        "cls_pw": settings.class_weights,
        # Each outline keeps a mask of its own: a code on a carton must cut no hole into the carton.
        "overlap_mask": False,
        "seed": settings.seed,
        "cache": "ram",
        "workers": 0,
        "plots": False,
    }
