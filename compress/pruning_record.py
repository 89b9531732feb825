"""`pruning.json`: what was pruned, how far, what that was measured to bring, and how it was trained to recover."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from compress.latency import EngineName, Timed
from compress.model_size import ModelSize
from devices.errors import EdgekitError
from devices.validation import explain, read_json
from edge.model.choice import Choice
from edge.model.manifest import Part, Sha256

PRUNING_RECORD = "pruning.json"


class Ratio(Part):
    """A share of the channels."""

    kind: Literal["ratio"] = "ratio"
    value: float = Field(gt=0, le=0.7, description="of all channels, taken out")


class MacsTarget(Part):
    """A share of the multiplications."""

    kind: Literal["macs"] = "macs"
    value: float = Field(gt=0, lt=1, description="of the unpruned model's, left at most")


class SpeedupTarget(Part):
    """A speed on this machine."""

    kind: Literal["speedup"] = "speedup"
    value: float = Field(gt=1, description="times as fast as the unpruned model, at least, by measured latency")


class LatencyTarget(Part):
    """A latency on this machine."""

    kind: Literal["latency"] = "latency"
    value: float = Field(gt=0, description="milliseconds for one picture, at most, measured")


Target = Annotated[Ratio | MacsTarget | SpeedupTarget | LatencyTarget, Field(discriminator="kind")]


class PruneRequest(Part):
    """What was asked for."""

    target: Target
    height: PositiveInt = Field(multiple_of=32, description="of the input that costs are counted and measured for")
    width: PositiveInt = Field(multiple_of=32)
    top_k: bool = Field(default=False, description="costs are those of a YOLO26's NMS-free head")
    engine: EngineName = "openvino"
    distillation: float = Field(
        default=1.0, ge=0, description="weight of the teacher in the loss, of a classifier its share; 0: none"
    )


class Trial(Part):
    """A ratio that was looked at; latencies in milliseconds where they were measured."""

    ratio: float
    size: ModelSize
    unpruned_ms: PositiveFloat | None = None
    pruned_ms: PositiveFloat | None = None


class MeasuredLatency(Part):
    """Median latency of one picture on the exported files, in float32, measured in turn."""

    backend: str
    version: str
    device: str
    threads: PositiveInt
    runs: PositiveInt
    unpruned_ms: PositiveFloat
    pruned_ms: PositiveFloat

    @property
    def speedup(self) -> float:
        """How many times as fast the pruned model is."""
        return self.unpruned_ms / self.pruned_ms


class Proof(Part):
    """What holds of the trained checkpoint and of the file exported from it."""

    checkpoint: ModelSize
    exported: ModelSize = Field(description="convolutions alone, counted in the ONNX file")
    latency: MeasuredLatency


class PruningRecord(Part):
    """The whole record."""

    schema_id: Literal["edgekit.pruning/1"] = Field(default="edgekit.pruning/1", alias="schema")
    request: PruneRequest
    unpruned_sha256: Sha256 = Field(description="of the checkpoint that was pruned, in `start/`")
    teacher_sha256: Sha256 | None = Field(description="of the checkpoint that was learnt from; null: none")
    more_teachers_sha256: tuple[Sha256, ...] = Field(
        default=(), description="of the others that a classifier learnt from"
    )
    ratio: float
    before: ModelSize = Field(description="as deployed: batch norms folded, one head")
    after: ModelSize
    exported_before: ModelSize = Field(description="convolutions alone, counted in an ONNX file")
    exported_after: ModelSize
    channels: dict[str, tuple[int, int]] = Field(description="of each convolution, before and after")
    left_alone: tuple[str, ...] = Field(description="layers that keep all channels that they give")
    trials: tuple[Trial, ...]
    versions: dict[str, str]
    proof: Proof | None = Field(default=None, description="null until the recovery training is over")

    def told(self) -> str:
        """Return in a line what it came to."""
        line = (
            f"ratio {self.ratio:.3f}: {self.after.macs / self.before.macs:.0%} of the multiplications are left and "
            f"{self.after.parameters:,} of {self.before.parameters:,} parameters"
        )
        if self.proof is None:
            return line
        latency = self.proof.latency
        return (
            f"{line}; a picture of {self.request.width}x{self.request.height} takes {latency.pruned_ms:.1f} ms, "
            f"unpruned {latency.unpruned_ms:.1f} ms: {latency.speedup:.2f} times as fast ({latency.backend} "
            f"{latency.version}, float32, {latency.threads} threads, median of {latency.runs})"
        )


def timed(file: Path, request: PruneRequest) -> Timed:
    """Return an exported float file as it is to be timed for a request."""
    return Timed(file=file, way=Choice(request.engine, "fp32"), height=request.height, width=request.width)


def option_of(target: Target) -> str:
    """Return a target as it is written on a command line."""
    match target:
        case Ratio():
            name = "ratio"
        case MacsTarget():
            name = "target-macs"
        case SpeedupTarget():
            name = "target-speedup"
        case LatencyTarget():
            name = "target-latency-ms"
    return f"--{name} {target.value:g}"


def one_target(
    *, ratio: float | None, macs: float | None, speedup: float | None, latency_ms: float | None
) -> Ratio | MacsTarget | SpeedupTarget | LatencyTarget:
    """Return the one target that is given.

    Raises:
        EdgekitError: None is given or several are, or its value is out of range.
    """
    kinds = {Ratio: ratio, MacsTarget: macs, SpeedupTarget: speedup, LatencyTarget: latency_ms}
    given = [(kind, value) for kind, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise EdgekitError(
            "say how far to prune, in one way: --ratio, --target-macs, --target-speedup or --target-latency-ms"
        )
    kind, value = given[0]
    try:
        return kind(value=value)
    except ValidationError as exc:
        allowed = kind.model_fields["value"].description
        raise EdgekitError(f"a target of {value:g} is not possible ({explain(exc, kind)}): it is {allowed}") from exc


def read_pruning(folder: Path) -> PruningRecord:
    """Read the record of a pruning.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    return read_json(folder / PRUNING_RECORD, PruningRecord, "pruning", "make it with `edgekit compress prune`")
