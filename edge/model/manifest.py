"""The manifest of a bundle: the only contract between training and runtime."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

SCHEMA = "edgekit.bundle/1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
# Relative, with forward slashes, and no part that begins with a dot: a path cannot lead out of its bundle.
MemberPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")]
Head = Literal["yolo-grid", "yolo-topk", "yolo-grid-seg", "yolo-topk-seg"]
Format = Literal["openvino", "onnx"]
Precision = Literal["fp32", "int8"]


class Part(BaseModel):
    """A part of the manifest: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FileEntry(Part):
    """A file of the bundle."""

    path: MemberPath
    sha256: Sha256
    size: NonNegativeInt = Field(description="bytes")


class Input(Part):
    """The model's input: (1, height, width, 3) uint8 BGR; normalisation is inside the graph."""

    height: PositiveInt = Field(multiple_of=32)
    width: PositiveInt = Field(multiple_of=32)


class Thresholds(Part):
    """Below which score a detection is dropped, and above which overlap the lesser of two is."""

    score: Share
    nms_iou: Share


class ModelFile(Part):
    """One form of the model. An OpenVINO model's weights lie beside it, with the ending .bin."""

    path: MemberPath
    format: Format
    precision: Precision
    metrics: dict[str, float] = Field(default={}, description="as measured on this file, by name")


class DataEntry(Part):
    """Pictures that the model learnt from."""

    name: str
    licence: str
    source: str
    digest: Sha256
    pictures: PositiveInt


class WeightsEntry(Part):
    """What the training started from."""

    name: str
    licence: str
    source: str


class Calibration(Part):
    """The pictures whose activations set the INT8 scales."""

    digest: Sha256
    pictures: PositiveInt


class Expected(Part):
    """A detection that the self-test picture must give."""

    label: str
    score: Share
    xyxy: tuple[float, float, float, float] = Field(description="pixels of the self-test picture")


class SelfTest(Part):
    """A picture and what the model must find in it, checked whenever the bundle is loaded."""

    picture: MemberPath
    expected: tuple[Expected, ...] = Field(min_length=1)
    least_iou: Share = 0.8
    score_tolerance: Share = 0.2


class BundleManifest(Part, ABC):
    """What the manifest of every bundle says, whatever its models do."""

    schema_id: Literal["edgekit.bundle/1"] = Field(default=SCHEMA, alias="schema")
    name: str
    version: str
    release: PositiveInt = Field(description="grows with each release, never falls")
    licence: str = Field(description="of the weights, SPDX")
    input: Input
    models: tuple[ModelFile, ...] = Field(min_length=1)
    data: tuple[DataEntry, ...]
    weights: WeightsEntry
    recipe: str = Field(description="the command that trained it")
    calibration: Calibration | None = None
    files: tuple[FileEntry, ...] = Field(min_length=1)

    @property
    @abstractmethod
    def self_test_picture(self) -> str:
        """Path of the picture that the models prove themselves on."""

    def to_bytes(self) -> bytes:
        """Return the one form in which this manifest is written and signed."""
        return (self.model_dump_json(indent=1, by_alias=True) + "\n").encode()


class Manifest(BundleManifest):
    """The manifest of a detector's bundle."""

    task: Literal["detect"] = "detect"
    classes: tuple[str, ...] = Field(min_length=1)
    head: Head
    thresholds: Thresholds
    self_test: SelfTest

    @property
    def self_test_picture(self) -> str:
        """Path of the picture that the models prove themselves on."""
        return self.self_test.picture
