"""box.toml: all that a person decides about one box, checked as it is read."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from devices.errors import EdgekitError
from devices.pipelines import filled
from devices.validation import parse_toml
from edge.model.engine import Device
from edge.section import Credential, Name, Polygon, Section, Share
from edge.web.section import Web
from edge.zones import Line, Shelf

_READ_TIMEOUT_S: Any = Field(
    default=4.0, gt=0, le=60, description="without a whole picture for so long the camera is lost and tried anew"
)


class FileSource(Section):
    """A video file, read once from start to end."""

    kind: Literal["file"]
    path: Path
    realtime: bool = Field(default=False, description="play at the speed of life instead of as fast as possible")


class FolderSource(Section):
    """A folder of pictures in the order of their names."""

    kind: Literal["folder"]
    path: Path
    fps: float = Field(default=10.0, gt=0, description="pictures a second on the folder's time line")


class RtspSource(Section):
    """A network camera. User and password may stand in the URL; they never reach a log."""

    kind: Literal["rtsp"]
    url: str = Field(pattern=r"^rtsps?://", description="begins with rtsp:// or rtsps://")
    transport: Literal["tcp", "udp"] = "tcp"
    decode: Literal["software", "hardware-h264", "hardware-h265"] = Field(
        default="software",
        description="hardware: by the GStreamer pipeline of this device's profile, for a camera's codec",
    )
    read_timeout_s: float = _READ_TIMEOUT_S


class UsbSource(Section):
    """A V4L2 camera, by its device node."""

    kind: Literal["usb"]
    device: Path
    width: int = Field(default=1280, ge=16)
    height: int = Field(default=720, ge=16)
    fps: float = Field(default=30.0, gt=0)
    read_timeout_s: float = _READ_TIMEOUT_S


class CsiSource(Section):
    """A camera on the board's own connector, by the GStreamer pipeline of this device's profile."""

    kind: Literal["csi"]
    sensor: int = Field(default=0, ge=0, description="number of the connector")
    width: int = Field(default=1280, ge=16)
    height: int = Field(default=720, ge=16)
    fps: int = Field(default=30, ge=1)
    read_timeout_s: float = _READ_TIMEOUT_S


class GstreamerSource(Section):
    """A camera that a GStreamer pipeline of one's own reads, in a process of its own."""

    kind: Literal["gstreamer"]
    pipeline: str = Field(
        min_length=1,
        description="elements up to raw pictures, as gst-launch-1.0 takes them, without a sink; may hold {url}",
    )
    url: str | None = Field(default=None, description="in the place of {url}; user and password belong here alone")
    read_timeout_s: float = _READ_TIMEOUT_S

    @model_validator(mode="after")
    def _can_be_launched(self) -> "GstreamerSource":
        filled(self.pipeline, {"url": self.url or ""})
        if re.search(r"://[^\s\"']*@|user-pw", self.pipeline):
            raise ValueError("the pipeline holds a password: write location={url}, and give the address as url")
        return self


LiveSource = RtspSource | UsbSource | CsiSource | GstreamerSource
Source = Annotated[FileSource | FolderSource | LiveSource, Field(discriminator="kind")]


class Camera(Section):
    """One camera, the policy for its frames, and the lines and shelves drawn on its picture."""

    name: Name
    source: Source
    policy: Literal["auto", "latest", "every", "motion", "trigger"] = Field(
        default="auto",
        description="latest drops what cannot be processed in time, every waits; auto: live cameras latest; "
        "motion: as auto, and a picture in which nothing moved is not inferred anew; "
        "trigger: only pictures from a controller's trigger to its event are inferred",
    )
    trigger_deadline_ms: float = Field(
        default=500.0, ge=100, le=60_000, description="of policy trigger: from a trigger to its event at the latest"
    )
    blind_after_s: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="a picture black or unchanged for so long is told; 0: never",
    )
    masks: tuple[Polygon, ...] = Field(
        default=(), description="what the camera must not show: blackened before anything is stored, shown or inferred"
    )
    outlines: bool = Field(
        default=False, description="tell the outline of what was found, not its box alone; for models that segment"
    )
    lines: tuple[Line, ...] = Field(default=(), alias="line")
    shelves: tuple[Shelf, ...] = Field(default=(), alias="shelf")

    @model_validator(mode="after")
    def _zone_names_are_unique(self) -> "Camera":
        names = [zone.name for zone in (*self.lines, *self.shelves)]
        if len(set(names)) != len(names):
            raise ValueError(f"two lines or shelves have the same name: {', '.join(sorted(names))}")
        return self

    @model_validator(mode="after")
    def _triggers_are_for_live_cameras(self) -> "Camera":
        if self.policy == "trigger" and self.source.kind in ("file", "folder"):
            raise ValueError("policy trigger is for live cameras: a file does not wait for a controller")
        if self.policy == "trigger" and (self.lines or self.shelves):
            raise ValueError("a camera with policy trigger sees nothing between triggers: no line or shelf can be kept")
        return self


class Box(Section):
    """Where the box stands; both names are part of every topic."""

    site: Name
    name: Name


class Bundle(Section):
    """The model that the box runs."""

    path: Path
    trusted_keys: tuple[Path, ...] = Field(default=(), description="public keys (PEM) of which one must have signed it")


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


class Tls(Section):
    """An encrypted connection to the broker, which must prove its name; both files of the box's own for mutual TLS."""

    ca_file: Path | None = Field(
        default=None, description="PEM of who signs the broker's certificate; else the system's"
    )
    certificate_file: Path | None = Field(default=None, description="PEM of the box's own certificate")
    key_file: Path | None = Field(default=None, description="PEM of its key, unencrypted; guard it by its rights")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> "Tls":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


class HomeAssistant(Section):
    """The box as a device in Home Assistant, by its MQTT discovery."""

    enabled: bool = Field(default=True, description="false: whatever the broker still keeps of it is cleared")
    prefix: str = Field(
        default="homeassistant", pattern=r"^[^+#/$\s][^+#\s]*$", description="as Home Assistant's discovery prefix says"
    )


class Mqtt(Section):
    """The broker."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535, description="8883 where it is not given and tls is")
    protocol: Literal["5", "3.1.1"] = Field(
        default="5", description="of MQTT; over 3.1.1 a broker cannot say that it refused an event: name consumers"
    )
    tls: Tls | None = None
    username: str | None = None
    password_file: Path | None = Field(default=None, description="a file that holds the password and nothing else")
    username_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the user"
    )
    password_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the password"
    )
    keepalive_s: int = Field(default=15, ge=5, le=600)
    connect_timeout_s: float = Field(default=5.0, gt=0)
    at_start: Literal["require", "wait"] = Field(
        default="require",
        description="require: refuse to start without the broker; wait: run, and keep events until it is there",
    )
    consumers: tuple[Name, ...] = Field(
        default=(),
        description="who must acknowledge an event before it ends; none: the broker's own acknowledgement ends it",
    )
    home_assistant: HomeAssistant | None = Field(default=None, description="without this part nothing is told there")
    plc: tuple[Name, ...] = Field(
        default=(), description="cameras whose events also go out flat and short, on topic plc"
    )
    detections: tuple[Name, ...] = Field(
        default=(), description="cameras of which each frame's detections go out, at QoS 0, on topic detections"
    )

    @model_validator(mode="before")
    @classmethod
    def _tls_has_its_own_port(cls, content: Any) -> Any:
        asked = isinstance(content, dict) and content.get("tls") is not None and "port" not in content
        return {**content, "port": 8883} if asked else content

    @model_validator(mode="after")
    def _login_is_told_once(self) -> "Mqtt":
        for told, other in (("username", "username_credential"), ("password_file", "password_credential")):
            if getattr(self, told) is not None and getattr(self, other) is not None:
                raise ValueError(f"{told} and {other} both stand there: keep one")
        named = self.username is not None or self.username_credential is not None
        if not named and (self.password_file is not None or self.password_credential is not None):
            raise ValueError("a password stands there without a user: name the user as well")
        return self

    @model_validator(mode="after")
    def _consumers_are_unique(self) -> "Mqtt":
        if len(set(self.consumers)) != len(self.consumers):
            raise ValueError(f"a consumer is named twice: {', '.join(sorted(self.consumers))}")
        return self


class Outbox(Section):
    """The durable store between decision and delivery; a delivered event is kept a while, for command `replay`."""

    path: Path = Field(description="an SQLite file; its folder must be on a disk that survives a power cut")
    max_events: int = Field(
        default=100_000, ge=100, description="undelivered; what lies beyond is discarded, oldest first, and told"
    )
    max_mib: float = Field(default=256.0, ge=1, description="likewise, of all undelivered events together")
    max_age_h: float = Field(default=168.0, gt=0, description="likewise, hours in which the box ran since the commit")
    keep_events: int = Field(default=10_000, ge=0, description="delivered ones that are kept to be sent again")
    keep_mib: float = Field(default=32.0, ge=0, description="likewise, of all of them together")
    keep_h: float = Field(default=24.0, ge=0, description="likewise, hours in which the box ran since the commit")


class RoutingFiles(Section):
    """What tags stand for, and where their parcels belong; command `reload_routing` reads both anew."""

    catalogue: Path | None = Field(default=None, description="CSV: tag, value, product, brand, category, location")
    routes: Path | None = Field(default=None, description="TOML: exception, and [[route]] with lane and when")


class Commands(Section):
    """Who may command the box over MQTT; the broker's access rules have to allow it too."""

    clients: tuple[Name, ...] = Field(min_length=1, description="names that commands may carry as their client")
    audit_log: Path = Field(description="JSON lines of who asked for what, when, and what became of it")


class TriggerSocket(Section):
    """A TCP port where a controller triggers cameras, a line for each: CAMERA TRIGGER_ID, answered by ok or error."""

    host: str = Field(default="127.0.0.1", description="whoever reaches it may trigger: widen it with care")
    port: int = Field(ge=0, le=65535)
    max_connections: int = Field(default=4, ge=1, le=64)


class BoxConfig(Section):
    """The whole of box.toml."""

    box: Box
    bundle: Bundle
    swap: Swap = Swap()
    inference: Inference = Inference()
    classifier: Classifier | None = Field(default=None, description="without this part nothing is classified")
    codes: Codes = Codes()
    mqtt: Mqtt = Mqtt()
    outbox: Outbox
    routing: RoutingFiles = RoutingFiles()
    commands: Commands | None = Field(default=None, description="without this part the box takes no commands")
    trigger_socket: TriggerSocket | None = Field(default=None, description="without this part triggers are commands")
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
