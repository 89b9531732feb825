"""A bench's report on disk: what was measured where, by a schema that other programs may rely on."""

from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from devices.validation import read_json
from edge.model.manifest import Sha256

SCHEMA = "edgekit.bench/1"


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


class What(Part):
    """What was run."""

    bundle: str
    bundle_version: str
    bundle_digest: Sha256
    source: str
    source_fps: NonNegativeFloat
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


class Row(Part):
    """One case."""

    streams: PositiveInt
    backend: str
    version: str = Field(description="of the backend")
    precision: str = Field(description="of the model's file, and what its floats were computed in")
    asked: str = Field(description="backend and precision as they were asked for, and streams: what is compared by")
    throughput: Throughput
    latency: Latency
    start_to_first_s: Spread = Field(description="from the start of the process to the first frame at a subscriber")
    memory_mib: Spread = Field(description="most that the process held")
    cpu_percent: Spread = Field(description="of one core, while the streams ran at their own speed")
    throttled: bool | None = Field(description="whether heat slowed cores down; null where the machine does not say")
    energy_mj_per_frame: Spread | None = Field(
        description="millijoules of the processor's packages, at full speed, starting included; null likewise"
    )


class Report(Part):
    """All of a bench."""

    schema_id: Literal["edgekit.bench/1"] = Field(default=SCHEMA, alias="schema")
    measured_at: AwareDatetime
    command: str
    where: Where
    what: What
    rows: tuple[Row, ...] = Field(min_length=1)
    warnings: tuple[str, ...] = ()

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
