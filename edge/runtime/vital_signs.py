"""What a running box says of itself to its own machine: a small file, so that it can be judged without a broker.

systemd gives the service a folder below /run that goes with it (RuntimeDirectory). The file is written each second, and
read by whoever judges a new release, which may be another version of this software: unknown keys are passed over.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, ValidationError

from edge.durable import write_whole
from edge.plain_file import read_plain

if TYPE_CHECKING:  # whoever reads a box's signs must not wait for its engines
    from edge.runtime.view import BoxView, CameraView

_log = logging.getLogger(__name__)

SCHEMA = "edgekit.vital-signs/1"
NAME = "vital-signs.json"
STALE_S = 5.0
_PERIOD_S = 1.0
_STOP_S = 2.0
_MOST_BYTES = 1 << 20  # a camera has some hundred


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CameraSigns(_Part):
    """How one camera does."""

    streaming: bool
    state: str
    reason: str | None
    fps: NonNegativeFloat | None = Field(description="pictures a second that came, null before the first")
    frames: NonNegativeInt = Field(description="that went through every stage, of this run")
    on_trigger: bool = Field(description="frames go through only while a controller asks: none is no fault")


class VitalSigns(_Part):
    """How a box does at one moment."""

    schema_id: Literal["edgekit.vital-signs/1"] = Field(default=SCHEMA, alias="schema")
    run_id: str
    software: Path = Field(description="where the running software is installed, links resolved: which release it is")
    told_s: float = Field(description="when this was written, seconds of the machine's monotonic clock")
    connected: bool = Field(description="to the broker")
    cameras: Mapping[str, CameraSigns]

    @property
    def fresh(self) -> bool:
        """Whether this was told just now; a box that has ended or hangs tells nothing new."""
        return 0 <= time.monotonic() - self.told_s <= STALE_S


def read_signs(path: Path) -> VitalSigns | None:
    """Return what the running box says of itself; None where none runs, or one that says nothing or nothing new.

    Root reads this, and the service writes it: nothing in its place may hold up the update that replaces the service.
    """
    try:
        signs = VitalSigns.model_validate_json(read_plain(path, _MOST_BYTES))
    except (OSError, ValidationError):
        return None
    return signs if signs.fresh else None


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that the service manager made for this run, None without one.

    Source: systemd.exec(5), RUNTIME_DIRECTORY: paths with colons between them.
    """
    first = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None


@final
class SignsTeller:
    """Writes a box's vital signs each second, as a context manager; in the end the file goes.

    Args:
        view: Of the box.
        folder: Where the file is kept.
    """

    def __init__(self, view: "BoxView", folder: Path) -> None:
        self._view = view
        self._path = folder / NAME
        self._software = Path(sys.prefix).resolve()
        self._ended = threading.Event()
        self._refused = False
        self._thread = threading.Thread(target=self._main, name="vital-signs", daemon=True)

    def __enter__(self) -> "SignsTeller":
        """Begin to tell."""
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """Tell nothing any more."""
        self._ended.set()
        self._thread.join(_STOP_S)
        self._path.unlink(missing_ok=True)

    def _main(self) -> None:
        while not self._ended.is_set():
            signs = VitalSigns(
                run_id=self._view.run_id,
                software=self._software,
                told_s=time.monotonic(),
                connected=self._view.connected,
                cameras={camera.camera.name: _signs(camera) for camera in self._view.cameras()},
            )
            try:
                write_whole(self._path, signs.model_dump_json(by_alias=True).encode(), 0o600)
            except OSError as exc:
                # Nobody can judge this box then, which is no reason to end its work.
                if not self._refused:
                    _log.warning("the box's vital signs cannot be written to %s (%s)", self._path, exc.strerror)
                self._refused = True
            self._ended.wait(_PERIOD_S)


def _signs(camera: "CameraView") -> CameraSigns:
    from edge.video.health import FeedState  # noqa: PLC0415 - as above: it comes with the decoders

    health = camera.health
    return CameraSigns(
        streaming=health.state is FeedState.STREAMING,
        state=health.state.value,
        reason=health.reason,
        fps=health.fps,
        frames=camera.frames,
        on_trigger=camera.camera.policy == "trigger",
    )
