"""All that decides what is rendered, a model a kind; each field is an option of `edgekit data synth` by its name."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

SHELF_CLASSES = ("product", "name", "brand", "price", "barcode")
STAMPED = ("batch", "date")  # further classes, of packs that bear them


class RenderConfig(BaseModel):
    """What all rendered sets are told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=1000, ge=1, le=200_000, description="Pictures in all splits together.")
    val_share: float = Field(default=0.12, ge=0, lt=1, description="Part of the pictures that goes into the split val.")
    seed: int = Field(default=0, ge=0, description="All chance comes from here; the same seed gives the same pictures.")


class PicturesConfig(RenderConfig):
    """What pictures to render."""

    width_px: int = Field(default=768, ge=160, le=3840, description="Width of a picture, pixels.")
    height_px: int = Field(default=432, ge=120, le=2160, description="Height of a picture, pixels.")
    belt_share: float = Field(default=0.5, ge=0, le=1, description="Part of the pictures that shows a belt.")


class PalletsConfig(RenderConfig):
    """What pictures of pallets to render."""

    width_px: int = Field(default=768, ge=160, le=3840, description="Width of a picture, pixels.")
    height_px: int = Field(default=576, ge=120, le=2160, description="Height of a picture, pixels.")
    above_share: float = Field(default=0.4, ge=0, le=1, description="Part seen from above the aisle, not from within.")


class ShelvesConfig(RenderConfig):
    """What pictures of shelves to render."""

    width_px: int = Field(default=1024, ge=320, le=3840, description="Width of a picture, pixels.")
    height_px: int = Field(default=768, ge=240, le=2160, description="Height of a picture, pixels.")
    view_cm: tuple[float, float] = Field(
        default=(30.0, 60.0), description="Least and greatest width of shelf that a picture shows."
    )
    tilt: float = Field(default=0.07, ge=0, le=0.2, description="Most that a corner is off an upright view, share.")
    dated: bool = Field(default=False, description="Stamp best-before date and lot onto the packs, as classes too.")

    @model_serializer(mode="wrap")
    def _as_it_was(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Tell of a set without dates what was told before there were any, so that its bytes stay the same."""
        told: dict[str, Any] = handler(self)
        if not self.dated:
            del told["dated"]
        return told

    @property
    def classes(self) -> tuple[str, ...]:
        """What is labelled, in the order of ids."""
        return SHELF_CLASSES + STAMPED if self.dated else SHELF_CLASSES


class ClipConfig(BaseModel):
    """What kind of clip to render; what it does not fix (camera, light, colours, sizes, order) comes from the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width_px: int = Field(default=1280, ge=960, le=3840, multiple_of=2, description="Width of the picture, pixels.")
    height_px: int = Field(default=720, ge=540, le=2160, multiple_of=2, description="Height of the picture, pixels.")
    fps: int = Field(default=30, ge=10, le=60, description="Frames per second.")
    parcels: int = Field(default=32, ge=4, le=120, description="Parcels on the belt.")
    unreadable_share: float = Field(
        default=0.28, ge=0, le=0.9, description="Part of the parcels whose label nobody can read, rounded upwards."
    )
    touching_share: float = Field(default=0.3, ge=0, le=1, description="Part of neighbours without a gap.")
    stops: int = Field(default=2, ge=0, le=10, description="Times at which the belt stops and goes on.")
    roll_backs: int = Field(default=2, ge=0, le=5, description="Times at which the belt rolls back some way.")
    line_x: float = Field(default=0.55, ge=0.3, le=0.8, description="The line, a share of the width from the left.")
    shutter_share: tuple[float, float] = Field(
        default=(0.045, 0.085),
        description="Least and greatest part of a frame's time during which the shutter is open.",
    )
    noise_sigma: tuple[float, float] = Field(
        default=(1.2, 2.0), description="Least and greatest standard deviation of the sensor's noise, levels of 0..255."
    )
    least_module_px: float = Field(default=2.6, ge=2, description="Pixels a module of readable codes, at the least.")
    greatest_small_px: float = Field(
        default=1.2, gt=0, le=1.2, description="Pixels a module of codes that are too small."
    )
    least_clear_frames: int = Field(
        default=8, ge=3, description="Frames before the line that show a readable code whole."
    )


class PasteConfig(BaseModel):
    """How things are pasted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=300, ge=1, le=200_000, description="Pictures to make.")
    most: int = Field(default=3, ge=1, le=50, description="Most things pasted into a picture.")
    size: tuple[float, float] = Field(
        default=(0.12, 0.4), description="Least and greatest longer side of a thing, shares of the picture's shorter."
    )
    degrees: float = Field(default=12.0, ge=0, le=180, description="Most that a thing is turned, either way.")
    seed: int = Field(default=0, ge=0, description="All chance comes from here; the same seed gives the same pictures.")

    @field_validator("size")
    @classmethod
    def _least_first(cls, size: tuple[float, float]) -> tuple[float, float]:
        if not 0 < size[0] <= size[1] <= 1:
            raise ValueError("give the least size first, both above 0 and at most 1")
        return size
