"""When a network camera captured a picture, by the camera's own clock, as its RTCP sender reports tell it."""

import struct
from datetime import datetime, timedelta, timezone
from fractions import Fraction

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST = datetime(2024, 1, 1, tzinfo=timezone.utc)  # a camera that never was set counts from its factory's date
_LATEST = datetime(2100, 1, 1, tzinfo=timezone.utc)
_WALLCLOCK = struct.Struct("<q")


class SenderClock:
    """One connection's way from media time to the camera's wall clock.

    Source: RFC 3550, section 6.4.1: a sender report pairs an NTP time with an RTP timestamp. FFmpeg hands the pair on
    as `AVProducerReferenceTime`, of which the first eight bytes are microseconds since 1970.
    """

    def __init__(self) -> None:
        self._offset: timedelta | None = None

    def report(self, media_s: Fraction, reference: bytes) -> None:
        """Take what a packet says of the time of its picture.

        Args:
            media_s: Presentation time of the packet, seconds.
            reference: The packet's `AVProducerReferenceTime`; what is too short or no plausible time is not believed.
        """
        if len(reference) < _WALLCLOCK.size:
            return
        microseconds = int(_WALLCLOCK.unpack_from(reference)[0])
        since_epoch_s = microseconds / 1_000_000
        if not _EARLIEST.timestamp() <= since_epoch_s <= _LATEST.timestamp():
            self._offset = None
            return
        self._offset = timedelta(microseconds=microseconds - round(media_s * 1_000_000))

    def time_of(self, media_s: Fraction) -> datetime | None:
        """Return the capture time of a picture (UTC), None before the first report.

        Args:
            media_s: Its presentation time, seconds.
        """
        if self._offset is None:
            return None
        try:
            return _EPOCH + self._offset + timedelta(microseconds=round(media_s * 1_000_000))
        except OverflowError:
            return None
