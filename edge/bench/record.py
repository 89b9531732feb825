"""A bench's report on disk: what was measured where, by a schema that other programs may rely on."""

from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from devices.validation import read_json
from edge.model.engine import Hint
from edge.model.manifest import Precision, Sha256

SCHEMA = "edgekit.bench/3"


class Part(BaseModel):
    """A part of the report: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Spread(Part):
    """A figure over several rounds: the middle one, and the least and the most."""

    median: float
    least: float
    most: float
    rounds: PositiveInt

    @property
    def noise(self) -> float:
        """Half of the spread as a share of the median; 0 where the median is 0."""
        return (self.most - self.least) / 2 / self.median if self.median else 0.0


class Where(Part):
    """The machine, and what ran beside the measurement."""

    profile: str | None = Field(description="of `edgekit devices`, null where none fits")
    processor: str
    cores: PositiveInt
    memory_mib: NonNegativeInt
    system: str
    power_mode: str | None
    load_before: NonNegativeFloat = Field(description="processes that wanted a core, before anything was measured")


class Model(Part):
    """A bundle that was run."""

    name: str
    version: str
    digest: Sha256
    height: PositiveInt = Field(description="of the input, pixels")
    width: PositiveInt

    @property
    def size(self) -> str:
        """Height and width of the input, as both stand in tables."""
        return f"{self.height}x{self.width}"


class What(Part):
    """What was run."""

    models: tuple[Model, ...] = Field(min_length=1)
    source: str
    source_fps: NonNegativeFloat = Field(description="at which each camera showed it")
    video_ms: NonNegativeFloat = Field(description="that one of its pictures takes to be decoded, by itself")
    versions: dict[str, str]


class Throughput(Part):
    """Frames through every stage, as fast as the box goes; over all streams together."""

    frames_per_second: Spread
    cpu_ms_per_frame: Spread


class Latency(Part):
    """Streams at the clip's own speed: from a frame's capture to its message at a subscriber, milliseconds."""

    p50_ms: Spread
    p95_ms: Spread
    p99_ms: Spread
    event_p99_ms: Spread | None = Field(description="of decisive frames to their events; null where none were decided")
    stages_p50_ms: dict[str, float] = Field(
        description="of the middle frame of the middle round; from track on, of the middle event"
    )
    frames_per_second: Spread
    dropped: dict[str, int] = Field(description="over all rounds, by cause")
    dropped_share: NonNegativeFloat = Field(description="of all frames that came")


class MachineState(Part):
    """The machine during the runs of a case; null where it does not tell."""

    temperature_c: float | None = Field(description="most, of the hottest zone")
    clock_mhz: float | None = Field(description="least, of the slowest core")
    gpu_percent: float | None = Field(description="how busy a Jetson's GPU was, mean")
    gpu_clock_mhz: float | None = Field(description="least")
    power_w: float | None = Field(description="of a Jetson's module, mean")


class Way(Part):
    """What computed a model."""

    backend: Literal["openvino", "onnxruntime"]
    precision: Precision = Field(description="of the model's file")
    hint: Hint = Field(description="in what the file's floats were computed")

    @property
    def computed(self) -> str:
        """Precision and hint, as both stand in tables."""
        return self.precision if self.hint == "f32" else f"{self.precision} in {self.hint}"

    @property
    def wanted(self) -> Literal["fp32", "bf16", "fp16", "int8"]:
        """What `precision` in `[inference]` is for it."""
        match self.hint:
            case "bf16":
                return "bf16"
            case "f16":
                return "fp16"
            case "f32":
                return self.precision

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.backend} {self.computed}"


class Row(Part):
    """One case."""

    streams: PositiveInt
    model: Sha256 = Field(description="digest of the bundle")
    mode: Literal["latency", "throughput"] = Field(description="all cores for one picture, or several at a time")
    device: str = Field(description="where it computed, as the backend names it")
    way: Way
    version: str = Field(description="of the backend")
    asked: str = Field(description="as it was asked for: what is compared by")
    throughput: Throughput
    latency: Latency
    start_to_first_s: Spread = Field(description="from the start of the process to the first frame at a subscriber")
    memory_mib: Spread = Field(description="most that the process held")
    cpu_percent: Spread = Field(description="of one core, while the streams ran at their own speed")
    throttled: bool | None = Field(description="whether heat slowed cores down; null where the machine does not say")
    energy_mj_per_frame: Spread | None = Field(
        description="millijoules of the processor's packages or a Jetson's module, at full speed, starting included"
    )
    machine: MachineState = Field(description="at the clip's speed, of the middle round")


class ClassAccuracy(Part):
    """Average precision of one class, 0 to 1."""

    name: str
    map50: NonNegativeFloat
    map50_95: NonNegativeFloat


class Accuracy(Part):
    """What one way to compute a model came to on pictures."""

    model: Sha256 = Field(description="digest of the bundle")
    way: Way
    sets: dict[str, PositiveInt] = Field(description="pictures by set, of its part val")
    classes: tuple[ClassAccuracy, ...] = Field(min_length=1)


class Target(Part):
    """What a site asks for."""

    fps: PositiveFloat = Field(description="frames a second of each camera")
    p99_ms: PositiveFloat = Field(description="by when 99 of 100 frames have to be at a subscriber")


class Report(Part):
    """All of a bench."""

    schema_id: Literal["edgekit.bench/3"] = Field(default=SCHEMA, alias="schema")
    measured_at: AwareDatetime
    command: str
    where: Where
    what: What
    target: Target
    most_streams: NonNegativeInt = Field(description="cameras that a measured case bears by the target; 0 for none")
    recommendation: str = Field(description="how this box is best run, in a sentence")
    rows: tuple[Row, ...] = Field(min_length=1)
    accuracy: tuple[Accuracy, ...] = Field(default=(), description="where pictures were given")
    warnings: tuple[str, ...] = ()

    def model_of(self, part: Row | Accuracy) -> Model:
        """Return the model that a part is about."""
        return next(model for model in self.what.models if model.digest == part.model)

    def to_json(self) -> str:
        """Return the report as it is written."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report."""
    return Report.model_json_schema(by_alias=True, mode="serialization")


def read_report(path: Path) -> Report:
    """Read a report.

    Raises:
        EdgekitError: It cannot be read, or is none.
    """
    return read_json(path, Report, "bench", "make one with `edgekit bench --json FILE`")
