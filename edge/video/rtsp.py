"""Frames of a network camera."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction

import av
import av.error
import av.logging

from devices.redaction import redact
from edge.video.address import address
from edge.video.decoding import Decoding, Resting, never
from edge.video.frame import ClockSource, Frame
from edge.video.planes import Conversion, Planes
from edge.video.section import RtspSource
from edge.video.sender_clock import SenderClock
from edge.video.sources import SourceLostError

av.logging.set_level(None)  # FFmpeg's chatter goes nowhere: what matters arrives as an exception
_OPEN_TIMEOUT_S = 5.0
_MOST_BAD_PACKETS = 100  # in a row, without a picture between them


class RtspFrames:
    """A network camera, from one connection to its loss.

    Raises:
        SourceLostError: It cannot be reached now, or sends no video.
    """

    def __init__(self, camera: str, source: RtspSource, first_index: int, resting: Resting = never) -> None:
        self._camera = camera
        self._where = redact(source.url)
        self._index = first_index
        self._closed = False
        self.damaged = 0
        self._clock = SenderClock()
        self._conversion = Conversion()
        options = {
            "rtsp_transport": source.transport,
            # No "nobuffer": it throws away what the analysis has read, the first key frame with it, and the next one
            # may be ten seconds away. Frames are decoded as they come, so that nothing stays buffered.
            "flags": "low_delay",
            # FFmpeg would otherwise look at five seconds of stream before it hands out the first frame.
            "analyzeduration": "500000",
            "probesize": "500000",
        }
        try:
            self._container = av.open(
                address(camera, source),
                options=options,
                timeout=(_OPEN_TIMEOUT_S, source.read_timeout_s),
                metadata_errors="replace",  # a name in another encoding is no reason to lose a camera
            )
        except (av.error.FFmpegError, OSError) as exc:
            raise SourceLostError(f"camera {camera} cannot be reached at {self._where}: {redact(str(exc))}") from exc
        if not self._container.streams.video:
            self._container.close()
            raise SourceLostError(f"camera {camera} at {self._where} sends no video")
        self._stream = self._container.streams.video[0]
        # Frame threads would hold frames back, and with slice threads FFmpeg does not say which pictures are damaged.
        self._stream.thread_type = "NONE"
        self._decoding = Decoding(self._stream, resting)

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they come.

        Raises:
            SourceLostError: The connection ended, or nothing came within the read time-out.
        """
        try:
            for picture in self._pictures():
                if self._closed:
                    return
                self._index += self._decoding.spared_before(picture)
                arrived_s = time.monotonic()
                captured, clock = self._captured(picture)
                planes = Planes(picture, self._conversion)
                yield Frame(self._camera, self._index, captured, clock, arrived_s, arrived_s, planes)
                self._index += 1
        except (av.error.FFmpegError, OSError) as exc:
            if self._closed:
                return
            raise SourceLostError(f"camera {self._camera} at {self._where}: {redact(str(exc))}") from exc
        finally:
            self._container.close()
        if not self._closed:
            raise SourceLostError(f"camera {self._camera} at {self._where} ended its stream")

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Yield decoded pictures; a damaged packet costs its own picture, not the connection."""
        bad = 0
        for packet in self._container.demux(self._stream):
            if packet.pts is not None and packet.has_sidedata("prft"):
                self._clock.report(packet.pts * packet.time_base, bytes(packet.get_sidedata("prft")))
            try:
                pictures = self._decoding.decode(packet)
            except av.error.InvalidDataError:
                bad += 1
                self.damaged += 1
                if bad >= _MOST_BAD_PACKETS:
                    raise
                continue
            for picture in pictures:
                bad = 0
                if picture.is_corrupt or packet.is_corrupt:
                    self.damaged += 1  # the decoder painted over what was missing: no evidence of anything
                    continue
                yield picture

    def _captured(self, picture: av.VideoFrame) -> tuple[datetime, ClockSource]:
        if picture.pts is not None:
            told = self._clock.time_of(picture.pts * (picture.time_base or Fraction()))
            if told is not None:
                return told, ClockSource.RTCP
        return datetime.now(timezone.utc), ClockSource.HOST

    def close(self) -> None:
        """End after the frame at hand, at the latest after the read time-out."""
        self._closed = True
