"""From each frame's detections to the messages of a camera that is asked for them."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from edge.mqtt.clock import host_clock_synchronised
from edge.mqtt.conversion import Origin, capture_time, wire_box
from edge.mqtt.detection_messages import DetectionsMessage, WireDetection
from edge.mqtt.messages import FrameReference
from edge.mqtt.topics import Topics
from edge.runtime.lane import Inferred, Observer
from edge.tags.events import Region
from edge.tags.interpreter import CameraInterpreter
from edge.video.section import Camera

_log = logging.getLogger(__name__)

Offer = Callable[[str, bytes], bool]


def _nowhere(topic: str, payload: bytes) -> bool:
    del topic, payload
    return False


class DetectionSender:
    """Sends what is found in each frame of the cameras whose lanes it observes; it works under each lane's lock.

    Args:
        origin: Whose frames these are.
        cameras: From the configuration; some may be asked for outlines.

    Attributes:
        offer: Takes topic and payload, and returns whether it could be sent; set once there is a publisher.
        dropped: Messages that could not, by camera.
    """

    def __init__(self, origin: Origin, cameras: Sequence[Camera]) -> None:
        self._origin = origin
        self._outlined = frozenset(camera.name for camera in cameras if camera.outlines)
        self._topics = Topics(origin.site, origin.box)
        self.offer: Offer = _nowhere
        self.dropped: Counter[str] = Counter()

    def __call__(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Send a frame's detections."""
        camera = inferred.frame.camera
        if self.offer(self._topics.detections(camera), self._message(inferred, half).to_json().encode()):
            return
        self.dropped[camera] += 1
        if self.dropped[camera] == 1:
            _log.warning("camera %s: detections are dropped: no broker, or a slow line to it", camera)

    def _message(self, inferred: Inferred, half: CameraInterpreter) -> DetectionsMessage:
        frame, found = inferred.frame, inferred.detections
        width, height = frame.width, frame.height
        tracks = {tuple(map(float, parcel.xyxy)): parcel.track_id for parcel in half.view}
        detections: list[WireDetection] = []
        for row, (box, score, class_id) in enumerate(zip(found.xyxy, found.score, found.class_id, strict=True)):
            left, top, right, bottom = (float(edge) for edge in box)
            outline = found.outline(row) if frame.camera in self._outlined else None
            region = Region(inferred.classes[int(class_id)], float(score), (left, top, right, bottom), outline)
            shared = wire_box(region, (width, height)).model_dump()
            detections.append(WireDetection(**shared, track=tracks.get((left, top, right, bottom))))
        return DetectionsMessage(
            site=self._origin.site,
            box=self._origin.box,
            camera=frame.camera,
            run_id=self._origin.run_id,
            frame=FrameReference(index=frame.index, width=width, height=height),
            captured_at=capture_time(frame.captured_at, frame.clock, host_synchronised=host_clock_synchronised()),
            still=inferred.still,
            detections=tuple(detections),
        )


def both(first: Observer | None, second: Observer | None) -> Observer | None:
    """Return an observer that lets two look, one after the other; where one is missing the other itself."""
    if first is None or second is None:
        return first or second

    def look(inferred: Inferred, half: CameraInterpreter) -> None:
        first(inferred, half)
        second(inferred, half)

    return look
