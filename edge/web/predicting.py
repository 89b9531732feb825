"""Single pictures from outside, for the models of a running box: few, bounded, and only while no camera needs them."""

import contextlib
import os
import threading
import time
from collections.abc import Callable

from devices.errors import EdgekitError
from edge.model.picture import decode_picture
from edge.model.picture_size import read_header
from edge.predict.predictor import Predictor
from edge.tags.photo import Photo
from edge.web.exchange import Request, Response
from edge.web.section import Predict

PATH = "/v1/predict"
CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
_MIB = 1 << 20
_WAIT_S = 2.0  # for the picture before, and again for a moment in which no camera's frame waits
_LOOK_S = 0.01
_NICENESS = 10
_LATER = {"Retry-After": "1"}


class PredictionDesk:
    """Answers `POST /v1/predict`, one picture at a time; called in the threads of those who ask.

    Args:
        settings: What it takes.
        predictor: Returns what looks at a picture: the box's models as they are now.
        occupied: Whether a frame of a camera waits for these models.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        settings: Predict,
        predictor: Callable[[], Predictor],
        occupied: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._predictor = predictor
        self._occupied = occupied
        self._clock = clock
        self._turn = threading.BoundedSemaphore(1)
        self.answered = 0
        self.turned_away = 0

    @property
    def most_bytes(self) -> int:
        """Of one picture as it comes."""
        return int(self._settings.max_mib * _MIB)

    def answer(self, request: Request) -> Response:
        """Return what a picture shows, or why it was not looked at."""
        if not request.body:
            return Response.error(400, "the body is the picture, and it is empty")
        try:
            header = read_header(request.body)
        except EdgekitError as exc:
            return Response.error(415, str(exc))
        if header.pixels > self._settings.max_megapixels * 1e6:
            most = f"{self._settings.max_megapixels:g} megapixels"
            return Response.error(413, f"the picture is {header.width} x {header.height}, more than {most}")
        if not self._turn.acquire(timeout=_WAIT_S):
            return self._later("other pictures come first")
        try:
            if not self._wait_for_cameras():
                return self._later("the cameras need all there is")
            return self._look(request.body)
        finally:
            self._turn.release()

    def _look(self, content: bytes) -> Response:
        _step_back()
        try:
            image = decode_picture(content, "the body")
        except EdgekitError as exc:
            return Response.error(400, str(exc))
        predictor = self._predictor()
        seen, photo = predictor.see(image, None), Photo.of(image)
        del image  # reading codes takes longest, and needs a third of its bytes at most
        said = predictor.with_codes(seen, photo)
        self.answered += 1
        return Response.of(said)

    def _wait_for_cameras(self) -> bool:
        due_s = self._clock() + _WAIT_S
        while self._occupied():
            if self._clock() >= due_s:
                return False
            time.sleep(_LOOK_S)
        return True

    def _later(self, why: str) -> Response:
        self.turned_away += 1
        fault = Response.error(503, f"{why}: try again in a second")
        return Response(fault.status, fault.body, fault.content_type, _LATER)


def _step_back() -> None:
    """Let this thread, which decodes and looks for codes, have only what the box's own threads leave."""
    with contextlib.suppress(OSError):  # Linux takes a thread's id here; a thread that is nice stays so
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
