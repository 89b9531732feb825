"""The ground truth of a rendered clip: what crosses the line and when, and what a reader can and cannot make of it.

It lies here and not with the renderer because a box scores its demonstration, and a box has no `train`.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.validation import read_json


class UnreadableReason(str, Enum):
    """Why nobody can read a parcel's label; fixed by the render's parameters before any reader ran."""

    TORN = "torn"
    GLARE = "glare"
    TOO_SMALL = "too_small"
    NO_LABEL = "no_label"
    TURNED_AWAY = "turned_away"


class ParcelTruth(BaseModel):
    """One parcel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=1, description="Its number, in the order in which the belt brings the parcels.")
    readable: bool = Field(
        description="2 pixels a module or more, nothing before it, and 3 frames or more wholly in view before the line."
    )
    unreadable_reason: UnreadableReason | None = Field(default=None, description="Set where it is not readable.")
    text: str | None = Field(default=None, description="What a reader must say; None where it is not readable.")
    printed_text: str | None = Field(default=None, description="What was printed on its label, damaged or not.")
    symbology: str | None = Field(
        default=None, description="Code128, EAN13, QRCode or DataMatrix; None without a label."
    )
    least_module_px: float | None = Field(
        default=None,
        description="Pixels a module at the code's worst place, of the frames that show it whole before the line.",
    )
    greatest_module_px: float | None = Field(
        default=None,
        description="Pixels a module at the code's best place and frame, of all frames that show it whole.",
    )
    clear_frames: int = Field(
        ge=0,
        description="Frames before the first crossing in which code and quiet zone are wholly in view, unobstructed.",
    )
    crossing_frames: tuple[int, ...] = Field(
        min_length=1,
        description="Each first frame with the centre of the parcel's box on the line's other side, to and fro.",
    )

    @model_validator(mode="after")
    def _agree(self) -> "ParcelTruth":
        if self.readable != (self.text is not None) or self.readable != (self.unreadable_reason is None):
            raise ValueError("a readable parcel has a text and no unreadable_reason, any other a reason and no text")
        frames = self.crossing_frames
        if len(frames) % 2 == 0 or any(later <= sooner for sooner, later in pairwise(frames)):
            raise ValueError("crossing_frames must be odd in number (there, and each way back and there) and rising")
        return self

    @property
    def first_crossing_frame(self) -> int:
        """Return the frame of the first crossing."""
        return self.crossing_frames[0]

    @property
    def last_crossing_frame(self) -> int:
        """Return the frame of the crossing after which it never comes back."""
        return self.crossing_frames[-1]


class ClipTruth(BaseModel):
    """A clip and its parcels."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.clip-truth/1"] = Field(default="edgekit.clip-truth/1", alias="schema")
    clip: str = Field(min_length=1, description="File name of the clip.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Digest of the clip's bytes: 64 hexadecimal digits.")
    seed: int = Field(ge=0, description="The seed it was rendered from.")
    width_px: int = Field(ge=16)
    height_px: int = Field(ge=16)
    fps: int = Field(ge=1, description="Frames per second.")
    frames: int = Field(ge=1, description="Frames in the clip.")
    line_x: float = Field(gt=0, lt=1, description="The line, upright, as a share of the width from the left.")
    standing_frames: tuple[tuple[int, int], ...] = Field(
        default=(), description="Stretches in which the belt stands: the first frame that shows nothing new, the last."
    )
    parcels: tuple[ParcelTruth, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agree(self) -> "ClipTruth":
        if len({parcel.id for parcel in self.parcels}) != len(self.parcels):
            raise ValueError("two parcels have the same id")
        if any(parcel.last_crossing_frame >= self.frames for parcel in self.parcels):
            raise ValueError("a parcel crosses the line after the last frame")
        bounds = [frame for stretch in self.standing_frames for frame in stretch]
        if any(later < sooner for sooner, later in pairwise([0, *bounds, self.frames - 1])):
            raise ValueError("standing_frames must be of the clip, rising, and not overlap")
        return self

    @property
    def readable(self) -> Sequence[ParcelTruth]:
        """Return the parcels whose label can be read."""
        return [parcel for parcel in self.parcels if parcel.readable]

    def moved_s(self, frame: int) -> float:
        """Return for how many seconds the belt has moved before a frame.

        A parcel that comes to stand with its centre on the line is not surely across it until the belt goes on, so
        that only this clock tells how late an event is.
        """
        stood = sum(min(frame, last) - first + 1 for first, last in self.standing_frames if frame >= first)
        return (frame - stood) / self.fps


def load(path: Path) -> ClipTruth:
    """Read a clip's ground truth.

    Raises:
        EdgekitError: The file cannot be read, is no JSON, or breaks the schema; one line that says where.
    """
    return read_json(path, ClipTruth, "clip's ground truth", "render it with `edgekit data synth clip`")
