"""When a new release is worse than the one before it: by comparison alone, without files or clocks.

Held against a release is only what was well before it. A camera that was dead, a broker that was away, a line on which
nothing passes: none of it is the release's doing, and none of it takes it back.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge.deploy.ledger import ReleaseId
from edge.runtime.vital_signs import CameraSigns, VitalSigns

SLOWEST_SHARE = 0.5  # of the pictures a second that came before: less is a camera that does worse


class Before(BaseModel):
    """How a box did as a trial began."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: ReleaseId = Field(description="whose trial began")
    at: AwareDatetime
    signs: VitalSigns | None = Field(description="what the box said of itself; null where nothing ran")
    round_trip: bool = Field(description="whether a message went to the broker and came back")


class Watch:
    """How a release does in service, since it was last worse than what was there before.

    Args:
        software: The folder of the release that must be running, links resolved.
        before: What the box said of itself before the trial; None where nothing is known.
    """

    def __init__(self, software: Path, before: VitalSigns | None) -> None:
        self._software = software
        self._before = before
        self._first: VitalSigns | None = None
        self._last: VitalSigns | None = None

    def look(self, signs: VitalSigns | None) -> None:
        """Take what the box says of itself now."""
        self._last = signs
        if any(self._faults_now()):
            self._first = None
        elif self._first is None or (signs is not None and signs.run_id != self._first.run_id):
            self._first = signs

    @property
    def runs(self) -> bool:
        """Whether the release on trial is what runs."""
        return self._last is not None and self._last.software == self._software

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong now."""
        return (*self._faults_now(), *self._stands_still())

    @property
    def steady_s(self) -> float:
        """For how many seconds on end one run has been well, its cameras' pictures getting through."""
        if self._first is None or self._last is None or any(self._stands_still()):
            return 0.0
        return self._last.told_s - self._first.told_s

    def _faults_now(self) -> Iterator[str]:
        if self._last is None:
            yield "the service does not run, or says nothing of itself"
        elif not self.runs:
            yield f"the service runs from {self._last.software}: it was not restarted"
        else:
            yield from worse(self._before, self._last)

    def _stands_still(self) -> Iterator[str]:
        if self._first is not None and self._last is not None and self._first is not self._last:
            yield from stands_still(self._first, self._last)


def worse(before: VitalSigns | None, now: VitalSigns) -> Iterator[str]:
    """Say what does worse now than before; nothing where nothing is known of before."""
    if before is None:
        return
    if before.connected and not now.connected:
        yield "the broker's connection does not stand any more"
    for name, camera in before.cameras.items():
        present = now.cameras.get(name)
        if camera.streaming and present is not None:  # one that the configuration no longer names is no loss
            yield from _worse_camera(name, camera, present)


def best_of(earlier: VitalSigns, now: VitalSigns) -> VitalSigns:
    """Return what a box says now, each camera as it did better: one that is just being opened anew is not dead."""
    better = {
        name: earlier.cameras[name] if not camera.streaming and name in earlier.cameras else camera
        for name, camera in now.cameras.items()
    }
    return now.model_copy(update={"cameras": better, "connected": now.connected or earlier.connected})


def stands_still(first: VitalSigns, last: VitalSigns) -> Iterator[str]:
    """Say which cameras stream, and of whose pictures none went through every stage between two moments of one run."""
    for name, camera in last.cameras.items():
        earlier = first.cameras.get(name)
        if earlier is None or camera.on_trigger or not (earlier.streaming and camera.streaming):
            continue
        if camera.frames <= earlier.frames:
            yield f"camera {name} streams, and no picture of it gets through the runtime"


def _worse_camera(name: str, before: CameraSigns, now: CameraSigns) -> Iterator[str]:
    if not now.streaming:
        yield f"camera {name} streamed before and is {now.state} now" + (f" ({now.reason})" if now.reason else "")
    elif before.fps is not None and now.fps is not None and now.fps < before.fps * SLOWEST_SHARE:
        yield f"camera {name} gives {now.fps:.1f} pictures a second and gave {before.fps:.1f} before"
