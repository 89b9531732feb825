"""A device profile: what a kind of box is, what runs on it, and what was measured on it by whom."""

from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from devices.part import Part
from devices.pipelines import Pipeline

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="lower case words joined by -")]
Version = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", description="numbers joined by dots")]


class Backend(str, Enum):
    """What can run a model."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"


class Match(Part):
    """What a machine must be for the profile to fit; every condition that is given has to hold."""

    rank: int = Field(
        default=0, ge=0, description="of several profiles that fit, the one of the highest rank is suggested"
    )
    architecture: Literal["x86_64", "aarch64"]
    cpu_flags: tuple[str, ...] = Field(default=(), description="as /proc/cpuinfo names them, all of them")
    any_cpu_flag: tuple[str, ...] = Field(default=(), description="at least one of them")
    model: str | None = Field(default=None, description="a part of the board's name in the device tree")
    l4t_major: tuple[PositiveInt, ...] = Field(default=(), description="releases of Jetson Linux, one of them")
    gpu: Literal["intel"] | None = Field(default=None, description="an accelerator that a driver has claimed")


class Runtime(Part):
    """The software that a box of this kind runs, and where its wheels come from."""

    python: tuple[Version, ...] = Field(min_length=1, description="versions that the device's system brings")
    least_glibc: Version = Field(description="of which the wheels are built against")
    backends: tuple[Backend, ...] = Field(min_length=1, description="in the order of preference")
    wheels: tuple[str, ...] = Field(min_length=1, description="requirements as pip takes them")
    wheels_from: str = Field(description="where they are to be had, for a person")
    providers: tuple[str, ...] = Field(default=(), description="of ONNX Runtime, in the order of preference")
    device: Literal["CPU", "GPU"] = Field(default="CPU", description="where OpenVINO computes")
    least_cuda: Version | None = None
    least_tensorrt: Version | None = None


class Inference(Part):
    """What a model should be like to run well here."""

    precisions: tuple[Literal["int8", "bf16", "fp16", "fp32"], ...] = Field(
        min_length=1, description='in the order of preference; `[inference] precision = "auto"` measures'
    )
    requests: PositiveInt = Field(description="pictures in inference at the same time, for the first try")
    least_memory_mib: PositiveInt = Field(description="of the whole box, for one camera")


class PowerMode(Part):
    """A power mode that the board offers."""

    name: str
    id: int | None = Field(default=None, ge=0, description="as `nvpmodel -m` takes it, where all releases agree on it")
    watts: PositiveFloat | None = Field(default=None, description="its budget; None where it has none")


class Figure(Part):
    """A figure that somebody published for this device: something to expect, never something this kit measured."""

    model: str
    backend: str
    precision: str
    input_px: PositiveInt
    inference_ms: PositiveFloat
    source: str = Field(description="address of who published it")


class Profile(Part):
    """One kind of device."""

    name: Name
    title: str
    supported: bool = True
    reason: str | None = Field(default=None, description="why it is not supported, and what to take instead")
    match: Match
    runtime: Runtime | None = None
    inference: Inference | None = None
    pipelines: tuple[Pipeline, ...] = Field(default=(), alias="pipeline")
    power_modes: tuple[PowerMode, ...] = Field(default=(), alias="power_mode")
    figures: tuple[Figure, ...] = Field(default=(), alias="figure")
    notes: tuple[str, ...] = Field(default=(), description="what a person has to know who sets one up")

    @model_validator(mode="after")
    def _says_what_it_must(self) -> "Profile":
        if self.supported and (self.runtime is None or self.inference is None):
            raise ValueError("a supported device needs [runtime] and [inference]")
        if not self.supported and self.reason is None:
            raise ValueError("a device that is not supported needs a reason")
        return self
