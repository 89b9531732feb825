"""box.toml: all that a person decides about one box, checked as it is read."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from devices.errors import EdgekitError
from devices.validation import parse_toml
from edge.audit.section import Audit
from edge.drift.section import Drift
from edge.hard_cases.section import HardCases
from edge.model.engine import Device
from edge.mqtt.section import Commands, Mqtt, Outbox
from edge.section import Name, Section, Share
from edge.tags.section import Ocr
from edge.video.section import Camera
from edge.web.section import Web


class Box(Section):
    """Where the box stands; both names are part of every topic."""

    site: Name
    name: Name


class Bundle(Section):
    """The model that the box runs."""

    path: Path
    trusted_keys: tuple[Path, ...] = Field(
        default=(),
        description="public keys (PEM) of which one must have signed it; a folder stands for the .pem and .pub in it, "
        "less those whose ids its file `revoked` lists",
    )


class Swap(Section):
    """How the model is exchanged on command `reload_bundle`: the new one has to hold beside the old one first."""

    folder: Path | None = Field(
        default=None, description="bundles below it may be asked for; none: only [bundle] path, read anew"
    )
    shadow_frames: int = Field(default=50, ge=1, description="live pictures that both models look at before")
    shadow_s: float = Field(default=20.0, gt=0, le=3600, description="most seconds for that")
    most_slower: float = Field(default=1.5, ge=1, description="times the old model's time that the new one may take")
    least_agreement: Share = Field(
        default=0.5, description="of what the old model finds, in classes that both know, the new one must find"
    )
    probation_s: float = Field(
        default=60.0, ge=0, le=3600, description="in which the old model is kept, to come back where the new one fails"
    )


class Inference(Section):
    """How the model runs: where nothing is said, as this machine runs it fastest."""

    backend: Literal["auto", "openvino", "onnxruntime"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = Field(
        default="auto",
        description="auto measures once what the bundle's files allow, and takes the fastest that passes its "
        "self-test; else OpenVINO comes first, and bf16 and fp16 compute the fp32 file in these",
    )
    device: Device = Field(
        default="cpu", description="gpu, npu, auto: OpenVINO's; cuda, tensorrt, openvino: providers of ONNX Runtime"
    )
    allow_cpu_fallback: bool = Field(default=False, description="let the CPU do what the device cannot")
    mode: Literal["auto", "latency", "throughput"] = Field(
        default="auto", description="latency: all cores for one picture at a time; auto: for one live camera"
    )
    requests: int | None = Field(
        default=None, ge=1, le=16, description="pictures in inference at the same time, in place of what mode says"
    )
    state: Path | None = Field(
        default=None, description="folder for what was measured and for compiled models; else beside the outbox"
    )
    score_threshold: Share | None = Field(default=None, description="in place of the bundle's own")


class Classifier(Section):
    """The model that looks at crops of tracked parcels, and of products on shelves that count by what it tells."""

    path: Path = Field(description="a classifier's bundle")
    trusted_keys: tuple[Path, ...] = Field(
        default=(), description="as in [bundle], whose keys hold where none is named"
    )
    backend: Literal["auto", "openvino", "onnxruntime"] = "auto"
    precision: Literal["auto", "int8", "fp32"] = "auto"
    requests: int = Field(default=1, ge=1, le=16, description="crops in inference at the same time")
    classes: tuple[str, ...] = Field(
        default=(), description="of the detector, whose crops are looked at; none: all that are tracked or counted"
    )
    agreeing_looks: int = Field(default=2, ge=1, description="looks that must say the same")
    most_looks: int = Field(default=8, ge=1, description="after so many whatever is not sure stays unknown")
    looks_a_frame: int = Field(default=2, ge=1, description="crops of one picture, most urgent first")
    taught: Path | None = Field(
        default=None, description="a folder for products that command teach adds; without it none can be taught"
    )

    @model_validator(mode="after")
    def _looks_suffice(self) -> "Classifier":
        if self.most_looks < self.agreeing_looks:
            raise ValueError(f"most_looks {self.most_looks} is less than agreeing_looks {self.agreeing_looks}")
        return self


class Codes(Section):
    """How texts are read from labels."""

    formats: tuple[str, ...] = Field(
        default=("Code128", "EAN13", "QRCode", "DataMatrix"),
        min_length=1,
        description="symbologies to look for, as zxing-cpp names them",
    )
    agreeing_reads: int = Field(default=2, ge=1, description="pictures that must give the same text")
    one_per_parcel: bool = Field(
        default=False,
        description="each parcel bears one text: a box on a line in which two are read is around two parcels",
    )


class RoutingFiles(Section):
    """What tags stand for, and where their parcels belong; command `reload_routing` reads both anew."""

    catalogue: Path | None = Field(default=None, description="CSV: tag, value, product, brand, category, location")
    routes: Path | None = Field(default=None, description="TOML: exception, and [[route]] with lane and when")


class TriggerSocket(Section):
    """A TCP port where a controller triggers cameras, a line for each: CAMERA TRIGGER_ID, answered by ok or error."""

    host: str = Field(default="127.0.0.1", description="whoever reaches it may trigger: widen it with care")
    port: int = Field(ge=0, le=65535)
    max_connections: int = Field(default=4, ge=1, le=64)
    idle_s: float = Field(
        default=60.0, ge=0, le=86_400, description="where all are taken, one without a line for so long makes room"
    )


class BoxConfig(Section):
    """The whole of box.toml."""

    box: Box
    bundle: Bundle
    swap: Swap = Swap()
    inference: Inference = Inference()
    classifier: Classifier | None = Field(default=None, description="without this part nothing is classified")
    codes: Codes = Codes()
    ocr: Ocr | None = Field(default=None, description="needs the extra [ocr]; without this part no field is read")
    mqtt: Mqtt = Mqtt()
    outbox: Outbox
    routing: RoutingFiles = RoutingFiles()
    commands: Commands | None = Field(default=None, description="without this part the box takes no commands")
    trigger_socket: TriggerSocket | None = Field(default=None, description="without this part triggers are commands")
    hard_cases: HardCases | None = Field(default=None, description="without this part no picture is kept")
    audit: Audit | None = Field(default=None, description="without this part nobody is asked about events")
    drift: Drift | None = Field(default=None, description="without this part no camera is compared with itself")
    web: Web | None = Field(default=None, description="without this part the box has no page and no /metrics")
    cameras: tuple[Camera, ...] = Field(min_length=1, alias="camera")

    @model_validator(mode="after")
    def _names_are_unique(self) -> "BoxConfig":
        names = [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError(f"two cameras have the same name: {', '.join(sorted(names))}")
        strangers = {*self.mqtt.plc, *self.mqtt.detections} - set(names)
        if strangers:
            raise ValueError(
                f"plc or detections in [mqtt] name cameras that are not there: {', '.join(sorted(strangers))}"
            )
        return self


def load_config(path: Path) -> BoxConfig:
    """Read and check a box.toml; relative paths in it count from its own folder.

    Raises:
        EdgekitError: The file is missing, is no TOML, or a key or value in it is not allowed; names key and remedy.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read the configuration {path}: {exc.strerror}") from exc
    config = parse_toml(content, path, BoxConfig)
    return _with_absolute_paths(config, path.resolve().parent)


def _with_absolute_paths(config: BoxConfig, folder: Path) -> BoxConfig:
    """Resolve every relative path of a configuration against the folder of its file."""

    def resolved(value: Any) -> Any:
        match value:
            case Path():
                return folder / value
            case Section():
                return value.model_copy(
                    update={name: resolved(getattr(value, name)) for name in type(value).model_fields}
                )
            case tuple():
                return tuple(resolved(item) for item in value)
            case _:
                return value

    return resolved(config)
