"""What decides a baseline's training, and the record of it."""

from enum import Enum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.validation import read_json
from edge.evaluate.dataset import SetDescription
from edge.model.manifest import DataEntry
from train.run_folders import CONFIG, as_word


class Kind(str, Enum):
    """The models, by whose head or decoder they have; all begin with one backbone."""

    FASTER_RCNN = "faster-rcnn"
    RETINANET = "retinanet"
    SSD = "ssd"
    MASK_RCNN = "mask-rcnn"
    UNET = "unet"
    DEEPLABV3PLUS = "deeplabv3plus"

    @property
    def gives_masks(self) -> bool:
        """Whether it tells outlines beside boxes."""
        return self in (Kind.MASK_RCNN, Kind.UNET, Kind.DEEPLABV3PLUS)

    @property
    def needs_outlines(self) -> bool:
        """Whether boxes alone are no labels for it; a segmenter takes a box for an outline."""
        return self is Kind.MASK_RCNN


class BaselineSettings(BaseModel):
    """All that decides a baseline's training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = Field(description="which model")
    input_px: int = Field(default=320, ge=64, multiple_of=32, description="side of the square input, pixels")
    epochs: int = Field(default=6, ge=1, description="times through all pictures")
    batch: int = Field(default=4, ge=1, description="pictures in a step")
    learning_rate: float = Field(default=0.0005, gt=0, description="at its highest; it falls as a cosine")
    weight_decay: float = Field(default=0.0005, ge=0, description="of AdamW")
    flip: float = Field(default=0.5, ge=0, le=1, description="share of pictures that are mirrored left to right")
    most_pictures: int | None = Field(
        default=None, ge=1, description="training pictures of each set, drawn by the seed"
    )
    seed: int = Field(default=0, ge=0, description="of everything random")


class BaselineConfig(BaseModel):
    """`config.json` of a baseline's run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["baseline"] = "baseline"
    settings: BaselineSettings
    sets: tuple[SetDescription, ...]
    learnt_from: tuple[DataEntry, ...]
    skipped: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Return the command that repeats the run, sets by their names."""
        words = ["edgekit train baseline OUT", *(f"--set {used.name}" for used in self.sets)]
        for name, field in BaselineSettings.model_fields.items():
            value = getattr(self.settings, name)
            if value != field.default:
                words.append(f"--{name.replace('_', '-')} {as_word(value)}")
        return " ".join(words)


def read_baseline_config(run: Path) -> BaselineConfig:
    """Read what decided a baseline's run.

    Raises:
        EdgekitError: The folder is no such run, or its record is not valid.
    """
    remedy = "name the folder that `edgekit train baseline` wrote"
    return read_json(run / CONFIG, BaselineConfig, "baseline's training", remedy)
