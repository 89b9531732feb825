"""One try at a live camera, on a thread of its own: a source that hangs takes this thread with it and nothing else."""

import threading
import time
from collections.abc import Callable

from devices.errors import EdgekitError
from devices.redaction import redact
from edge.video.frame import Frame
from edge.video.sources import FrameSource


class Attempt:
    """A live source from its opening to its loss.

    Args:
        camera: Name of the camera.
        open_it: Opens the source; may hang.
        take: Gets every frame, in this attempt's thread; it must ask whether the attempt still counts.
        wake: Set when the attempt has ended.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        camera: str,
        open_it: Callable[[], FrameSource],
        take: Callable[["Attempt", Frame], None],
        wake: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loss: str | None = None
        self.frames = 0
        self._camera = camera
        self._open_it = open_it
        self._take = take
        self._wake = wake
        self._clock = clock
        self._sign_s = clock()
        self._delivering = False
        self._abandoned = False
        self._source: FrameSource | None = None
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera}", daemon=True)

    def start(self) -> None:
        """Begin to open the source."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it ended by itself; `loss` says of what."""
        return not self._thread.is_alive()

    @property
    def damaged(self) -> int:
        """Pictures that came damaged."""
        source = self._source
        return source.damaged if source is not None else 0

    def silent_s(self) -> float:
        """Return the seconds since its last sign of life: its beginning, or a picture that could be used."""
        return 0.0 if self._delivering else self._clock() - self._sign_s

    def abandon(self) -> None:
        """Ask it to end; a thread that hangs may take as long as it hangs, and delivers nothing more."""
        self._abandoned = True
        if self._source is not None:
            self._source.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; False where it hangs."""
        if self._thread.ident is not None:  # a feed that was stopped may never have begun it
            self._thread.join(timeout_s)
        return self.ended

    def _run(self) -> None:
        try:
            self._deliver()
        except EdgekitError as exc:
            self.loss = str(exc)
        except Exception as exc:  # noqa: BLE001 - the top of a thread: whatever a source dies of, it may come back
            self.loss = f"camera {self._camera} broke off: {redact(str(exc))}"
        finally:
            self._wake.set()

    def _deliver(self) -> None:
        self._source = source = self._open_it()
        try:
            for frame in source.frames():
                if self._abandoned:
                    return
                self._delivering = True
                self._take(self, frame)
                self.frames += 1
                self._sign_s = self._clock()
                self._delivering = False
        finally:
            source.close()
