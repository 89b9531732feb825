"""What is measured: one bundle on one clip, as one engine runs it, over some number of cameras."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from edge.config import Box, BoxConfig, Bundle, Inference
from edge.model.detector import Backend
from edge.model.engine import Device
from edge.mqtt.section import Mqtt, Outbox
from edge.video.section import Camera, FileSource
from edge.zones import Line

SITE, BOX = "bench", "box-1"
MOST_STREAMS = 64
PrecisionWanted = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Mode = Literal["latency", "throughput"]


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle that is run.

    Attributes:
        bundle: Its folder.
        trusted_keys: Who may have signed it.
        digest: Of its manifest.
        size: Height and width of its input, as 384x640.
    """

    bundle: Path
    trusted_keys: tuple[Path, ...]
    digest: str
    size: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is run.

    Attributes:
        source: The clip that every camera shows.
        broker: (host, port), reachable without a password.
        device: Where the model computes, as in `[inference]`.
        state: Folder for what boxes find out about the machine, None where each finds out for itself.
    """

    source: Path
    broker: tuple[str, int]
    device: Device = "cpu"
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """How it is run.

    Attributes:
        model: What runs.
        streams: Cameras at the same time.
        backend: As in `[inference]`.
        precision: As in `[inference]`.
        mode: As in `[inference]`.
        mode_wanted: What was asked for; None for what a box of so many cameras does.
        paced: Each camera at the clip's own speed, with its newest frame: latency. Else as fast as it goes: throughput.
    """

    model: Model
    streams: int
    backend: Backend
    precision: PrecisionWanted
    mode: Mode
    mode_wanted: Mode | None = None
    paced: bool = False

    def of(self, streams: int) -> "Case":
        """Return the same over another number of cameras."""
        return replace(self, streams=streams, mode=mode_of(streams, self.mode_wanted))

    @property
    def label(self) -> str:
        """The case without its pace, for people and as what is compared between two reports."""
        streams = f"{self.streams} stream{'s' if self.streams > 1 else ''}"
        return f"{self.model.size} {self.backend} {self.precision}, {self.mode}, {streams}"


def mode_of(streams: int, wanted: Mode | None) -> Mode:
    """Return the mode to run so many cameras in: as asked for, else as a box runs so many live ones."""
    return wanted or ("latency" if streams == 1 else "throughput")


def camera_name(number: int) -> str:
    """Return the name of a camera of a bench."""
    return f"camera-{number}"


def box_config(subject: Subject, case: Case, folder: Path) -> BoxConfig:
    """Return the configuration of a box that a case is measured on.

    Each camera has a line down the middle of its picture, so that tracks, codes, events and outbox are at work too, and
    each frame's detections go out: those are what latency is measured by.

    Args:
        subject: What is run.
        case: How.
        folder: An empty one, for the outbox.
    """
    names = tuple(camera_name(number) for number in range(case.streams))
    cameras = tuple(
        Camera(
            name=name,
            source=FileSource(kind="file", path=subject.source, realtime=case.paced),
            policy="latest" if case.paced else "every",
            line=(Line(name="middle", start=(0.5, 0.0), end=(0.5, 1.0)),),
        )
        for name in names
    )
    host, port = subject.broker
    return BoxConfig(
        box=Box(site=SITE, name=BOX),
        bundle=Bundle(path=case.model.bundle, trusted_keys=case.model.trusted_keys),
        inference=Inference(
            backend=case.backend,
            precision=case.precision,
            device=subject.device,
            mode=case.mode,
            state=subject.state and subject.state / f"{case.model.digest[:12]}-{case.mode}",
        ),
        mqtt=Mqtt(host=host, port=port, detections=names),
        outbox=Outbox(path=folder / "outbox.db"),
        camera=cameras,
    )
